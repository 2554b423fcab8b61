"""Registries that lie: what they can do to whom, and that the loser holds the proof."""

import pytest

from node.command.sim.plan import REGISTRY_LIES, Fault
from node.command.sim.world.spec import REGISTRIES
from tests.sim.staged import lie, pay, staged, told

FIRST = REGISTRIES[0]
ATOMIC = tuple(pay(at_s, "ATOMIC") for at_s in range(1, 6))
ALL = (
    *ATOMIC,
    pay(6, "SECURED", "ATOMIC", amount=9_000),
    pay(7, "ATOMIC", "BARE", ends=("Q", "P")),
    pay(8, "ATOMIC", "SECURED", "PROXY", ends=("P", "B")),
)


@pytest.mark.parametrize("fault", REGISTRY_LIES, ids=lambda fault: fault.value)
def test_a_registry_lies_and_the_atomic_lose_nothing_without_proof(fault: Fault) -> None:
    # Dating back needs a commit that comes late: the payee holds it back.
    late = lie("Q", Fault.LIE_LATE) if fault is Fault.REGISTRY_BACKDATES else []
    result = staged([*ALL, *lie(FIRST, fault, per_mille=700), *late])
    assert result.sound, told(result)
    assert result.lies.get(fault.value), told(result)
