"""The node daemon: opens what it needs, in order, and closes it in the reverse one."""

import logging
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio
from sqlalchemy import Connection

from node.advertising import Advertiser
from node.archive import Archive
from node.archiving import Archiver
from node.config import CONFIG_NAME, NodeConfig, read_config
from node.control.context import Context, Process
from node.control.service import Verb, control_service
from node.core.deciding import with_statements
from node.core.rows import Transaction
from node.engine import Engine
from node.exposing import Exposer
from node.links import Links, Neighbour
from node.loading import claim_books, load_neighbours
from node.memory import Memory
from node.migrations import MIGRATIONS
from node.paying import Payer
from node.record_watch import watch_records
from node.registries import Registries
from node.remote_finder import RemoteFinder, own_facts, read_cards
from node.routing import RouteFinder
from node.store import (
    SCHEMA_VERSION,
    STORE_KIND,
    load_rows,
    load_table,
    metadata,
    peer,
    registry,
    setting,
)
from node.terms import FIRST_TERMS, Book
from proto.adverts import Advert, FraudAdvert
from proto.card import NodeCard
from proto.keys import NodeId
from runtime.bridge import Bridge
from runtime.clock import Clock, SystemClock
from runtime.collector import calm_collector
from runtime.faults import reading
from runtime.gossip import Gossip
from runtime.hearing import Hearing
from runtime.identity import Identity, card, load_identity
from runtime.rpc_server import RpcServer
from runtime.store import Store, open_store
from runtime.store_postgresql import ServerStore, open_server_store
from runtime.transport import (
    FrameLimits,
    GossipWish,
    PeerEndpoint,
)
from runtime.transport_grpc import GrpcTransport, TransportConfig
from runtime.write_plan import InsertRows, UpdateRows, Write
from runtime.writer import ThreadWriter

log = logging.getLogger(__name__)

DATABASE: Final = "node.sqlite"
SOCKET: Final = "control.sock"
STOP_GRACE_S: Final = 0.5
Ready = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Duties:
    """What a node does of itself."""

    advertiser: Advertiser
    archiver: Archiver
    payer: Payer


def run(
    directory: Path,
    finder: Callable[[], RouteFinder],
    ready: Ready,
    more_verbs: Mapping[str, Verb] | None = None,
) -> None:
    """Runs until SIGTERM, SIGINT or `stop`.

    `ready` is called once with a line that names the addresses. `more_verbs`: what this process
    answers on its control socket beside the ordinary verbs. Raises ConfigFault, IdentityFault,
    StoreUnusable, OSError (an address is taken), DaemonCrash.
    """
    config = read_config(directory / CONFIG_NAME)
    identity = load_identity(directory)
    with _open(config, directory) as store:
        claim_books(store.engine, store.place, identity.node)
        daemon = Daemon(directory, config, identity, store)
        trio.run(daemon.serve, finder, ready, more_verbs or {})


def _open(
    config: NodeConfig, directory: Path
) -> AbstractContextManager[Store] | AbstractContextManager[ServerStore]:
    """The books, wherever the owner keeps them."""
    if config.store:
        return open_server_store(config.store, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)
    database = config.data_path(directory) / DATABASE
    return open_store(database, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)


class Daemon:
    """One process of a node, with the store to itself."""

    def __init__(
        self, directory: Path, config: NodeConfig, identity: Identity, store: Store | ServerStore
    ) -> None:
        self._directory = directory
        self._config = config
        self._identity = identity
        self._store = store
        self._clock: Clock = SystemClock(config.declared_error_us)
        self._book = Book(identity.node, config.declared_error_us, config.caps)
        self._book.terms = FIRST_TERMS
        self._memory = self._make_memory()
        self._archive = Archive(store.engine)
        path, now_us = directory / CONFIG_NAME, self._clock.now_us()
        self._pathfinders = read_cards(path, config.pathfinders, now_us)

    async def serve(
        self,
        make_finder: Callable[[], RouteFinder],
        ready: Ready,
        more_verbs: Mapping[str, Verb],
    ) -> None:
        # Listening for signals comes first: one that arrives while starting is not lost.
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            wish = GossipWish.COMPARED if self._config.gossip else GossipWish.NOTHING
            config = TransportConfig(
                self._identity.key,
                self._identity.tls,
                self._config.listen or None,
                self._awaits_calls_at(),
                FrameLimits(self._config.max_frame_bytes, self._config.max_message_bytes),
                wish,
            )
            async with (
                Bridge.open() as bridge,
                ThreadWriter.open(self._store.engine) as writer,
                GrpcTransport.open(
                    bridge,
                    config,
                    self._clock,
                    self._positions,
                    random.Random(os.urandom(16)),  # only jitter is drawn from it
                ) as transport,
                self._listening(),
                trio.open_nursery() as nursery,
            ):
                self._links = Links(transport, self._config.max_unacknowledged)
                self._transport = transport
                finder = self._remote_finder(bridge) or make_finder()
                context = self._wire(bridge, writer, nursery, finder)
                server = RpcServer(bridge, nursery, [control_service(context, more_verbs)])
                await server.bind_unix(self._directory / SOCKET)
                await server.start()
                try:
                    calm_collector()
                    ready(self._ready_line(context))
                    await self._until_stopped(signals, context)
                finally:
                    with trio.CancelScope(shield=True):
                        await server.stop(STOP_GRACE_S)
                        await self._leave()
                nursery.cancel_scope.cancel()

    def _ready_line(self, context: Context) -> str:
        port = self._transport.port
        where = f"listening on port {port}" if port is not None else "dialling only"
        return f"ready: {context.alias} {self._identity.node.hex()} {where}"

    async def _until_stopped(self, signals: object, context: Context) -> None:
        async with trio.open_nursery() as nursery:

            async def by_signal() -> None:
                await anext(signals)  # type: ignore[call-overload]
                context.stop.set()

            async def by_itself() -> None:
                await self._until_over()
                context.stop.set()

            nursery.start_soon(by_signal)
            nursery.start_soon(by_itself)
            await context.stop.wait()
            nursery.cancel_scope.cancel()

    def _wire(
        self, bridge: Bridge, writer: ThreadWriter, nursery: trio.Nursery, finder: RouteFinder
    ) -> Context:
        registries = Registries(
            bridge,
            nursery,
            lambda make: engine.submit(make),
            lambda: self._memory.settings.records,
            self._material,
        )
        engine = self._engine = self._make_engine(writer, registries)
        self._load()
        gossip = self._make_gossip(partial(self._observe, finder))
        gossip.on_forgotten = finder.forget
        nursery.start_soon(watch_records, registries, gossip, self._memory, self._clock)
        advertiser = Advertiser(
            self._identity, self._config, engine, gossip, self._book, self._clock, nursery
        )
        payer = Payer(
            engine, gossip, finder, registries, self._clock, os.urandom, nursery, self._payment_id,
            self._book.policies,
        )  # fmt: skip
        keep_days = self._config.keep_days
        archiver = Archiver(engine, self._archive, self._identity.key, self._clock, keep_days)
        self._exposer = Exposer(engine, self._book, gossip, self._clock)
        nursery.start_soon(engine.run)
        nursery.start_soon(self._exposer.run)
        per_s, wanted = self._config.max_adverts_per_s, self._config.gossip
        hearing = Hearing(gossip, self._clock, per_s, engine.link_event, welcome=wanted)
        self._transport.hand_to(hearing.heard)
        nursery.start_soon(hearing.run)
        self._begin_duties(nursery, Duties(advertiser, archiver, payer))
        return Context(
            identity=self._identity,
            alias=self._config.alias,
            address=self._config.public_address,
            card=card(self._identity, self._config.alias, self._config.public_address),
            database=self._store.place,
            database_file=self._store.path,
            store_engine=self._store.engine,
            started_us=self._clock.now_us(),
            engine=engine,
            archive=self._archive,
            gossip=gossip,
            payer=payer,
            finder=finder,
            book=self._book,
            clock=self._clock,
            entropy=os.urandom,
            add_peer=self._add_peer,
            expose=self._exposer.expose,
            advertise=advertiser.everything,
            processes=self._processes,
        )

    def _remote_finder(self, bridge: Bridge) -> RemoteFinder | None:
        """None where this node searches by itself."""
        if not self._pathfinders:
            return None
        return RemoteFinder(bridge, self._pathfinders, lambda: own_facts(self._memory.settings))

    def _material(self, commit: bytes) -> tuple[bytes, bytes]:
        row = self._memory.row((Transaction.table, commit, b""))
        if not isinstance(row, Transaction):
            return b"", b""  # settled meanwhile: nothing is asked about it any more
        return with_statements(row), row.decline_preimage

    # -------- what a process that shares the store with others does in its own way (node.shared)

    def _make_memory(self) -> Memory:
        return Memory(self._book.settings())

    def _make_engine(self, writer: ThreadWriter, registries: Registries) -> Engine:
        return Engine(
            self._identity.key,
            self._identity.seal,
            self._memory,
            self._links,
            writer,
            self._clock,
            registries,
            self._load,
            self._config.max_messages_per_s,
            self._archive,
        )

    def _make_gossip(self, observe: Callable[[Advert], None]) -> Gossip:
        return Gossip(
            self._transport,
            self._links.drop,
            self._identity.key,
            observe,
            self._config.gossip_limits,
        )

    def _observe(self, finder: RouteFinder, advert: Advert) -> None:
        if isinstance(advert, FraudAdvert):
            self._exposer.hear(advert)
        else:
            finder.observe(advert)

    def _awaits_calls_at(self) -> str | None:
        """An address at which neighbours are given the time to call before they are called."""
        return self._config.public_address or None

    def _payment_id(self) -> bytes:
        return os.urandom(16)

    def _processes(self) -> list[Process]:
        return []

    def _positions(self, node: NodeId) -> tuple[int, int]:
        return self._links.positions(node)

    def _listening(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def _begin_duties(self, nursery: trio.Nursery, duties: Duties) -> None:
        nursery.start_soon(duties.advertiser.run)
        nursery.start_soon(duties.archiver.run)
        duties.payer.resume()

    async def _until_over(self) -> None:
        """Until the process cannot go on, and has to end of itself."""
        await trio.sleep_forever()

    async def _leave(self) -> None:
        """Before the streams end; there is nothing to give back."""

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self._store.engine)

    # ------------------------------------------------------------------ the store

    def _load(self) -> None:
        """Everything from the disk: at start, and after a write that failed. StoreFailed, and then
        nothing is changed."""
        with self._reading() as connection:
            rows = list(load_rows(connection))
            settings = list(load_table(connection, setting))
            registries = list(load_table(connection, registry))
            neighbours = load_neighbours(connection)
            self._archive.load(connection)
            self._memory.load(rows)
            self._book.load(settings, registries)
            self._memory.settings = self._book.settings()
            self._links.neighbours = neighbours
            self._loaded(connection)
        self._tell_transport()

    def _loaded(self, connection: Connection) -> None:
        """Everything is in memory; `connection` still sees the same moment."""

    def _tell_transport(self) -> None:
        self._transport.set_peers(
            {
                node: PeerEndpoint(n.certificate, self._dials(n) or None)
                for node, n in self._links.neighbours.items()
            }
        )

    def _dials(self, neighbour: Neighbour) -> str:
        return neighbour.address

    def _add_peer(self, met: NodeCard) -> Sequence[Write]:
        """A neighbour by its card; a newer card of one that is known replaces its address."""
        known = self._links.neighbours.get(met.node)
        columns = {
            "alias": met.alias,
            "address": met.address,
            "certificate": met.tls_certificate,
        }
        if known is None:
            fresh = Neighbour(met.node, met.alias, met.address, met.tls_certificate, 1)
            self._links.neighbours[met.node] = fresh
            self._tell_transport()
            row = {"node": met.node, "have": 0, "sent": 0, "version": 1}
            return [InsertRows(peer, [row | columns])]
        if (known.alias, known.address, known.certificate) == tuple(columns.values()):
            return []
        known.alias, known.address = met.alias, met.address
        known.certificate = met.tls_certificate
        self._tell_transport()
        known.version += 1
        row = {"node": met.node, "version": known.version - 1}
        return [UpdateRows(peer, [row | columns])]


def socket_path(directory: Path) -> Path:
    """Where the owner's programs reach the daemon of this directory."""
    return directory / SOCKET
