"""A machine whose node exchanges with others, and may keep titles for them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio
from sqlalchemy import Engine as Database

from node.command.finder import LocalFinder
from node.command.sim.escrow.books import SimBooks
from node.command.sim.escrow.crook.crook import Crook
from node.command.sim.escrow.crook.engine import CrookedEngine
from node.command.sim.escrow.streets import PeerCaller, Streets
from node.command.sim.world.disk import SimDisk
from node.command.sim.world.host import Host
from node.command.sim.world.wire import SimTransport
from node.control.context import Context
from node.engine import Engine
from node.escrow.registry_answers import ask_registries
from node.escrow.ways import DialledWays, own_calls
from node.registrar.desk import Desk
from node.registrar.reader import Reader
from node.registrar.running import Chaser, Registrar
from node.registrar.service import Changes, RegistrarService
from node.registrar.tables import metadata
from node.registries import Registries
from node.wired import WiredNode
from proto.card import NodeCard
from runtime.identity import card
from runtime.rpc import Service
from runtime.schema import create_tables
from runtime.store import Store, memory_engine
from runtime.writer import Writer


def service_of(name: str) -> str:
    """Where letters and batches for a node of this name go."""
    return f"{name.lower()}.sim:2"


class ExchangeNode(WiredNode):
    """A node that can keep titles beside its own rows."""

    def keep_titles(self, books: SimBooks, reader: Reader, nursery: trio.Nursery) -> Registrar:
        """What `node.registrar.running` puts together, over these books."""
        changes, key = Changes(), self._identity.key
        desk = Desk(
            books,
            key,
            self._clock,
            lambda: (self._memory.settings.records, self._memory.settings.late_rules),
            changes.told,
        )
        service = RegistrarService(desk, reader, key.node_id, self._clock, changes)
        ask = partial(ask_registries, self._registries)
        nursery.start_soon(desk.run)
        nursery.start_soon(Chaser(desk, reader, self._clock, ask).run)
        return Registrar(service.methods(), desk, reader, "titles in memory")


class CrookedNode(ExchangeNode):
    """A node whose core does otherwise where it pays."""

    def __init__(self, crook: Crook, *rest: Any) -> None:
        super().__init__(*rest)
        self._crook = crook

    def _make_engine(self, writer: Writer, registries: Registries) -> Engine:
        return self._engine_from(partial(CrookedEngine, self._crook), writer, registries)


@dataclass
class ExchangeHost(Host):
    """As `Host`. `titles` is there where it is a registrar; `crook`, where it is dishonest."""

    streets: Streets | None = None
    titles: Database | None = None
    crook: Crook | None = None
    books: SimBooks | None = None  # of the process that runs
    services: dict[str, Service] = field(default_factory=dict)  # likewise
    wrote: Callable[[str], None] = lambda _: None
    held: bool = False  # nothing starts it
    calls_left: int = 0  # the process dies as it sets out for this one; 0: it does not
    answers_left: int = 0  # the process dies after the effect of this one; 0: it does not

    def keep_titles(self) -> None:
        """Before its first start: it is a registrar."""
        self.titles = memory_engine()
        with self.titles.begin() as connection:
            create_tables(connection, metadata)

    @property
    def card(self) -> str:
        return card(self.identity, self.name, f"{self.name.lower()}.sim:1", service_of(self.name))

    def _make_node(self, store: Store) -> WiredNode:
        if self.crook is not None:
            parts = self.config, self.identity, store, self.clock, self._draw
            return CrookedNode(self.crook, *parts)
        return ExchangeNode(self.config, self.identity, store, self.clock, self._draw)

    def _wire(
        self,
        node: WiredNode,
        transport: SimTransport,
        disk: SimDisk,
        nursery: trio.Nursery,
        stack: ExitStack,
    ) -> Context:
        assert isinstance(node, ExchangeNode)
        ways = DialledWays(self.id, self._dial)
        context = node.wire(transport, disk, self.connect, nursery, LocalFinder(), ways)
        assert context.exchange is not None
        desk = context.exchange.desk.methods()
        if self.crook is None:  # its letters to itself are bent like the others
            ways.own_letters = context.exchange.desk.take
        self.services = {desk.name: desk}
        if self.titles is not None:
            store = Store(Path(f"/{self.name}.titles"), self.titles)
            self.books = SimBooks(store, self.kill, lambda: self.wrote(self.name))
            stack.callback(self.books.close)
            context.registrar = node.keep_titles(self.books, Reader(self.titles), nursery)
            service = context.registrar.service
            self.services[service.name] = service
            ways.own_registrar = own_calls(service)
        return context

    def _dial(self, to: NodeCard) -> PeerCaller:
        assert self.streets is not None
        return PeerCaller(self.streets, self, to.node)

    def start(self) -> None:
        if not self.held:
            super().start()

    def kill(self) -> None:
        if self.books is not None:
            self.books.dead = True
        self.services = {}
        self.calls_left = self.answers_left = 0
        super().kill()

    # ------------------------------------------------------------------ dying at a call

    def about_to_call(self) -> None:
        """A letter or a batch sets out; the process may die just before."""
        if self.calls_left > 0:
            self.calls_left -= 1
            if self.calls_left == 0:
                self.kill()

    def about_to_answer(self) -> None:
        """Somebody's letter or batch has had its effect; the process may die before it says so."""
        if self.answers_left > 0:
            self.answers_left -= 1
            if self.answers_left == 0:
                self.kill()
