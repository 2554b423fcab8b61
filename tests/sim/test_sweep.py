"""A crash at every write and every send of one payment over three hops: all of them are sound.

Here a place or two of each level; all places, and payments that nobody answers, by
`pledgeway sim sweep` and `pledgeway sim sweep --ignored`.
"""

import json

import pytest
from click.testing import CliRunner

from node.command.sim import sim
from node.command.sim.plan import Fault, shown
from node.command.sim.sweep.sweep import (
    AT_NODES,
    AT_REGISTRY,
    DECIDER,
    Payment,
    Place,
    places_of,
    sweep_place,
)
from node.command.sim.world.disk import Death
from tests.sim.slips_engine import outbox_not_kept

SWEPT = (
    ("ATOMIC", "N1", AT_NODES, 20),
    ("SECURED", "N3", AT_NODES[:2], 8),
    ("BARE", "N2", AT_NODES[2:], 8),
    ("ATOMIC", DECIDER, AT_REGISTRY, 3),
)


@pytest.mark.parametrize(("level", "who", "kinds", "least"), SWEPT, ids=lambda x: str(x)[:8])
def test_every_crash_is_sound(
    level: str, who: str, kinds: list[tuple[Fault, str]], least: int
) -> None:
    payment = Payment((level,))
    swept = [sweep_place(payment, Place(who, *kind)) for kind in kinds]
    for one in swept:
        told = [[shown(action) for action in result.course.plan] for result in one.failed]
        assert not one.failed, told
        assert one.crashes > 0, one.place
    assert sum(one.crashes for one in swept) >= least


def test_a_planted_bug_is_found_by_the_crash_that_it_needs() -> None:
    """Messages that are sent and not written are missed by whoever dies before they arrive."""
    place = Place("N1", Fault.CRASH_AT_WRITE, Death.AFTER.value)
    with outbox_not_kept():
        swept = sweep_place(Payment(("ATOMIC",), hops=3), place)
    assert swept.failed and len(swept.failed) < swept.crashes


def test_every_process_is_swept() -> None:
    atomic = places_of(Payment(("ATOMIC",)))
    assert {place.who for place in atomic} == {"N0", "N1", "N2", "N3", DECIDER}
    assert len(atomic) == 4 * len(AT_NODES) + len(AT_REGISTRY)
    assert DECIDER not in {place.who for place in places_of(Payment(("BARE",)))}


def test_the_command_counts_what_it_did() -> None:
    words = ["sweep", "--levels", "bare", "--hops", "1", "--workers", "1"]
    told = CliRunner().invoke(sim, [*words, "--json"])
    assert told.exit_code == 0 and not told.stderr
    answer = json.loads(told.stdout)
    assert answer["sound"] is True and answer["failed"] == []
    assert answer["crashes"] == sum(place["crashes"] for place in answer["places"]) > 15
    assert {place["who"] for place in answer["places"]} == {"N0", "N1"}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--levels", "ATOMIC,GOLD"), "GOLD"),
        (("--levels", ""), "--levels"),
        (("--hops", "9"), "hops"),
    ],
)
def test_unusable_input_is_named(words: tuple[str, ...], names: str) -> None:
    result = CliRunner().invoke(sim, ["sweep", *words])
    assert result.exit_code == 2 and not result.stdout
    assert names in result.stderr and "Traceback" not in result.stderr
