"""A network that runs: hosts, registries, the wires between them, and how it is set up."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Final

import trio

from node.command.sim.cast import R1, R2, R3, CastRegistry
from node.command.sim.lying.liar import Liar
from node.command.sim.lying.registry import LyingRegistry
from node.command.sim.world.agenda import Agenda
from node.command.sim.world.calls import Roads, SimCaller
from node.command.sim.world.clock import SkewedClock
from node.command.sim.world.host import DECLARED_ERROR_US, Host, make_identity
from node.command.sim.world.registry_host import ERROR_US, RegistryHost
from node.command.sim.world.spec import BRAND, COLLECTIVE, REGISTRIES, LineSpec, NodeSpec, Spec
from node.command.sim.world.wire import Wires
from node.config import NodeConfig
from node.core.rows import Key, Row
from proto.keys import NodeId
from proto.registry_record import RegistryRecord
from registry.log import Logged

SETTLE_S: Final = 20.0  # virtual: links come up, lines open, adverts reach everybody
RESTART_US: Final = (50_000, 20_000_000)  # until a process that died is started again
CAST: Final[dict[str, CastRegistry]] = {cast.name: cast for cast in (R1, R2, R3)}


class SimWorld:
    """Owned by trio. Made by `running`."""

    def __init__(
        self, spec: Spec, random: Random, nursery: trio.Nursery, liars: frozenset[str]
    ) -> None:
        self.spec = spec
        self.random = random
        self._liars = liars
        # Their own dice: the honest ones fall as they would without them.
        self._dice = Random(repr(random.getstate()))
        self.nursery = nursery
        self.agenda = Agenda()
        self.wires = Wires(self.agenda, Random(random.random()))
        self.on_commit: Callable[[str, Iterable[Row]], None] = lambda *_: None
        self.on_decided: Callable[[str, Sequence[Logged]], None] = lambda *_: None
        self.registries = {name: self._registry(name) for name in REGISTRIES}
        by_id = {host.id: host for host in self.registries.values()}
        self.roads = Roads(Random(random.random()), by_id)
        self.hosts = {node.name: self._host(node) for node in spec.nodes}
        self.names = {host.id: name for name, host in self.hosts.items()}

    def _registry(self, name: str) -> RegistryHost:
        cast = CAST[name]
        others = {other.id: other.record for other in CAST.values() if other is not cast}
        random = Random(self.random.random())
        clock = SkewedClock(ERROR_US, random.randint(-ERROR_US, ERROR_US))
        host = RegistryHost(
            name, cast, others, clock, random, self.agenda, self.nursery,
            lambda record: self._caller(name, record),
        )  # fmt: skip
        host.on_death = partial(self._start_later, host)
        if name in self._liars:
            host.liar = LyingRegistry(cast, self._dice.random(), clock.now_us)
        host.on_decided = lambda decisions: self.on_decided(name, decisions)
        return host

    def _host(self, node: NodeSpec) -> Host:
        host = Host(
            node.name,
            make_identity(node.name),
            SkewedClock(DECLARED_ERROR_US, node.skew_us),
            Random(self.random.random()),
            self.agenda,
            self.wires,
            lambda record: self._caller(node.name, record),
            self.nursery,
            lambda name, rows: self.on_commit(name, rows),
            NodeConfig(alias=node.name, declared_error_us=DECLARED_ERROR_US),
        )
        if node.name in self._liars:
            host.liar = Liar(self._dice.random())
        host.on_death = partial(self._start_later, host)
        return host

    def _caller(self, caller: str, record: RegistryRecord) -> SimCaller:
        return SimCaller(self.roads, caller, self.roads.registries[record.registry])

    def _start_later(self, host: Host | RegistryHost) -> None:
        self.agenda.after(self.random.randint(*RESTART_US), host.start)

    def on_life(
        self, host: Host | RegistryHost, died: Callable[[], None], began: Callable[[], None]
    ) -> None:
        """From now on `died` and `began` are told of the host's processes."""
        start_later = host.on_death

        def on_death() -> None:
            died()
            start_later()

        host.on_death, host.on_start = on_death, began

    def close(self) -> None:
        """Nothing of this world is held open any more."""
        for registry in self.registries.values():
            registry.close()
        for host in self.hosts.values():
            host.database.dispose()

    # ------------------------------------------------------------------ setting up

    async def open(self) -> None:
        """Everybody starts, trusts whom the spec says, and grants the spec's lines."""
        self.nursery.start_soon(self.agenda.run)
        for registry in self.registries.values():
            registry.start()
        async with trio.open_nursery() as nursery:
            for node in self.spec.nodes:
                nursery.start_soon(self._set_up, node)
        async with trio.open_nursery() as nursery:
            for line in self.spec.lines:
                nursery.start_soon(self._open_line, line)
        await trio.sleep(SETTLE_S)

    async def _set_up(self, node: NodeSpec) -> None:
        host = self.hosts[node.name]
        host.start()
        await host.ready.wait()
        for name, cast in CAST.items():
            record = b64encode(cast.record.signed).decode()
            await host.ask("registry.add", record=record, accept=name in node.accepts)
        await host.ask("policy.add", name=COLLECTIVE, members=list(REGISTRIES))
        fees = {
            price.mode: {"rate": f"1.{price.per_mille:03}", "flat": price.flat}
            for price in node.prices
        }
        refused = {m: None for m in ("ATOMIC", "SECURED", "GATEWAY", "BARE") if m not in fees}
        await host.ask(
            "fees.set",
            fees=fees | refused,
            watches_registry=node.watches,
            hold_max_ms=node.hold_max_ms,
        )

    async def _open_line(self, line: LineSpec) -> None:
        one, other = self.hosts[line.one], self.hosts[line.other]
        await one.ask("line.offer", card=other.card, brand=BRAND, limit=line.limit)
        await other.ask("line.accept", card=one.card, limit=line.back)

    # ------------------------------------------------------------------ healing

    def heal(self) -> None:
        """Every fault ends: wires, roads, disks, clocks, and whoever is down starts."""
        self.wires.heal()
        self.roads.heal()
        for registry in self.registries.values():
            registry.slow_us, registry.silent, registry.doom = 0, False, None
            registry.hold_down(False)
            if registry.liar is not None:
                registry.liar.heal()
        for node in self.spec.nodes:
            host = self.hosts[node.name]
            host.clock.skew_us = node.skew_us
            if host.process is not None:
                host.process.disk.heal()
                host.process.transport.about_to_send = lambda: None
            host.start()

    def rows(self, name: str) -> dict[Key, Row]:
        """What a node believes now."""
        return dict(self.hosts[name].context.engine.memory.rows)

    def pair(self, one: str, other: str) -> tuple[NodeId, NodeId]:
        return self.hosts[one].id, self.hosts[other].id


@asynccontextmanager
async def running(
    spec: Spec, random: Random, liars: frozenset[str] = frozenset()
) -> AsyncIterator[SimWorld]:
    """A network around a block, set up and at rest. `liars`: nodes and registries that can lie."""
    world: SimWorld | None = None
    try:
        async with trio.open_nursery() as nursery:
            world = SimWorld(spec, random, nursery, liars)
            await world.open()
            yield world
            nursery.cancel_scope.cancel()
    finally:
        if world is not None:
            world.close()
