"""Fifty seeds over every kind of fault: no promise of the protocol is broken.

More by SIM_SEEDS=1000, `make sim`, or by hand: `pledgeway sim run --seeds 100000`. What fails here
fails again by its seed.
"""

import os

import pytest

from node.command.sim.campaign import Wanted, play
from node.command.sim.plan import Fault, shown
from node.command.sim.run import Result

SEEDS = int(os.environ.get("SIM_SEEDS", "50"))  # some 50 s of CPU
AT_ONCE = 10  # seeds in one test: so many share what is imported and compiled
WANTED = Wanted(nodes=6, payments=12, faults=tuple(Fault), minutes=1.0, grants=3)


def told(result: Result) -> str:
    """What to read where a seed fails."""
    broken = [f"{v.where}: invariant {v.invariant}: {v.what}" for v in result.violations]
    events = [shown(action) for action in result.course.plan]
    return "\n".join([f"seed {result.course.seed}", result.crashed, *broken, *events])


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_promise_holds(first: int) -> None:
    committed = 0
    for seed in range(first, first + AT_ONCE):
        result = play(WANTED, seed)
        assert result.sound, told(result)
        committed += result.ends.get("COMMITTED", 0)
    assert committed > AT_ONCE, "faults leave no payment alone: nothing was put to the test"
