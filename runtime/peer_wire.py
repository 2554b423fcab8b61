"""What gRPC is told about peer streams, and either end of one as a Wire."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from runtime.hello import HELLO_TIMEOUT_S
from runtime.transport import MAX_FRAME_BYTES

log = logging.getLogger(__name__)

STREAM_METHOD = "/pledgeway.v1.Peer/Stream"
LINGER_S = 0.2  # a refused dialler gets the reason; it must not keep the stream

OPTIONS: tuple[tuple[str, int | str], ...] = (
    # Above our own limit, so that a frame beyond it is seen, named and dropped by us.
    ("grpc.max_receive_message_length", MAX_FRAME_BYTES + (1 << 16)),
    ("grpc.http2.bdp_probe", 0),  # else a sender runs 6 MiB ahead of a peer that does not read
    # A dead peer is noticed within 10 s.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),  # the one that counts: left alone it waits a minute
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
)
SERVER_OPTIONS: tuple[tuple[str, int | str], ...] = (
    *OPTIONS,
    ("grpc.so_reuseport", 0),  # a second daemon on our port must fail, not take half the peers
    ("grpc.http2.min_ping_interval_without_data_ms", 4_000),  # else our pings count as abuse
    ("grpc.server_handshake_timeout_ms", int(HELLO_TIMEOUT_S * 1000)),
    ("grpc.max_concurrent_streams", 4),  # per connection: one is used, one may replace it
)
CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    *OPTIONS,
    ("grpc.use_local_subchannel_pool", 1),  # each dial its own connection and no back-off but ours
    ("grpc.enable_retries", 0),
)


class CallWire:
    """The two ends look alike: grpc.aio's client call and its servicer context."""

    def __init__(self, call: Any, dialled: bool) -> None:
        self._call = call
        self.dialled = dialled

    async def read(self) -> bytes | None:
        try:
            raw = await self._call.read()
        except (grpc.aio.AioRpcError, grpc.aio.BaseError) as error:
            log.debug("stream ended: %s", error)
            return None
        if raw is grpc.aio.EOF:
            return None
        assert isinstance(raw, bytes)
        return raw

    async def write(self, raw: bytes) -> bool:
        try:
            await self._call.write(raw)
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            log.debug("stream ended: %s", error)
            return False
        return True

    async def done_writing(self) -> bool:
        if not self.dialled:
            return False  # the end of our handler says it
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            log.debug("stream ended: %s", error)
            return False
        return True

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls back once the call is over, whether somebody reads or not."""
        self._call.add_done_callback(lambda _: callback())


class OneMethod(grpc.GenericRpcHandler):
    """Knows the stream of peers and nothing else."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._handler if details.method == STREAM_METHOD else None


async def linger(call: Any) -> None:
    """Lets the other end read our last words before a cancel overtakes them."""
    try:
        async with asyncio.timeout(LINGER_S):
            await call.done_writing()
            await call.code()
    except (TimeoutError, grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        log.debug("a stream did not end by itself")


async def connected(channel: Any) -> bool:
    """Whether TCP and TLS come to stand within HELLO_TIMEOUT_S; one failure is enough."""
    waiting = (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING)
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            state = channel.get_state(try_to_connect=True)
            while state in waiting:
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        return False
    return bool(state is grpc.ChannelConnectivity.READY)
