"""Answers of the path finder that are still the best ones when a question comes again.

A payer of thousands of payments a second asks the same thing each time but for the clock, the
latest deadline and what lines carry. An answer is given again only where a search would find the
same one; otherwise there is none here. Pure; owned by one task.

Why it stays the best: a chain that could beat it costs at most as much, and no promise of a chain
is over more than the first, which is the cost (fee rates are at least 1). So what a line carries
matters up to the answer's cost only. Where no line has gained room below it, nothing else has
changed and the deadline has not moved out, no chain has become possible; where the answer itself
still fits, it is still there to be chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from proto.adverts import Advert, LineAdvert, NodeAdvert
from proto.limits import (
    DECISION_TIME_US,
    MAX_AMOUNT,
    MAX_HOPS,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
)
from proto.route import LineEnds, RouteFound, RouteQuery

MAX_REMEMBERED: Final = 256  # answers; each is looked at when a line that matters changes

_Key = tuple[RouteQuery, frozenset[tuple[LineEnds, int]]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """`rooms`: what each own line carried, as far as it mattered. Valid for the stated times."""

    found: RouteFound
    brand: bytes
    rooms: Mapping[LineEnds, int]
    latest_deadline: int
    since_us: int
    until_us: int

    def bears(self, old: LineAdvert, new: LineAdvert) -> bool:
        """Whether the line's new capacity makes no difference."""
        if self.brand != new.brand.guid:
            return True
        cost, ends = self.found.cost, (new.promisor, new.promisee)
        if min(new.available, cost) > min(old.available, cost):
            return False
        return all(
            hop.amount <= new.available
            for hop in self.found.hops
            if (hop.promisor, hop.promisee) == ends
        )


class RouteCache:
    """Answers from the graph as it is; its owner tells all that changes there."""

    def __init__(self) -> None:
        self._answers: dict[_Key, _Answer] = {}
        self._dearest = 0  # cost of any answer at most
        self._newest_us = 0  # since when the youngest answer holds

    def get(self, query: RouteQuery) -> RouteFound | None:
        """What a search would find now, or None where only a search can tell."""
        if query.deadline is not None:
            return None  # a time of the day: no two questions have the same
        known = self._answers.get(_key(query))
        if known is None or not known.since_us <= query.now_us < known.until_us:
            return None
        found = known.found
        if _bearing(query) > known.latest_deadline:
            return None
        if found.deadline > query.latest_deadline or found.cost > query.max_cost:
            return None
        return found if _no_roomier(_own(query), known.rooms, found) else None

    def put(self, query: RouteQuery, until_us: int, found: RouteFound) -> None:
        """Remembers what a search has just found. No advert that it rests on expires before
        `until_us`."""
        if query.deadline is not None or not found.exact or len(found.parts) > 1:
            return  # of several chains none carries the whole cost, as the reasoning above asks
        if len(self._answers) >= MAX_REMEMBERED:
            self.clear()
        rooms = {ends: min(room, found.cost) for ends, room in _own(query).items()}
        self._answers[_key(query)] = _Answer(
            found, query.brand, rooms, _bearing(query), query.now_us, until_us
        )
        self._dearest = max(self._dearest, found.cost)
        self._newest_us = max(self._newest_us, query.now_us)

    def clear(self) -> None:
        self._answers.clear()
        self._dearest = self._newest_us = 0

    def heard(self, old: Advert | None, new: Advert) -> None:
        """The graph holds `new` instead of `old`: forgets what that may change."""
        if old is None or not self._refreshes(old, new):
            self.clear()
            return
        if not isinstance(old, LineAdvert) or not isinstance(new, LineAdvert):
            return
        if min(old.available, new.available) < self._dearest:
            self._answers = {k: a for k, a in self._answers.items() if a.bears(old, new)}

    def _refreshes(self, old: Advert, new: Advert) -> bool:
        """Whether only capacity and expiry differ, and the old one was in force all the time."""
        if not self._newest_us < old.expires_at_us <= new.expires_at_us:
            return False
        match old, new:
            case LineAdvert(), LineAdvert():
                same = replace(
                    old,
                    sequence=new.sequence,
                    expires_at_us=new.expires_at_us,
                    available=new.available,
                )
                return same == new
            case NodeAdvert(), NodeAdvert():
                same_node = replace(old, sequence=new.sequence, expires_at_us=new.expires_at_us)
                return same_node == new
            case _:
                return old == new


def _key(query: RouteQuery) -> _Key:
    """The question without what an answer bears to change."""
    others = frozenset(item for item in (query.learned or {}).items() if item[0][0] != query.payer)
    timeless = replace(
        query, now_us=0, latest_deadline=0, max_cost=MAX_AMOUNT, learned=None, explained=True
    )
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
    first = found.parts[0].hops[0]
    return now.get((first.promisor, first.promisee), found.cost) >= found.cost
