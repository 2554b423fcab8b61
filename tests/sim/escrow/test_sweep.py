"""Crashes at the writes and calls of one exchange over two registrars and credit: some of them.

All of them: `pledgeway sim escrow --sweep`.
"""

import pytest

from node.command.sim.escrow.plan import HELPER, Trouble
from node.command.sim.escrow.sweep import LAND, REGISTRY, SELLER, Place, places, sweep_place
from node.command.sim.plan import Fault
from node.command.sim.world.disk import Death

FEW = 2  # of a kind: every one of them stands for a run of a second
SWEPT = (
    Place(LAND, Trouble.TITLES_DIE, Death.AFTER.value),
    Place(HELPER, Fault.CRASH_AT_WRITE, Death.BEFORE.value),
    Place(SELLER, Trouble.DIES_AT_ANSWER),
    Place(REGISTRY, Fault.REGISTRY_CRASH, Death.AFTER.value),
)


@pytest.mark.parametrize("place", SWEPT, ids=lambda p: f"{p.who} {p.what.value} {p.when}")
def test_every_crash_has_one_effect_and_an_end(place: Place) -> None:
    swept = sweep_place(place, FEW)
    assert not swept.failed, [result.breaches for result in swept.failed]
    assert swept.crashes >= 1


def test_every_process_is_swept() -> None:
    found = places()
    assert {place.who for place in found} == {"Ann", "Bob", "Nan", "K1", "K2", "R1"}
    assert len(found) == len(set(found)) == 39
