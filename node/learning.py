"""What a refused attempt teaches a payer about lines that it does not see (pure).

Instructions are sealed, so a refusal does not say who gave it. Our neighbour's own answer does:
then the line and the figure are exact. Otherwise the next attempt keeps clear of the last inner
line of the chain that was not yet avoided: each attempt asks somebody new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.core.rows import Promise, PromisePhase
from node.routing import LineEnds
from proto.keys import NodeId
from proto.reason import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Lessons:
    """`carries`: what a line carries as we were told; `avoid`: lines to keep clear of."""

    carries: Mapping[LineEnds, int] = field(default_factory=dict)
    avoid: frozenset[LineEnds] = frozenset()


def learn(
    lessons: Lessons, parts: Sequence[tuple[Mapping[str, Any], Promise]], because: Refusal
) -> Lessons:
    """With what one more attempt taught. `parts`: each chain as it was kept, and how its first
    promise ended; `because`: for those that do not say why themselves."""
    for part, first in parts:
        why = first.because or because
        if why.reason is Reason.ABANDONED and len(parts) > 1:
            continue  # we took it back ourselves: another chain was at fault
        lessons = _learn_of(lessons, part["hops"], first.phase is PromisePhase.REFUSED, why)
    return lessons


def _learn_of(
    lessons: Lessons, hops: Sequence[Mapping[str, Any]], by_neighbour: bool, why: Refusal
) -> Lessons:
    ends = [(NodeId(bytes.fromhex(h["from"])), NodeId(bytes.fromhex(h["to"]))) for h in hops]
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
