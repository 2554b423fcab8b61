"""Reading the ledger: decisions, logs by shard, fences (registry sections 5.1 and 10)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from proto.descriptor import transaction_uuid
from proto.log_leaf import FenceLeaf
from proto.statement import DecisionLeaf
from registry.log import Fence, Logged, Row
from registry.store_postgresql import PostgresqlStatements
from registry.store_sqlite import SqliteStatements
from registry.store_statements import Key, Statements
from registry.tables import (
    CLOCK_MARK,
    FENCE,
    INDEX_MASK,
    INDEXED,
    SETTLED,
    archive,
    decision,
    log_entry,
    meta,
    position_of,
    shard_and_index,
)

UUID_BYTES: Final = 16

_STATEMENTS: Final[dict[str, Statements]] = {
    "sqlite": SqliteStatements(),
    "postgresql": PostgresqlStatements(),
}

# Built once: several of these are asked for each group, and building costs more than asking.
_POSITION: Final = log_entry.c.position
_NEXT_POSITION: Final = select(func.min(_POSITION)).where(bindparam("first") <= _POSITION)
_LAST_POSITION: Final = select(func.max(_POSITION)).where(
    bindparam("first") <= _POSITION, bindparam("last") >= _POSITION
)
_NUMBER: Final = select(meta.c.value).where(meta.c.name == bindparam("name"))


class LedgerReader:
    """One connection that reads; whoever owns it is the one thread that uses it.

    A reader sees only what is durable here: disk or server flush before readers are told of it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements = _STATEMENTS[connection.dialect.name]
        self._statements.prepare(connection)

    @property
    def shared(self) -> bool:
        """Whether other processes may write to the same database."""
        return self._statements.shared

    def find(self, keys: Iterable[Key]) -> dict[Key, Logged]:
        """The decisions that exist among `keys`, each with its place in the log.

        Where the database is shared, `Ledger.settle` them before they are told to anybody.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Logged] = {}
        if not wanted:
            return found
        with self._reading():
            for row in self._statements.look_up(self._connection, wanted):
                logged = _logged(row)
                found[logged.row.key] = logged
        return found

    def by_uuid(self, uuid: bytes) -> list[Logged]:
        """All decisions with this archive id (16 bytes), as far as they are indexed."""
        keys = select(archive.c.deadline_us, archive.c.commit_id).where(archive.c.uuid == uuid)
        with self._reading():
            found = [(row[0], row[1]) for row in self._connection.execute(keys)]
        # Only what was settled is indexed, so these may be told.
        return sorted(self.find(found).values(), key=lambda x: (x.shard, x.index))

    def by_subject(self, subject: bytes) -> Logged | None:
        """The decision about a commit_id, or the first with an archive id (16 bytes)."""
        if len(subject) == UUID_BYTES:
            return next(iter(self.by_uuid(subject)), None)
        matches = self.by_uuid(transaction_uuid(subject).bytes)
        return next((m for m in matches if m.row.leaf.commit_id == subject), None)

    def shards(self) -> list[int]:
        """The shards that have a log, in order; 0 is the log from before there were shards."""
        found: list[int] = []
        with self._reading():
            position: int | None = 0
            while position is not None:
                position = self._connection.scalar(_NEXT_POSITION, {"first": position})
                if position is not None:
                    found.append(shard_and_index(position)[0])
                    position = position_of(found[-1] + 1, 0)
        return found

    def log_size(self, shard: int) -> int:
        """How many entries of a shard's log everybody may be told of."""
        if self._statements.shared:
            return self._number(f"{SETTLED}{shard}")
        return self._end(shard)

    def entries(self) -> int:
        """How many entries all logs have."""
        return sum(self.log_size(shard) for shard in self.shards())

    def leaves(self, shard: int, start: int, end: int) -> list[bytes]:
        """The leaf bytes of entries start to end - 1 of a shard's log.

        `end` is at most `log_size`. Each is what was signed: a decision's own stored leaf.
        """
        matching = (decision.c.deadline_us == log_entry.c.deadline_us) & (
            decision.c.commit_id == log_entry.c.commit_id
        )
        wanted = (
            select(func.coalesce(log_entry.c.leaf, decision.c.leaf))
            .select_from(log_entry.outerjoin(decision, matching))
            .where(
                log_entry.c.position >= position_of(shard, start),
                log_entry.c.position < position_of(shard, end),
            )
            .order_by(log_entry.c.position)
        )
        with self._reading():
            return list(self._connection.scalars(wanted))

    def ends(self) -> dict[int, int]:
        """How many entries each shard's log has here, be they settled or not."""
        with self._reading():
            return {shard: self._end(shard) for shard in self.shards()}

    def keys(self, shard: int, start: int, end: int) -> list[Key]:
        """The decisions among entries start to end - 1 of a shard's log."""
        wanted = select(log_entry.c.deadline_us, log_entry.c.commit_id).where(
            log_entry.c.position >= position_of(shard, start),
            log_entry.c.position < position_of(shard, end),
            log_entry.c.commit_id.is_not(None),
        )
        with self._reading():
            return [(row[0], row[1]) for row in self._connection.execute(wanted)]

    def fences(self) -> tuple[Fence, ...]:
        """The newest fence of each shard that has one."""
        named = select(meta.c.name, meta.c.value).where(meta.c.name.like(FENCE + "%"))
        with self._reading():
            where = [
                (int(name.removeprefix(FENCE)), index)
                for name, index in self._connection.execute(named)
            ]
            return tuple(
                Fence(FenceLeaf.decode(leaf).closed_through_us, shard, index, leaf)
                for shard, index in sorted(where)
                for leaf in self.leaves(shard, index, index + 1)
            )

    def decisions(self) -> int:
        """How many decisions there are: log entries less those that are none."""
        others = select(func.count()).where(log_entry.c.deadline_us.is_(None))
        with self._reading():
            total = sum(self._end(shard) for shard in self.shards())
            return total - (self._connection.scalar(others) or 0)

    def mark_us(self) -> int:
        """The clock's high-water mark: no decision was made at a later time."""
        return self._number(CLOCK_MARK)

    def unindexed(self) -> int:
        """How many log entries the archive index lacks."""
        with self._reading():
            return sum(
                self._end(shard) - self._number(f"{INDEXED}{shard}") for shard in self.shards()
            )

    def bytes_used(self) -> int:
        """How large the database is."""
        with self._reading():
            return self._statements.bytes_used(self._connection)

    def _end(self, shard: int) -> int:
        """The index of the next entry of a shard's log."""
        between = {"first": position_of(shard, 0), "last": position_of(shard, INDEX_MASK)}
        with self._reading():
            position = self._connection.scalar(_LAST_POSITION, between)
        return 0 if position is None else shard_and_index(position)[1] + 1

    def _number(self, name: str) -> int:
        with self._reading():
            return self._connection.scalar(_NUMBER, {"name": name}) or 0

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Ends what SQLAlchemy begins by itself, so that nobody holds on to an old snapshot."""
        if self._connection.in_transaction():
            yield
            return
        with self._connection.begin():
            yield


def _logged(row: Any) -> Logged:
    leaf, evidence, descriptor, position = row
    shard, index = shard_and_index(position)
    return Logged(Row(DecisionLeaf.decode(leaf), leaf, evidence, descriptor), index, shard)
