"""What the payer learns from refused attempts: of the chain that failed, and of no other."""

from itertools import pairwise

import pytest

from node.core.rows import Direction, Promise, PromisePhase
from node.learning import Blame, Lessons, learn, lessons_of
from proto.keys import NodeId
from proto.levels import Level
from proto.reason import Reason, Refusal

P, A, B, C, Q = (NodeId(bytes([n]) * 32) for n in range(1, 6))
REFUSED, RELEASED = PromisePhase.REFUSED, PromisePhase.RELEASED
AHEAD = Refusal(Reason.REFUSED_AHEAD)


def part(*nodes: NodeId, amount: int = 100) -> dict[str, object]:
    pairs = pairwise(nodes)
    return {"hops": [{"from": x.hex(), "to": y.hex(), "amount": amount} for x, y in pairs]}


def first(phase: PromisePhase, reason: Reason | None = None, figure: int = 0) -> Promise:
    return Promise(
        promisor=P,
        id=bytes(16),
        direction=Direction.OUT,
        line=bytes(16),
        peer=A,
        commit=bytes(32),
        amount=100,
        level=Level.ATOMIC,
        expires_at_us=0,
        phase=phase,
        because=None if reason is None else Refusal(reason, figure),
    )


@pytest.mark.parametrize(
    ("ended", "carries", "avoid"),
    [
        (first(REFUSED, Reason.NEXT_CREDIT_SHORT, 30), {(A, B): 70}, set()),
        (first(REFUSED, Reason.NEXT_CREDIT_SHORT, 300), {(A, B): 0}, set()),
        (first(REFUSED, Reason.CREDIT_SHORT, 10), {(P, A): 90}, set()),
        (first(REFUSED, Reason.NEXT_HOP_DOWN), {}, {(A, B)}),
        # Somebody further on: the figure is of a line that we cannot name.
        (first(RELEASED, Reason.NEXT_CREDIT_SHORT, 30), {}, {(B, Q)}),
        (first(RELEASED), {}, {(B, Q)}),
    ],
)
def test_one_chain(ended: Promise, carries: object, avoid: object) -> None:
    lessons = learn(Lessons(), [(part(P, A, B, Q), ended)], AHEAD)
    assert (lessons.carries, lessons.avoid) == (carries, avoid)


def test_each_attempt_avoids_another_line() -> None:
    lessons, seen = Lessons(), []
    for _ in range(3):
        lessons = learn(lessons, [(part(P, A, B, Q), first(RELEASED))], AHEAD)
        seen.append(lessons.avoid)
    assert seen == [{(B, Q)}, {(B, Q), (A, B)}, {(B, Q), (A, B), (P, A)}]


def test_a_chain_that_was_taken_back_teaches_nothing() -> None:
    parts = [
        (part(P, A, Q), first(RELEASED, Reason.ABANDONED)),
        (part(P, B, Q), first(REFUSED, Reason.NEXT_CREDIT_SHORT, 40)),
    ]
    lessons = learn(Lessons(), parts, AHEAD)
    assert (lessons.carries, lessons.avoid) == ({(B, Q): 60}, frozenset())


def test_both_chains_may_be_at_fault() -> None:
    parts = [
        (part(P, A, Q), first(REFUSED, Reason.NEXT_HOP_DOWN)),
        (part(P, B, C, Q), first(RELEASED, Reason.FEE_SHORT, 1)),
    ]
    assert learn(Lessons(), parts, AHEAD).avoid == {(A, Q), (C, Q)}


def test_a_chain_of_one_promise() -> None:
    lessons = learn(Lessons(), [(part(P, Q), first(REFUSED, Reason.REQUEST_BUSY))], AHEAD)
    assert lessons.avoid == {(P, Q)}


NOBODY: list[Blame] = []


@pytest.mark.parametrize(
    ("nodes", "ended", "blamed"),
    [
        # Our neighbour's own word: one line, and how much it lacked.
        (
            (P, A, B, Q),
            first(REFUSED, Reason.NEXT_CREDIT_SHORT, 30),
            [Blame((A, B), 100, 70, certain=True)],
        ),
        (
            (P, A, Q),
            first(REFUSED, Reason.NEXT_CREDIT_SHORT, 300),
            [Blame((A, Q), 100, 0, certain=True)],
        ),
        (
            (P, A, Q),
            first(REFUSED, Reason.CREDIT_SHORT, 30),
            [Blame((P, A), 100, 70, certain=True)],
        ),
        # A figure of nothing is no figure: it refused what it was asked for.
        (
            (P, A, Q),
            first(REFUSED, Reason.NEXT_CREDIT_SHORT),
            [Blame((A, Q), 100, 99, certain=True)],
        ),
        ((P, A, Q), first(REFUSED, Reason.NEXT_HOP_DOWN), [Blame((A, Q), 100, 0, certain=True)]),
        ((P, A, Q), first(REFUSED, Reason.PENDING_FULL, 9), [Blame((A, Q), 100, 99, certain=True)]),
        ((P, A, Q), first(REFUSED, Reason.MODE_REFUSED, 1), [Blame((A, Q), 100, 0, certain=True)]),
        # Sealed: our neighbour has promised, so its line had room; everybody behind it may be it.
        ((P, A, B, Q), first(RELEASED), [Blame((B, Q), 100, 99, certain=False)]),
        (
            (P, A, B, C, Q),
            first(RELEASED, Reason.NEXT_CREDIT_SHORT, 40),
            [Blame((B, C), 100, 60, certain=False), Blame((C, Q), 100, 60, certain=False)],
        ),
        ((P, A, Q), first(RELEASED), [Blame((A, Q), 100, 99, certain=False)]),
        (
            (P, A, B, Q),
            first(RELEASED, Reason.FEE_SHORT, 1),
            [Blame((B, Q), 100, 0, certain=False)],
        ),
        # No line's fault.
        ((P, Q), first(REFUSED, Reason.REQUEST_BUSY), NOBODY),
        ((P, A, B, Q), first(RELEASED, Reason.PAYEE_DECLINED), NOBODY),
        ((P, A, B, Q), first(RELEASED, Reason.TIME_SHORT, 5), NOBODY),
        ((P, A, B, Q), first(RELEASED, Reason.ABANDONED), NOBODY),
        ((P, A, B, Q), first(PromisePhase.ABORTED, Reason.ABORTED_AHEAD), NOBODY),
        ((P, A, B, Q), first(REFUSED, Reason.ADMISSION_MISSING), NOBODY),
    ],
)
def test_whom_later_payments_blame(
    nodes: tuple[NodeId, ...], ended: Promise, blamed: list[Blame]
) -> None:
    (lesson,) = lessons_of([(part(*nodes), ended)], AHEAD)
    assert [*lesson.blames] == blamed
    assert lesson.why == (ended.because or AHEAD) and lesson.cost == 100


def test_a_chain_that_was_taken_back_blames_nobody() -> None:
    parts = [
        (part(P, A, Q), first(RELEASED, Reason.ABANDONED)),
        (part(P, B, Q), first(REFUSED, Reason.NEXT_CREDIT_SHORT, 40)),
    ]
    assert [b.line for lesson in lessons_of(parts, AHEAD) for b in lesson.blames] == [(B, Q)]


def test_lessons_as_bounds() -> None:
    lessons = Lessons({(A, B): 70, (A, C): 50}, frozenset({(A, C), (B, Q)}))
    assert lessons.bounds == {(A, B): 70, (A, C): 0, (B, Q): 0}
