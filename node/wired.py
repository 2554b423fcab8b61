"""A node put together: engine, gossip, payer, advertiser and the rest over one store and one wire.

What runs it around that, signals, sockets, threads, is the daemon's (node.daemon); a simulation
runs the same over a wire, a disk and a clock of its own.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import trio
from sqlalchemy import Connection

from node.advertising import Advertiser
from node.archive import Archive
from node.archiving import Archiver
from node.config import NodeConfig
from node.control.context import Context, Process
from node.control.heads import RowHeads
from node.core.deciding import with_statements
from node.core.rows import Transaction
from node.engine import Engine
from node.escrow.exchange import Exchange, Myself, open_exchange
from node.escrow.sweeping import Sweeper
from node.escrow.ways import Ways
from node.exposing import Exposer
from node.links import Links, Neighbour
from node.loading import load_neighbours
from node.memory import Memory
from node.paying import Payer
from node.people.confirmations import Confirmations
from node.people.exchanging import Exchanging
from node.people.forgetting import Forgetter
from node.people.journal import Journal
from node.record_watch import watch_records
from node.registries import Connect, Registries
from node.routing import RouteFinder
from node.store import (
    load_rows,
    load_table,
    peer,
    registry,
    setting,
)
from node.terms import FIRST_TERMS, Book
from proto.adverts import Advert, FraudAdvert
from proto.card import NodeCard
from proto.keys import NodeId
from runtime.clock import Clock
from runtime.faults import reading
from runtime.gossip import Gossip
from runtime.hearing import Hearing
from runtime.identity import Entropy, Identity, card
from runtime.store import Store
from runtime.store_postgresql import ServerStore
from runtime.transport import (
    PeerEndpoint,
    SinkTransport,
)
from runtime.write_plan import InsertRows, UpdateRows, Write
from runtime.writer import Writer


@dataclass(frozen=True, slots=True)
class Duties:
    """What a node does of itself."""

    advertiser: Advertiser
    archiver: Archiver
    sweeper: Sweeper
    payer: Payer
    forgetter: Forgetter


class WiredNode:
    """One node with the store to itself, from `wire` on."""

    def __init__(
        self,
        config: NodeConfig,
        identity: Identity,
        store: Store | ServerStore,
        clock: Clock,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._config = config
        self._identity = identity
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._book = Book(identity.node, config.declared_error_us, config.caps)
        self._book.terms = FIRST_TERMS
        self._memory = self._make_memory()
        self._archive = Archive(store.engine)
        # Until somebody takes them up; what was not said is said when its row is next due.
        self.on_notice: Callable[[bytes], None] = lambda _: None

    def wire(
        self,
        transport: SinkTransport,
        writer: Writer,
        connect: Connect,
        nursery: trio.Nursery,
        finder: RouteFinder,
        ways: Ways | None = None,
    ) -> Context:
        """Reads the store and starts every task of the node in `nursery`. StoreFailed.

        `connect`: the way to a registry; `ways`: to those with whom it exchanges, if with any.
        """
        self._transport = transport
        self._links = Links(transport, self._config.max_unacknowledged)
        registries = self._registries = Registries(
            connect,
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
            engine, gossip, finder, registries, self._clock, self._entropy, nursery,
            self._payment_id, self._book.policies,
        )  # fmt: skip
        keep_days = self._config.keep_days
        archiver = Archiver(engine, self._archive, self._identity.key, self._clock, keep_days)
        self._exposer = Exposer(engine, self._book, gossip, self._clock)
        nursery.start_soon(engine.run)
        nursery.start_soon(self._exposer.run)
        self._hear_neighbours(transport, gossip, nursery)
        exchange = self._exchange(ways, payer, nursery) if ways is not None else None
        sweeper, forgetter = Sweeper(engine, self._clock), Forgetter(engine, self._clock)
        self._begin_duties(nursery, Duties(advertiser, archiver, sweeper, payer, forgetter))
        return Context(
            identity=self._identity,
            alias=self._config.alias,
            address=self._config.public_address,
            card=self._card(),
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
            entropy=self._entropy,
            add_peer=self._add_peer,
            expose=self._exposer.expose,
            advertise=advertiser.everything,
            processes=self._processes,
            confirmations=self._confirmations(payer, exchange),
            page=self._config.page,
            exchange=exchange,
            heads=RowHeads(engine),
        )

    def _hear_neighbours(
        self, transport: SinkTransport, gossip: Gossip, nursery: trio.Nursery
    ) -> None:
        per_s, wanted = self._config.max_adverts_per_s, self._config.gossip
        sink = self._engine.link_event
        hearing = Hearing(gossip, self._clock, per_s, sink, welcome=wanted)
        transport.hand_to(hearing.heard)
        nursery.start_soon(hearing.run)

    def _confirmations(self, payer: Payer, exchange: Exchange | None) -> Confirmations:
        journal, key = Journal(self._store.engine), self._identity.key
        made = Confirmations(self._engine, journal, payer, key, self._clock, self._entropy)
        if exchange is not None:
            made.exchanging = Exchanging(self._memory, exchange.accounts, exchange.judge)
        return made

    def _card(self) -> str:
        config = self._config
        places = (config.public_address, config.public_service)
        return card(self._identity, config.alias, *places)

    def _exchange(self, ways: Ways, payer: Payer, nursery: trio.Nursery) -> Exchange:
        serves = bool(self._config.public_service)
        me = Myself(self._identity, self._config.alias, self._card(), serves)
        return open_exchange(
            self._engine, payer, me, ways, self._clock, self._entropy, nursery, self._notify
        )

    def _notify(self, notice: bytes) -> None:
        self.on_notice(notice)

    def _material(self, commit: bytes) -> tuple[bytes, bytes]:
        row = self._memory.row((Transaction.table, commit, b""))
        if not isinstance(row, Transaction):
            return b"", b""  # settled meanwhile: nothing is asked about it any more
        return with_statements(row), row.decline_preimage

    # -------- what a process that shares the store with others does in its own way (node.shared)

    def _make_memory(self) -> Memory:
        return Memory(self._book.settings())

    def _make_engine(self, writer: Writer, registries: Registries) -> Engine:
        return self._engine_from(Engine, writer, registries)

    def _engine_from(
        self, make: Callable[..., Engine], writer: Writer, registries: Registries
    ) -> Engine:
        """What `make` gives for the parts of this node, which are an Engine's arguments."""
        return make(
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

    def _payment_id(self) -> bytes:
        return self._entropy(16)

    def _processes(self) -> list[Process]:
        return []

    def positions(self, node: NodeId) -> tuple[int, int]:
        """(have, sent) of a neighbour, as Hello says them."""
        return self._links.positions(node)

    def _begin_duties(self, nursery: trio.Nursery, duties: Duties) -> None:
        nursery.start_soon(duties.advertiser.run)
        nursery.start_soon(duties.archiver.run)
        nursery.start_soon(duties.sweeper.run)
        nursery.start_soon(duties.forgetter.run)
        duties.payer.resume()

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
