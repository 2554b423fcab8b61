"""Nodes that lie: every lie is told, no honest node loses by it, and no check is there for show."""

from collections.abc import Callable

import pytest

import node.core.claim
import node.core.ending
import node.core.offer
from node.command.sim.campaign import parse_faults
from node.command.sim.plan import LIES, NODE_LIES, Fault, Manner, liars_in
from node.core.chain import end_held
from node.core.rows import Promise, PromisePhase
from node.core.view import Step
from proto.reason import Refusal
from tests.sim.staged import broken, lie, pay, staged, told

ALL = (
    pay(1, "ATOMIC"),
    pay(2, "BARE"),
    pay(3, "SECURED"),
    pay(4, ends=("Q", "P")),
    pay(5, "ATOMIC", "PROXY", ends=("P", "B")),
    pay(6, "SECURED", "BARE", manner=Manner.ABANDONED),
    pay(7, ends=("B", "P")),
    pay(8, "ATOMIC", "SECURED", "BARE", amount=9_000),
    pay(9, "ATOMIC", manner=Manner.IGNORED),
)


@pytest.mark.parametrize("fault", NODE_LIES, ids=lambda fault: fault.value)
def test_a_lie_is_told_and_harms_nobody_honest(fault: Fault) -> None:
    result = staged([*ALL, *lie("B", fault)])
    assert result.sound, told(result)
    assert result.lies.get(fault.value), told(result)


def test_a_hop_and_a_payee_tell_every_lie_at_once() -> None:
    lies = [*lie("B", *NODE_LIES, per_mille=200), *lie("Q", *NODE_LIES, per_mille=200)]
    result = staged([*ALL, *lies])
    assert result.sound, told(result)
    assert len(result.lies) > len(NODE_LIES) / 2, told(result)


def test_the_plan_says_who_lies() -> None:
    assert liars_in([*ALL, *lie("B", Fault.LIE_AMOUNT)]) == {"B"}
    assert liars_in(ALL) == frozenset()
    assert not staged(ALL[:1]).lies


def test_words_for_lies() -> None:
    assert parse_faults("lies") == LIES
    assert parse_faults("crash,lie-late") == (Fault.CRASH, Fault.LIE_LATE)
    with pytest.raises(ValueError, match="lie-down"):
        parse_faults("lie-down")


# ---------------------------------------------------------------- without the check, somebody loses


def _never(*_: object, **__: object) -> None:
    """Finds nothing wrong."""


def _always(*_: object, **__: object) -> bool:
    return True


def _believes(step: Step, promise: Promise, because: Refusal) -> None:
    """A denial ends what only a certificate may end."""
    end_held(step, promise, PromisePhase.ABORTED, because)


Plant = tuple[object, str, Callable[..., object]]
# What is planted, who tells which lie, the invariants that break, and a seed: a lie has many forms,
# and not every one of them hits the check in question.
BUGS: dict[str, tuple[Plant, str, Fault, set[int], int]] = {
    "pays on forged evidence": (
        (node.core.claim, "_evidence_holds", _always), "Q", Fault.LIE_EVIDENCE, {5, 6}, 2,
    ),
    "is rid of a promise by a forged abort": (
        (node.core.ending, "verify_abort_certificate", _never), "P", Fault.LIE_EVIDENCE, {5}, 1,
    ),
    "takes a denial for an end": (
        (node.core.claim, "_denied_for_now", _believes), "P", Fault.LIE_DENIAL, {5}, 1,
    ),
    "promises more than it holds": (
        (node.core.offer, "check_pair", _never), "P", Fault.LIE_AMOUNT, {4, 6}, 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_without_its_check_a_node_is_cheated(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (module, name, instead), liar, fault, invariants, seed = BUGS[bug]
    actions = [*ALL, *lie(liar, fault)]
    assert staged(actions, seed).sound
    monkeypatch.setattr(module, name, instead)
    assert broken(staged(actions, seed)) & invariants
