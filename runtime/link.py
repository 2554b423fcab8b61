"""One live stream, on the asyncio side: a task that reads and a task that writes."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from google.protobuf.message import DecodeError

from proto.gossip_sync import MAX_SYNC_BYTES
from proto.keys import NodeId
from proto.limits import MAX_ENVELOPE_BYTES
from proto.v1 import node_pb2
from runtime.handover import LAZY
from runtime.transport import (
    ALL_ADMITTED,
    MAX_FRAME_BYTES,
    MAX_FRAME_ENVELOPES,
    MAX_QUEUED_ADVERTS,
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    FrameLimits,
    GossipArrived,
    LinkCause,
)

log = logging.getLogger(__name__)

# Parsed and not yet taken by the node; beyond it the wire waits.
READ_AHEAD_FRAMES: Final = 2 * LAZY
ORPHAN_TIMEOUT_S = 1.0  # for what has arrived and is not yet read, last words among it
GOODBYE_TIMEOUT_S = 0.2  # a courtesy: it must not hold up the end of a link
FRAME_OVERHEAD_BYTES = 64  # a frame's own fields
ENVELOPE_OVERHEAD_BYTES = 8  # tag and length of one entry of a repeated field

Publish = Callable[[BatchArrived | GossipArrived], None]


class Wire(Protocol):
    """Either end of a gRPC stream."""

    async def read(self) -> bytes | None:
        """None: there will be no more."""
        ...

    async def write(self, raw: bytes) -> bool:
        """Waits for flow control. False: the stream is over."""
        ...

    async def done_writing(self) -> bool:
        """No more will be written. True: the other end will end the stream when it sees that."""
        ...

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls back once the stream is over, whether somebody reads or not."""
        ...


class Link:
    """A verified stream of one peer. Everything here runs on asyncio.

    `cause` says why it ended, once `run` has returned or raised.
    """

    def __init__(
        self,
        peer: NodeId,
        number: int,
        wire: Wire,
        publish: Publish,
        limits: FrameLimits = ALL_ADMITTED,
    ) -> None:
        self.peer = peer
        self.number = number
        self.cause = LinkCause.LOST  # also where gRPC cancels `run` because the stream is gone
        self._wire = wire
        self._publish = publish
        self._limits = limits
        self._unread = asyncio.Semaphore(READ_AHEAD_FRAMES)
        self._stopped: asyncio.Future[LinkCause] = asyncio.get_running_loop().create_future()
        self._work = asyncio.Event()
        self._envelopes: deque[tuple[int, bytes]] = deque()
        self._gossip: deque[bytes] = deque()
        self._ack = 0
        self._ack_due = False
        self._goodbye: LinkCause | None = None

    def consumed(self) -> None:
        """The node has taken one event: one more frame may be read."""
        self._unread.release()

    def stop(self, cause: LinkCause) -> None:
        """Ends the link; the first cause stays."""
        if not self._stopped.done():
            self._stopped.set_result(cause)

    def orphaned(self) -> None:
        """The call is over. Nobody notices where the node is slow and we do not read."""
        asyncio.get_running_loop().call_later(ORPHAN_TIMEOUT_S, self.stop, LinkCause.LOST)

    def send(self, first: int, envelopes: Sequence[bytes], ack: int) -> None:
        """Queues envelopes; what is not yet on its way shares a frame with what came before."""
        assert all(len(envelope) <= MAX_ENVELOPE_BYTES for envelope in envelopes)
        self._envelopes.extend(enumerate(envelopes, first))
        assert len(self._envelopes) <= MAX_WINDOW_ENVELOPES, "the node overran its own window"
        self._ack, self._ack_due = ack, True
        self._work.set()

    def gossip(self, adverts: Sequence[bytes]) -> None:
        """Queues adverts behind the envelopes."""
        self._queue_gossip(adverts)

    def sync(self, data: bytes) -> None:
        """Queues a turn of a comparison behind the adverts."""
        self._queue_gossip([_Turn(data)])

    def _queue_gossip(self, entries: Sequence[bytes]) -> None:
        if len(self._gossip) + len(entries) > MAX_QUEUED_ADVERTS:
            self.stop(LinkCause.NOT_READING)
            return
        self._gossip.extend(entries)
        self._work.set()

    async def run(self) -> None:
        """Until the stream ends or is stopped; says Goodbye where there is still somebody."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not self._stopped.done():
                self.stop(reader.result() if reader.done() else writer.result())
            # Not by cancelling: gRPC takes a cancelled read or write for the end of the call, and
            # a call that ends so takes our last words with it.
            self._goodbye = self._stopped.result()
            self._work.set()
            await asyncio.wait({writer}, timeout=GOODBYE_TIMEOUT_S)
            if writer.done() and await self._wire.done_writing():
                await asyncio.wait({reader}, timeout=GOODBYE_TIMEOUT_S)
        finally:
            if self._stopped.done():
                self.cause = self._stopped.result()
            reader.cancel()
            writer.cancel()
            await asyncio.wait({reader, writer})

    async def _read(self) -> LinkCause:
        while True:
            await self._unread.acquire()
            raw = await self._wire.read()
            if raw is None:
                return LinkCause.LOST
            event = parse_frame(self.peer, self.number, raw, self._limits)
            if isinstance(event, LinkCause):
                return event
            self._publish(event)

    async def _write(self) -> LinkCause:
        while True:
            await self._work.wait()
            self._work.clear()
            while (frame := self._next_frame()) is not None:
                if not await self._wire.write(frame.SerializeToString()):
                    return LinkCause.LOST
            if self._goodbye is not None:
                frame = node_pb2.Frame(goodbye=node_pb2.Goodbye(cause=self._goodbye))
                await self._wire.write(frame.SerializeToString())
                return self._goodbye

    def _next_frame(self) -> node_pb2.Frame | None:
        if self._goodbye is not None:
            return None
        if self._envelopes or self._ack_due:
            return self._next_batch()
        return self._next_gossip() if self._gossip else None

    def _next_gossip(self) -> node_pb2.Frame:
        """Adverts up to the next turn of a comparison, which goes along with them."""
        gossip = node_pb2.Gossip()
        room = MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES - _cost(self._gossip[0])
        while room >= 0 and len(gossip.adverts) < MAX_FRAME_ENVELOPES:
            data = self._gossip.popleft()
            if isinstance(data, _Turn):
                gossip.sync = data
                break
            gossip.adverts.append(data)
            if not self._gossip:
                break
            room -= _cost(self._gossip[0])
        return node_pb2.Frame(gossip=gossip)

    def _next_batch(self) -> node_pb2.Frame:
        batch = node_pb2.Batch(ack=self._ack)
        self._ack_due = False
        room = MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES
        while self._envelopes and len(batch.envelopes) < MAX_FRAME_ENVELOPES:
            number, envelope = self._envelopes[0]
            room -= _cost(envelope)
            contiguous = number == batch.first + len(batch.envelopes)
            if batch.envelopes and (room < 0 or not contiguous):
                break
            if not batch.envelopes:
                batch.first = number
            batch.envelopes.append(envelope)
            self._envelopes.popleft()
        return node_pb2.Frame(batch=batch)


class _Turn(bytes):
    """What is queued among the adverts and is none."""


def _cost(envelope: bytes) -> int:
    return len(envelope) + ENVELOPE_OVERHEAD_BYTES


def parse_frame(
    peer: NodeId, link: int, raw: bytes, limits: FrameLimits
) -> BatchArrived | GossipArrived | LinkCause:
    """What a frame says, or the cause to end the link for."""
    if len(raw) > limits.frame_bytes:
        return LinkCause.FRAME_TOO_BIG
    try:
        frame = node_pb2.Frame.FromString(raw)
    except DecodeError:
        return LinkCause.MALFORMED
    match frame.WhichOneof("kind"):
        case "batch":
            content = tuple(frame.batch.envelopes)
            first, ack = frame.batch.first, frame.batch.ack
            event: BatchArrived | GossipArrived = BatchArrived(peer, link, first, content, ack)
        case "gossip":
            content = tuple(frame.gossip.adverts)
            event = GossipArrived(peer, link, content, frame.gossip.sync)
            if len(frame.gossip.sync) > MAX_SYNC_BYTES:
                return LinkCause.FRAME_TOO_BIG
        case "goodbye":
            log.info("peer %s says goodbye, cause %d", peer.hex(), frame.goodbye.cause)
            return LinkCause.CLOSED_BY_PEER
        case _:  # a second Hello, or a kind that we do not know
            return LinkCause.MALFORMED
    if len(content) > MAX_FRAME_ENVELOPES:
        return LinkCause.TOO_MANY_ENVELOPES
    if any(len(envelope) > limits.envelope_bytes for envelope in content):
        return LinkCause.FRAME_TOO_BIG
    return event
