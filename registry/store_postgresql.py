"""The ledger's statements as PostgreSQL takes them: arrays, a lease row, and doubt about COMMIT.

Several processes write. Decisions are inserted side by side; then each transaction takes the lease
and holds it to its end, so that the log has one writer at a time and no gap, and whoever dies with
the lease loses it with its session. Two sequencers can never both write: the lease is the
transaction's own lock, not a promise about time.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from registry.log import Row
from registry.store_statements import ArchiveRow, Entry, Key, decision_values
from registry.tables import LEASE
from runtime.listening import announce

_DECISION: Final = (
    ("deadline_us", "bigint"),
    ("commit_id", "bytea"),
    ("limit_us", "bigint"),
    ("outcome", "smallint"),
    ("reason", "smallint"),
    ("decided_at_us", "bigint"),
    ("leaf", "bytea"),
    ("evidence", "bytea"),
    ("descriptor", "bytea"),
)
_ENTRY: Final = (
    ("position", "bigint"),
    ("deadline_us", "bigint"),
    ("commit_id", "bytea"),
    ("leaf_hash", "bytea"),
    ("leaf", "bytea"),
)
_ARCHIVE: Final = (("uuid", "bytea"), ("deadline_us", "bigint"), ("commit_id", "bytea"))


def _insert(table: str, columns: Sequence[tuple[str, str]]) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"%b::{kind}[]" for _, kind in columns)  # as bytes, not as their digits
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"


_INSERT_DECISIONS: Final = f"{_insert('decision', _DECISION)} ON CONFLICT DO NOTHING"
_INSERT_ENTRIES: Final = _insert("log_entry", _ENTRY)
_INDEX: Final = f"{_insert('archive', _ARCHIVE)} ON CONFLICT DO NOTHING"
_LOOK_UP: Final = (
    "SELECT r.leaf, r.evidence, r.descriptor, e.position"
    " FROM unnest(%b::bigint[], %b::bytea[]) AS k(d, c)"
    " JOIN decision r ON r.deadline_us = k.d AND r.commit_id = k.c"
    " JOIN log_entry e ON e.deadline_us = k.d AND e.commit_id = k.c"
)
_TAKE_LEASE: Final = text("SELECT value FROM meta WHERE name = :name FOR UPDATE")
_TOUCH: Final = text("SELECT pg_logical_emit_message(true, 'pledgeway', '')")
_BYTES: Final = text("SELECT pg_database_size(current_database())")


class PostgresqlStatements:
    """One statement for a whole group, whatever its size."""

    shared = True

    def prepare(self, connection: Connection) -> None:
        # A plan that was made for an empty table would be kept while it grows by a million rows.
        driver: Any = connection.connection.driver_connection
        driver.prepare_threshold = None

    def look_up(self, connection: Connection, keys: Sequence[Key]) -> Iterable[Any]:
        columns = ([deadline_us for deadline_us, _ in keys], [commit_id for _, commit_id in keys])
        return connection.exec_driver_sql(_LOOK_UP, columns)

    def insert_decisions(self, connection: Connection, rows: Sequence[Row]) -> int:
        values = [decision_values(row) for row in rows]
        columns = tuple([v[name] for v in values] for name, _ in _DECISION)
        return connection.exec_driver_sql(_INSERT_DECISIONS, columns).rowcount

    def insert_entries(self, connection: Connection, entries: Sequence[Entry]) -> None:
        columns = (
            [position for position, _, _, _ in entries],
            [key[0] if key else None for _, key, _, _ in entries],
            [key[1] if key else None for _, key, _, _ in entries],
            [digest for _, _, digest, _ in entries],
            [leaf for _, _, _, leaf in entries],
        )
        connection.exec_driver_sql(_INSERT_ENTRIES, columns)

    def index(self, connection: Connection, rows: Sequence[ArchiveRow]) -> None:
        ordered = sorted(rows)  # two processes that index the same cannot deadlock
        columns = tuple([row[i] for row in ordered] for i in range(len(_ARCHIVE)))
        connection.exec_driver_sql(_INDEX, columns)

    def take_lease(self, connection: Connection) -> None:
        connection.execute(_TAKE_LEASE, {"name": LEASE}).one()

    def announce(self, connection: Connection) -> None:
        announce(connection)

    def bytes_used(self, connection: Connection) -> int:
        return int(connection.execute(_BYTES).scalar_one())


class Doubt:
    """Whether a COMMIT was reported as done although no standby has it (registry section 5.4.3).

    PostgreSQL says so in a warning: the wait for the standby was cancelled, the transaction is
    visible here, and the answer is "COMMIT" all the same. Any warning counts; a later write that
    passes without one carries the earlier ones along.
    """

    def __init__(self, connection: Connection) -> None:
        self._warned = False
        driver: Any = connection.connection.driver_connection
        driver.add_notice_handler(self._noticed)

    def _noticed(self, diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warned = True

    def clear(self) -> None:
        self._warned = False

    @property
    def raised(self) -> bool:
        return self._warned


def touch(connection: Connection) -> None:
    """A write that changes no row: its COMMIT waits for the standbys like any other."""
    connection.execute(_TOUCH)
