"""The daemon as one of several processes that serve a node over one PostgreSQL database."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

import trio
from sqlalchemy import Connection

from node.config import CONFIG_NAME, NodeConfig, read_config
from node.control.context import Process
from node.control.service import Verb
from node.daemon import Daemon, Ready
from node.engine import StoreUnavailable
from node.links import Links, Neighbour
from node.loading import claim_books, load_neighbours
from node.memory import Memory
from node.migrations import MIGRATIONS
from node.registries import Registries
from node.routing import RouteFinder
from node.shared.adverts import SharedGossip, share_adverts
from node.shared.engine import SharedEngine
from node.shared.feed import begin_feed
from node.shared.membership import Membership
from node.shared.memory import SharedMemory
from node.shared.reading import position_of, snapshot
from node.shared.sharing import ID_BYTES, TAG_BYTES, Sharing, forget_everybody, join
from node.store import (
    SCHEMA_VERSION,
    STORE_KIND,
    load_table,
    metadata,
    peer,
    registry,
    setting,
)
from node.wired import Duties
from proto.adverts import Advert
from proto.card import NodeCard
from proto.keys import NodeId
from runtime.faults import StoreFailed, reading
from runtime.identity import Identity, load_identity
from runtime.listening import listening
from runtime.store import StoreUnusable
from runtime.store_postgresql import ServerStore, open_server_store
from runtime.store_shared import take_together
from runtime.write_plan import Write
from runtime.writer import Writer

log = logging.getLogger(__name__)

LEAVE_S: Final = 2.0  # a store that does not answer must not hold up the end


def run_shared(
    directory: Path,
    finder: Callable[[], RouteFinder],
    ready: Ready,
    more_verbs: Mapping[str, Verb] | None = None,
) -> None:
    """As node.daemon.run, beside other processes that run the same node so. StoreUnusable also
    where the store is a file, and where the others took this process for dead."""
    config = read_config(directory / CONFIG_NAME)
    identity = load_identity(directory)
    if not config.store:
        raise StoreUnusable(f"{directory}: a file serves one process; `store` names a PostgreSQL")
    with open_shared(config.store) as store:
        claim_books(store.engine, store.place, identity.node)
        daemon = SharedDaemon(directory, config, identity, store)
        trio.run(daemon.serve, finder, ready, more_verbs or {})
    if daemon.expelled:
        raise StoreUnusable(
            f"{store.place}: this process stood still, and the others have taken over; start again"
        )


def open_shared(url: str) -> AbstractContextManager[ServerStore]:
    """The books, together with others."""
    take = partial(take_together, _begin)
    return open_server_store(url, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS, take)


def _begin(connection: Connection) -> None:
    """Nobody else runs: whoever is written there is dead."""
    begin_feed(connection)
    forget_everybody(connection)


class SharedDaemon(Daemon):
    """One process of a node, with others over the same store."""

    def __init__(
        self, directory: Path, config: NodeConfig, identity: Identity, store: ServerStore
    ) -> None:
        self._sharing = Sharing(os.urandom(ID_BYTES))
        self._shared_engine: SharedEngine | None = None
        super().__init__(directory, config, identity, store)

    @property
    def expelled(self) -> bool:
        return self._sharing.expelled.is_set()

    @property
    def _the_engine(self) -> SharedEngine:
        assert self._shared_engine is not None, "asked for before it was made"
        return self._shared_engine

    # ------------------------------------------------------------------ what is made

    def _make_memory(self) -> Memory:
        self._shared_memory = SharedMemory(self._book.settings())
        return self._shared_memory

    def _make_engine(self, writer: Writer, registries: Registries) -> SharedEngine:
        with reading(self._store.engine) as connection:
            join(connection, self._sharing.process)
            connection.commit()
        engine = SharedEngine(
            self._identity.key,
            self._identity.seal,
            self._shared_memory,
            self._links,
            writer,
            self._clock,
            registries,
            self._load,
            self._sharing,
            self._store.engine,
            self._config.max_messages_per_s,
            self._archive,
        )
        self._shared_engine = engine
        return engine

    def _make_gossip(self, observe: Callable[[Advert], None]) -> SharedGossip:
        self._gossip = SharedGossip(
            self._transport,
            self._links.drop,
            self._identity.key,
            observe,
            self._clock,
            self._config.gossip_limits,
        )
        return self._gossip

    def _awaits_calls_at(self) -> str | None:
        return None  # the one that they call may be dead, and who has the lease is alone to dial

    def _payment_id(self) -> bytes:
        return os.urandom(16 - TAG_BYTES) + self._sharing.process[:TAG_BYTES]

    def _processes(self) -> list[Process]:
        ids = sorted({self._sharing.process, *self._sharing.processes})
        return [Process(p, p == self._sharing.process, *self._sharing.duties(p)) for p in ids]

    def positions(self, node: NodeId) -> tuple[int, int]:
        """From the row: another process may have had the stream a moment ago."""
        try:
            return position_of(self._store.engine, node)
        except StoreFailed:
            return self._links.positions(node)

    def _dials(self, neighbour: Neighbour) -> str:
        return neighbour.address if self._sharing.holds(neighbour.node) else ""

    # ------------------------------------------------------------------ what runs

    def _begin_duties(self, nursery: trio.Nursery, duties: Duties) -> None:
        self._sharing.adverts_changed = self._gossip.hear
        self._sharing.owner_changed = partial(self._read_owner, duties)
        with reading(self._store.engine) as connection:
            self._gossip.hear(connection)
        engine = self._the_engine
        orphaned = partial(duties.payer.resume, self._sharing.is_orphan)
        membership = Membership(engine, self._sharing, self._clock, self._tell_transport, orphaned)
        nursery.start_soon(membership.run)
        nursery.start_soon(share_adverts, engine, self._gossip)
        nursery.start_soon(partial(duties.forgetter.run, keeper=False))
        nursery.start_soon(self._begin_keeping, nursery, duties)

    def _listening(self) -> AbstractAsyncContextManager[None]:
        return listening(self._store.engine, self._hear)

    def _hear(self) -> None:
        if self._shared_engine is not None:  # else everything is about to be read
            self._shared_engine.hear()

    async def _begin_keeping(self, nursery: trio.Nursery, duties: Duties) -> None:
        await self._sharing.keeping.wait()
        nursery.start_soon(duties.advertiser.run)
        nursery.start_soon(duties.archiver.run)
        nursery.start_soon(duties.sweeper.run)
        nursery.start_soon(duties.forgetter.run)

    async def _until_over(self) -> None:
        await self._sharing.expelled.wait()

    async def _leave(self) -> None:
        if self.expelled:
            return
        with trio.move_on_after(LEAVE_S):
            try:
                await self._the_engine.leave()
            except StoreUnavailable as error:
                log.warning("the others take over once they notice: %s", error)

    # ------------------------------------------------------------------ the store

    def _reading(self) -> AbstractContextManager[Connection]:
        return snapshot(self._store.engine)

    def _loaded(self, connection: Connection) -> None:
        self._the_engine.loaded(connection)

    def _add_peer(self, met: NodeCard) -> Sequence[Write]:
        writes = super()._add_peer(met)
        if writes:
            self._sharing.moved.set()  # it may be ours to dial
        return writes

    def _read_owner(self, duties: Duties, connection: Connection) -> None:
        """Terms, registries and neighbours, as another process has changed them."""
        self._book.load(
            list(load_table(connection, setting)), list(load_table(connection, registry))
        )
        self._the_engine.use_settings(self._book.settings())
        read_neighbours(connection, self._links)
        self._tell_transport()
        self._sharing.moved.set()
        duties.advertiser.everything()


def read_neighbours(connection: Connection, links: Links) -> None:
    """Who they are and where, as the store says; streams and numbers stay as they are."""
    stored = {NodeId(row["node"]): row for row in load_table(connection, peer)}
    for node in [node for node in links.neighbours if node not in stored]:
        del links.neighbours[node]
    for node, row in stored.items():
        known = links.neighbours.get(node)
        if known is None:
            links.neighbours[node] = load_neighbours(connection, node)[node]
            continue
        known.alias, known.address = row["alias"], row["address"]
        known.certificate, known.version = row["certificate"], row["version"]
