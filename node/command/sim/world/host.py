"""A machine with a node on it: its store and clock outlive the process, nothing else does."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import trio
from sqlalchemy import Engine as Database

from node.command.finder import LocalFinder
from node.command.sim.cast import NOW_US, digest, signing_key
from node.command.sim.world.agenda import Agenda
from node.command.sim.world.clock import SkewedClock
from node.command.sim.world.disk import SimDisk
from node.command.sim.world.wire import SimTransport, Wires
from node.config import NodeConfig
from node.control.context import Context
from node.control.service import TALES, VERBS
from node.core.rows import Row
from node.registries import Connect
from node.store import metadata
from node.wired import WiredNode
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey
from proto.wire import canonical
from runtime.control import Arguments
from runtime.identity import Identity, card
from runtime.store import Store, memory_engine
from runtime.tls import TlsIdentity

DECLARED_ERROR_US: Final = 500_000  # protocol 2: the margins contain as much
LIFE_US: Final = 10**16  # of a key: beyond every simulation
LEAD_US: Final = 86_400_000_000  # a clock that is behind still finds them valid
Committed = Callable[[str, Iterable[Row]], None]


@dataclass
class Process:
    """One life of a node's process. `stack` closes what it holds open."""

    node: WiredNode
    context: Context
    transport: SimTransport
    disk: SimDisk
    nursery: trio.Nursery
    stack: ExitStack


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
    starts: int = 0
    doomed: bool = False  # a fault has killed it and will start it again
    on_death: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        metadata.create_all(self.database)

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
        """A process begins from what the store holds. At most one runs."""
        assert self.process is None, f"{self.name} runs"
        self.starts += 1
        self.nursery.start_soon(self._live, trio.Event())

    async def started(self) -> None:
        """Starts a process and waits until it is there."""
        self.starts += 1
        ready = trio.Event()
        self.nursery.start_soon(self._live, ready)
        await ready.wait()

    async def _live(self, ready: trio.Event) -> None:
        with ExitStack() as stack:
            async with trio.open_nursery() as nursery:
                disk = self._open_disk(stack)
                store = Store(Path(f"/{self.name}.sqlite"), self.database)
                node = WiredNode(self.config, self.identity, store, self.clock, self._draw)
                transport = self.wires.join(self.id, lambda peer: node.positions(peer))
                context = node.wire(transport, disk, self.connect, nursery, LocalFinder())
                self.process = Process(node, context, transport, disk, nursery, stack)
                context.engine.listen(partial(self.committed, self.name))
                ready.set()
                await trio.sleep_forever()

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
        self.on_death()

    def _draw(self, count: int) -> bytes:
        return self.random.randbytes(count)

    # ------------------------------------------------------------------ what its owner does

    async def ask(self, verb: str, **arguments: object) -> Mapping[str, Any]:
        """One verb of the control socket, after which everything it did is durable. ControlFailure,
        StoreUnavailable."""
        context = self.context
        answer = await VERBS[verb](context, Arguments(arguments))
        await context.engine.durable()
        return answer

    async def tell(
        self, verb: str, hear: Callable[[Mapping[str, Any]], Awaitable[None]], **arguments: object
    ) -> None:
        """A verb that answers several times."""
        await TALES[verb](self.context, Arguments(arguments), hear)


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
