"""Neighbours' streams on real loopback under mutual TLS: the right peer, and every wrong one."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import grpc
import grpc.aio
import pytest
import trio

from proto.keys import NodeId, SigningKey
from proto.limits import MAX_ENVELOPE_BYTES
from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.clock import FakeClock
from runtime.handover import DaemonCrash
from runtime.hello import HelloFault, Party, make_hello
from runtime.peer_wire import CHANNEL_OPTIONS, STREAM_METHOD
from runtime.tls import (
    BadCertificate,
    TlsIdentity,
    make_tls_identity,
    peer_channel_credentials,
    pinned_channel_options,
)
from runtime.transport import (
    MAX_FRAME_BYTES,
    MAX_FRAME_ENVELOPES,
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    GossipArrived,
    LinkCause,
    LinkDown,
    LinkUp,
    PeerEndpoint,
)
from runtime.transport_grpc import GrpcTransport, StreamRefused, TransportConfig

pytestmark = pytest.mark.edge

HOUR_US = 3_600_000_000
NOW_US = time.time_ns() // 1000
CLOCK = FakeClock(NOW_US)

Event = TypeVar("Event", LinkUp, LinkDown, BatchArrived, GossipArrived)


class Someone:
    """A node's keys, and its transport once it runs."""

    def __init__(self, number: int) -> None:
        self.key = SigningKey(bytes([number]) * 32)
        self.node: NodeId = self.key.node_id
        self.tls = make_tls_identity(NOW_US - HOUR_US, NOW_US + HOUR_US)
        self.party = Party(self.node, self.tls.spki_sha256)
        self.position = (0, 0)
        self.refused: list[StreamRefused] = []
        self.news = trio.Event()
        self.transport: GrpcTransport

    def at(self, port: int | None) -> PeerEndpoint:
        address = None if port is None else f"127.0.0.1:{port}"
        return PeerEndpoint(self.tls.certificate_der, address)

    def note_refusal(self, refused: StreamRefused) -> None:
        self.refused.append(refused)
        self.news.set()

    async def wait_refusal(self) -> StreamRefused:
        with trio.fail_after(8):
            await self.news.wait()
        return self.refused[0]

    async def next(self, kind: type[Event]) -> Event:
        with trio.fail_after(8):
            event = await self.transport.receive()
        assert isinstance(event, kind), event
        return event

    @asynccontextmanager
    async def running(
        self, bridge: Bridge, listen: bool = True, address: str | None = None
    ) -> AsyncIterator["Someone"]:
        config = TransportConfig(self.key, self.tls, "127.0.0.1:0" if listen else None, address)
        async with GrpcTransport.open(
            bridge, config, CLOCK, lambda _: self.position, random.Random(1), self.note_refusal
        ) as self.transport:
            yield self


@asynccontextmanager
async def two(linked: bool = True) -> AsyncIterator[tuple[Bridge, Someone, Someone]]:
    """`server` listens; `client` only dials, if it is told to."""
    server, client = Someone(1), Someone(2)
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(Bridge.open())
        await stack.enter_async_context(server.running(bridge))
        await stack.enter_async_context(client.running(bridge, listen=False))
        server.transport.set_peers({client.node: client.at(None)})
        if linked:
            client.transport.set_peers({server.node: server.at(server.transport.port)})
        yield bridge, server, client


async def test_neighbours_meet_and_tell_their_positions() -> None:
    async with two(linked=False) as (_, server, client):
        server.position, client.position = (3, 4), (5, 6)
        client.transport.set_peers({server.node: server.at(server.transport.port)})
        up = await server.next(LinkUp)
        assert (up.peer, up.have, up.sent) == (client.node, 5, 6)
        up = await client.next(LinkUp)
        assert (up.peer, up.have, up.sent) == (server.node, 3, 4)


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


# Strangers and liars: a raw client that says whatever the test wants.


async def speak(
    bridge: Bridge, server: Someone, tls: TlsIdentity, *frames: bytes
) -> list[node_pb2.Frame]:
    """Opens a stream to `server`, sends frames, and returns what comes until it ends."""

    async def on_asyncio() -> list[node_pb2.Frame]:
        pinned = server.tls.certificate_der
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{server.transport.port}",
            peer_channel_credentials(tls, pinned),
            options=(*CHANNEL_OPTIONS, *pinned_channel_options(pinned)),
        ) as channel:
            call: Any = channel.stream_stream(STREAM_METHOD)()
            replies: list[node_pb2.Frame] = []
            try:
                for frame in frames:
                    await call.write(frame)
                while (raw := await call.read()) is not grpc.aio.EOF:
                    replies.append(node_pb2.Frame.FromString(raw))
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error
            return replies

    with trio.fail_after(8):
        return await bridge.call(on_asyncio)


def hello(speaker: Someone, listener: Someone, **changes: Any) -> node_pb2.Frame:
    frame = make_hello(speaker.key, speaker.party, listener.party, NOW_US, 0, 0)
    if changes:
        binding = node_pb2.Binding.FromString(frame.hello.binding)
        for name, value in changes.items():
            setattr(binding, name, value)
        frame.hello.binding = binding.SerializeToString()
        signed = speaker.key.sign("pledgeway/hello/v1", frame.hello.binding)
        frame.hello.signature.signature = signed
    return frame


async def test_a_stranger_does_not_pass_the_handshake() -> None:
    stranger = Someone(9)
    async with two(linked=False) as (bridge, server, _):
        greeting = hello(stranger, server).SerializeToString()
        assert await speak(bridge, server, stranger.tls, greeting) == []
        assert server.refused == []


async def test_a_certificate_issued_with_a_peers_key_does_not_pass_either() -> None:
    async with two(linked=False) as (bridge, server, client):
        issued = issue(client.tls)
        greeting = hello(client, server).SerializeToString()
        assert await speak(bridge, server, issued, greeting) == []
        assert server.refused == []


async def test_a_certificate_that_may_issue_others_is_not_taken_as_a_pin() -> None:
    async with two(linked=False) as (_, server, client):
        loose = PeerEndpoint(issue(client.tls).certificate_der, None)
        with pytest.raises(BadCertificate):
            server.transport.set_peers({client.node: loose})
        with pytest.raises(BadCertificate):
            server.transport.set_peers({client.node: PeerEndpoint(b"junk", None)})


async def refusal_of(first: Callable[[Someone, Someone], node_pb2.Frame]) -> HelloFault:
    async with two(linked=False) as (bridge, server, client):
        frame = first(client, server)
        replies = await speak(bridge, server, client.tls, frame.SerializeToString())
        refused = await server.wait_refusal()
        assert refused.peer == client.node
        assert [reply.goodbye.cause for reply in replies] == [refused.fault]
        return refused.fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"node": bytes(32)}, HelloFault.WRONG_NODE),
        ({"peer": bytes(32)}, HelloFault.NOT_FOR_US),
        ({"spki_sha256": bytes(32)}, HelloFault.WRONG_KEYS),
        ({"peer_spki_sha256": bytes(32)}, HelloFault.WRONG_KEYS),
        ({"not_after_us": NOW_US - 1}, HelloFault.EXPIRED),
        ({"protocol_version": "99"}, HelloFault.WRONG_VERSION),
    ],
)
async def test_a_hello_that_lies_is_refused(changes: dict[str, Any], fault: HelloFault) -> None:
    assert await refusal_of(lambda us, them: hello(us, them, **changes)) is fault


async def test_a_hello_signed_with_another_identity_is_refused() -> None:
    def forged(us: Someone, them: Someone) -> node_pb2.Frame:
        frame = hello(us, them)
        signature = Someone(9).key.sign("pledgeway/hello/v1", frame.hello.binding)
        frame.hello.signature.signature = signature
        return frame

    assert await refusal_of(forged) is HelloFault.BAD_SIGNATURE


async def test_a_peer_cannot_replay_the_hello_of_another() -> None:
    """A Hello that a third node once sent to the server, on a stream of the client's."""

    def replayed(_: Someone, server: Someone) -> node_pb2.Frame:
        return hello(Someone(3), server)

    assert await refusal_of(replayed) is HelloFault.WRONG_NODE


async def test_a_hello_of_an_earlier_tls_key_is_worth_nothing() -> None:
    def earlier(client: Someone, server: Someone) -> node_pb2.Frame:
        old = Someone(2)
        assert old.node == client.node
        return hello(old, server)

    assert await refusal_of(earlier) is HelloFault.WRONG_KEYS


async def test_whoever_does_not_begin_with_a_hello_is_refused() -> None:
    frame = node_pb2.Frame(batch=node_pb2.Batch(first=1))
    assert await refusal_of(lambda us, them: frame) is HelloFault.NO_HELLO


async def test_whoever_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.peer_streams.HELLO_TIMEOUT_S", 0.05)
    async with two(linked=False) as (bridge, server, client), trio.open_nursery() as nursery:
        nursery.start_soon(speak_loosely, bridge, server, client.tls)
        assert (await server.wait_refusal()).fault is HelloFault.NO_HELLO
        nursery.cancel_scope.cancel()


async def test_a_liar_does_not_end_the_link_there_is() -> None:
    """With a peer's TLS key, but without its identity key."""
    async with two() as (bridge, server, client):
        live = (await client.next(LinkUp)).link
        link = (await server.next(LinkUp)).link
        lie = hello(client, server, peer=bytes(32)).SerializeToString()
        await speak(bridge, server, client.tls, lie)
        assert (await server.wait_refusal()).fault is HelloFault.NOT_FOR_US
        client.transport.send(server.node, live, 1, [b"still here"], 0)
        assert (await server.next(BatchArrived)).link == link


# A peer that says a good Hello and then breaks the rules.


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        pytest.param(bytes(MAX_FRAME_BYTES + 1), LinkCause.FRAME_TOO_BIG, id="frame"),
        pytest.param(
            node_pb2.Frame(
                batch=node_pb2.Batch(envelopes=[bytes(MAX_ENVELOPE_BYTES + 1)])
            ).SerializeToString(),
            LinkCause.FRAME_TOO_BIG,
            id="envelope",
        ),
        pytest.param(
            node_pb2.Frame(
                batch=node_pb2.Batch(envelopes=[b""] * (MAX_FRAME_ENVELOPES + 1))
            ).SerializeToString(),
            LinkCause.TOO_MANY_ENVELOPES,
            id="count",
        ),
        pytest.param(b"\xff\xff\xff", LinkCause.MALFORMED, id="junk"),
        pytest.param(b"", LinkCause.MALFORMED, id="empty"),
        pytest.param(bytes(2 * MAX_FRAME_BYTES), LinkCause.LOST, id="beyond gRPC's limit"),
    ],
)
async def test_a_frame_that_breaks_a_limit_ends_the_link(frame: bytes, cause: LinkCause) -> None:
    async with two(linked=False) as (bridge, server, client):
        greeting = hello(client, server).SerializeToString()
        async with trio.open_nursery() as nursery:

            async def talk() -> None:
                await speak_loosely(bridge, server, client.tls, greeting, frame)

            nursery.start_soon(talk)
            await server.next(LinkUp)
            assert (await server.next(LinkDown)).cause is cause


async def speak_loosely(bridge: Bridge, server: Someone, tls: TlsIdentity, *raw: bytes) -> None:
    try:
        await speak(bridge, server, tls, *raw)
    except (AssertionError, grpc.aio.BaseError):
        return  # gRPC has its own words for a frame beyond its own limit


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


def issue(by: TlsIdentity) -> TlsIdentity:
    """A certificate that a peer's TLS key has signed, for a key of somebody else's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = make_tls_identity(NOW_US - HOUR_US, NOW_US + HOUR_US)
    issuer = x509.load_der_x509_certificate(by.certificate_der)
    signer = serialization.load_pem_private_key(by.key_pem, None)
    subject = x509.load_der_x509_certificate(other.certificate_der)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    names = issuer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject.subject)
        .issuer_name(issuer.subject)
        .public_key(subject.public_key())
        .serial_number(7)
        .not_valid_before(subject.not_valid_before_utc)
        .not_valid_after(subject.not_valid_after_utc)
        .add_extension(names, critical=False)
        .sign(signer, hashes.SHA256())
    )
    return replace(other, certificate_der=certificate.public_bytes(serialization.Encoding.DER))
