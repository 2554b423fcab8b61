"""The ledger's statements as SQLite takes them: one file, one process, one writer."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table

from registry.log import Row
from registry.store_statements import ArchiveRow, Entry, Key
from registry.tables import archive, decision, log_entry

LOOKUP_KEYS: Final = 128  # keys in one look-up: two parameters each, far below SQLite's limit

NO_KEY: Final = (None, None)  # of entries that are no decision


def _insert(table: Table, *columns: str) -> str:
    """Values go to the driver as they are: SQLAlchemy's own way takes as long as the row itself."""
    assert set(columns) == {column.name for column in table.columns}, columns
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})"


_INSERT_OR_LEAVE: Final = (
    _insert(
        decision,
        *("deadline_us", "commit_id", "limit_us", "outcome", "reason", "decided_at_us"),
        *("leaf", "evidence", "descriptor"),
    )
    + " ON CONFLICT DO NOTHING"
)
_LOG: Final = _insert(log_entry, "position", "deadline_us", "commit_id", "leaf_hash", "leaf")
_INDEX: Final = _insert(archive, "uuid", "deadline_us", "commit_id") + " ON CONFLICT DO NOTHING"


class SqliteStatements:
    """What is written here is durable and seen by all once its transaction has ended."""

    shared = False

    def prepare(self, connection: Connection) -> None:
        """runtime.store has set everything."""

    def look_up(self, connection: Connection, keys: Sequence[Key]) -> Iterable[Any]:
        found: list[Any] = []
        for start in range(0, len(keys), LOOKUP_KEYS):
            part = keys[start : start + LOOKUP_KEYS]
            flat = tuple(value for key in part for value in key)
            found.extend(connection.exec_driver_sql(_look_up(len(part)), flat))
        return found

    def insert_decisions(self, connection: Connection, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        values = [
            (
                (leaf := row.leaf).deadline_us,
                leaf.commit_id,
                leaf.limit_us,
                int(leaf.outcome),
                int(leaf.reason),
                leaf.decided_at_us,
                row.data,
                row.evidence,
                row.descriptor,
            )
            for row in rows
        ]
        return connection.exec_driver_sql(_INSERT_OR_LEAVE, values).rowcount

    def insert_entries(self, connection: Connection, entries: Sequence[Entry]) -> None:
        if entries:
            values = [(at, *(key or NO_KEY), digest, leaf) for at, key, digest, leaf in entries]
            connection.exec_driver_sql(_LOG, values)

    def index(self, connection: Connection, rows: Sequence[ArchiveRow]) -> None:
        if rows:
            connection.exec_driver_sql(_INDEX, list(rows))

    def take_lease(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has it already."""

    def announce(self, connection: Connection) -> None:
        """There is nobody else to hear it."""

    def bytes_used(self, connection: Connection) -> int:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


@cache
def _look_up(count: int) -> str:
    # From the keys to the rows: written the other way round SQLite reads the whole table.
    return (
        f"WITH k(d, c) AS (VALUES {', '.join(['(?, ?)'] * count)})"
        " SELECT r.leaf, r.evidence, r.descriptor, e.position FROM k"
        " CROSS JOIN decision r ON r.deadline_us = k.d AND r.commit_id = k.c"
        " CROSS JOIN log_entry e ON e.deadline_us = k.d AND e.commit_id = k.c"
    )
