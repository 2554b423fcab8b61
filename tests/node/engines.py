"""Whole engines in one process: real stores, real signatures and numbers, a network in memory.

Time is virtual: it is trio's (a MockClock's), with a step that a test may add to the wall clock.
The registries are the judges of the world of bare cores, whose `plan` dictates payments here too.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import sqlalchemy
import trio
import trio.testing

from node.archive import Archive
from node.archiving import Archiver
from node.command.sim.cast import NOW_US, digest, signing_key
from node.command.sim.cores.books import Books
from node.command.sim.cores.plan import USD, assert_books_mirror, terms
from node.command.sim.cores.world import Node, World
from node.core.apply import Applied
from node.core.effects import Answer, AskRegistries
from node.core.events import AcceptLine, Event, OfferLine, RegistrySaid
from node.core.invariants import check
from node.core.rows import Ask, Row, Transaction
from node.core.view import Settings
from node.engine import Engine
from node.links import Links, Neighbour
from node.loading import load_neighbours
from node.memory import Memory
from node.store import SCHEMA_VERSION, STORE_KIND, load_rows, metadata, peer
from proto.descriptor import decode_descriptor
from proto.keys import NodeId, SealKey
from proto.statement import Outcome
from registry.log import Logged
from runtime.faults import reading
from runtime.intake import MAX_MESSAGES_PER_S
from runtime.schema import create_tables
from runtime.store import memory_engine, open_store
from runtime.transport import GossipArrived, LinkEvent, PeerEndpoint
from runtime.transport_memory import MemoryNetwork, MemoryTransport
from runtime.write_plan import InsertRows
from runtime.writer import InlineWriter

Terms = Callable[[NodeId], Settings]
NOWHERE = PeerEndpoint(b"", None)


class VirtualClock:
    """The wall clock of everybody: trio's time, and the steps that a test gives it."""

    def __init__(self) -> None:
        self._began_s = trio.current_time()
        self.stepped_us = 0

    def now_us(self) -> int:
        return NOW_US + self.monotonic_us() + self.stepped_us

    def error_us(self) -> int:
        return 0

    def monotonic_us(self) -> int:
        return round((trio.current_time() - self._began_s) * 1e6)

    def step(self, by_us: int) -> None:
        """Moves the wall clock alone, backwards too."""
        self.stepped_us += by_us


class Disk(InlineWriter):
    """A writer whose process may die at one of its commits, before it or just after it."""

    commits = 0
    dead = False
    deadly: tuple[int, bool] | None = None  # (how many commits from now, whether it still happens)
    on_death: Callable[[], None]

    def die(self, at: int, *, after: bool) -> None:
        self.deadly = (self.commits + at, after)

    def flush(self) -> None:
        self.commits += 1
        if self.dead:
            return  # its engine said a last word that nobody heard
        if self.deadly == (self.commits, False):
            self.on_death()
        elif self.deadly == (self.commits, True):
            groups, self._queue = self._queue, []
            self._committer.commit(groups)
            self.on_death()
        else:
            super().flush()


@dataclass
class Running:
    """One engine and what it stands on. A crash replaces it; the store stays."""

    engine: Engine
    transport: MemoryTransport
    writer: Disk
    scope: trio.CancelScope
    stack: ExitStack
    wish: trio.MemorySendChannel[Event]
    archive: Archive
    archiver: Archiver
    heard: list[LinkEvent] = field(default_factory=list)


@dataclass
class Host:
    """Where a node lives: its store outlives its process."""

    database: sqlalchemy.Engine
    settings: Settings
    running: Running | None = None


class Engines(World):
    """A world whose nodes are engines. Made by `engines()`."""

    def __init__(self, nursery: trio.Nursery, directory: Path | None) -> None:
        self.clock = VirtualClock()
        super().__init__()
        self.network = MemoryNetwork()
        self.hosts: dict[str, Host] = {}
        self.refusals: list[object] = []  # answers to the owners' wishes that were no
        self.asked: list[tuple[str, Ask]] = []
        self.messages_per_s = MAX_MESSAGES_PER_S
        self._nursery = nursery
        self._directory = directory
        self._stack = ExitStack()

    @property
    def now_us(self) -> int:
        return self.clock.now_us()

    @now_us.setter
    def now_us(self, value: int) -> None:
        """The clock knows; a world without engines sets it by hand."""

    def close(self) -> None:
        for name in self.hosts:
            self.stop(name)
        self._stack.close()

    # ------------------------------------------------------------------ nodes

    def add(self, name: str, terms: Terms) -> Node:
        key = signing_key("node " + name)
        seal = SealKey(digest("seal " + name))
        self.hosts[name] = Host(self._database(name), terms(key.node_id))
        books = Books(self.hosts[name].settings, self._connected_to(name))
        node = Node(name, key, seal, books)
        self.nodes[name] = node
        self._by_id[node.id] = name
        self.start(name)
        return node

    def _database(self, name: str) -> sqlalchemy.Engine:
        if self._directory is None:
            engine = memory_engine()
            with engine.begin() as connection:
                create_tables(connection, metadata)
            self._stack.callback(engine.dispose)
            return engine
        path = self._directory / f"{name}.sqlite"
        opened = open_store(path, STORE_KIND, metadata, SCHEMA_VERSION)
        return self._stack.enter_context(opened).engine

    def start(self, name: str) -> None:
        """The process of a node begins: everything comes from its store."""
        host, node = self.hosts[name], self.nodes[name]
        stack = ExitStack()
        writer = stack.enter_context(Disk.open(host.database))
        assert isinstance(writer, Disk)
        writer.on_death = partial(self.crash, name)
        memory = Memory(host.settings)
        transport = self.network.join(node.id, lambda peer: links.positions(peer))
        links = Links(transport)

        archive = Archive(host.database)

        def reload() -> None:
            with reading(host.database) as connection:
                rows = list(load_rows(connection))
                neighbours = load_neighbours(connection)
                archive.load(connection)
            memory.load(rows)
            links.neighbours = neighbours
            transport.set_peers(dict.fromkeys(links.neighbours, NOWHERE))

        reload()
        court = _Court(self, name)
        engine = Engine(
            node.key, node.seal, memory, links, writer, self.clock, court, reload,
            messages_per_s=self.messages_per_s, archive=archive,
        )  # fmt: skip
        archiver = Archiver(engine, archive, node.key, self.clock)
        node.books.rows = memory.rows
        wish, wishes = trio.open_memory_channel[Event](math.inf)
        scope = trio.CancelScope()
        host.running = Running(engine, transport, writer, scope, stack, wish, archive, archiver)
        self._nursery.start_soon(self._serve, host.running, wishes)

    async def _serve(self, running: Running, wishes: trio.MemoryReceiveChannel[Event]) -> None:
        with running.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(running.engine.run)
                nursery.start_soon(self._receive, running)
                nursery.start_soon(self._grant, running, wishes)

    async def _receive(self, running: Running) -> None:
        while True:
            event, taken = await running.transport.take()
            running.heard.append(event)
            if not isinstance(event, GossipArrived):
                running.engine.link_event(event, taken)

    def stop(self, name: str) -> None:
        """SIGKILL: what is not committed is gone, what is committed is not told to anybody."""
        host = self.hosts[name]
        if host.running is not None:
            running, host.running = host.running, None
            running.scope.cancel()
            self.network.leave(self.nodes[name].id)
            running.writer.dead = True
            running.stack.close()

    def crash(self, name: str) -> None:
        """SIGKILL, and a start from the store."""
        self.stop(name)
        self.start(name)

    def running(self, name: str) -> Running:
        found = self.hosts[name].running
        assert found is not None, f"{name} does not run"
        return found

    def engine(self, name: str) -> Engine:
        return self.running(name).engine

    def neighbour(self, name: str, other: str) -> Neighbour:
        """What `name` knows of its stream with `other`."""
        return self.engine(name).links.neighbours[self.nodes[other].id]

    async def meet(self, one: str, other: str) -> None:
        """Two nodes take each other's card."""
        for name, met in ((one, other), (other, one)):
            engine, node = self.engine(name), self.nodes[met]
            alias, address = f"House of {met}", f"{met.lower()}.example:7001"
            engine.links.neighbours[node.id] = Neighbour(node.id, alias, address, b"", 1)
            row = {"node": node.id, "alias": alias, "address": address, "certificate": b"",
                   "have": 0, "sent": 0, "version": 1}  # fmt: skip
            await engine.write([InsertRows(peer, [row])])
            peers = dict.fromkeys(engine.links.neighbours, NOWHERE)
            self.running(name).transport.set_peers(peers)
        await self.rest()

    async def open(self, one: str, other: str, limit: int = 1_000_000) -> bytes:
        """Neighbours with a line between them, the same limit both ways."""
        await self.meet(one, other)
        line = self.draw("line")[:16]
        offer = OfferLine(self.now_us, line, self.nodes[other].id, USD, limit)
        await self.tell(one, offer)
        await self.rest()
        await self.tell(other, AcceptLine(self.now_us, line, limit))
        await self.rest()
        return line

    async def tell(self, name: str, event: Event) -> None:
        """A wish of the owner that is granted."""
        assert await self.engine(name).ask(lambda _: event) is None

    # ------------------------------------------------------------------ what happens

    def event(self, name: str, event: Event) -> Applied:
        """A wish of an owner, queued behind its earlier ones; a no is found in `refusals`."""
        self.running(name).wish.send_nowait(event)
        return Applied((), (Answer(),))

    async def _grant(self, running: Running, wishes: trio.MemoryReceiveChannel[Event]) -> None:
        async for event in wishes:
            refusal = await running.engine.ask(lambda _, event=event: event)  # type: ignore[misc]
            if refusal is not None:
                self.refusals.append(refusal)

    async def rest(self) -> None:
        """Until nothing happens without time passing."""
        await trio.testing.wait_all_tasks_blocked()

    def judge(self, name: str, effect: AskRegistries, descriptor: bytes) -> None:
        """What the registries answer a node, at once; one that is down or apart says nothing."""
        transaction = self.engine(name).memory.row((Transaction.table, effect.commit, b""))
        assert isinstance(transaction, Transaction)
        said = transaction.commit_evidence
        if effect.ask is Ask.DECLINE:
            said = transaction.decline_preimage
        for judge in self.judges.values():
            member = judge.id in decode_descriptor(descriptor).policy.members
            self.asked.append((name, effect.ask))
            if not member or judge.down or not self.joined(name, judge.name):
                continue
            answer = judge.ask(effect.ask, descriptor, said, self.now_us)
            if isinstance(answer, Logged):
                committed = judge.outcome(effect.commit) is Outcome.COMMITTED
                said_by = partial(
                    RegistrySaid,
                    registry=judge.id,
                    commit=effect.commit,
                    final=judge.statement(answer),
                    evidence=answer.row.evidence if committed else b"",
                )
                self.engine(name).submit(said_by)

    # ------------------------------------------------------------------ looking

    def stored(self, name: str) -> list[Row]:
        """The rows as the disk has them."""
        with self.hosts[name].database.connect() as connection:
            return [row for row, _ in load_rows(connection)]

    def audit(self) -> None:
        """Every store is sound, is what its engine believes, and mirrors its neighbours'."""
        for name in self.hosts:
            stored = self.stored(name)
            check(stored)
            assert {r.key: r for r in stored} == self.engine(name).memory.rows, name
        assert_books_mirror(self)


class _Court:
    """Engine's AskThem: the judges of this world, asked by one node."""

    def __init__(self, world: Engines, name: str) -> None:
        self._world = world
        self._name = name

    def ask(self, effect: AskRegistries, descriptor: bytes) -> None:
        self._world.judge(self._name, effect, descriptor)


@asynccontextmanager
async def engines(directory: Path | None = None) -> AsyncIterator[Engines]:
    """A world around a block. With a `directory` the stores are files in it."""
    async with trio.open_nursery() as nursery:
        world = Engines(nursery, directory)
        try:
            yield world
        finally:
            nursery.cancel_scope.cancel()
            world.close()


async def chain(
    world: Engines, names: str = "PABQ", limit: int = 1_000_000, **changes: object
) -> None:
    """Nodes in a row, each with a line to the next."""
    for name in names:
        world.add(name, partial(terms, **changes))
    for one, other in pairwise(names):
        await world.open(one, other, limit)
