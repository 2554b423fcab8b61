"""Adverts among the processes of a node: what one hears, the others know and pass on as well."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import trio
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_new

from node.engine import StoreUnavailable
from node.group import Group
from node.shared.engine import SharedEngine
from node.shared.feed import head
from node.shared.keys import ADVERTS
from node.store import advert as advert_table
from proto.adverts import Advert, read_advert
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


class SharedGossip(Gossip):
    """As Gossip; `fresh` is what the other processes have not been told."""

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
        self.fresh: dict[tuple[str, bytes], tuple[Advert, bytes]] = {}
        self.news = trio.Event()

    def _keep(self, held: Held, now_us: int) -> str | None:
        fault = super()._keep(held, now_us)
        if fault is None and not self._hearing:
            self.fresh[held.advert.key] = held.advert, held.data
            self.news.set()
        return fault

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

        def write(group: Group, fresh: Iterable[tuple[Advert, bytes]] = fresh.values()) -> None:
            group.writes.append(Execute(lambda connection: _write(connection, fresh)))
            engine.touch(group, ADVERTS)

        try:
            await engine.work(write)
        except StoreUnavailable as error:
            log.warning("adverts wait for the store: %s", error)
            gossip.fresh = {**fresh, **gossip.fresh}
            gossip.news.set()
        await trio.sleep(PAUSE_S)


def _write(connection: Connection, adverts: Iterable[tuple[Advert, bytes]]) -> None:
    """In a turn: `head` is the number of this transaction."""
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
