"""The one log of a database without shards, as a shard of its own."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from registry.publishing.leaf_source import BARE_SHARD
from registry.store import LedgerReader
from registry.tables import decision, log_entry


class SingleLog:
    """A LeafSource."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = LedgerReader(connection)

    def shards(self) -> Sequence[int]:
        return [BARE_SHARD] if self._reader.log_size() else []

    def log_size(self, shard: int) -> int:
        return self._reader.log_size() if shard == BARE_SHARD else 0

    def leaves(self, shard: int, start: int, end: int) -> list[bytes]:
        assert shard == BARE_SHARD, shard
        joined = log_entry.outerjoin(
            decision,
            (decision.c.deadline_us == log_entry.c.deadline_us)
            & (decision.c.commit_id == log_entry.c.commit_id),
        )
        found = (
            select(func.coalesce(log_entry.c.leaf, decision.c.leaf))
            .select_from(joined)
            .where(log_entry.c.idx >= start, log_entry.c.idx < end)
            .order_by(log_entry.c.idx)
        )
        with self._connection.begin():
            return list(self._connection.scalars(found))
