"""Crashes at the writes and calls of one sale: some of them. All: `pledgeway sim sale --sweep`."""

from node.command.sim.plan import Fault
from node.command.sim.sale.plan import AGENT, BUYER, DECIDER, HOUSE
from node.command.sim.sale.sweep import Place, places, sweep_place
from node.command.sim.world.disk import Death

AFTER = Place(AGENT, Fault.CRASH_AT_WRITE, Death.AFTER.value)


def test_a_crash_has_one_effect_and_an_end() -> None:
    swept = sweep_place(AFTER, most=1)
    assert not swept.failed, [result.breaches for result in swept.failed]
    assert swept.crashes == 1


def test_every_process_is_swept() -> None:
    found = places()
    assert {place.who for place in found} == {BUYER, "Sally", AGENT, "Ada", HOUSE, DECIDER}
    assert len(found) == len(set(found)) == 31
