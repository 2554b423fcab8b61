"""Services over real sockets: answers, refusals, bugs, streams, cancellation, limits, TLS."""

import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest
import trio

from proto.v1 import node_pb2, types_pb2
from runtime.bridge import Bridge
from runtime.rpc import (
    MAX_MESSAGE_BYTES,
    CallContext,
    Duplex,
    Receive,
    RpcRefused,
    Send,
    ServerStream,
    Service,
    Unary,
)
from runtime.rpc_client import RpcChannel, RpcDeadline, RpcFailed, RpcUnavailable
from runtime.rpc_server import BindFailed, RpcServer
from runtime.tls import TlsIdentity, make_tls_identity, server_credentials
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.edge

Batch = node_pb2.Batch
Goodbye = node_pb2.Goodbye
HOUR_US = 3_600_000_000


class Echo:
    """A service whose every method does one thing worth testing."""

    def __init__(self) -> None:
        self.sent = 0
        self.started = trio.Event()
        self.cancelled = trio.Event()
        self.leave = trio.Event()
        self.contexts: list[CallContext] = []

    def service(self) -> Service:
        return Service(
            "pledgeway.test.Echo",
            {
                "Echo": Unary(Batch, Batch, self.echo),
                "Brand": Unary(types_pb2.Brand, types_pb2.Brand, self.brand),
                "Refuse": Unary(Batch, Batch, self.refuse),
                "Bug": Unary(Batch, Batch, self.bug),
                "Hang": Unary(Batch, Batch, self.hang),
                "Count": ServerStream(Batch, Batch, self.count),
                "GiveUp": ServerStream(Batch, Batch, self.give_up),
                "Sum": Duplex(Goodbye, Goodbye, self.sum),
            },
        )

    async def echo(self, request: Batch, context: CallContext) -> Batch:
        self.contexts.append(context)
        return request

    async def brand(self, request: types_pb2.Brand, context: CallContext) -> types_pb2.Brand:
        return request

    async def refuse(self, request: Batch, context: CallContext) -> Batch:
        raise RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")

    async def bug(self, request: Batch, context: CallContext) -> Batch:
        raise ZeroDivisionError

    async def hang(self, request: Batch, context: CallContext) -> Batch:
        self.started.set()
        try:
            await trio.sleep_forever()
        finally:
            self.cancelled.set()
        raise AssertionError

    async def count(self, request: Batch, context: CallContext, send: Send[Batch]) -> None:
        for number in range(request.first):
            await send(Batch(first=number, envelopes=request.envelopes))
            self.sent += 1
        if request.ack:
            self.started.set()
            try:
                await trio.sleep_forever()
            finally:
                self.cancelled.set()

    async def give_up(self, request: Batch, context: CallContext, send: Send[Batch]) -> None:
        """Counts, and leaves while a write is under way once `leave` is set."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.count, request, context, send)
            await self.leave.wait()
            nursery.cancel_scope.cancel()

    async def sum(
        self, receive: Receive[Goodbye], send: Send[Goodbye], context: CallContext
    ) -> None:
        total = 0
        while (message := await receive()) is not None:
            total += message.cause
            await send(Goodbye(cause=total))


@asynccontextmanager
async def serving(
    socket: Path | None = None, tls: TlsIdentity | None = None
) -> AsyncIterator[tuple[Echo, RpcChannel, RpcServer]]:
    echo = Echo()
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [echo.service()])
        if socket is not None:
            await server.bind_unix(socket)
            channel = RpcChannel.to_unix(bridge, socket)
        else:
            credentials = None if tls is None else server_credentials(tls)
            port = await server.bind_tcp("127.0.0.1:0", credentials)
            address = f"127.0.0.1:{port}"
            if tls is None:
                channel = RpcChannel(bridge, address)
            else:
                channel = RpcChannel.to_pinned(bridge, address, tls.certificate_der)
        await server.start()
        try:
            async with channel:
                yield echo, channel, server
        finally:
            await server.stop(0.1)


def path(method: str) -> str:
    return f"/pledgeway.test.Echo/{method}"


async def test_a_call_is_answered() -> None:
    request = Batch(first=7, envelopes=[b"a", b"b"])
    async with serving() as (_, channel, _):
        assert await channel.unary(path("Echo"), request, Batch, 5) == request


async def test_a_refusal_travels_with_its_code() -> None:
    async with serving() as (_, channel, _):
        with pytest.raises(RpcFailed) as failed:
            await channel.unary(path("Refuse"), Batch(), Batch, 5)
    assert failed.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_bug_is_logged_and_answered_internal(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (_, channel, _):
        with pytest.raises(RpcFailed) as failed:
            await channel.unary(path("Bug"), Batch(), Batch, 5)
        await channel.unary(path("Echo"), Batch(), Batch, 5)
    assert failed.value.code is grpc.StatusCode.INTERNAL
    logged = [record for record in caplog.records if record.exc_info]
    assert [type(record.exc_info[1]) for record in logged if record.exc_info] == [ZeroDivisionError]


async def test_unknown_methods_and_unreadable_requests_are_refused() -> None:
    async with serving() as (_, channel, _):
        with pytest.raises(RpcFailed) as failed:
            await channel.unary(path("Nothing"), Batch(), Batch, 5)
        assert failed.value.code is grpc.StatusCode.UNIMPLEMENTED
        # The name of a brand is text, and so it is checked; a Signature has bytes there.
        with pytest.raises(RpcFailed) as failed:
            not_text = types_pb2.Signature(signature=b"\xff")
            await channel.unary(path("Brand"), not_text, types_pb2.Brand, 5)
        assert failed.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_message_beyond_the_limit_is_refused() -> None:
    async with serving() as (_, channel, _):
        with pytest.raises(RpcFailed) as failed:
            await channel.unary(path("Echo"), Batch(envelopes=[bytes(MAX_MESSAGE_BYTES)]), Batch, 5)
    assert failed.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_calls_beyond_the_limit_are_refused_and_the_others_answered() -> None:
    echo = Echo()
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [echo.service()], max_concurrent=1)
        port = await server.bind_tcp("127.0.0.1:0", None)
        await server.start()
        channel = RpcChannel(bridge, f"127.0.0.1:{port}")
        async with channel, trio.open_nursery() as callers:
            callers.start_soon(channel.unary, path("Hang"), Batch(), Batch, 60)
            await echo.started.wait()
            with pytest.raises(RpcFailed) as failed:
                await channel.unary(path("Echo"), Batch(), Batch, 5)
            assert failed.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            callers.cancel_scope.cancel()
        await server.stop(0.1)


async def test_a_deadline_ends_the_call_at_both_ends() -> None:
    async with serving() as (echo, channel, _):
        with pytest.raises(RpcDeadline):
            await channel.unary(path("Hang"), Batch(), Batch, 0.1)
        with trio.fail_after(PATIENCE_S):
            await echo.cancelled.wait()


async def test_a_cancelled_caller_cancels_the_handler() -> None:
    async with serving() as (echo, channel, _):
        async with trio.open_nursery() as callers:
            callers.start_soon(channel.unary, path("Hang"), Batch(), Batch, 60)
            await echo.started.wait()
            callers.cancel_scope.cancel()
        with trio.fail_after(PATIENCE_S):
            await echo.cancelled.wait()


async def test_stop_ends_a_handler_that_hangs_and_its_caller_learns_it() -> None:
    outcomes: list[str] = []

    async def caller(channel: RpcChannel) -> None:
        try:
            await channel.unary(path("Hang"), Batch(), Batch, 60)
        except RpcUnavailable:
            outcomes.append("unavailable")

    async with serving() as (echo, channel, server), trio.open_nursery() as callers:
        callers.start_soon(caller, channel)
        await echo.started.wait()
        before = time.monotonic()
        await server.stop(0.1)
        assert time.monotonic() - before < 2
    assert outcomes == ["unavailable"]
    assert echo.cancelled.is_set()


async def test_nobody_there_is_unavailable() -> None:
    async with Bridge.open() as bridge, RpcChannel(bridge, "127.0.0.1:1") as channel:
        with pytest.raises(RpcUnavailable):
            await channel.unary(path("Echo"), Batch(), Batch, 5)


async def test_a_server_stream_arrives_in_order_and_ends() -> None:
    request = Batch(first=100)
    async with (
        serving() as (_, channel, _),
        channel.stream(path("Count"), request, Batch) as stream,
    ):
        assert [message.first async for message in stream] == list(range(100))


async def test_leaving_a_stream_cancels_its_handler() -> None:
    async with serving() as (echo, channel, _):
        async with channel.stream(path("Count"), Batch(first=1, ack=1), Batch) as stream:
            assert await stream.receive() is not None
            await echo.started.wait()
        with trio.fail_after(PATIENCE_S):
            await echo.cancelled.wait()


MANY = Batch(first=1_000_000, envelopes=[bytes(4096)])


async def stopped(echo: Echo, channel: RpcChannel) -> bool:
    """Whether the sender of a stream is stopped by a caller that reads none of it."""
    for _ in range(100):
        before = echo.sent
        for _ in range(20):  # time enough for a sender that nothing stops
            await channel.unary(path("Echo"), Batch(), Batch, 5)
        if echo.sent == before:
            return True
    return False


async def test_a_caller_that_does_not_read_stops_the_sender() -> None:
    async with (
        serving() as (echo, channel, _),
        channel.stream(path("Count"), MANY, Batch) as stream,
    ):
        assert await stream.receive() is not None
        assert await stopped(echo, channel), f"{echo.sent} messages sent"


async def test_a_handler_that_leaves_in_the_middle_of_its_first_write_ends_its_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first write carries what begins the answer; grpc begins it once more where it was given
    up, and fails by that."""
    one = Batch(first=1, envelopes=[bytes(900_000)])  # beyond any window
    async with (
        serving() as (echo, channel, _),
        channel.stream(path("GiveUp"), one, Batch) as stream,
    ):
        for _ in range(20):  # time enough for the write to begin
            await channel.unary(path("Echo"), Batch(), Batch, 5)
        assert echo.sent == 0
        echo.leave.set()
        with trio.fail_after(PATIENCE_S):
            assert await stream.receive() is not None
            assert await stream.receive() is None
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_duplex_stream_answers_each_message() -> None:
    async with serving() as (_, channel, _), channel.duplex(path("Sum"), Goodbye) as stream:
        for number, total in ((1, 1), (2, 3), (3, 6)):
            await stream.send(Goodbye(cause=number))
            answer = await stream.receive()
            assert answer is not None
            assert answer.cause == total
        await stream.done_sending()
        assert await stream.receive() is None


async def test_server_tls_admits_those_who_pinned_it_and_nobody_else_is_believed() -> None:
    now_us = time.time_ns() // 1000
    ours, other = (make_tls_identity(now_us - HOUR_US, now_us + HOUR_US) for _ in range(2))
    echo = Echo()
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [echo.service()])
        port = await server.bind_tcp("127.0.0.1:0", server_credentials(ours))
        await server.start()
        connect = partial(RpcChannel.to_pinned, bridge, f"127.0.0.1:{port}")
        async with connect(ours.certificate_der) as channel:
            await channel.unary(path("Echo"), Batch(), Batch, 5)
        async with connect(other.certificate_der) as channel:
            with pytest.raises(RpcUnavailable):
                await channel.unary(path("Echo"), Batch(), Batch, 5)
        await server.stop(0.1)
    assert [context.pin for context in echo.contexts] == [None]


async def test_a_unix_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    socket = tmp_path / "run" / "control.sock"
    async with serving(socket) as (_, channel, _):
        await channel.unary(path("Echo"), Batch(), Batch, 5)
        assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert not socket.exists()


async def test_a_socket_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [])
        with pytest.raises(BindFailed, match="shared"):
            await server.bind_unix(shared / "control.sock")


async def test_a_port_in_use_is_refused() -> None:
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        first = RpcServer(bridge, nursery, [])
        port = await first.bind_tcp("127.0.0.1:0", None)
        second = RpcServer(bridge, nursery, [])
        with pytest.raises(BindFailed):
            await second.bind_tcp(f"127.0.0.1:{port}", None)
        await first.stop(0)
        await second.stop(0)
