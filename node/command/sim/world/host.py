"""A machine with a node on it: its store and clock outlive the process, nothing else does."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import trio
from sqlalchemy import Engine as Database

from node.command.finder import LocalFinder
from node.command.sim.cast import NOW_US, digest, signing_key
from node.command.sim.lying.engine import LyingNode
from node.command.sim.lying.liar import Liar
from node.command.sim.lying.stream import bender
from node.command.sim.world.agenda import Agenda
from node.command.sim.world.clock import SkewedClock
from node.command.sim.world.disk import SimDisk
from node.command.sim.world.wire import SimTransport, Wires
from node.config import NodeConfig
from node.control.context import Context
from node.control.service import TALES, VERBS
from node.core.rows import Row
from node.registries import Connect
from node.store import load_rows, metadata
from node.wired import WiredNode
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey
from proto.wire import canonical
from runtime.control import Arguments
from runtime.faults import reading
from runtime.identity import Identity, card
from runtime.schema import create_tables
from runtime.store import Store, memory_engine
from runtime.tls import TlsIdentity

DECLARED_ERROR_US: Final = 500_000  # protocol 2: the margins contain as much
LIFE_US: Final = 10**16  # of a key: beyond every simulation
LEAD_US: Final = 86_400_000_000  # a clock that is behind still finds them valid
T = TypeVar("T")
Committed = Callable[[str, Iterable[Row]], None]


class ProcessDied(Exception):
    """The process that was asked is no more: whether it took effect is not known."""


@dataclass
class Process:
    """One life of a node's process. `stack` closes what it holds open."""

    node: WiredNode
    context: Context
    transport: SimTransport
    disk: SimDisk
    nursery: trio.Nursery
    calls: dict[int, trio.CancelScope] = field(default_factory=dict)  # of its owner, under way


@dataclass
class Host:
    """Where a node lives. Owned by trio. `process` is None while it is down."""

    name: str
    identity: Identity
    clock: SkewedClock
    random: Random  # of this machine alone: keys, ids, how long its disk takes
    agenda: Agenda
    wires: Wires
    connect: Connect
    nursery: trio.Nursery
    committed: Committed
    config: NodeConfig
    database: Database = field(default_factory=memory_engine)
    process: Process | None = None
    liar: Liar | None = None  # it is one
    ready: trio.Event = field(default_factory=trio.Event)  # of the process that runs or starts
    _starting: bool = False
    on_death: Callable[[], None] = lambda: None
    on_start: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        with self.database.begin() as connection:
            create_tables(connection, metadata)

    @property
    def id(self) -> NodeId:
        return self.identity.node

    @property
    def card(self) -> str:
        """What neighbours are given."""
        return card(self.identity, self.name, f"{self.name.lower()}.sim:1")

    @property
    def context(self) -> Context:
        assert self.process is not None, f"{self.name} does not run"
        return self.process.context

    def start(self) -> None:
        """A process begins from what the store holds, unless one runs; `ready` is set then."""
        if self.process is None and not self._starting:
            self._starting = True
            self.nursery.start_soon(self._live)

    async def _live(self) -> None:
        with ExitStack() as stack:
            async with trio.open_nursery() as nursery:
                disk = self._open_disk(stack)
                store = Store(Path(f"/{self.name}.sqlite"), self.database)
                node = self._make_node(store)
                transport = self.wires.join(self.id, lambda peer: node.positions(peer))
                if self.liar is not None:
                    transport.bent = bender(self.liar)
                context = self._wire(node, transport, disk, nursery, stack)
                self.process = Process(node, context, transport, disk, nursery)
                context.engine.listen(partial(self.committed, self.name))
                self._starting = False
                self.on_start()
                self.ready.set()
                await trio.sleep_forever()

    def _wire(
        self,
        node: WiredNode,
        transport: SimTransport,
        disk: SimDisk,
        nursery: trio.Nursery,
        stack: ExitStack,
    ) -> Context:
        """The parts of one life, put together; what ends with it is pushed on `stack`."""
        del stack
        return node.wire(transport, disk, self.connect, nursery, LocalFinder())

    def _make_node(self, store: Store) -> WiredNode:
        parts = self.config, self.identity, store, self.clock, self._draw
        if self.liar is None:
            return WiredNode(*parts)
        return LyingNode(self.liar, self.agenda, *parts)

    def _open_disk(self, stack: ExitStack) -> SimDisk:
        opened = SimDisk.open_on(self.database, self.agenda, self.random, self.kill)
        return stack.enter_context(opened)

    def kill(self) -> None:
        """SIGKILL: what is not committed is gone, what is committed may not have been told."""
        process, self.process = self.process, None
        if process is None:
            return
        process.disk.dead = True
        self.wires.leave(self.id)
        process.nursery.cancel_scope.cancel()
        for call in tuple(process.calls.values()):
            call.cancel()
        self.ready = trio.Event()
        self.on_death()

    def die_at_send(self, send: int) -> None:
        """The process dies as it sends its `send`th frame from now; that is not sent."""
        assert self.process is not None
        left = send

        def about_to_send() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.kill()

        self.process.transport.about_to_send = about_to_send

    def differs(self) -> str | None:
        """How memory differs from the store; None where it does not."""
        with reading(self.database) as connection:
            stored = {row.key: row for row, _ in load_rows(connection)}
        believed = self.context.engine.memory.rows
        for key in sorted(stored.keys() | believed.keys()):
            if stored.get(key) != believed.get(key):
                return f"memory and store differ in {key[0]} {key[1].hex()[:8]}"
        return None

    def _draw(self, count: int) -> bytes:
        return self.random.randbytes(count)

    # ------------------------------------------------------------------ what its owner does

    async def ask(self, verb: str, **arguments: object) -> Mapping[str, Any]:
        """One verb of the control socket, after which everything it did is durable. ControlFailure,
        StoreUnavailable, ProcessDied."""

        async def act(context: Context) -> Mapping[str, Any]:
            answer = await VERBS[verb](context, Arguments(arguments))
            await context.engine.durable()
            return answer

        return await self._called(act)

    async def tell(
        self, verb: str, hear: Callable[[Mapping[str, Any]], Awaitable[None]], **arguments: object
    ) -> None:
        """A verb that answers several times; errors as of `ask`."""
        await self._called(lambda context: TALES[verb](context, Arguments(arguments), hear))

    async def _called(self, act: Callable[[Context], Awaitable[T]]) -> T:
        process = self.process
        if process is None:
            raise ProcessDied
        with trio.CancelScope() as call:
            process.calls[id(call)] = call
            try:
                return await act(process.context)
            finally:
                del process.calls[id(call)]
        raise ProcessDied


def make_identity(name: str) -> Identity:
    """The same keys whenever the name is the same. Nothing here speaks TLS."""
    key, seal = signing_key(f"node {name}"), SealKey(digest(f"seal {name}"))
    tls = TlsIdentity(digest(f"tls {name}"), b"")
    certified = {
        purpose: canonical(
            certify_key(key, KeyCertificate(key.public, purpose, public, NOW_US - LEAD_US, LIFE_US))
        )
        for purpose, public in (
            (KeyPurpose.TLS, tls.certificate_der),
            (KeyPurpose.SEAL, seal.public),
        )
    }
    return Identity(key, seal, tls, certified[KeyPurpose.TLS], certified[KeyPurpose.SEAL], LIFE_US)
