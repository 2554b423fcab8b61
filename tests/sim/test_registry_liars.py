"""Registries that lie: what they can do to whom, and that the loser holds the proof."""

import pytest

import node.core.ending
from node.command.sim.plan import REGISTRY_LIES, Break, Fault
from node.command.sim.world.spec import COLLECTIVE, REGISTRIES
from tests.sim.staged import SECOND_US, broken, lie, pay, staged, told

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
    # The payee comes late with its commits, and shows late what it got for them.
    result = staged([*ALL, *lie(FIRST, fault), *lie("Q", Fault.LIE_LATE)])
    assert result.sound, told(result)
    assert result.lies.get(fault.value), told(result)


# The payee shows its certificates when the others have asked the registry themselves.
SPLIT = (
    *ATOMIC,
    *lie("Q", Fault.LIE_LATE),
    *lie(FIRST, Fault.REGISTRY_EQUIVOCATES, per_mille=400),
    Break(8 * SECOND_US, Fault.PARTITION, "P", "A", 60 * SECOND_US, 0),
)


def test_who_loses_by_a_contradiction_holds_both_words() -> None:
    result = staged(SPLIT, seed=2, span_s=80)
    assert result.sound, told(result)
    assert result.lies[Fault.REGISTRY_EQUIVOCATES.value]


def test_a_loser_without_the_proof_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run above has losers: who does not keep the other word waits for ever."""
    monkeypatch.setattr(node.core.ending, "_contradicted", lambda *_: None)
    assert broken(staged(SPLIT, seed=2, span_s=80)) & {5, 8}


def test_one_liar_of_three_stops_nobody() -> None:
    payments = [pay(at_s, "ATOMIC", decider=COLLECTIVE) for at_s in range(1, 5)]
    result = staged([*payments, *lie(FIRST, *REGISTRY_LIES)])
    assert result.sound, told(result)
    assert result.ends == {"COMMITTED": len(payments)}
    assert result.lies


def test_another_registry_is_asked_in_vain() -> None:
    """Payments under an honest registry go on beside one that lies."""
    honest = [pay(at_s, "ATOMIC", decider=REGISTRIES[1]) for at_s in range(1, 5)]
    result = staged([*honest, *lie(FIRST, *REGISTRY_LIES)])
    assert result.sound, told(result)
    assert result.ends == {"COMMITTED": len(honest)}
    assert not result.lies
