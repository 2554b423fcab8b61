"""The gRPC service (registry section 6): decodes, hands to the desk, encodes. No rules."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import grpc

from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.answer_room import MAX_ITEMS
from registry.answers import response_bytes
from registry.asks import (
    Ask,
    AskAnnounce,
    AskById,
    AskCommit,
    AskDecline,
    AskNothing,
    AskQuery,
)
from registry.desk import Desk
from registry.examine import Examiner
from registry.hub import Hub
from registry.relay_service import answer_relay
from registry.watching import follow
from runtime.buckets import LOCAL, prefix_of
from runtime.rpc import (
    CallContext,
    Duplex,
    Gathered,
    Receive,
    RpcRefused,
    Send,
    ServerStream,
    Service,
    Unary,
)

SERVICE_NAME: Final = "pledgeway.v1.Registry"
# Of calls, worked on at a time. One alone is the largest, and costs the least for each of its
# calls; where answers wait for witnesses, those who come meanwhile must not wait for them as well.
GROUPS: Final = 1
WAITING_GROUPS: Final = 64
GROUP_BYTES: Final = 1 << 18  # about as many items as the deciding thread takes at a time
MAX_FRAME_ITEMS: Final = 4 * MAX_ITEMS  # a little too many are refused singly, a flood at once
MAX_WATCHERS: Final = 128  # each holds one of the server's calls for as long as it likes
MAX_WATCHERS_OF_ONE: Final = 16  # a node needs one, a network behind one address a few
MAX_WATCHED_IDS: Final = 16_384


class RegistryService:
    """Handlers run on trio. `record` gives the SignedRegistryRecord that GetInfo hands out."""

    def __init__(
        self, desk: Desk, hub: Hub, record: Callable[[], bytes], examiner: Examiner
    ) -> None:
        self._desk = desk
        self._hub = hub
        self._record = record
        self._examiner = examiner
        self._watchers: Counter[str] = Counter()  # by the part of the net that watches

    def methods(self) -> Service:
        return Service(
            SERVICE_NAME,
            {
                "GetInfo": Unary(rpb.GetInfoRequest, pb.SignedRegistryRecord, self.get_info),
                "Announce": Unary(rpb.AnnounceRequest, rpb.AnnounceResponse, self.announce),
                "Decide": Gathered(
                    *(rpb.DecideRequest, rpb.DecideResponse, self.decide),
                    at_once=WAITING_GROUPS if self._desk.waits else GROUPS,
                    group_bytes=GROUP_BYTES,
                ),
                "DecideStream": Duplex(rpb.DecideRequest, rpb.DecideResponse, self.decide_stream),
                "Watch": ServerStream(rpb.WatchRequest, rpb.Answer, self.watch),
                "Relay": Unary(rpb.RelayRequest, rpb.RelayResponse, self.relay),
            },
        )

    async def get_info(
        self, request: rpb.GetInfoRequest, context: CallContext
    ) -> pb.SignedRegistryRecord:
        return pb.SignedRegistryRecord.FromString(self._record())

    async def announce(
        self, request: rpb.AnnounceRequest, context: CallContext
    ) -> rpb.AnnounceResponse:
        _check_size(request.descriptors)
        answers = await self._desk.answer(
            [AskAnnounce(d) for d in request.descriptors], prefix_of(context.peer)
        )
        return rpb.AnnounceResponse(answers=answers)

    async def decide(
        self, calls: Sequence[tuple[rpb.DecideRequest, str]]
    ) -> list[bytes | RpcRefused]:
        """Calls that arrived together are decided together; each gets its own response."""
        refused = [_too_many(request.items) for request, _ in calls]
        asked = [
            ([_ask(item) for item in request.items], prefix_of(peer))
            for (request, peer), no in zip(calls, refused, strict=True)
            if no is None
        ]
        answers = iter(await self._desk.answer_calls(asked))
        return [
            no or response_bytes(next(answers), request.batch)
            for (request, _), no in zip(calls, refused, strict=True)
        ]

    async def decide_stream(
        self,
        receive: Receive[rpb.DecideRequest],
        send: Send[rpb.DecideResponse],
        context: CallContext,
    ) -> None:
        """One frame at a time and in order; whoever wants more at once opens another stream."""
        while (request := await receive()) is not None:
            _check_size(request.items)
            asks = [_ask(item) for item in request.items]
            answers = await self._desk.answer_bytes(asks, prefix_of(context.peer))
            await send(response_bytes(answers, request.batch))

    async def relay(self, request: rpb.RelayRequest, context: CallContext) -> rpb.RelayResponse:
        _check_size(request.commits)
        asks = [AskCommit(c.descriptor, c.evidence) for c in request.commits]
        return rpb.RelayResponse(answers=await answer_relay(asks, self._desk, self._examiner))

    async def watch(
        self, request: rpb.WatchRequest, context: CallContext, send: Send[rpb.Answer]
    ) -> None:
        """Sends what is known of each, each final answer, and its log proof; ends with the last."""
        if len(request.descriptors) > MAX_ITEMS:
            detail = f"at most {MAX_ITEMS} descriptors in one call"
            raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, detail)
        watched = len(self._hub) + len(request.descriptors)
        caller = prefix_of(context.peer)
        crowded = caller != LOCAL and self._watchers[caller] >= MAX_WATCHERS_OF_ONE
        if crowded or self._watchers.total() >= MAX_WATCHERS or watched > MAX_WATCHED_IDS:
            raise RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watchers")
        self._watchers[caller] += 1
        try:
            await follow(self._desk, self._hub, request.descriptors, send, caller)
        finally:
            self._watchers[caller] -= 1
            if not self._watchers[caller]:
                del self._watchers[caller]


def _ask(item: rpb.DecideItem) -> Ask:
    match item.WhichOneof("item"):
        case "commit":
            return AskCommit(item.commit.descriptor, item.commit.evidence)
        case "decline":
            return AskDecline(item.decline.descriptor, item.decline.preimage)
        case "query":
            if item.query.WhichOneof("subject") == "commit_id":
                return AskById(item.query.commit_id)
            return AskQuery(item.query.descriptor)
        case _:
            return AskNothing()


def _check_size(items: Sequence[object]) -> None:
    if (refused := _too_many(items)) is not None:
        raise refused


def _too_many(items: Sequence[object]) -> RpcRefused | None:
    if len(items) <= MAX_FRAME_ITEMS:
        return None
    detail = f"at most {MAX_ITEMS} items in one request"
    return RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, detail)
