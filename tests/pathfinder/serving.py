"""A path finder's service on a real socket, over adverts that nobody had to gossip."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from node.command.sim.cast import NOW_US
from pathfinder.config import PathFinderConfig
from pathfinder.serving.searching import Searching
from pathfinder.serving.service import FindingService
from proto.card import NodeCard, PathFinderCard
from proto.keys import NodeId
from runtime.bridge import Bridge
from runtime.rpc import Service
from runtime.rpc_client import RpcChannel
from runtime.rpc_server import RpcServer
from runtime.tls import TlsIdentity, make_tls_identity, server_credentials
from tests.pathfinder.advertised import Advertised

FINDER = NodeId(b"f" * 32)
FIND = "/pledgeway.v1.PathFinder/FindRoute"
STATUS = "/pledgeway.v1.PathFinder/Status"
DAY_US = 86_400_000_000


class StoppedClock:
    """The time at which the adverts of tests are in force; the monotonic one is moved by hand."""

    def __init__(self) -> None:
        self.monotonic = 0

    def now_us(self) -> int:
        return NOW_US

    def monotonic_us(self) -> int:
        return self.monotonic

    def error_us(self) -> int:
        return 0


class Ears(Searching):
    """A searching that has heard what a town says."""

    def __init__(self, made: Advertised) -> None:
        super().__init__()
        self._feed = made.feed


def service_of(made: Advertised, clock: StoppedClock, **config: Any) -> FindingService:
    asked = PathFinderConfig("Finder", **config)
    return FindingService(Ears(made), asked, FINDER, clock, lambda: 1)


@dataclass
class Serving:
    """`card` is what a payer has been given; its certificates are not checked again."""

    bridge: Bridge
    card: PathFinderCard
    channel: RpcChannel


def tls_now() -> TlsIdentity:
    """The other end's TLS looks at the real time."""
    return make_tls_identity(NOW_US - 400 * DAY_US, NOW_US + 4000 * DAY_US)


@asynccontextmanager
async def serving(*services: Service) -> AsyncIterator[list[Serving]]:
    """Each service on a port of its own, with a channel to it."""
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        made, servers = [], []
        for service in services:
            tls = tls_now()
            server = RpcServer(bridge, nursery, [service])
            port = await server.bind_tcp("127.0.0.1:0", server_credentials(tls))
            await server.start()
            servers.append(server)
            node = NodeCard(FINDER, f"F{len(made)}", "", tls.certificate_der, b"", b"")
            card = PathFinderCard(node, f"127.0.0.1:{port}")
            channel = RpcChannel.to_pinned(bridge, card.service, tls.certificate_der)
            made.append(Serving(bridge, card, channel))
        try:
            yield made
        finally:
            with trio.CancelScope(shield=True):
                for server in servers:
                    await server.stop(0.1)
        nursery.cancel_scope.cancel()
