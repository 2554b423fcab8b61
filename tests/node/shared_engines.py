"""A node of several processes in the world of `tests.node.engines`, over one real store."""

import math
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import trio
from sqlalchemy import Connection

from node.archive import Archive
from node.archiving import Archiver
from node.command.sim.cast import digest, signing_key
from node.command.sim.cores.books import Books
from node.command.sim.cores.plan import terms
from node.command.sim.cores.world import Node
from node.core.effects import AskRegistries
from node.core.events import Event
from node.engine import Engine
from node.links import Links
from node.loading import load_neighbours
from node.shared.daemon import open_shared, read_neighbours
from node.shared.engine import SharedEngine
from node.shared.membership import Membership
from node.shared.memory import SharedMemory
from node.shared.reading import position_of, snapshot
from node.shared.sharing import Sharing, join
from node.store import load_rows
from proto.keys import NodeId, SealKey
from runtime.faults import reading
from runtime.store_postgresql import ServerStore
from tests.cluster import Cluster
from tests.node.engines import NOWHERE, Disk, Engines, Host, Running, Terms
from tests.node.sites import Sites


@dataclass
class Process(Running):
    """One of several. `deaf`: it does not hear of what the others write."""

    sharing: Sharing = field(default_factory=lambda: Sharing(b""))
    store: ServerStore | None = None
    name: str = ""
    deaf: bool = False
    beating: trio.CancelScope = field(default_factory=trio.CancelScope)


class SharedDisk(Disk):
    """The others hear of each commit."""

    world: "SharedEngines"
    process: Process

    def flush(self) -> None:
        super().flush()
        for other in self.world.processes[self.process.name]:
            if other is not self.process and not other.deaf:
                other_engine = other.engine
                assert isinstance(other_engine, SharedEngine)
                other_engine.hear()


class _SharedCourt:
    """The judges of this world, asked by one process, which hears the answer."""

    def __init__(self, world: "SharedEngines", name: str) -> None:
        self._world = world
        self._name = name
        self.engine: Engine | None = None

    def ask(self, effect: AskRegistries, descriptor: bytes) -> None:
        self._world.asking = self.engine
        try:
            self._world.judge(self._name, effect, descriptor)
        finally:
            self._world.asking = None


class SharedEngines(Engines):
    """Nodes of one process keep their books in memory, the others on a server."""

    server: Cluster
    asking: Engine | None = None

    def __init__(self, nursery: trio.Nursery) -> None:
        super().__init__(nursery, None)
        self.sites = Sites()
        self.network = self.sites
        self.processes: dict[str, list[Process]] = {}
        self._urls: dict[str, str] = {}

    def add_shared(self, name: str, terms: Terms, count: int = 2) -> Node:
        """A node of `count` processes over one schema."""
        key = signing_key("node " + name)
        node = Node(name, key, SealKey(digest("seal " + name)), Books(terms(key.node_id), bool))
        self._urls[name] = self.server.fresh()
        self.nodes[name] = node
        self._by_id[node.id] = name
        self.processes[name] = []
        for _ in range(count):
            self.join(name)
        return node

    def engine(self, name: str) -> Engine:
        return self.asking or super().engine(name)

    def process(self, name: str, at: int) -> Process:
        return self.processes[name][at]

    def shared_engine(self, name: str, at: int) -> SharedEngine:
        engine = self.process(name, at).engine
        assert isinstance(engine, SharedEngine)
        return engine

    def join(self, name: str) -> Process:
        """One more process of the node begins."""
        node = self.nodes[name]
        stack = ExitStack()
        store = stack.enter_context(open_shared(self._urls[name]))
        sharing = Sharing(digest(f"process {name} {self.draw('process').hex()}")[:8])
        writer = stack.enter_context(SharedDisk.open(store.engine))
        assert isinstance(writer, SharedDisk)
        memory = SharedMemory(node.settings)
        transport = self.sites.join_beside(node.id, partial(position_of, store.engine))
        links = Links(transport)
        archive = Archive(store.engine)

        def tell_transport() -> None:
            transport.set_peers(dict.fromkeys(links.neighbours, NOWHERE))

        def reload() -> None:
            with snapshot(store.engine) as connection:
                rows = list(load_rows(connection))
                neighbours = load_neighbours(connection)
                archive.load(connection)
                memory.load(rows)
                links.neighbours = neighbours
                engine.loaded(connection)
            tell_transport()

        def owner_changed(connection: Connection) -> None:
            read_neighbours(connection, links)
            sharing.moved.set()
            tell_transport()

        sharing.owner_changed = owner_changed
        court = _SharedCourt(self, name)
        engine = court.engine = SharedEngine(
            node.key, node.seal, memory, links, writer, self.clock, court, reload,
            sharing, store.engine, archive=archive,
        )  # fmt: skip
        with reading(store.engine) as connection:
            join(connection, sharing.process)
            connection.commit()
        reload()
        archiver = Archiver(engine, archive, node.key, self.clock)
        wish, wishes = trio.open_memory_channel[Event](math.inf)
        process = Process(
            engine, transport, writer, trio.CancelScope(), stack, wish, archive, archiver,
            sharing=sharing, store=store, name=name,
        )  # fmt: skip
        writer.world, writer.process = self, process
        writer.on_death = partial(self.kill, process)
        self.processes[name].append(process)
        self._show_first(name)
        self._nursery.start_soon(self._serve, process, wishes)
        return process

    async def _serve(self, running: Running, wishes: trio.MemoryReceiveChannel[Event]) -> None:
        if not isinstance(running, Process):
            await super()._serve(running, wishes)
            return
        engine = running.engine
        assert isinstance(engine, SharedEngine)
        member = Membership(engine, running.sharing, self.clock, lambda: None, lambda: None)
        with running.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.run)
                nursery.start_soon(self._receive, running)
                nursery.start_soon(self._grant, running, wishes)
                with running.beating:
                    await member.run()

    def kill(self, process: Process) -> None:
        """SIGKILL."""
        self.processes[process.name].remove(process)
        process.scope.cancel()
        self.sites.leave_site(process.transport)
        process.writer.dead = True
        process.stack.close()
        self._show_first(process.name)

    def _show_first(self, name: str) -> None:
        """Whoever asks for the node sees its first process."""
        if not self.processes[name]:
            self.hosts[name].running = None
            return
        first = self.process(name, 0)
        assert first.store is not None
        self.nodes[name].books.rows = first.engine.memory.rows
        self.hosts[name] = Host(first.store.engine, self.nodes[name].settings, first)

    def stop(self, name: str) -> None:
        if name not in self.processes:
            super().stop(name)
        for process in list(self.processes.get(name, ())):
            self.kill(process)

    def move(self, name: str, peer: str, at: int) -> None:
        """A neighbour dials again and reaches another process."""
        node, other = self.nodes[name].id, self.nodes[peer].id
        self.sites.move(node, other, self.process(name, at).transport)

    def holder(self, name: str, peer: str) -> list[int]:
        """Which processes believe that the stream is theirs."""
        other: NodeId = self.nodes[peer].id
        found = self.processes[name]
        return [at for at, process in enumerate(found) if process.sharing.holds(other)]

    def audit(self) -> None:
        super().audit()
        for name, processes in self.processes.items():
            for process in processes:
                stored = {r.key: r for r in self.stored(name)}
                assert stored == process.engine.memory.rows, (name, process.sharing.process)


@asynccontextmanager
async def shared_engines(server: Cluster) -> AsyncIterator[SharedEngines]:
    """A world around a block."""
    async with trio.open_nursery() as nursery:
        world = SharedEngines(nursery)
        world.server = server
        try:
            yield world
        finally:
            nursery.cancel_scope.cancel()
            world.close()


async def shared_chain(
    world: SharedEngines, names: str = "PXQ", shared: str = "X", **changes: object
) -> None:
    """Nodes in a row, each with a line to the next; those in `shared` are two processes each. The
    left neighbour reaches the first, the right one the second."""
    for name in names:
        add = world.add_shared if name in shared else world.add
        add(name, partial(terms, **changes))
    for one, other in pairwise(names):
        await world.open(one, other)
    for one, other in pairwise(names):
        for name, peer, at in ((other, one, 0), (one, other, 1)):
            if name in shared:
                world.move(name, peer, at)
                await world.rest()
