"""Questions of a daemon answered from adverts: one search at a time, in a thread, and remembered.

Everything here runs on trio but the search itself.
"""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import trio

from pathfinder.by_id import Unfound, explained, find, most, search
from pathfinder.core.graph import Graph, Upsert
from pathfinder.core.search import LABEL_BUDGET
from pathfinder.serving.feed import Feed
from pathfinder.serving.known_network import Snapshot, ask
from pathfinder.serving.route_cache import RouteCache
from proto.adverts import Advert
from proto.network_view import Known, RouteAsk, Viewpoint, network_file
from proto.policy import RegistryPolicy
from proto.route import MostFound, NoRoute, RouteFound, RouteQuery
from runtime.away import run_away

# One search at a time: the graph is not shared between threads that run together.
_ONE: Final = 1
# Under a limit of time a search begins with few labels and takes four times as many until it is
# exact: all attempts but the last cost a third of it, and none begins that would be too late.
FIRST_LABELS: Final = 5_000
MORE_LABELS: Final = 4
# Reasons are worth less than an answer in time: labels for each rule of one that was cut off.
HURRIED_LABELS: Final = 500


class Searching:
    """A graph fed by adverts, and what was found in it. The network is as observed so far."""

    def __init__(self) -> None:
        self._feed = Feed()
        self._search = trio.CapacityLimiter(_ONE)
        self._waiting: list[tuple[Advert, bytes | None]] = []  # None: forgotten
        self._cache = RouteCache()
        self.searches = 0  # made, and saved by the cache
        self.remembered = 0

    def observe(self, advert: Advert, signed: bytes = b"") -> None:
        """A verified advert, with its bytes where somebody will want them."""
        # A search may be reading the graph in its thread: what comes meanwhile waits.
        self._waiting.append((advert, signed))
        if not self._search.borrowed_tokens:
            self._catch_up()

    def forget(self, advert: Advert) -> None:
        """An advert that was observed has expired, or whoever keeps adverts has no room for it."""
        self._waiting.append((advert, None))
        if not self._search.borrowed_tokens:
            self._catch_up()

    def _catch_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        for advert, signed in waiting:
            if signed is None:
                if self._feed.forget(advert):
                    self._cache.clear()
                continue
            taken, old = self._feed.take(advert, signed)
            if taken is Upsert.APPLIED:
                self._cache.heard(old, advert)

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        """The cheapest viable route of what has been observed so far."""
        return await self._found(query, None)

    async def find_in_time(self, query: RouteQuery, limit_s: float) -> RouteFound | NoRoute:
        """As `find`, but its search may take about `limit_s` seconds, the wait for its turn apart;
        what is not exact by then says so."""
        return await self._found(query, limit_s)

    async def _found(self, query: RouteQuery, limit_s: float | None) -> RouteFound | NoRoute:
        known = self.recall(query)
        if known is not None:
            return known
        async with self._search:
            self._catch_up()
            if self._feed.forget_lists(query.now_us):
                self._cache.clear()
            # Whoever held the search before us may have asked the same.
            known = self.recall(query)
            if known is not None:
                return known
            if self._feed.set_policies(query.candidates):
                self._cache.clear()
            self.searches += 1
            graph = self._feed.graph
            work = partial(find, graph, query)
            if limit_s is not None:
                work = partial(find_in_time, graph, query, limit_s)
            found = await run_away(work)
            if isinstance(found, RouteFound):
                until_us = self._feed.until_us(query.brand, query.now_us)
                self._cache.put(query, until_us, found)
            return found

    async def sendable(self, query: RouteQuery) -> MostFound:
        """The most that can be sent; other questions wait for the answer, which may take seconds.

        KeyError where payer, payee or brand are not known.
        """
        async with self._search:
            self._catch_up()
            if self._feed.forget_lists(query.now_us):
                self._cache.clear()
            if self._feed.set_policies(query.candidates):
                self._cache.clear()
            return await run_away(partial(most, self._feed.graph, query))

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """What `find` would find, where that is known without a search."""
        if self._waiting and self._search.borrowed_tokens:
            return None  # there is news that the graph cannot take yet
        self._catch_up()
        known = self._cache.get(query)
        self.remembered += known is not None
        return known

    def adverts_of(self, found: RouteFound, brand: bytes) -> list[bytes]:
        """The signed adverts on which a route rests that was just found. LookupError where one of
        them was observed without its bytes."""
        return self._feed.adverts_of(found, brand)

    def unknown_policies(self, candidates: tuple[RegistryPolicy, ...]) -> int:
        """How many of them the graph would have to be told of."""
        return self._feed.unknown_policies(candidates)

    @property
    def waiting(self) -> int:
        """Questions that wait for their turn, and the one that has it."""
        statistics = self._search.statistics()
        return statistics.tasks_waiting + statistics.borrowed_tokens

    def known(self, view: Viewpoint) -> Iterator[Known]:
        """See `proto.network_view.KnownNetwork`."""
        return Snapshot(view, self._feed.tables()).entries()

    def export(self, now_us: int) -> Mapping[str, Any]:
        """The network as a network file (protocol section 10), as a stranger sees it."""
        return network_file(self.known(Viewpoint(now_us)))

    def name_of(self, view: Viewpoint, given: str) -> str:
        """See `proto.network_view.KnownNetwork`."""
        return Snapshot(view, self._feed.tables()).name_of(given)

    async def ask(self, view: Viewpoint, asked: RouteAsk) -> Mapping[str, Any]:
        """See `proto.network_view.KnownNetwork`."""
        async with self._search:
            self._catch_up()
            changed = self._feed.forget_lists(view.now_us)
            if self._feed.set_policies(tuple(view.policies.values())) or changed:
                self._cache.clear()
            self.searches += 1
            snapshot = Snapshot(view, self._feed.tables())
            return await run_away(ask, self._feed.graph, snapshot, asked)

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        return self._feed.size()


def find_in_time(graph: Graph, query: RouteQuery, limit_s: float) -> RouteFound | NoRoute:
    """As `by_id.find`, within about `limit_s` seconds."""
    until_s, labels = time.monotonic() + limit_s, min(FIRST_LABELS, LABEL_BUDGET)
    while True:
        began_s = time.monotonic()
        found = search(graph, query, labels)
        now_s = time.monotonic()
        late = labels >= LABEL_BUDGET or now_s + MORE_LABELS * (now_s - began_s) > until_s
        if found.exact or late:
            break
        labels = min(MORE_LABELS * labels, LABEL_BUDGET)
    if not isinstance(found, Unfound):
        return found
    return explained(graph, query, found, labels if found.exact else HURRIED_LABELS)
