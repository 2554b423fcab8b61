"""Adverts among the processes of a node: what one hears, the others know and pass on as well."""

import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

import trio
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_new

from node.engine import StoreUnavailable
from node.group import Group
from node.shared.engine import SharedEngine
from node.shared.feed import head
from node.shared.keys import ADVERTS
from node.store import advert as advert_table
from proto.adverts import Advert, AdvertKey, read_advert
from proto.keys import NodeId, SigningKey
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.gossip import Gossip
from runtime.gossip_limits import GossipLimits
from runtime.gossip_store import Held, hold
from runtime.transport import LinkCause, Transport
from runtime.write_plan import Execute

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.25  # between two writes: many adverts share one
MAX_GONE: Final = 65_536  # of a store that is away; what is above it goes when it expires


class SharedGossip(Gossip):
    """As Gossip; `fresh` is what the other processes have not been told, `gone` what was pushed
    out here before its time: the store has no more room for it than we have."""

    def __init__(
        self,
        transport: Transport,
        drop: Callable[[NodeId, LinkCause], None],
        key: SigningKey,
        observe: Callable[[Advert], None],
        clock: Clock,
        limits: GossipLimits | None = None,
    ) -> None:
        super().__init__(transport, drop, key, observe, limits)
        self._clock = clock
        self._heard = 0  # the last change whose adverts are known here
        self._hearing = False
        self.fresh: dict[AdvertKey, tuple[Advert, bytes]] = {}
        self.gone: set[AdvertKey] = set()
        self.news = trio.Event()

    def _keep(self, held: Held, now_us: int) -> str | None:
        fault = super()._keep(held, now_us)
        if fault is None and not self._hearing:
            self.fresh[held.key] = held.advert, held.data
            self.gone.discard(held.key)
            self.news.set()
        return fault

    def _forgotten(self, advert: Advert) -> None:
        super()._forgotten(advert)
        self.fresh.pop(advert.key, None)
        # What has expired is pruned by itself.
        if advert.expires_at_us > self._clock.now_us() and len(self.gone) < MAX_GONE:
            self.gone.add(advert.key)
            self.news.set()

    def hear(self, connection: Connection) -> None:
        """What others have written since the last time: known here too, and passed on."""
        query = select(advert_table.c.seq, advert_table.c.data)
        found = connection.execute(query.where(advert_table.c.seq > self._heard)).all()
        self._heard = max((row.seq for row in found), default=self._heard)
        now_us = self._clock.now_us()
        self._hearing = True
        passed = [row.data for row in found if self._learn(row.data, now_us)]
        self._hearing = False
        if passed:
            self._spread(passed)

    def _learn(self, data: bytes, now_us: int) -> bool:
        """Another process has let it in, so that its signer's rate does not count again here."""
        if data in self._store:
            return False
        try:
            advert = read_advert(data, now_us)
        except WireFault:
            return False  # it has expired since it was written
        if advert.key[1].startswith(self._key.node_id):
            # Said by another process for all of us: what we say next is newer.
            self._last_sequence = max(self._last_sequence, advert.sequence)
        held = hold(advert, data)
        return self._store.is_news(held) and self._keep(held, now_us) is None


async def share_adverts(engine: SharedEngine, gossip: SharedGossip) -> None:
    """Until cancelled: tells the other processes what this one has heard and said."""
    while True:
        await gossip.news.wait()
        gossip.news = trio.Event()
        fresh, gossip.fresh = gossip.fresh, {}
        gone, gossip.gone = gossip.gone, set()
        run = partial(write_adverts, adverts=list(fresh.values()), gone=gone)

        def write(group: Group, run: Callable[[Connection], None] = run) -> None:
            group.writes.append(Execute(run))
            engine.touch(group, ADVERTS)

        try:
            await engine.work(write)
        except StoreUnavailable as error:
            log.warning("adverts wait for the store: %s", error)
            gossip.fresh = {**fresh, **gossip.fresh}
            gossip.gone |= gone - gossip.fresh.keys()
            gossip.news.set()
        await trio.sleep(PAUSE_S)


def write_adverts(
    connection: Connection,
    adverts: Collection[tuple[Advert, bytes]],
    gone: Collection[AdvertKey],
) -> None:
    """In a turn: `head` is the number of this transaction."""
    if gone:
        columns = advert_table.c
        named = (columns.kind == bindparam("k"), columns.subject == bindparam("s"))
        connection.execute(
            delete(advert_table).where(*named), [{"k": kind, "s": s} for kind, s in gone]
        )
    if not adverts:
        return
    seq = head(connection)
    rows = [
        {
            "kind": advert.key[0],
            "subject": advert.key[1],
            "seq": seq,
            "sequence": advert.sequence,
            "expires_at_us": advert.expires_at_us,
            "data": data,
        }
        for advert, data in adverts
    ]
    insertion = insert_new(advert_table)
    updated = {name: insertion.excluded[name] for name in rows[0] if name != "kind"}
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_=updated,
            where=insertion.excluded.sequence > advert_table.c.sequence,
        ),
        rows,
    )


def prune_adverts(connection: Connection, now_us: int) -> None:
    """Forgets what has expired."""
    connection.execute(delete(advert_table).where(advert_table.c.expires_at_us <= now_us))
