"""The path finder as a daemon: a neighbour of nodes that hears adverts, promises nothing, and
answers light payers.

It has an identity and links like a node's, and no lines. What a node says to it beside adverts is
not acknowledged, so it stays with the node.
"""

import logging
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from pathfinder.config import PathFinderConfig
from pathfinder.serving.home import Home, load, load_peers, service_card
from pathfinder.serving.searching import Searching
from pathfinder.serving.service import FindingService
from pathfinder.serving.verbs import Owner, tales_of, verbs_of
from proto.adverts import Advert
from proto.card import NodeCard
from proto.keys import NodeId
from runtime.address import require_free
from runtime.bridge import Bridge
from runtime.clock import SystemClock
from runtime.collector import calm_collector
from runtime.control import verbs_service
from runtime.gossip import Gossip
from runtime.gossip_limits import STORED_BYTES_EACH, GossipLimits
from runtime.hearing import Hearing
from runtime.identity import Identity
from runtime.open_files import raise_open_files
from runtime.rpc_server import RpcServer
from runtime.store import exclusive
from runtime.tls import server_credentials
from runtime.transport import (
    BatchArrived,
    GossipWish,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerEndpoint,
    Taken,
)
from runtime.transport_grpc import GrpcTransport, TransportConfig

log = logging.getLogger(__name__)

LOCK: Final = "daemon"  # .lock: one process for each directory
STOP_GRACE_S: Final = 0.5
TIDY_EVERY_S: Final = 60.0  # adverts live for an hour; what has expired leaves memory soon after
CONTROL_CALLS: Final = 16  # the owner's programs

Ready = Callable[[str], None]


def run(directory: Path, ready: Ready) -> None:
    """Runs until SIGTERM, SIGINT or `stop`.

    `ready` is called once with a line that names the addresses. HomeFault, ConfigFault,
    IdentityFault, StoreTaken (another process runs it), OSError (an address is taken), DaemonCrash.
    """
    raise_open_files()
    home = Home(directory)
    config, identity = load(home)
    with exclusive(directory / LOCK):
        for address in filter(None, (config.listen, config.peer_listen)):
            require_free(address)
        trio.run(Daemon(home, config, identity).serve, ready)


class Daemon:
    """One process of a path finder."""

    def __init__(self, home: Home, config: PathFinderConfig, identity: Identity) -> None:
        self._home = home
        self._config = config
        self._identity = identity
        self._clock = SystemClock(config.declared_error_us)
        self._searching = Searching()
        self._links: dict[NodeId, int] = {}
        self._peers: dict[NodeId, NodeCard] = {}
        self._talkers: set[NodeId] = set()  # who has been told of in the log

    async def serve(self, ready: Ready) -> None:
        """Until it is told to stop."""
        # Listening for signals comes first: one that arrives while starting is not lost.
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            peering = TransportConfig(
                self._identity.key,
                self._identity.tls,
                self._config.peer_listen or None,
                self._config.peer_service or None,
                gossip=GossipWish.COMPARED,
            )
            async with (
                Bridge.open() as bridge,
                GrpcTransport.open(
                    bridge,
                    peering,
                    self._clock,
                    _no_positions,
                    random.Random(os.urandom(16)),  # only jitter is drawn from it
                ) as self._transport,
                trio.open_nursery() as nursery,
            ):
                stop, fault = trio.Event(), None
                service = self._wire(nursery)
                try:
                    await self._answer(bridge, nursery, service, stop, ready, signals)
                except OSError as found:
                    fault = found  # raised below: out of the nursery it would come as a group
                nursery.cancel_scope.cancel()
            if fault is not None:
                raise fault

    def _wire(self, nursery: trio.Nursery) -> FindingService:
        limits = GossipLimits(
            adverts=self._config.max_known_adverts,
            stored_bytes=self._config.max_known_adverts * STORED_BYTES_EACH,
        )
        gossip = Gossip(self._transport, self._drop, self._identity.key, self._observe, limits)
        gossip.on_forgotten = self._searching.forget
        self._gossip = gossip
        per_s = self._config.max_adverts_per_s
        hearing = Hearing(gossip, self._clock, per_s, self._other)
        self._transport.hand_to(hearing.heard)
        self.reload()
        nursery.start_soon(hearing.run)
        nursery.start_soon(self._keep_tidy)
        return FindingService(
            self._searching,
            self._config,
            self._identity.node,
            self._clock,
            lambda: len(self._links),
        )

    async def _answer(
        self,
        bridge: Bridge,
        nursery: trio.Nursery,
        service: FindingService,
        stop: trio.Event,
        ready: Ready,
        signals: object,
    ) -> None:
        public = RpcServer(bridge, nursery, [service.methods()], self._config.max_calls)
        await public.bind_tcp(self._config.listen, server_credentials(self._identity.tls))
        owner = Owner(
            self._config,
            self._identity.node,
            service_card(self._identity, self._config),
            self._clock,
            self._searching,
            service,
            peers=lambda: list(self._peers.values()),
            connected=self._links.__contains__,
            reload=self.reload,
            exported=self._gossip.exported,
            stop=stop.set,
        )
        verbs = verbs_service(verbs_of(owner), tales_of(owner))
        control = RpcServer(bridge, nursery, [verbs], CONTROL_CALLS)
        await control.bind_unix(self._home.socket)
        await public.start()
        await control.start()
        try:
            calm_collector()
            ready(self._ready_line())
            await _until(signals, stop)
        finally:
            with trio.CancelScope(shield=True):
                await control.stop(STOP_GRACE_S)
                await public.stop(STOP_GRACE_S)

    def _ready_line(self) -> str:
        port = self._transport.port
        nodes = "dials nodes" if port is None else f"nodes link at port {port}"
        name, node = self._config.alias, self._identity.node.hex()
        return f"ready: {name} {node} answers at {self._config.listen}, {nodes}"

    def reload(self) -> list[str]:
        """Takes the cards in the directory; a line for each that cannot be used."""
        cards, faults = load_peers(self._home, self._clock.now_us())
        for fault in faults:
            log.warning("%s", fault)
        self._peers = {card.node: card for card in cards if card.node != self._identity.node}
        self._transport.set_peers(
            {
                node: PeerEndpoint(card.tls_certificate, card.address or None)
                for node, card in self._peers.items()
            }
        )
        return faults

    # ------------------------------------------------------------------ what nodes say

    def _observe(self, advert: Advert) -> None:
        self._searching.observe(advert, self._gossip.signed(advert.key) or b"")

    def _drop(self, peer: NodeId, cause: LinkCause) -> None:
        if (link := self._links.get(peer)) is not None:
            self._transport.drop(peer, link, cause)

    def _other(self, event: LinkEvent, taken: Taken) -> None:
        """What is not an advert: links that come and go, and messages that are not for us."""
        name = self._peers[event.peer].alias if event.peer in self._peers else event.peer.hex()[:8]
        match event:
            case LinkUp():
                self._links[event.peer] = event.link
                log.info("linked with %s", name)
            case LinkDown():
                if self._links.get(event.peer) == event.link:
                    del self._links[event.peer]
                log.info("link with %s ended: %s", name, event.cause.name)
            case BatchArrived() if event.envelopes and event.peer not in self._talkers:
                self._talkers.add(event.peer)
                log.warning("%s says what only nodes with lines understand: not heard", name)
        taken()

    async def _keep_tidy(self) -> None:
        while True:
            await trio.sleep(TIDY_EVERY_S)
            self._gossip.forget_expired(self._clock.now_us())
            nodes, lines = self._searching.size()
            log.info("knows %d nodes and %d lines", nodes, lines)


def _no_positions(_: NodeId) -> tuple[int, int]:
    """Nothing is ever received for good, and nothing is ever sent."""
    return 0, 0


async def _until(signals: object, stop: trio.Event) -> None:
    async with trio.open_nursery() as nursery:

        async def by_signal() -> None:
            await anext(signals)  # type: ignore[call-overload]
            stop.set()

        nursery.start_soon(by_signal)
        await stop.wait()
        nursery.cancel_scope.cancel()
