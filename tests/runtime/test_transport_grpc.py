"""Neighbours' streams on real loopback under mutual TLS: links, frames, ends, back-pressure."""

import pytest
import trio

from proto.limits import MAX_ENVELOPE_BYTES
from runtime.bridge import Bridge
from runtime.handover import DaemonCrash
from runtime.peer_wire import CHANNEL_OPTIONS
from runtime.transport import (
    MAX_FRAME_ENVELOPES,
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    GossipArrived,
    GossipWish,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    Taken,
)
from tests.patience import PATIENCE_S
from tests.runtime.neighbours import (
    Someone,
    hello,
    speak_loosely,
    two,
)

pytestmark = pytest.mark.edge


async def test_neighbours_meet_and_tell_their_positions() -> None:
    async with two(linked=False) as (_, server, client):
        server.position, client.position = (3, 4), (5, 6)
        client.transport.set_peers({server.node: server.at(server.transport.port)})
        up = await server.next(LinkUp)
        assert (up.peer, up.have, up.sent) == (client.node, 5, 6)
        up = await client.next(LinkUp)
        assert (up.peer, up.have, up.sent) == (server.node, 3, 4)


@pytest.mark.parametrize("quiet", ["server", "client", ""])
async def test_a_neighbour_says_whether_adverts_are_welcome(quiet: str) -> None:
    server, client = Someone(1), Someone(2)

    def wish_of(name: str) -> GossipWish:
        return GossipWish.NOTHING if quiet == name else GossipWish.COMPARED

    async with (
        Bridge.open() as bridge,
        server.running(bridge, gossip=wish_of("server")),
        client.running(bridge, listen=False, gossip=wish_of("client")),
    ):
        server.transport.set_peers({client.node: client.at(None)})
        client.transport.set_peers({server.node: server.at(server.transport.port)})
        assert (await server.next(LinkUp)).gossip is wish_of("client")
        assert (await client.next(LinkUp)).gossip is wish_of("server")


async def test_envelopes_arrive_in_order_in_full_frames_with_the_last_ack() -> None:
    envelopes = [number.to_bytes(2, "big") for number in range(200)]
    async with two() as (_, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        for start in range(0, 200, 40):
            client.transport.send(server.node, link, 1 + start, envelopes[start : start + 40], 7)
        received: list[bytes] = []
        while len(received) < 200:
            batch = await server.next(BatchArrived)
            assert batch.first == len(received) + 1
            assert len(batch.envelopes) <= MAX_FRAME_ENVELOPES
            assert batch.ack == 7
            received += batch.envelopes
        assert received == envelopes


async def test_frames_stay_below_the_limit_however_big_the_envelopes() -> None:
    big = [bytes(MAX_ENVELOPE_BYTES)] * 40
    async with two() as (_, server, client):
        link = (await server.next(LinkUp)).link
        await client.next(LinkUp)
        server.transport.send(client.node, link, 1, big, 0)
        received = 0
        while received < 40:
            received += len((await client.next(BatchArrived)).envelopes)


async def test_gossip_arrives_beside_the_envelopes() -> None:
    adverts = [bytes([number]) for number in range(100)]
    async with two() as (_, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        client.transport.gossip(server.node, link, adverts)
        received: list[bytes] = []
        while len(received) < 100:
            received += (await server.next(GossipArrived)).adverts
        assert received == adverts


async def test_an_ack_travels_alone() -> None:
    async with two() as (_, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        client.transport.send(server.node, link, 0, (), 9)
        batch = await server.next(BatchArrived)
        assert (batch.envelopes, batch.ack) == ((), 9)


async def test_what_names_a_link_that_is_over_is_ignored() -> None:
    async with two() as (_, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        client.transport.send(server.node, link + 1000, 1, [b"stale"], 0)
        client.transport.send(server.node, link, 1, [b"live"], 0)
        assert (await server.next(BatchArrived)).envelopes == (b"live",)


async def test_overrunning_the_window_is_our_bug() -> None:
    too_many = [b""] * (MAX_WINDOW_ENVELOPES + 1)
    with pytest.raises(DaemonCrash):
        async with two() as (_, server, client):
            link = (await client.next(LinkUp)).link
            client.transport.send(server.node, link, 1, too_many, 0)
            await trio.sleep_forever()


async def test_a_dropped_peer_learns_it_and_comes_back() -> None:
    async with two() as (_, server, client):
        await client.next(LinkUp)
        up = await server.next(LinkUp)
        server.transport.drop(client.node, up.link, LinkCause.BAD_SIGNATURE)
        assert (await server.next(LinkDown)) == LinkDown(
            client.node, up.link, LinkCause.BAD_SIGNATURE
        )
        assert (await client.next(LinkDown)).cause is LinkCause.CLOSED_BY_PEER
        assert (await server.next(LinkUp)).link != up.link
        await client.next(LinkUp)


async def test_a_peer_taken_away_loses_its_live_link_and_cannot_return() -> None:
    async with two() as (_, server, client):
        await client.next(LinkUp)
        await server.next(LinkUp)
        server.transport.set_peers({})
        assert (await server.next(LinkDown)).cause is LinkCause.PEER_REMOVED
        await client.next(LinkDown)
        server.transport.set_peers({client.node: client.at(None)})
        await server.next(LinkUp)
        await client.next(LinkUp)


async def test_a_dialled_peer_taken_away_is_told() -> None:
    async with two() as (_, server, client):
        await client.next(LinkUp)
        await server.next(LinkUp)
        client.transport.set_peers({})
        assert (await client.next(LinkDown)).cause is LinkCause.PEER_REMOVED
        assert (await server.next(LinkDown)).cause is LinkCause.CLOSED_BY_PEER


async def test_a_node_that_restarts_is_met_again() -> None:
    server, client = Someone(1), Someone(2)
    async with Bridge.open() as bridge, server.running(bridge):
        server.transport.set_peers({client.node: client.at(None)})
        for _ in range(3):
            async with client.running(bridge, listen=False):
                client.transport.set_peers({server.node: server.at(server.transport.port)})
                await client.next(LinkUp)
                await server.next(LinkUp)
            assert (await server.next(LinkDown)).cause is LinkCause.CLOSED_BY_PEER


@pytest.mark.parametrize("address", ["known to the other", None])
async def test_two_that_can_both_dial_have_one_link_that_stays(address: str | None) -> None:
    """With addresses the smaller id dials; without, both do, and keep the same stream."""
    one, other = Someone(1), Someone(2)
    async with (
        Bridge.open() as bridge,
        one.running(bridge, address=address),
        other.running(bridge, address=address),
    ):
        one.transport.set_peers({other.node: other.at(other.transport.port)})
        other.transport.set_peers({one.node: one.at(one.transport.port)})
        up = await one.next(LinkUp)
        await other.next(LinkUp)
        for number in range(1, 20):
            one.transport.send(other.node, up.link, number, [b"hello"], 0)
            assert (await other.next(BatchArrived)).envelopes == (b"hello",)


class Proxy:
    """Passes bytes on between a dialler and `port`, until it falls silent without closing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._silent = trio.CancelScope()

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            task_status.started(listener.socket.getsockname()[1])
            near = await listener.accept()
            async with near, await trio.open_tcp_stream("127.0.0.1", self._port) as far:
                with self._silent:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._pass_on, near, far)
                        nursery.start_soon(self._pass_on, far, near)
                await trio.sleep_forever()

    def fall_silent(self) -> None:
        self._silent.cancel()

    async def _pass_on(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        while chunk := await source.receive_some():
            await sink.send_all(chunk)


async def test_a_peer_that_is_dead_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patience = ("keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms")
    hurried = [
        (name, value // 20 if isinstance(value, int) and name.endswith(patience) else value)
        for name, value in CHANNEL_OPTIONS
    ]
    monkeypatch.setattr("runtime.peer_streams.CHANNEL_OPTIONS", hurried)
    async with two(linked=False) as (_, server, client), trio.open_nursery() as nursery:
        assert server.transport.port is not None
        proxy = Proxy(server.transport.port)
        client.transport.set_peers({server.node: server.at(await nursery.start(proxy.run))})
        await client.next(LinkUp)
        await server.next(LinkUp)
        proxy.fall_silent()
        assert (await client.next(LinkDown)).cause is LinkCause.LOST
        nursery.cancel_scope.cancel()


async def test_a_second_stream_of_a_peer_replaces_the_first() -> None:
    async with two() as (bridge, server, client):
        await client.next(LinkUp)
        first = await server.next(LinkUp)
        greeting = hello(client, server).SerializeToString()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak_loosely, bridge, server, client.tls, greeting)
            down = await server.next(LinkDown)
            assert (down.link, down.cause) == (first.link, LinkCause.REPLACED)
            assert (await server.next(LinkUp)).link > first.link
            nursery.cancel_scope.cancel()


async def test_a_node_that_does_not_take_its_events_stops_the_sender() -> None:
    """What is on its way is bounded by the read-ahead and the wire, not by the sender's will."""
    envelope = bytes(MAX_ENVELOPE_BYTES)
    async with two() as (bridge, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        queued = [0]

        def count() -> None:
            live = client.transport._streams._live(server.node, link)
            queued[0] = len(live._envelopes) if live is not None else -1

        client.transport.send(server.node, link, 1, [envelope] * MAX_WINDOW_ENVELOPES, 0)
        before = -1
        while queued[0] != before or before == MAX_WINDOW_ENVELOPES:
            before = queued[0]
            for _ in range(50):  # round trips between the threads: time enough to write on
                await bridge.call(no_op)
            bridge.to_asyncio.put(count)
            await bridge.call(no_op)
        assert queued[0] > MAX_WINDOW_ENVELOPES // 2
        received = 0
        while received < MAX_WINDOW_ENVELOPES:
            received += len((await server.next(BatchArrived)).envelopes)


async def no_op() -> None:
    return None


async def test_a_peer_that_reads_no_gossip_loses_its_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.link.MAX_QUEUED_ADVERTS", 100)
    async with two() as (_, server, client):
        link = (await client.next(LinkUp)).link
        await server.next(LinkUp)
        client.transport.gossip(server.node, link, [b""] * 101)
        assert (await client.next(LinkDown)).cause is LinkCause.NOT_READING


async def test_a_sink_gets_what_has_come_and_what_comes() -> None:
    heard: list[LinkEvent] = []
    send_news, news = trio.open_memory_channel[None](16)

    def sink(event: LinkEvent, taken: Taken) -> None:
        taken()
        heard.append(event)
        send_news.send_nowait(None)

    async with two(linked=False) as (_, server, client):
        client.transport.set_peers({server.node: server.at(server.transport.port)})
        link = (await client.next(LinkUp)).link
        client.transport.send(server.node, link, 1, (b"first",), 0)
        server.transport.hand_to(sink)
        with trio.fail_after(PATIENCE_S):
            await news.receive()
            await news.receive()
            client.transport.send(server.node, link, 2, (b"second",), 0)
            await news.receive()
        assert [type(event) for event in heard] == [LinkUp, BatchArrived, BatchArrived]
        assert [e.envelopes for e in heard if isinstance(e, BatchArrived)] == [
            (b"first",),
            (b"second",),
        ]
