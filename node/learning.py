"""What a refused attempt teaches a payer about lines that it does not see (pure).

Instructions are sealed, so a refusal does not say who gave it. Our neighbour's own answer does:
then the line and the figure are exact. Otherwise the lines are suspects that nobody has promised on
yet. Two things come of it: the next attempt of this payment keeps clear of one line more, so each
asks somebody new (`Lessons`); and later payments remember what was refused (`line_memory`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.core.rows import Payment, Promise, PromisePhase
from node.core.view import View
from node.routing import LineEnds
from proto.keys import NodeId
from proto.reason import Reason, Refusal

Parts = Sequence[tuple[Mapping[str, Any], Promise]]
"""Each chain of an attempt as it was kept (`dictating.route_json`), and its first promise."""

# Of the line on which the promise was given; any other of the one ahead, or of the node's own.
_OF_ITS_LINE: Final = frozenset({Reason.CREDIT_SHORT, Reason.LINE_CLOSED, Reason.LINE_UNKNOWN})
# Another amount would have fared no better: the line, or the node before it, takes nothing now.
_SHORT: Final = frozenset({Reason.CREDIT_SHORT, Reason.NEXT_CREDIT_SHORT})
_ANY_AMOUNT_LESS: Final = frozenset({Reason.REFUSED_AHEAD, Reason.PENDING_FULL})

# The payer's, the payee's or the registry's affair: no line is worse for it.
_NO_LINES_FAULT: Final = frozenset(
    {
        *(Reason.AMOUNT_ZERO, Reason.AMOUNT_TOO_LARGE, Reason.BELOW_UNIT),
        *(Reason.PROMISE_REPEATED, Reason.LEVEL_UNKNOWN, Reason.DESCRIPTOR_INVALID),
        *(Reason.DEADLINE_PASSED, Reason.EXPIRY_PASSED, Reason.ADMISSION_MISSING),
        *(Reason.REQUEST_UNKNOWN, Reason.REQUEST_EXPIRED, Reason.REQUEST_PAID),
        *(Reason.REQUEST_BUSY, Reason.REQUEST_MISMATCH, Reason.LAST_LEVEL_REFUSED),
        *(Reason.POLICY_REFUSED, Reason.TIME_SHORT, Reason.PAYEE_DECLINED, Reason.ABANDONED),
        *(Reason.EXPIRED_AHEAD, Reason.ABORTED_AHEAD, Reason.REGISTRY_SILENT, Reason.STOPPING),
        Reason.LOOP,
    }
)

# Reasons after which another chain cannot do better.
HOPELESS: Final = frozenset(
    {
        Reason.REQUEST_UNKNOWN,
        Reason.REQUEST_EXPIRED,
        Reason.REQUEST_PAID,
        Reason.REQUEST_MISMATCH,
        Reason.PAYEE_DECLINED,
        Reason.ABANDONED,
        Reason.DESCRIPTOR_INVALID,
        # The whole time has been used up: whether to spend it again is the payer's choice.
        Reason.ABORTED_AHEAD,
        Reason.EXPIRED_AHEAD,
    }
)


@dataclass(frozen=True, slots=True)
class Lessons:
    """`carries`: what a line carries as we were told; `avoid`: lines to keep clear of."""

    carries: Mapping[LineEnds, int] = field(default_factory=dict)
    avoid: frozenset[LineEnds] = frozenset()

    @property
    def bounds(self) -> dict[LineEnds, int]:
        """Both in one: what each line is asked for at most by this payment."""
        return {**self.carries, **dict.fromkeys(self.avoid, 0)}


@dataclass(frozen=True, slots=True)
class Blame:
    """A line that refused `asked`, and what it may carry still. Not `certain`: one of several
    that may have, or a neighbour's word about others."""

    line: LineEnds
    asked: int
    carries: int
    certain: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """Why one chain of an attempt failed, which cost so much, and whom we blame; nobody where no
    line is at fault."""

    why: Refusal
    cost: int
    blames: tuple[Blame, ...]


def learn(lessons: Lessons, parts: Parts, because: Refusal) -> Lessons:
    """With what one more attempt taught. `because`: for chains that do not say why themselves."""
    for part, first, why in _failed(parts, because):
        lessons = _learn_of(lessons, part["hops"], first.phase is PromisePhase.REFUSED, why)
    return lessons


def lessons_of(parts: Parts, because: Refusal) -> tuple[Lesson, ...]:
    """What each chain of an attempt that failed is to be remembered for."""
    return tuple(
        Lesson(why, first.amount, _blames(part["hops"], first.phase is PromisePhase.REFUSED, why))
        for part, first, why in _failed(parts, because)
    )


def _failed(parts: Parts, because: Refusal) -> Sequence[tuple[Mapping[str, Any], Promise, Refusal]]:
    found = [(part, first, first.because or because) for part, first in parts]
    if len(found) == 1:
        return found
    # Those that we took back ourselves say nothing: another chain was at fault.
    return [one for one in found if one[2].reason is not Reason.ABANDONED]


def _ends(hops: Sequence[Mapping[str, Any]]) -> list[LineEnds]:
    return [(NodeId(bytes.fromhex(h["from"])), NodeId(bytes.fromhex(h["to"]))) for h in hops]


def _learn_of(
    lessons: Lessons, hops: Sequence[Mapping[str, Any]], by_neighbour: bool, why: Refusal
) -> Lessons:
    ends = _ends(hops)
    if by_neighbour and why.reason is Reason.NEXT_CREDIT_SHORT and len(ends) > 1:
        return _carries(lessons, ends[1], hops[1]["amount"] - why.figure)
    if by_neighbour and why.reason is Reason.CREDIT_SHORT:
        return _carries(lessons, ends[0], hops[0]["amount"] - why.figure)
    if by_neighbour and len(ends) > 1:
        return Lessons(lessons.carries, lessons.avoid | {ends[1]})
    fresh = [e for e in ends[1:] if e not in lessons.avoid]
    return Lessons(lessons.carries, lessons.avoid | set(fresh[-1:] or ends[:1]))


def _carries(lessons: Lessons, ends: LineEnds, amount: int) -> Lessons:
    return Lessons({**lessons.carries, ends: max(0, amount)}, lessons.avoid)


def _blames(
    hops: Sequence[Mapping[str, Any]], by_neighbour: bool, why: Refusal
) -> tuple[Blame, ...]:
    if why.reason in _NO_LINES_FAULT:
        return ()
    ends = _ends(hops)
    if by_neighbour:
        ahead = len(ends) > 1 and why.reason not in _OF_ITS_LINE
        suspects = [1 if ahead else 0]
    else:
        # Our neighbour has promised to the next node, so that line had room: it began behind it.
        suspects = list(range(2, len(ends))) or list(range(1, len(ends)))
    return tuple(
        Blame(ends[i], hops[i]["amount"], _left(hops[i]["amount"], why), by_neighbour)
        for i in suspects
    )


def _left(asked: int, why: Refusal) -> int:
    """What a line that refused so much may carry still."""
    if why.reason in _SHORT:
        return max(0, asked - max(1, why.figure))
    return asked - 1 if why.reason in _ANY_AMOUNT_LESS else 0


def tried_of(view: View, payment: Payment) -> Parts:
    """The chains of a payment's last attempt, each with its first promise as it has ended."""
    tried = []
    for part in json.loads(payment.route).get("parts", ()):
        row = view.row((Promise.table, bytes(view.settings.node), bytes.fromhex(part["promise"])))
        if isinstance(row, Promise):
            tried.append((part, row))
    return tried
