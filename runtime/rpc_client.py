"""gRPC clients for trio code: one channel, unary calls and streams, three kinds of failure."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from runtime.bridge import Bridge, BridgeClosed, CallCancelled
from runtime.rpc import MAX_MESSAGE_BYTES
from runtime.tls import pinned_channel_credentials, pinned_channel_options

Response = TypeVar("Response", bound=Message)

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.use_local_subchannel_pool", 1),  # channels share neither connections nor back-off
    # A daemon that restarts is back in a second; gRPC's own maximum would be two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A dead server is noticed within about 12 s even by a stream that only listens.
    ("grpc.keepalive_time_ms", 8_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),  # the one that counts: left alone it waits a minute
    ("grpc.http2.max_pings_without_data", 0),
)


class RpcError(Exception):
    """Base of what a call may raise."""


class RpcUnavailable(RpcError):
    """Not reached, or lost on the way: whether it had an effect is not known."""


class RpcDeadline(RpcError):
    """No answer in time: whether it had an effect is not known."""


class RpcFailed(RpcError):
    """The server answered with a status."""

    def __init__(self, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class RpcStream(Generic[Response]):
    """A stream that is open; made by RpcChannel.stream and RpcChannel.duplex."""

    def __init__(self, bridge: Bridge, call: Any, response_type: type[Response]) -> None:
        self._bridge = bridge
        self._call = call
        self._response_type = response_type

    async def send(self, message: Message) -> None:
        """Waits while the server does not read. RpcError."""
        await _mapped(self._bridge, self._call.write, message.SerializeToString())

    async def done_sending(self) -> None:
        """Tells the server that no more will come; answers still may. RpcError."""
        await _mapped(self._bridge, self._call.done_writing)

    async def receive(self) -> Response | None:
        """The next message; None at the end of a stream that ended well. RpcError."""
        raw = await _mapped(self._bridge, self._read)
        return None if raw is None else _parse(self._response_type, raw)

    async def _read(self) -> bytes | None:
        raw = await self._call.read()
        if raw is not grpc.aio.EOF:
            assert isinstance(raw, bytes)
            return raw
        code = await self._call.code()
        if code is grpc.StatusCode.OK:
            return None
        raise _mapped_status(code, await self._call.details())

    def __aiter__(self) -> "RpcStream[Response]":
        return self

    async def __anext__(self) -> Response:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message


class Caller(Protocol):
    """Whom unary calls can be made to: an RpcChannel, or what stands for one in a simulation."""

    async def unary(
        self, method: str, request: Message, response_type: type[Response], timeout_s: float
    ) -> Response:
        """One call of "/package.Service/Method". RpcError."""
        ...


class RpcChannel:
    """A channel to one server; connects when first used, and again whenever needed."""

    def __init__(
        self,
        bridge: Bridge,
        target: str,
        credentials: grpc.ChannelCredentials | None = None,
        options: tuple[tuple[str, int | str], ...] = (),
    ) -> None:
        self._bridge = bridge
        self._target = target
        self._credentials = credentials
        self._options = (*CHANNEL_OPTIONS, *options)
        self._channel: Any = None  # grpc.aio.Channel, owned by asyncio

    @classmethod
    def to_unix(cls, bridge: Bridge, path: Path) -> "RpcChannel":
        """A daemon of our own, by its control socket."""
        return cls(bridge, f"unix:{path.absolute()}")

    @classmethod
    def to_pinned(cls, bridge: Bridge, address: str, certificate_der: bytes) -> "RpcChannel":
        """The server that holds this certificate, at "host:port". BadCertificate."""
        options = tuple(pinned_channel_options(certificate_der))
        return cls(bridge, address, pinned_channel_credentials(certificate_der), options)

    async def unary(
        self, method: str, request: Message, response_type: type[Response], timeout_s: float
    ) -> Response:
        """One call of "/package.Service/Method". RpcError."""
        raw = await _mapped(
            self._bridge, self._unary, method, request.SerializeToString(), timeout_s
        )
        return _parse(response_type, raw)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        request: Message,
        response_type: type[Response],
        timeout_s: float | None = None,
    ) -> AsyncIterator[RpcStream[Response]]:
        """A server-streaming call, cancelled when the block ends. RpcError while receiving."""
        raw = request.SerializeToString()
        call = await _mapped(self._bridge, self._open_stream, method, raw, timeout_s)
        try:
            yield RpcStream(self._bridge, call, response_type)
        finally:
            self._bridge.to_asyncio.put(call.cancel)

    @asynccontextmanager
    async def duplex(
        self, method: str, response_type: type[Response], timeout_s: float | None = None
    ) -> AsyncIterator[RpcStream[Response]]:
        """A call that streams both ways, cancelled when the block ends."""
        call = await _mapped(self._bridge, self._open_duplex, method, timeout_s)
        try:
            yield RpcStream(self._bridge, call, response_type)
        finally:
            self._bridge.to_asyncio.put(call.cancel)

    async def close(self) -> None:
        """Ends the connection and with it every call; a later call would connect again."""
        await self._bridge.call_to_close(self._close)

    async def __aenter__(self) -> "RpcChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _connected(self) -> Any:
        if self._channel is None:
            if self._credentials is None:
                self._channel = grpc.aio.insecure_channel(self._target, options=self._options)
            else:
                self._channel = grpc.aio.secure_channel(
                    self._target, self._credentials, options=self._options
                )
            self._bridge.at_close(self._close)
        return self._channel

    async def _unary(self, method: str, raw: bytes, timeout_s: float) -> bytes:
        answer: bytes = await self._connected().unary_unary(method)(raw, timeout=timeout_s)
        return answer

    async def _open_stream(self, method: str, raw: bytes, timeout_s: float | None) -> Any:
        return self._connected().unary_stream(method)(raw, timeout=timeout_s)

    async def _open_duplex(self, method: str, timeout_s: float | None) -> Any:
        return self._connected().stream_stream(method)(timeout=timeout_s)

    async def _close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            self._bridge.forget_closer(self._close)
            await channel.close()


async def _mapped(bridge: Bridge, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    try:
        return await bridge.call(work, *args)
    except grpc.aio.AioRpcError as error:
        raise _mapped_status(error.code(), error.details() or "") from error
    except (BridgeClosed, CallCancelled, grpc.aio.BaseError) as error:
        raise RpcUnavailable(str(error)) from error


def _mapped_status(code: grpc.StatusCode, detail: str) -> RpcError:
    match code:
        # CANCELLED as well: gRPC says it of calls it lost, and our own cancel never comes here.
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return RpcUnavailable(detail)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return RpcDeadline(detail)
        case _:
            return RpcFailed(code, detail)


def _parse(response_type: type[Response], raw: bytes) -> Response:
    try:
        return response_type.FromString(raw)
    except DecodeError as error:
        raise RpcFailed(grpc.StatusCode.DATA_LOSS, "the answer is no such message") from error
