"""What strangers may ask a registrar, and how much of it: bounds, quotas, then signatures."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import grpc
import trio

from node.registrar.desk import Crowded, Desk, Unsigned
from node.registrar.reader import Reader
from node.registrar.rows import Leg
from proto.escrow.batch import Asked, OpBatch, OpenAccount, read_asked
from proto.escrow.ops import LegPhase, LegState, Op, Prepare, Settle
from proto.keys import KEY_BYTES, NodeId
from proto.limits import MAX_ENVELOPE_BYTES, MAX_SEQUENCE
from proto.money import BRAND_ID_BYTES
from proto.sale.ops import Advertise, OpenPool, OpenVote, Stake
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault
from runtime.away import run_away
from runtime.buckets import LOCAL, Buckets, prefix_of
from runtime.clock import Clock
from runtime.faults import StoreFailed
from runtime.rpc import CallContext, RpcRefused, Send, ServerStream, Service, Unary

T = TypeVar("T")

SERVICE_NAME: Final = "pledgeway.v1.Registrar"

# Tokens of a part of the net: what it may ask of us in a second, and at once.
PER_S: Final = 100
BURST: Final = 1000
CALL: Final = 1
OP: Final = 1
DEAR: Final = 4  # an op with signatures or hashes of its own to verify
OPENING: Final = 20  # an account stays for ever, a pool or an agent's offer for long

MAX_WAITING_OF_ONE: Final = 64  # batches of a part of the net: the others find room in the queue
MAX_DESCRIBED: Final = 24  # descriptions in one answer: each has up to some 3 KB
MAX_RATINGS: Final = 64  # entries in one answer: each has up to some 1.2 KB
MAX_AGENTS: Final = 24  # offers in one answer: each has up to some 3 KB
MAX_ASKED_BRANDS: Final = 64
MAX_WATCHED: Final = 64  # commit_ids of one watcher
MAX_WATCHERS: Final = 256  # each holds one of the server's calls for as long as it likes
MAX_WATCHERS_OF_ONE: Final = 16
# What another process of this registrar has done is not told to us: so often it is looked for.
LOOK_AGAIN_S: Final = 2.0

INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED: Final = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE: Final = grpc.StatusCode.UNAVAILABLE


class Changes:
    """Wakes those who watch legs."""

    def __init__(self) -> None:
        self._waiting: list[tuple[frozenset[bytes], trio.Event]] = []

    def told(self, legs: Sequence[Leg]) -> None:
        """These have changed."""
        changed = {leg.commit for leg in legs}
        for watched, event in self._waiting if changed else ():
            if not watched.isdisjoint(changed):
                event.set()

    async def of(self, commits: Sequence[bytes]) -> None:
        """Returns once a leg of one of these has changed, or may have."""
        waiting = (frozenset(commits), trio.Event())
        self._waiting.append(waiting)
        try:
            with trio.move_on_after(LOOK_AGAIN_S):
                await waiting[1].wait()
        finally:
            self._waiting.remove(waiting)


class RegistrarService:
    """Handlers run on trio."""

    def __init__(
        self, desk: Desk, reader: Reader, node: NodeId, clock: Clock, changes: Changes
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._node = node
        self._clock = clock
        self._changes = changes
        self._buckets = Buckets(PER_S, BURST)
        self._watchers: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()  # batches under way, by part of the net

    def methods(self) -> Service:
        """The gRPC service."""
        envelope = types_pb2.Envelope
        return Service(
            SERVICE_NAME,
            {
                "Batch": Unary(envelope, envelope, self.batch),
                "Open": Unary(envelope, envelope, self.open),
                "Describe": Unary(pb.DescribeRequest, pb.DescribeReply, self.describe),
                "Ratings": Unary(pb.RatingsRequest, pb.RatingsReply, self.ratings),
                "Agents": Unary(pb.AgentsRequest, pb.AgentsReply, self.agents),
                "WatchLegs": ServerStream(pb.WatchLegsRequest, pb.LegState, self.watch_legs),
            },
        )

    async def batch(self, request: types_pb2.Envelope, context: CallContext) -> bytes:
        """RpcRefused: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAUTHENTICATED, UNAVAILABLE."""
        return await self._answer(request, context, OpBatch)

    async def open(self, request: types_pb2.Envelope, context: CallContext) -> bytes:
        """As `batch`."""
        return await self._answer(request, context, OpenAccount)

    async def _answer(
        self, request: types_pb2.Envelope, context: CallContext, kind: type[Asked]
    ) -> bytes:
        caller = prefix_of(context.peer)
        self._take(caller, CALL)
        if request.ByteSize() > MAX_ENVELOPE_BYTES:
            raise RpcRefused(INVALID, f"a batch has at most {MAX_ENVELOPE_BYTES} bytes")
        try:
            envelope, asked = read_asked(request.SerializeToString())
        except WireFault as fault:
            raise RpcRefused(INVALID, str(fault)) from fault
        if not isinstance(asked, kind):
            raise RpcRefused(INVALID, "asked in the wrong place: Batch takes ops, Open an account")
        if asked.receiver != self._node:
            raise RpcRefused(INVALID, "meant for another registrar")
        if envelope.signer != asked.sender:
            raise RpcRefused(INVALID, "signed by another than its sender")
        self._take(caller, _cost(asked))
        if caller != LOCAL and self._asking[caller] >= MAX_WAITING_OF_ONE:
            raise RpcRefused(EXHAUSTED, "too much of yours waits already: ask again in a second")
        self._asking[caller] += 1
        try:
            return await self._desk.answer(envelope, asked)
        except Crowded as crowded:
            raise RpcRefused(EXHAUSTED, "too much waits already: ask again in a second") from (
                crowded
            )
        except Unsigned as unsigned:
            detail = "the signature does not prove the batch"
            raise RpcRefused(grpc.StatusCode.UNAUTHENTICATED, detail) from unsigned
        except StoreFailed as failed:
            detail = "the books cannot be written now: ask the same again"
            raise RpcRefused(UNAVAILABLE, detail) from failed
        finally:
            self._asking[caller] -= 1
            if not self._asking[caller]:
                del self._asking[caller]

    def _take(self, caller: str, cost: int) -> None:
        now_us = self._clock.monotonic_us()
        if not self._buckets.take(caller, cost, now_us):
            wait_ms = self._buckets.wait_us(caller, cost, now_us) // 1000 + 1
            raise RpcRefused(EXHAUSTED, f"too many questions: ask again in {wait_ms} ms")

    async def describe(self, request: pb.DescribeRequest, context: CallContext) -> pb.DescribeReply:
        """RpcRefused: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE."""
        self._take(prefix_of(context.peer), CALL + len(request.brands) * OP)
        if len(request.brands) > MAX_ASKED_BRANDS:
            raise RpcRefused(INVALID, f"at most {MAX_ASKED_BRANDS} brands in one question")
        wanted = (list(request.brands), request.type, request.attributes, request.after)
        found = await self._look(self._reader.brands, *wanted, MAX_DESCRIBED + 1)
        shown = found[:MAX_DESCRIBED]
        rights = [types_pb2.Envelope.FromString(brand.signed) for brand in shown]
        return pb.DescribeReply(rights=rights, more=len(found) > len(shown))

    async def ratings(self, request: pb.RatingsRequest, context: CallContext) -> pb.RatingsReply:
        """An agent's list in a brand, behind the sequence `after`. RpcRefused as `describe`."""
        self._take(prefix_of(context.peer), DEAR)
        if len(request.brand) != BRAND_ID_BYTES or len(request.agent) != KEY_BYTES:
            raise RpcRefused(INVALID, "ratings are asked for by a brand and a node id")
        if request.after > MAX_SEQUENCE:
            raise RpcRefused(INVALID, "no list is that long")
        wanted = (request.brand, request.agent, request.after, MAX_RATINGS + 1)
        found = await self._look(self._reader.pools.ratings, *wanted)
        entries = [types_pb2.Envelope.FromString(signed) for signed in found[:MAX_RATINGS]]
        return pb.RatingsReply(entries=entries, more=len(found) > len(entries))

    async def agents(self, request: pb.AgentsRequest, context: CallContext) -> pb.AgentsReply:
        """Offers to judge sales in a brand, by node id behind `after`. RpcRefused as `describe`."""
        self._take(prefix_of(context.peer), DEAR)
        if len(request.brand) not in (0, BRAND_ID_BYTES) or len(request.after) > KEY_BYTES:
            raise RpcRefused(INVALID, "agents are asked for by a brand, from behind a node id on")
        wanted = (request.brand, request.after, self._clock.now_us(), MAX_AGENTS + 1)
        found = await self._look(self._reader.pools.agents, *wanted)
        offers = [types_pb2.Envelope.FromString(one.signed) for one in found[:MAX_AGENTS]]
        return pb.AgentsReply(offers=offers, more=len(found) > len(offers))

    async def _look(self, look: Callable[..., T], *wanted: object) -> T:
        try:
            return await run_away(look, *wanted)
        except StoreFailed as failed:
            raise RpcRefused(UNAVAILABLE, "the books cannot be read now") from failed

    async def watch_legs(
        self, request: pb.WatchLegsRequest, context: CallContext, send: Send[pb.LegState]
    ) -> None:
        """How each leg of these transactions stands now, and every change, until all are final.

        Without their promises: those name parties and amounts, and whoever knows a commit_id, its
        registry say, may ask. Their giver is given them again when it prepares again.
        """
        caller = prefix_of(context.peer)
        commits = list(dict.fromkeys(request.commit_ids))
        self._take(caller, CALL + len(commits) * OP)
        if not 1 <= len(commits) <= MAX_WATCHED or any(len(c) != 32 for c in commits):
            raise RpcRefused(INVALID, f"1 to {MAX_WATCHED} commit_ids of 32 bytes")
        crowded = caller != LOCAL and self._watchers[caller] >= MAX_WATCHERS_OF_ONE
        if crowded or self._watchers.total() >= MAX_WATCHERS:
            raise RpcRefused(EXHAUSTED, "too many watchers")
        self._watchers[caller] += 1
        try:
            await self._follow(commits, send)
        except StoreFailed as failed:
            raise RpcRefused(UNAVAILABLE, "the books cannot be read now") from failed
        finally:
            self._watchers[caller] -= 1
            if not self._watchers[caller]:
                del self._watchers[caller]

    async def _follow(self, commits: list[bytes], send: Send[pb.LegState]) -> None:
        told: dict[tuple[bytes, int], LegPhase] = {}
        while True:
            legs = await run_away(self._reader.legs_of, commits)
            for leg in legs:
                if told.get((leg.commit, leg.no)) is not leg.phase:
                    told[leg.commit, leg.no] = leg.phase
                    await send(LegState(leg.commit, leg.no, leg.phase).to_message())
            over = all(leg.phase is not LegPhase.PREPARED for leg in legs)
            if over and {leg.commit for leg in legs} == set(commits):
                return
            await self._changes.of(commits)


def _cost(asked: Asked) -> int:
    if isinstance(asked, OpenAccount):
        return OPENING
    return sum(map(_op_cost, asked.ops))


def _op_cost(op: Op) -> int:
    if isinstance(op, OpenPool | Advertise):
        return OPENING
    return DEAR if isinstance(op, Prepare | Stake | Settle | OpenVote) else OP
