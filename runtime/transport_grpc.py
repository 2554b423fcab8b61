"""The transport of a daemon: one gRPC stream per neighbour under mutual TLS."""

import logging
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import trio

from proto.keys import NodeId, SigningKey
from runtime.bridge import Bridge
from runtime.clock import Clock
from runtime.hello import HelloFault
from runtime.peer_streams import PeerStreams
from runtime.tls import (
    AdmittedPeers,
    BadCertificate,
    TlsIdentity,
    certificate_name,
    require_leaf,
    spki_sha256,
)
from runtime.transport import (
    ALL_ADMITTED,
    MAX_PEERS,
    BatchArrived,
    FrameLimits,
    GossipArrived,
    GossipWish,
    LinkCause,
    LinkEvent,
    PeerEndpoint,
    Positions,
    Taken,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """Who we are on the wire. `address` is what neighbours dial, None if they cannot."""

    key: SigningKey
    tls: TlsIdentity
    listen: str | None  # "host:port" to bind, port 0 for any; None: we only dial
    address: str | None
    limits: FrameLimits = ALL_ADMITTED
    gossip: GossipWish = (
        GossipWish.EVERYTHING
    )  # ours; who asks for COMPARED serves GossipArrived.sync


@dataclass(frozen=True, slots=True)
class StreamRefused:
    """A stream that never became a link; `peer` is None where the TLS key told nothing."""

    peer: NodeId | None
    fault: HelloFault


class GrpcTransport:
    """See runtime.transport.Transport. Made by `open`."""

    def __init__(
        self,
        bridge: Bridge,
        config: TransportConfig,
        clock: Clock,
        positions: Positions,
        rng: random.Random,
        on_refused: Callable[[StreamRefused], None] | None,
    ) -> None:
        self._bridge = bridge
        self._own = config.key.node_id
        self._admitted = AdmittedPeers(config.tls)
        self._on_refused = on_refused
        # Unbounded here, bounded by the read-ahead of each link and by PeerSlot.claim.
        self._send_event, self._events = trio.open_memory_channel[tuple[LinkEvent, Taken]](math.inf)
        self._streams = PeerStreams(
            bridge, config.key, config.tls, config.address, clock, rng, positions,
            self._publish, self._refused, config.limits, config.gossip,
        )  # fmt: skip
        self._sink: Callable[[LinkEvent, Taken], None] | None = None
        self._listen = config.listen
        self.port: int | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        bridge: Bridge,
        config: TransportConfig,
        clock: Clock,
        positions: Positions,
        rng: random.Random,
        on_refused: Callable[[StreamRefused], None] | None = None,
    ) -> AsyncIterator["GrpcTransport"]:
        """Listens and dials around a block; at its end every peer is told Goodbye.

        `positions` and `on_refused` are called on trio. `rng` is used on asyncio alone. Raises
        BindFailed. Afterwards `receive` raises trio.ClosedResourceError.
        """
        transport = cls(bridge, config, clock, positions, rng, on_refused)
        if config.listen is not None:
            credentials = transport._admitted.credentials()
            transport.port = await bridge.call(
                transport._streams.listen, config.listen, credentials
            )
        try:
            yield transport
        finally:
            transport._events.close()
            await bridge.call_to_close(transport._streams.close)

    async def take(self) -> tuple[LinkEvent, Taken]:
        return self._with_leave(*await self._events.receive())

    def hand_to(self, sink: Callable[[LinkEvent, Taken], None]) -> None:
        """From now on `sink` gets what `take` would give, at once and without a task between.

        It is called on trio and must not raise.
        """
        self._sink = sink
        with suppress(trio.WouldBlock):
            while True:
                sink(*self._with_leave(*self._events.receive_nowait()))

    def _with_leave(self, event: LinkEvent, taken: Taken) -> tuple[LinkEvent, Taken]:
        # Fewer leaves to read on than LAZY are withheld of a stream that has twice as many.
        lazily = isinstance(event, BatchArrived | GossipArrived)
        return event, partial(self._bridge.to_asyncio.put, taken, lazily=lazily)

    async def receive(self) -> LinkEvent:
        """As `take`, done with it at once."""
        event, taken = await self.take()
        taken()
        return event

    def send(
        self, peer: NodeId, link: int, first: int, envelopes: Sequence[bytes], ack: int
    ) -> None:
        self._bridge.to_asyncio.put(
            partial(self._streams.send, peer, link, first, tuple(envelopes), ack)
        )

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self._bridge.to_asyncio.put(partial(self._streams.gossip, peer, link, tuple(adverts)))

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        self._bridge.to_asyncio.put(partial(self._streams.sync, peer, link, data))

    def drop(self, peer: NodeId, link: int, cause: LinkCause) -> None:
        self._bridge.to_asyncio.put(partial(self._streams.drop, peer, link, cause))

    def set_peers(self, peers: Mapping[NodeId, PeerEndpoint]) -> None:
        assert self._own not in peers, "a node is not its own neighbour"
        assert len(peers) <= MAX_PEERS, "the node bounds its peers"
        pins: set[bytes] = set()
        for endpoint in peers.values():
            require_leaf(endpoint.certificate_der)
            certificate_name(endpoint.certificate_der)
            pins.add(spki_sha256(endpoint.certificate_der))
        if len(pins) != len(peers):
            raise BadCertificate("two peers with one TLS key cannot be told apart")
        # Handshakes admit the new ones from here on; until asyncio knows them they are strangers
        # there, and dial again.
        self._admitted.replace(endpoint.certificate_der for endpoint in peers.values())
        self._bridge.to_asyncio.put(partial(self._streams.set_peers, dict(peers)))

    def _publish(self, event: LinkEvent, taken: Taken) -> None:
        """On asyncio."""
        self._bridge.to_trio.put(partial(self._deliver, event, taken))

    def _deliver(self, event: LinkEvent, taken: Taken) -> None:
        if self._sink is not None:
            self._sink(*self._with_leave(event, taken))
            return
        try:
            self._send_event.send_nowait((event, taken))
        except trio.BrokenResourceError:
            # We are closing: nobody will take it, but asyncio may wait for that.
            self._bridge.to_asyncio.put(taken)

    def _refused(self, peer: NodeId | None, fault: HelloFault) -> None:
        """On asyncio."""
        # Whoever opens thousands of streams is named once, not thousands of times.
        level = logging.DEBUG if fault is HelloFault.TOO_MANY else logging.WARNING
        log.log(level, "stream of %s refused: %s", peer.hex() if peer else "a stranger", fault.name)
        if self._on_refused is not None:
            self._bridge.to_trio.put(partial(self._on_refused, StreamRefused(peer, fault)))
