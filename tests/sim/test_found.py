"""What the simulator has found in the product, each brought down to the events that it needs."""

import pytest

from node.command.sim.plan import Fault, Manner
from node.command.sim.run import run
from tests.sim.scenes import Scene, chain, pay, trouble

CLOCK_BACK = trouble(9, Fault.CLOCK_JUMP, "A", for_s=40, strength=-30_000_000)
FOUND = {
    # SECURED had passed its expiry, its clock went back, and only then came the abort: it freed
    # nothing yet, and nothing waited for the expiry a second time.
    "an expiry passes twice": Scene(chain(), (pay(1, "SECURED", manner=Manner.IGNORED), CLOCK_BACK))
}


@pytest.mark.parametrize("name", FOUND)
def test_it_does_not_come_back(name: str) -> None:
    result = run(FOUND[name].course(1))
    assert result.sound, (result.violations, result.crashed)
