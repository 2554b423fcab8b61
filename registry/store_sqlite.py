"""The ledger's statements as SQLite takes them: one file, one process, one writer."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from registry.log import Row
from registry.store_statements import ArchiveRow, Entry, Key, decision_values, entry_values
from registry.tables import archive, decision, log_entry

LOOKUP_KEYS: Final = 128  # keys in one look-up: two parameters each, far below SQLite's limit

_INSERT_OR_LEAVE: Final = sqlite_insert(decision).on_conflict_do_nothing()
_INDEX: Final = sqlite_insert(archive).on_conflict_do_nothing()
_LOG: Final = insert(log_entry)


class SqliteStatements:
    """What is written here is durable and seen by all once its transaction has ended."""

    shared = False

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
        return connection.execute(_INSERT_OR_LEAVE, [decision_values(row) for row in rows]).rowcount

    def insert_entries(self, connection: Connection, entries: Sequence[Entry]) -> None:
        if entries:
            connection.execute(_LOG, [entry_values(entry) for entry in entries])

    def index(self, connection: Connection, rows: Sequence[ArchiveRow]) -> None:
        if rows:
            names = ("uuid", "deadline_us", "commit_id")
            connection.execute(_INDEX, [dict(zip(names, row, strict=True)) for row in rows])

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
