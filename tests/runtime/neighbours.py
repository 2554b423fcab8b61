"""Two nodes on real loopback under mutual TLS, and a raw client that says what a test wants."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import grpc
import grpc.aio
import trio

from proto.keys import NodeId, SigningKey
from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.clock import FakeClock
from runtime.hello import Party, make_hello
from runtime.peer_wire import CHANNEL_OPTIONS, STREAM_METHOD
from runtime.tls import (
    TlsIdentity,
    make_tls_identity,
    peer_channel_credentials,
    pinned_channel_options,
)
from runtime.transport import (
    BatchArrived,
    GossipArrived,
    GossipWish,
    LinkDown,
    LinkUp,
    PeerEndpoint,
)
from runtime.transport_grpc import GrpcTransport, StreamRefused, TransportConfig
from tests.patience import PATIENCE_S

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
        with trio.fail_after(PATIENCE_S):
            await self.news.wait()
        return self.refused[0]

    async def next(self, kind: type[Event]) -> Event:
        with trio.fail_after(PATIENCE_S):
            event = await self.transport.receive()
        assert isinstance(event, kind), event
        return event

    @asynccontextmanager
    async def running(
        self,
        bridge: Bridge,
        listen: bool = True,
        address: str | None = None,
        gossip: GossipWish = GossipWish.EVERYTHING,
    ) -> AsyncIterator["Someone"]:
        where = "127.0.0.1:0" if listen else None
        config = TransportConfig(self.key, self.tls, where, address, gossip=gossip)
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

    with trio.fail_after(PATIENCE_S):
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


async def speak_loosely(bridge: Bridge, server: Someone, tls: TlsIdentity, *raw: bytes) -> None:
    try:
        await speak(bridge, server, tls, *raw)
    except (AssertionError, grpc.aio.BaseError):
        return  # gRPC has its own words for a frame beyond its own limit


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
