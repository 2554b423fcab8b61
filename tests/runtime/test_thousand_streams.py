"""A neighbour that opens a thousand streams. What is kept: the link that it has, and the room of
all others."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
import grpc.aio
import pytest
import trio

from runtime.bridge import Bridge
from runtime.hello import HelloFault
from runtime.peer_slot import MAX_STREAMS
from runtime.peer_wire import CHANNEL_OPTIONS, STREAM_METHOD
from runtime.tls import peer_channel_credentials, pinned_channel_options
from runtime.transport import BatchArrived, LinkUp
from tests.patience import PATIENCE_S
from tests.runtime.neighbours import Someone

pytestmark = pytest.mark.edge

CONNECTIONS = 25
STREAMS = 40  # of each, of which gRPC lets four be open at a time


async def flood(bridge: Bridge, server: Someone, flooder: Someone) -> None:
    """A thousand streams on which nothing is said, until cancelled."""

    async def on_asyncio() -> None:
        pinned = server.tls.certificate_der
        async with AsyncExitStack() as channels:
            calls: list[Any] = []
            for _ in range(CONNECTIONS):
                channel = grpc.aio.secure_channel(
                    f"127.0.0.1:{server.transport.port}",
                    peer_channel_credentials(flooder.tls, pinned),
                    options=(*CHANNEL_OPTIONS, *pinned_channel_options(pinned)),
                )
                await channels.enter_async_context(channel)
                calls += [channel.stream_stream(STREAM_METHOD)() for _ in range(STREAMS)]
            await asyncio.gather(*map(to_its_end, calls))

    async def to_its_end(call: Any) -> None:
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error

    await bridge.call(on_asyncio)


async def test_a_thousand_streams_leave_the_others_their_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("runtime.peer_streams.HELLO_TIMEOUT_S", 60.0)  # nobody goes by itself
    monkeypatch.setattr("runtime.peer_streams.MAX_PEERS", 3 * MAX_STREAMS)
    server, flooder, other = Someone(1), Someone(2), Someone(3)
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(Bridge.open())
        await stack.enter_async_context(server.running(bridge))
        await stack.enter_async_context(flooder.running(bridge, listen=False))
        await stack.enter_async_context(other.running(bridge, listen=False))
        here = server.at(server.transport.port)
        server.transport.set_peers({one.node: one.at(None) for one in (flooder, other)})
        flooder.transport.set_peers({server.node: here})
        live = (await flooder.next(LinkUp)).link
        await server.next(LinkUp)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, bridge, server, flooder)
            await refused(server, CONNECTIONS * STREAMS // 2)
            other.transport.set_peers({server.node: here})
            link = (await other.next(LinkUp)).link
            assert (await server.next(LinkUp)).peer == other.node
            other.transport.send(server.node, link, 1, [b"heard"], 0)
            assert (await server.next(BatchArrived)).envelopes == (b"heard",)
            flooder.transport.send(server.node, live, 1, [b"heard too"], 0)
            assert (await server.next(BatchArrived)).envelopes == (b"heard too",)
            faults = {(said.peer, said.fault) for said in server.refused}
            assert faults == {(flooder.node, HelloFault.TOO_MANY)}
            nursery.cancel_scope.cancel()
    warned = [r for r in caplog.records if r.name.startswith("runtime")]
    assert len(warned) < 100, "it does not fill our log either"


async def refused(server: Someone, many: int) -> None:
    """Waits until so many streams have been."""
    with trio.fail_after(PATIENCE_S):
        while len(server.refused) < many:
            server.news = trio.Event()
            await server.news.wait()
