"""Opening a registry's database: a file of one process, or a PostgreSQL that several share.

Version 1 had one log of everything. Brought to version 2 that log stays as it is, shard 0: its
statements name the bare log origin, and it has ended. What is decided from then on stands in the
log of its year.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, insert, select, text

from registry.store_guards import guard_log
from registry.tables import (
    CLOCK_MARK,
    CLOSED_THROUGH,
    INDEXED,
    LEASE,
    OLD_SHARD,
    SCHEMA_VERSION,
    meta,
    metadata,
)
from runtime.schema import Migration, Schema
from runtime.store import IMMEDIATE, StoreUnusable, open_store
from runtime.store import Store as FileStore
from runtime.store_postgresql import Claim, ServerStore, open_server_store
from runtime.store_shared import take_together

KIND: Final = "registry"
SERVER: Final = "postgresql+psycopg://"

LedgerStore = FileStore | ServerStore


@contextmanager
def open_ledger(place: Path | str) -> Iterator[LedgerStore]:
    """The registry's database while the block runs: a path, or the URL of a PostgreSQL.

    A file is ours alone. A server is shared with the other processes of the registry, and is the
    primary: a standby may be behind it. StoreUnusable.
    """
    if isinstance(place, str):
        with open_server_store(place, KIND, metadata, SCHEMA_VERSION, MIGRATIONS, _take) as server:
            yield server
        return
    with open_store(place, KIND, metadata, SCHEMA_VERSION, MIGRATIONS) as store:
        with (
            store.engine.connect().execution_options(**IMMEDIATE) as connection,
            connection.begin(),
        ):
            begin_ledger(connection)
        yield store


def _take(guard: Connection, place: str, schema: Schema) -> Claim:
    with guard.begin():
        if guard.scalar(text("SELECT pg_is_in_recovery()")):
            raise StoreUnusable(f"{place}: a standby: what it has may be older than its primary")
    return take_together(begin_ledger, guard, place, schema)


def begin_ledger(connection: Connection) -> None:
    """Writes the numbers that every writer expects, where they are missing."""
    there = set(connection.scalars(select(meta.c.name)))
    missing = [name for name in (CLOCK_MARK, CLOSED_THROUGH, LEASE) if name not in there]
    if missing:
        connection.execute(insert(meta), [{"name": name, "value": 0} for name in missing])


def _into_shards(connection: Connection) -> None:
    # The index was the position; in shard 0 it still is.
    connection.exec_driver_sql("DROP TRIGGER log_entry_no_gap")
    connection.exec_driver_sql("ALTER TABLE log_entry RENAME COLUMN idx TO position")
    guard_log(connection)
    connection.exec_driver_sql(
        f"UPDATE meta SET name = '{INDEXED}{OLD_SHARD}' WHERE name = 'archive_indexed'"
    )


MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({2: _into_shards})
