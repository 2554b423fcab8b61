"""The gRPC server of a daemon: asyncio receives, trio tasks answer."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import outcome
import trio
from google.protobuf.message import Message

from runtime.bridge import Bridge, BridgeClosed, CallCancelled
from runtime.rpc import (
    MAX_CONCURRENT_RPCS,
    MAX_MESSAGE_BYTES,
    CallContext,
    CallerGone,
    Duplex,
    Gathered,
    Method,
    RpcRefused,
    ServerStream,
    Service,
    Unary,
)
from runtime.rpc_gather import Gatherer
from runtime.rpc_wire import Status, parse, serialise
from runtime.tls import seen_pin

log = logging.getLogger(__name__)

MAX_SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path holds 108 with its final zero

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a second daemon on our port must fail, not take half the calls
    ("grpc.http2.bdp_probe", 0),  # bounds how far a sender runs ahead of a handler
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # clients ping every 8 s
)

Context = Any  # grpc.aio.ServicerContext[bytes, bytes], whose stubs do not know read() and write()


class BindFailed(OSError):
    """The address or the socket path cannot be ours; one line that says which and why."""


class RpcServer:
    """Serves trio handlers, each a task in `nursery`. Stop it before the nursery ends."""

    def __init__(
        self,
        bridge: Bridge,
        nursery: trio.Nursery,
        services: Iterable[Service],
        max_concurrent: int = MAX_CONCURRENT_RPCS,
    ) -> None:
        self._bridge = bridge
        self._max_concurrent = max_concurrent  # streams count as long as they are open
        self._handlers = _Handlers(bridge, nursery, services)
        self._server: Any = None  # grpc.aio.Server, owned by asyncio
        self._socket: Path | None = None

    async def bind_tcp(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Binds "host:port" (port 0: any) and returns the port. None: no TLS, loopback only."""
        return await self._bridge.call(self._bind, address, credentials)

    async def bind_unix(self, path: Path) -> None:
        """Binds a socket that only its owner can reach; makes the directory, mode 0700."""
        target = _private_socket_path(path)
        await self._bridge.call(self._bind_unix, target)
        self._socket = target

    async def start(self) -> None:
        """From now on handlers run."""
        await self._bridge.call(self._start)

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls; those in flight get `grace_s` seconds, then they are cancelled."""
        await self._bridge.call_to_close(self._stop, grace_s)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    async def _make(self) -> Any:
        if self._server is None:
            self._server = grpc.aio.server(
                handlers=(self._handlers,),
                options=SERVER_OPTIONS,
                maximum_concurrent_rpcs=self._max_concurrent,
            )
            self._bridge.at_close(self._stop_now)
        return self._server

    async def _bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        server = await self._make()
        try:
            if credentials is None:
                return int(server.add_insecure_port(address))
            return int(server.add_secure_port(address, credentials))
        except RuntimeError as error:
            raise BindFailed(f"cannot listen on {address}") from error

    async def _bind_unix(self, path: Path) -> None:
        # The mode is set at creation. The umask is the process's: another thread that creates a
        # file just now gets a stricter mode, never a laxer one.
        before = os.umask(0o177)
        try:
            await self._bind(f"unix:{path}", None)
        finally:
            os.umask(before)

    async def _start(self) -> None:
        await (await self._make()).start()

    async def _stop(self, grace_s: float) -> None:
        if self._server is not None:
            await self._server.stop(grace_s)

    async def _stop_now(self) -> None:
        await self._stop(0)


class _Handlers(grpc.GenericRpcHandler):
    """Looks methods up and runs them; bytes in, bytes out, so that parsing errors are ours."""

    def __init__(self, bridge: Bridge, nursery: trio.Nursery, services: Iterable[Service]) -> None:
        self._bridge = bridge
        self._nursery = nursery
        self._methods = {
            f"/{service.name}/{name}": self._wrap(f"{service.name}/{name}", method)
            for service in services
            for name, method in service.methods.items()
        }

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._methods.get(details.method)

    def _wrap(self, name: str, method: Method) -> Any:
        match method:
            case Unary():

                async def unary(raw: bytes, context: Context) -> bytes:
                    work = partial(_run_unary, method, raw, _describe(context))
                    answer: bytes = await self._answer(name, work, context)
                    return answer

                return grpc.unary_unary_rpc_method_handler(unary)
            case Gathered():
                gatherer = Gatherer(self._bridge, self._nursery, name, method)

                async def gathered(raw: bytes, context: Context) -> bytes:
                    answer, status = await gatherer.answer(raw, context.peer())
                    if status is not None:
                        await context.abort(*status)
                    assert answer is not None
                    return answer

                return grpc.unary_unary_rpc_method_handler(gathered)
            case ServerStream():

                async def stream(raw: bytes, context: Context) -> None:
                    wire = _Wire(self._bridge, context, method.request_type)
                    work = partial(_run_stream, method, raw, _describe(context), wire)
                    await self._answer(name, work, context, wire)

                return grpc.unary_stream_rpc_method_handler(stream)
            case Duplex():

                async def duplex(_: object, context: Context) -> None:
                    wire = _Wire(self._bridge, context, method.request_type)
                    work = partial(method.handler, wire.receive, wire.send, _describe(context))
                    await self._answer(name, work, context, wire)

                return grpc.stream_stream_rpc_method_handler(duplex)

    async def _answer(
        self,
        name: str,
        work: Callable[[], Awaitable[Any]],
        context: Context,
        wire: "_Wire | None" = None,
    ) -> Any:
        try:
            answer, status = await self._bridge.call_trio(self._nursery, _judge, name, work)
        except (BridgeClosed, CallCancelled):
            answer, status = None, (grpc.StatusCode.UNAVAILABLE, "shutting down")
        if wire is not None:
            await wire.written()
        if status is not None:
            await context.abort(*status)
        return answer


async def _judge(name: str, work: Callable[[], Awaitable[Any]]) -> tuple[Any, Status | None]:
    """On trio: a refusal is an answer, anything else that a handler raises is our bug."""
    captured = await outcome.acapture(work)
    if isinstance(captured, outcome.Value):
        return captured.value, None
    error = captured.error
    match error:
        case RpcRefused():
            return None, (error.code, error.detail)
        case CallerGone():
            return None, (grpc.StatusCode.CANCELLED, "the caller left")
        case Exception():
            log.error("bug in the handler of %s", name, exc_info=error)
            return None, (grpc.StatusCode.INTERNAL, "internal error")
        case _:
            raise error  # a cancellation keeps unwinding


class _Wire:
    """The two directions of a stream as a trio handler sees them."""

    def __init__(self, bridge: Bridge, context: Context, request_type: type[Message]) -> None:
        self._bridge = bridge
        self._context = context
        self._request_type = request_type
        self._writing: asyncio.Future[None] | None = None

    async def send(self, message: Message | bytes) -> None:
        await self._on_wire(self._write, serialise(message))

    async def _write(self, raw: bytes) -> None:
        """On asyncio. A write that grpc has begun cannot be taken back: who gives it up leaves it
        to end by itself, and the call does not end before it (`written`)."""
        self._writing = asyncio.ensure_future(self._context.write(raw))
        self._writing.add_done_callback(_seen)
        await asyncio.shield(self._writing)

    async def written(self) -> None:
        """On asyncio, before the call's status is sent: the last write has ended, well or not.

        A status beside a write under way is one operation too many for grpc, which then leaves the
        call open and writes a traceback into the log."""
        if self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing})

    async def receive(self) -> Message | None:
        raw = await self._on_wire(self._context.read)
        if raw is grpc.aio.EOF:
            return None
        return parse(self._request_type, raw)

    async def _on_wire(self, work: Callable[..., Awaitable[Any]], *args: bytes) -> Any:
        try:
            return await self._bridge.call(work, *args)
        except (grpc.aio.BaseError, BridgeClosed, CallCancelled) as error:
            raise CallerGone from error


def _seen(writing: "asyncio.Future[None]") -> None:
    """Whoever waited for it was told already, if anybody did."""
    if not writing.cancelled():
        writing.exception()


async def _run_unary(method: Unary[Any, Any], raw: bytes, context: CallContext) -> bytes:
    response = await method.handler(parse(method.request_type, raw), context)
    return serialise(response)


async def _run_stream(
    method: ServerStream[Any, Any], raw: bytes, context: CallContext, wire: _Wire
) -> None:
    await method.handler(parse(method.request_type, raw), context, wire.send)


def _private_socket_path(path: Path) -> Path:
    target = path.absolute()
    if len(os.fsencode(target)) > MAX_SOCKET_PATH_BYTES:
        raise BindFailed(f"the socket path is longer than the system allows: {target}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = target.parent.stat()
    if status.st_mode & 0o077 or status.st_uid != os.geteuid():
        raise BindFailed(f"others may enter the directory of a control socket: {target.parent}")
    return target


def _describe(context: Context) -> CallContext:
    return CallContext(context.peer(), seen_pin(context.auth_context()), context.time_remaining())
