"""What strangers may ask a path finder: bounds, quotas, deadlines, and one search at a time."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

import grpc

from pathfinder.config import PathFinderConfig
from pathfinder.serving.searching import Searching
from proto.keys import NodeId
from proto.limits import US
from proto.route import NoRoute, RouteQuery
from proto.route_wire import found_to_message, none_to_message, query_from_message
from proto.v1 import pathfinder_pb2 as pb
from proto.wire import WireFault
from runtime.buckets import LOCAL, Buckets, prefix_of
from runtime.clock import Clock
from runtime.rpc import CallContext, RpcRefused, Service, Unary

log = logging.getLogger(__name__)

SERVICE_NAME: Final = "pledgeway.v1.PathFinder"
MAX_QUERY_BYTES: Final = 1 << 18  # all lists of a question at their bounds, and room to spare
# An answer's frame holds 1 MiB. Real ones have some kilobytes for each hop.
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_WAITING: Final = 48  # questions: with searches of a few ms that is a fraction of a second
MAX_WAITING_OF_ONE: Final = 8  # network: the others get their turn
MARGIN_S: Final = 0.5  # of the caller's deadline, for the way back
# Tokens of a question: several chains cost several searches.
ONE: Final = 1
PARTS: Final = 1
# A collective that is new to the graph makes a search learn all its prices first: a few at once,
# and then one in so many seconds, whoever asks.
NEW_POLICY: Final = 10
NEW_POLICIES_BURST: Final = 8 * NEW_POLICY
EVERYBODY: Final = "all"

INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED: Final = grpc.StatusCode.RESOURCE_EXHAUSTED


class FindingService:
    """Handlers run on trio."""

    def __init__(
        self,
        searching: Searching,
        config: PathFinderConfig,
        node: NodeId,
        clock: Clock,
        connected: Callable[[], int],
    ) -> None:
        """`connected`: nodes that it hears now."""
        self._searching = searching
        self._config = config
        self._node = node
        self._clock = clock
        self._connected = connected
        self._buckets = Buckets(config.network_per_s, config.network_burst)
        self._fresh = Buckets(1, NEW_POLICIES_BURST)
        self._asking: Counter[str] = Counter()  # questions under way, by part of the net
        self.answered = self.refused = 0

    def methods(self) -> Service:
        """The gRPC service."""
        return Service(
            SERVICE_NAME,
            {
                "FindRoute": Unary(pb.RouteQuery, pb.RouteAnswer, self.find_route),
                "Status": Unary(pb.PathFinderStatusQuery, pb.PathFinderStatus, self.status),
            },
        )

    async def find_route(self, request: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
        """RpcRefused: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED."""
        caller = prefix_of(context.peer)
        try:
            query = self._admitted(request, caller)
            limit_s = self._limit_s(context)
        except RpcRefused:
            self.refused += 1
            raise
        self._asking[caller] += 1
        try:
            return await self._answer(query, limit_s)
        finally:
            self._asking[caller] -= 1
            if not self._asking[caller]:
                del self._asking[caller]

    def _admitted(self, request: pb.RouteQuery, caller: str) -> RouteQuery:
        now_us = self._clock.monotonic_us()
        if not self._buckets.take(caller, ONE, now_us):
            wait_ms = self._buckets.wait_us(caller, ONE, now_us) // 1000 + 1
            raise RpcRefused(EXHAUSTED, f"too many questions: ask again in {wait_ms} ms")
        crowded = caller != LOCAL and self._asking[caller] >= MAX_WAITING_OF_ONE
        if crowded or self._searching.waiting >= MAX_WAITING:
            raise RpcRefused(EXHAUSTED, "too many questions at once: ask again in a second")
        if request.ByteSize() > MAX_QUERY_BYTES:
            raise RpcRefused(INVALID, f"a question has at most {MAX_QUERY_BYTES} bytes")
        try:
            query = query_from_message(request, self._clock.now_us())
        except WireFault as fault:
            raise RpcRefused(INVALID, str(fault)) from fault
        fresh = NEW_POLICY * self._searching.unknown_policies(query.candidates)
        more = fresh + PARTS * (query.max_parts > 1)
        if more and not self._buckets.take(caller, more, now_us):
            raise RpcRefused(EXHAUSTED, "too many dear questions: ask again in some seconds")
        if fresh and caller != LOCAL and not self._fresh.take(EVERYBODY, fresh, now_us):
            detail = "too many policies that nobody else uses: ask again in some seconds"
            raise RpcRefused(EXHAUSTED, detail)
        return query

    def _limit_s(self, context: CallContext) -> float:
        limit_s = self._config.search_us / US
        if context.time_left_s is None:
            return limit_s
        if context.time_left_s <= MARGIN_S:
            raise RpcRefused(grpc.StatusCode.DEADLINE_EXCEEDED, "too little time to search")
        return min(limit_s, context.time_left_s - MARGIN_S)

    async def _answer(self, query: RouteQuery, limit_s: float) -> pb.RouteAnswer:
        found = await self._searching.find_in_time(query, limit_s)
        if isinstance(found, NoRoute):
            answer = none_to_message(found)
        else:
            # Before anything else is awaited: they are the adverts that the search has seen.
            try:
                adverts = self._searching.adverts_of(found, query.brand)
            except LookupError as error:
                detail = "nothing can be shown for the route: ask again"
                raise RpcRefused(grpc.StatusCode.UNAVAILABLE, detail) from error
            answer = found_to_message(found, adverts)
            if answer.ByteSize() > MAX_ANSWER_BYTES:
                raise RpcRefused(EXHAUSTED, "the answer would be too long: ask for fewer chains")
        self.answered += 1
        return answer

    async def status(
        self, request: pb.PathFinderStatusQuery, context: CallContext
    ) -> pb.PathFinderStatus:
        """RpcRefused: RESOURCE_EXHAUSTED."""
        if not self._buckets.take(prefix_of(context.peer), ONE, self._clock.monotonic_us()):
            raise RpcRefused(EXHAUSTED, "too many questions")
        nodes, lines = self._searching.size()
        return pb.PathFinderStatus(
            node=self._node,
            alias=self._config.alias,
            nodes=nodes,
            lines=lines,
            neighbours=self._connected(),
            answered=self.answered,
            now_us=self._clock.now_us(),
        )
