"""Who grants credit to whom, as one viewer knows it: the network along which he believes others.

An edge goes from who grants to who is granted, the direction in which the viewer would carry the
loss, and its figure is the granter's own word. What somebody grants costs him nothing to say, so
nothing is ever believed against the direction of the edges.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from proto.keys import NodeId

# As many lines as a path finder takes for a maximum flow (pathfinder.plans.flow): some seconds.
MAX_TRUST_LINES: Final = 20_000
WHOLE: Final = 1 << 64  # the viewer's part; halved at each step it still tells raters apart

Grant = tuple[NodeId, NodeId, int]
"""Who grants, to whom, and how many units."""


@dataclass(frozen=True, slots=True)
class Trust:
    """`grants`: by granter and taker, units above zero, of everybody to whom credit leads from the
    viewer. `cut`: more is known than was taken up; the thinnest was left out."""

    viewer: NodeId
    grants: Mapping[NodeId, Mapping[NodeId, int]]
    cut: bool = False

    @property
    def lines(self) -> int:
        return sum(len(takers) for takers in self.grants.values())


def passed_on(part: int, takers: Mapping[NodeId, int]) -> Iterator[tuple[NodeId, int]]:
    """What each taker gets where half of a granter's part goes on, by the credit of each."""
    total = 2 * sum(takers.values())
    for taker, units in takers.items():
        if passed := part * units // total:
            yield taker, passed


def trust_of(
    viewer: NodeId, own: Mapping[NodeId, int], said: Iterable[Grant], without: NodeId
) -> Trust:
    """What leads on from the viewer. `own`: what he grants, which nobody else knows better; `said`:
    of others. `without`: the agent, who cannot vouch for those who praise him.

    Where there are too many lines, those are taken up on which the largest part of the viewer's
    credit would pass on: so a crowd that fills the network with its own lines pushes out itself.
    Of one granter and taker the last figure counts; the order of `said` changes nothing else.
    """
    known: dict[NodeId, dict[NodeId, int]] = {}
    for granter, taker, units in said:
        if units > 0 and without not in (granter, taker) and viewer not in (granter, taker):
            known.setdefault(granter, {})[taker] = units
    known[viewer] = {n: units for n, units in own.items() if units > 0 and n != without}
    grants: dict[NodeId, dict[NodeId, int]] = {}
    waiting: list[tuple[int, NodeId, NodeId]] = []  # -part, granter, taker
    reached, lines = {viewer}, 0

    def reach(granter: NodeId, part: int) -> None:
        for taker, passed in passed_on(part, known.get(granter, {})):
            heappush(waiting, (-passed, granter, taker))

    reach(viewer, WHOLE)
    while waiting and lines < MAX_TRUST_LINES:
        part, granter, taker = heappop(waiting)
        grants.setdefault(granter, {})[taker] = known[granter][taker]
        lines += 1
        if taker not in reached:
            reached.add(taker)
            reach(taker, -part)
    return Trust(viewer, grants, cut=bool(waiting))
