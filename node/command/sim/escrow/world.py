"""A village that exchanges: parties, registrars, a helper, and the streets between them."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import TypeVar

import trio

from node.command.sim.escrow.crook.crook import Crook
from node.command.sim.escrow.host import ExchangeHost, service_of
from node.command.sim.escrow.plan import KEEPERS, Crooked
from node.command.sim.escrow.streets import PeerCaller, Streets
from node.command.sim.world.calls import SimCaller
from node.command.sim.world.clock import SkewedClock
from node.command.sim.world.host import DECLARED_ERROR_US, make_identity
from node.command.sim.world.registry_host import RegistryHost
from node.command.sim.world.spec import NodeSpec, Spec
from node.command.sim.world.world import SimWorld
from node.config import NodeConfig
from proto.keys import NodeId

World = TypeVar("World", bound="ExchangeWorld")


class ExchangeWorld(SimWorld):
    """As `SimWorld`, of hosts that exchange."""

    keepers: Collection[str] = KEEPERS
    make_host: type[ExchangeHost] = ExchangeHost
    make_crook: type[Crook] = Crook

    def __init__(
        self, spec: Spec, random: Random, nursery: trio.Nursery, crooks: Iterable[Crooked]
    ) -> None:
        self._crooks = {crook.who: crook for crook in crooks}
        super().__init__(spec, random, nursery, frozenset())
        self.on_wrote: Callable[[str], None] = lambda _: None
        self.on_heard: Callable[[str, str, str, bytes, bytes], None] = lambda *_: None
        self.people: dict[str, ExchangeHost] = {
            name: host for name, host in self.hosts.items() if isinstance(host, ExchangeHost)
        }
        by_id = {host.id: host for host in self.people.values()}
        self.streets = Streets(
            Random(random.random()), nursery, by_id, lambda *said: self.on_heard(*said)
        )
        for host in self.people.values():
            host.streets = self.streets

    def _host(self, node: NodeSpec) -> ExchangeHost:
        config = NodeConfig(
            alias=node.name,
            declared_error_us=DECLARED_ERROR_US,
            service_listen=service_of(node.name),
            service_address=service_of(node.name),
        )
        host = self.make_host(
            node.name,
            make_identity(node.name),
            SkewedClock(DECLARED_ERROR_US, node.skew_us),
            Random(self.random.random()),
            self.agenda,
            self.wires,
            lambda record: self._caller(node.name, record),
            self.nursery,
            lambda name, rows: self.on_commit(name, rows),
            config,
            wrote=lambda name: self.on_wrote(name),
        )
        if node.name in self.keepers:
            host.keep_titles()
        if node.name in self._crooks:
            he, dice = self._crooks[node.name], Random(self.random.random())
            host.crook = self.make_crook(host.identity, he.strength, dice, he.only)
        host.on_death = partial(self._start_later, host)
        return host

    def caller(self, asker: ExchangeHost, to: NodeId, *, honest: bool) -> PeerCaller:
        """A way to another node's services; `honest`: what is said is not bent any more."""
        return PeerCaller(self.streets, asker, to, straight=honest)

    def to_registry(self, asker: str, registry: RegistryHost) -> SimCaller:
        """A way to a registry."""
        return SimCaller(self.roads, asker, registry)

    def heal(self) -> None:
        for host in self.people.values():
            host.held = False
        super().heal()
        self.streets.heal()
        for host in self.people.values():
            host.calls_left = host.answers_left = 0
            if host.books is not None:
                host.books.heal()

    def close(self) -> None:
        super().close()
        for host in self.people.values():
            if host.titles is not None:
                host.titles.dispose()


@asynccontextmanager
async def exchanging(
    spec: Spec, random: Random, crooks: Iterable[Crooked], make: type[World]
) -> AsyncIterator[World]:
    """A village of this kind around a block, set up and at rest."""
    world: World | None = None
    try:
        async with trio.open_nursery() as nursery:
            world = make(spec, random, nursery, crooks)
            await world.open()
            yield world
            nursery.cancel_scope.cancel()
    finally:
        if world is not None:
            world.close()
