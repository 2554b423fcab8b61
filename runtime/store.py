"""Opening a daemon's database: ours, of this schema, and nobody else's while we run."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.util import LRUCache

from runtime.schema import (
    NO_MIGRATIONS,
    Migration,
    Schema,
    StoreTaken,
    StoreUnusable,
    meta_table,
    prepare,
)

__all__ = [
    "IMMEDIATE",
    "Store",
    "StoreTaken",
    "StoreUnusable",
    "memory_engine",
    "meta_table",
    "open_store",
]

BUSY_TIMEOUT_MS = 5000  # a backup program may hold a lock that long; a daemon never does
MAX_COMPILED = 2000  # statements of all databases in memory: a node's store has some 150
READERS = 4  # connections kept beside the writer's

IMMEDIATE = {"pledgeway_begin": "BEGIN IMMEDIATE"}  # execution option of the one that writes


@dataclass(frozen=True, slots=True)
class Store:
    """An open database that is ours alone. Readers connect through `engine` as well."""

    path: Path
    engine: Engine

    @property
    def place(self) -> str:
        """How people are told where it is."""
        return str(self.path)


@contextmanager
def open_store(
    path: Path,
    kind: str,
    metadata: MetaData,
    schema_version: int,
    migrations: Mapping[int, Migration] = NO_MIGRATIONS,
) -> Iterator[Store]:
    """Opens or creates the SQLite database of a `kind` of daemon ("node", "registry").

    StoreUnusable where another daemon has it, where it is not such a database, or where no
    migration leads from its schema to this program's. File and directory are created for the
    owner alone.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{path}: cannot be opened: {error.strerror}") from error
    os.close(descriptor)
    with exclusive(path):
        engine = _engine(path)
        try:
            try:
                with engine.connect().execution_options(**IMMEDIATE) as connection:
                    schema = Schema(kind, metadata, schema_version, migrations)
                    prepare(connection, str(path), schema)
            except DBAPIError as error:
                raise StoreUnusable(f"{path}: not a usable database: {error.orig}") from error
            yield Store(path, engine)
        finally:
            engine.dispose()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds `<path>.lock`; the kernel lets go of it however the process ends."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{lock_path}: cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreTaken(f"{path}: another daemon is running on it") from error
        # The file stays: removing it would let two daemons lock two files of one name.
        yield
    finally:
        os.close(descriptor)


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS,
        # The writer's connection is used in its thread alone, whoever opened it.
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def memory_engine(name: str = "") -> Engine:
    """A database in memory for tests and simulations: one connection that everybody shares.

    With a `name` there are several connections, to a database that lives while one is open.
    """
    place = f"file:{name}?mode=memory&cache=shared&uri=true" if name else ""
    engine = create_engine(
        f"sqlite+memory:///{place}",
        poolclass=QueuePool if name else StaticPool,
        connect_args={"check_same_thread": False},
        execution_options={"compiled_cache": _compiled},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


class MemoryDialect(SQLiteDialect_pysqlite):
    """SQLite's, of which all in memory are one to whoever keeps what was compiled for a dialect.

    Each engine has its own, with its own events. Whoever makes thousands of databases would else
    spend a third of the time compiling the same statements again.
    """

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryDialect)

    def __hash__(self) -> int:
        return hash(MemoryDialect)


registry.register("sqlite.memory", __name__, MemoryDialect.__name__)
_compiled: LRUCache[Any, Any] = LRUCache(MAX_COMPILED)


def _configure(connection: Any, _: object) -> None:
    # None: the driver begins no transactions of its own, _begin does.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get("pledgeway_begin", "BEGIN")
    connection.exec_driver_sql(begin)
