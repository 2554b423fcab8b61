"""Answers of the path finder that are still the best ones when a question comes again.

A payer of thousands of payments a second asks the same thing each time but for the clock, the
latest deadline and what its own lines carry. An answer is given again only where a search would
find the same one; otherwise there is none here. Pure; owned by one task.

Why it stays the best: a chain that could beat it costs at most as much, and the payer's own line
stands first in a chain and carries its cost. So an own line's capacity matters up to that cost
only. Where no capacity below it has grown and the deadline has not moved out, no chain has become
possible; where the answer itself still fits, it is still there to be chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from node.routing import LineEnds, RouteFound, RouteQuery
from proto.limits import (
    DECISION_TIME_US,
    MAX_AMOUNT,
    MAX_HOPS,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
)

MAX_REMEMBERED: Final = 4096  # answers; some 10 MB of short chains

_Key = tuple[RouteQuery, frozenset[tuple[LineEnds, int]]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """`rooms`: what each own line carried, as far as it mattered. Valid for the stated times."""

    found: RouteFound
    rooms: Mapping[LineEnds, int]
    latest_deadline: int
    since_us: int
    until_us: int


class RouteCache:
    """Of one version of the graph; another one empties it."""

    def __init__(self) -> None:
        self._version = -1
        self._answers: dict[_Key, _Answer] = {}

    def get(self, query: RouteQuery, version: int) -> RouteFound | None:
        """What a search would find now, or None where only a search can tell."""
        if version != self._version:
            return None
        known = self._answers.get(_key(query))
        if known is None or not known.since_us <= query.now_us < known.until_us:
            return None
        found = known.found
        latest = _bearing(query)
        if latest > known.latest_deadline or found.deadline > query.latest_deadline:
            return None
        rooms = _own(query)
        if found.cost > query.max_cost or not _no_roomier(rooms, known.rooms, found):
            return None
        return found

    def put(self, query: RouteQuery, version: int, until_us: int, found: RouteFound) -> None:
        """Remembers what a search of this version found; it holds while now < `until_us`."""
        if not found.exact or len(found.parts) > 1:
            return  # of several chains none carries the whole cost, as the reasoning above asks
        if version != self._version or len(self._answers) >= MAX_REMEMBERED:
            self._answers.clear()
            self._version = version
        rooms = {ends: min(room, found.cost) for ends, room in _own(query).items()}
        self._answers[_key(query)] = _Answer(found, rooms, _bearing(query), query.now_us, until_us)


def _key(query: RouteQuery) -> _Key:
    """The question without what an answer bears to change."""
    others = frozenset(item for item in (query.learned or {}).items() if item[0][0] != query.payer)
    timeless = replace(query, now_us=0, latest_deadline=0, max_cost=MAX_AMOUNT, learned=None)
    return timeless, others


def _own(query: RouteQuery) -> dict[LineEnds, int]:
    """The payer's own lines; only a first promise can use one."""
    return {e: room for e, room in (query.learned or {}).items() if e[0] == query.payer}


def _bearing(query: RouteQuery) -> int:
    """The latest deadline, as far as it matters: no chain needs a D beyond this."""
    margin = max(DECISION_TIME_US, query.payee_margin_us)
    needed = margin + MAX_HOPS * PRESENT_MARGIN_US + STAMP_MARGIN_US
    return min(query.latest_deadline, needed)


def _no_roomier(
    now: Mapping[LineEnds, int], then: Mapping[LineEnds, int], found: RouteFound
) -> bool:
    """Whether no own line has gained room that matters, and the answer still fits on its own."""
    if now.keys() != then.keys():
        return False
    if any(min(room, found.cost) > then[ends] for ends, room in now.items()):
        return False
    first = found.hops[0]
    return now.get((first.promisor, first.promisee), found.cost) >= found.cost
