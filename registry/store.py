"""The write-once store of decisions and their log (registry sections 5.1–5.3).

Insert, then believe the database: a row that is there already wins, whoever wrote it. A decision
and its place in the log are one transaction, so whatever can be read here may be signed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from proto.descriptor import transaction_uuid
from proto.merkle import leaf_hash
from proto.statement import DecisionLeaf
from registry.log import Logged, Row
from registry.tables import (
    CLOCK_MARK,
    CLOSED_THROUGH,
    INDEXED,
    SCHEMA_VERSION,
    archive,
    decision,
    identity,
    log_entry,
    meta,
    metadata,
)
from runtime.store import IMMEDIATE, StoreUnusable, open_store
from runtime.store import Store as OpenStore

Key = tuple[int, bytes]  # (deadline_us, commit_id)

UUID_BYTES: Final = 16
LOOKUP_KEYS: Final = 128  # keys in one look-up: two parameters each, far below SQLite's limit
INDEX_STEP: Final = 512  # log entries indexed at a time: decisions wait at most that long


class LedgerReader:
    """One connection that reads; whoever owns it is the one thread that uses it.

    A reader sees only what is durable: the log file is flushed before readers are told of it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, keys: Iterable[Key]) -> dict[Key, Logged]:
        """The decisions that exist among `keys`, each with its place in the log."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Logged] = {}
        with self._reading():
            for start in range(0, len(wanted), LOOKUP_KEYS):
                part = wanted[start : start + LOOKUP_KEYS]
                flat = tuple(value for key in part for value in key)
                for row in self._connection.exec_driver_sql(_look_up(len(part)), flat):
                    logged = _logged(row)
                    found[logged.row.key] = logged
        return found

    def by_uuid(self, uuid: bytes) -> list[Logged]:
        """All decisions with this archive id (16 bytes), as far as they are indexed."""
        keys = select(archive.c.deadline_us, archive.c.commit_id).where(archive.c.uuid == uuid)
        with self._reading():
            found = [(row[0], row[1]) for row in self._connection.execute(keys)]
        return sorted(self.find(found).values(), key=lambda logged: logged.index)

    def by_subject(self, subject: bytes) -> Logged | None:
        """The decision about a commit_id, or the first with an archive id (16 bytes)."""
        if len(subject) == UUID_BYTES:
            return next(iter(self.by_uuid(subject)), None)
        matches = self.by_uuid(transaction_uuid(subject).bytes)
        return next((m for m in matches if m.row.leaf.commit_id == subject), None)

    def log_size(self) -> int:
        """How many entries the log has; the next one gets this index."""
        with self._reading():
            last = self._connection.scalar(select(func.max(log_entry.c.idx)))
        return 0 if last is None else last + 1

    def decisions(self) -> int:
        """How many decisions there are: log entries less those that are none."""
        others = select(func.count()).where(log_entry.c.deadline_us.is_(None))
        with self._reading():
            return self.log_size() - (self._connection.scalar(others) or 0)

    def mark_us(self) -> int:
        """The clock's high-water mark: no decision was made at a later time."""
        return self._number(CLOCK_MARK)

    def unindexed(self) -> int:
        """How many log entries the archive index lacks."""
        with self._reading():
            return self.log_size() - self._number(INDEXED)

    def _number(self, name: str) -> int:
        with self._reading():
            return self._connection.scalar(select(meta.c.value).where(meta.c.name == name)) or 0

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Ends what SQLAlchemy begins by itself, so that nobody holds on to an old snapshot."""
        if self._connection.in_transaction():
            yield
            return
        with self._connection.begin():
            yield


class Ledger(LedgerReader):
    """The one connection that writes."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.execution_options(**IMMEDIATE))

    def decide(self, rows: Sequence[Row], mark_us: int) -> dict[Key, Logged]:
        """Inserts what is not decided yet and returns what is now decided about those keys.

        `rows` have distinct keys. Durable when it returns: decisions, their log entries and the
        clock's mark are one transaction. DBAPIError: nothing was written.
        """
        ordered = sorted(rows, key=lambda row: row.key)  # two writers cannot deadlock
        with self._connection.begin():
            values = [_decision_values(row) for row in ordered]
            inserted = self._connection.execute(_INSERT_OR_LEAVE, values).rowcount
            theirs: dict[Key, Logged] = {}
            if inserted != len(ordered):
                # Somebody was first: theirs is the decision. It has its log entry, ours not yet.
                theirs = self.find(row.key for row in ordered)
            mine = [row for row in ordered if row.key not in theirs]
            assert len(mine) == inserted, (len(mine), inserted)
            first = self.log_size()
            if mine:
                entries = [_entry_values(first + i, row) for i, row in enumerate(mine)]
                self._connection.execute(insert(log_entry), entries)
            self._raise_mark(mark_us)
            # Crash here: nothing happened. Nothing was signed, the client asks again.
        # Crash here: decided for ever and logged; whoever asks next receives it.
        return theirs | {row.key: Logged(row, first + i) for i, row in enumerate(mine)}

    def append_leaf(self, leaf: bytes) -> None:
        """Logs a leaf that is no decision, a key say, unless the same one is there already."""
        digest = leaf_hash(leaf)
        there = select(log_entry.c.idx).where(
            log_entry.c.deadline_us.is_(None), log_entry.c.leaf_hash == digest
        )
        with self._connection.begin():
            if self._connection.scalar(there.limit(1)) is None:
                entry = {"idx": self.log_size(), "leaf_hash": digest, "leaf": leaf}
                self._connection.execute(insert(log_entry), [entry])

    def index_archive(self) -> int:
        """Indexes the next INDEX_STEP log entries; returns how many are still to do."""
        if not self.unindexed():
            return 0
        with self._connection.begin():
            start, size = self._number(INDEXED), self.log_size()
            end = min(size, start + INDEX_STEP)
            entries = select(log_entry.c.deadline_us, log_entry.c.commit_id).where(
                log_entry.c.idx >= start, log_entry.c.idx < end, log_entry.c.commit_id.is_not(None)
            )
            rows = [
                {"uuid": transaction_uuid(c).bytes, "deadline_us": d, "commit_id": c}
                for d, c in self._connection.execute(entries)
            ]
            if rows:
                self._connection.execute(sqlite_insert(archive).on_conflict_do_nothing(), rows)
            done = update(meta).where(meta.c.name == INDEXED).values(value=end)
            self._connection.execute(done)
        return size - end

    def raise_mark(self, mark_us: int) -> None:
        """Persists the clock's mark; it never falls."""
        with self._connection.begin():
            self._raise_mark(mark_us)

    def _raise_mark(self, mark_us: int) -> None:
        behind = update(meta).where(meta.c.name == CLOCK_MARK, meta.c.value < mark_us)
        self._connection.execute(behind.values(value=mark_us))

    def claim(self, registry: bytes, log_origin: str, path: Path) -> None:
        """Makes an empty database ours. StoreUnusable where it is another registry's."""
        with self._connection.begin():
            owner = self._connection.execute(select(identity)).one_or_none()
            if owner is None:
                values = {"registry": registry, "log_origin": log_origin}
                self._connection.execute(insert(identity), [values])
                numbers = [CLOCK_MARK, CLOSED_THROUGH, INDEXED]
                self._connection.execute(insert(meta), [{"name": n, "value": 0} for n in numbers])
            elif (owner.registry, owner.log_origin) != (registry, log_origin):
                raise StoreUnusable(
                    f"{path}: holds the decisions of registry {owner.registry.hex()}"
                    f" with log {owner.log_origin}"
                )


@contextmanager
def open_ledger(path: Path) -> Iterator[OpenStore]:
    """The registry's database, ours alone while the block runs. StoreUnusable."""
    with open_store(path, "registry", metadata, SCHEMA_VERSION) as store:
        yield store


_INSERT_OR_LEAVE: Final = sqlite_insert(decision).on_conflict_do_nothing()


@cache
def _look_up(count: int) -> str:
    # From the keys to the rows: written the other way round SQLite reads the whole table.
    return (
        f"WITH k(d, c) AS (VALUES {', '.join(['(?, ?)'] * count)})"
        " SELECT r.leaf, r.evidence, r.descriptor, e.idx FROM k"
        " CROSS JOIN decision r ON r.deadline_us = k.d AND r.commit_id = k.c"
        " CROSS JOIN log_entry e ON e.deadline_us = k.d AND e.commit_id = k.c"
    )


def _logged(row: Any) -> Logged:
    leaf, evidence, descriptor, index = row
    return Logged(Row(DecisionLeaf.decode(leaf), leaf, evidence, descriptor), index)


def _decision_values(row: Row) -> dict[str, object]:
    return {
        "deadline_us": row.leaf.deadline_us,
        "commit_id": row.leaf.commit_id,
        "limit_us": row.leaf.limit_us,
        "outcome": int(row.leaf.outcome),
        "reason": int(row.leaf.reason),
        "decided_at_us": row.leaf.decided_at_us,
        "leaf": row.data,
        "evidence": row.evidence,
        "descriptor": row.descriptor,
    }


def _entry_values(index: int, row: Row) -> dict[str, object]:
    return {
        "idx": index,
        "deadline_us": row.leaf.deadline_us,
        "commit_id": row.leaf.commit_id,
        "leaf_hash": leaf_hash(row.data),
    }
