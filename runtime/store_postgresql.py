"""A daemon's database on a PostgreSQL server: ours, of this schema, and nobody else's meanwhile.

Two advisory locks of the session take the place of the file lock of `runtime.store`. A daemon holds
the first on a connection of its own for as long as it runs: a second daemon is turned away by it.
The second belongs to the connection that writes. Whoever opens the store takes both and raises the
`epoch`; a writer that connects anew takes the second and looks at the epoch before its first
write. So a daemon that lost its connections, and its place with them, cannot write any more.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from zlib import crc32

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    Select,
    create_engine,
    event,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from runtime.faults import StoreLocked
from runtime.schema import (
    NO_MIGRATIONS,
    Migration,
    Schema,
    StoreTaken,
    StoreUnusable,
    meta_table,
    prepare,
)
from runtime.store import IMMEDIATE, READERS

EXTRA: Final = "pledgeway[postgresql]"
PRESENCE: Final = 1  # held while the daemon runs
WRITING: Final = 2  # held by the connection that writes

# A server that is gone is noticed within about half a minute, at both ends.
CONNECT: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "pledgeway",
}
SESSION: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Whoever loads the books sees one moment of them; of two writers that meet, one starts again.
    "default_transaction_isolation": "repeatable read",
    "lock_timeout": "5s",  # a statement of an administrator may hold a lock; we never do for long
}
# What must hold for "committed" to mean "on disk".
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "synchronous_commit": ("on", "remote_apply"),
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "server_encoding": ("UTF8",),
    "transaction_read_only": ("off",),
}


Claim = Callable[[Connection], None]
"""Run when a transaction begins; StoreLocked or StoreUnusable: it may not write."""

Take = Callable[[Connection, str, Schema], Claim]
"""Makes the store ours, on a connection that stays open: (guard, place, schema)."""


@dataclass(frozen=True, slots=True)
class ServerStore:
    """An open database on a server that is ours alone. `place` hides the password."""

    place: str
    engine: Engine
    path: None = None


@contextmanager
def open_server_store(
    url: str,
    kind: str,
    metadata: MetaData,
    schema_version: int,
    migrations: Mapping[int, Migration] = NO_MIGRATIONS,
    take: "Take | None" = None,
) -> Iterator[ServerStore]:
    """Opens or creates the tables of a `kind` of daemon in the database and schema of a URL.

    `take`: for whom it is taken, this daemon alone unless said otherwise. StoreUnusable where
    another daemon has them, where the server would not keep what it has
    committed, or for what `runtime.schema.prepare` refuses.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreUnusable("store: not a URL of a database") from error
    place = parsed.render_as_string(hide_password=True)
    schema = Schema(kind, metadata, schema_version, migrations)
    engine = _engine(parsed, place)
    try:
        try:
            guard = engine.connect()
        except DBAPIError as error:
            raise StoreUnusable(f"{place}: cannot be reached: {_line(error)}") from error
        with guard:
            try:
                claim = (take or take_alone)(guard, place, schema)
            except DBAPIError as error:
                raise StoreUnusable(f"{place}: not a usable database: {_line(error)}") from error
            event.listen(engine, "begin", claim)
            yield ServerStore(place, engine)
    finally:
        engine.dispose()


def _line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _engine(url: URL, place: str) -> Engine:
    options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}"
                       for name, value in SESSION.items())  # fmt: skip
    given = url.query.get("options", "")
    if not isinstance(given, str):
        raise StoreUnusable(f"{place}: options are given more than once")
    url = url.difference_update_query(["options"])
    try:
        return create_engine(
            url,
            poolclass=QueuePool,
            pool_size=READERS,
            # After an outage the readers' connections are dead; the writer finds out by itself.
            pool_pre_ping=True,
            # What the owner says comes last and wins.
            connect_args={**CONNECT, "options": f"{options} {given}".strip()},
        )
    except ModuleNotFoundError as error:
        raise StoreUnusable(f"{place}: needs a driver: pip install '{EXTRA}'") from error


def take_alone(guard: Connection, place: str, schema: Schema) -> Claim:
    """Both locks, the tables, and the next epoch. Gives what every writer has to pass."""
    lock = lock_of(guard, place, schema)
    # A connection that has just been lost may hold WRITING until the server notices.
    for part in (PRESENCE, WRITING):
        with guard.begin():
            if not try_lock(guard, lock, part):
                raise StoreTaken(f"{place}: another daemon is running on it")
    prepare(guard, place, schema)
    epoch = next_epoch(guard, schema)
    with guard.begin():
        unlock(guard, lock, WRITING)
    return partial(claim_writing, lock, epoch, place, schema)


def claim_writing(
    lock: int,
    epoch: int,
    place: str,
    schema: Schema,
    connection: Connection,
    *,
    shared: bool = False,
) -> None:
    """What every writer has to pass at the beginning of a transaction. StoreLocked, and
    StoreUnusable where the epoch is over."""
    if not is_writer(connection) or connection.info.get(WRITING) == epoch:
        return
    # Crash of the server here or later: the lock goes with the session, and so do we.
    if not try_lock(connection, lock, WRITING, shared=shared):
        connection.exec_driver_sql("ROLLBACK")
        raise StoreLocked
    if connection.scalar(current_epoch(schema)) != epoch:
        raise StoreUnusable(f"{place}: another daemon has taken it over")
    connection.info[WRITING] = epoch
    # Closed when its writer is done with it: in the pool it would go on holding the lock.
    connection.detach()


def is_writer(connection: Connection) -> bool:
    """Whether this connection was opened to write."""
    return bool(set(IMMEDIATE) & set(connection.get_execution_options()))


def lock_of(guard: Connection, place: str, schema: Schema) -> int:
    """The number under which this kind of daemon locks this schema; StoreUnusable: it cannot be
    trusted with books."""
    _require_durable(guard, place)
    with guard.begin():
        name = guard.scalar(text("SELECT current_schema()"))
    if name is None:
        raise StoreUnusable(f"{place}: its search path names no schema")
    return crc32(f"pledgeway/{schema.kind}/{name}".encode()) - (1 << 31)


def try_lock(connection: Connection, lock: int, part: int, *, shared: bool = False) -> bool:
    """Whether the session has it now; it keeps it until it ends or unlocks."""
    how = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    taken = connection.execute(text(f"SELECT {how}(:lock, :part)"), {"lock": lock, "part": part})
    return bool(taken.scalar())


def unlock(connection: Connection, lock: int, part: int) -> None:
    """Gives back what `try_lock` took alone."""
    connection.execute(
        text("SELECT pg_advisory_unlock(:lock, :part)"), {"lock": lock, "part": part}
    )


def _require_durable(guard: Connection, place: str) -> None:
    with guard.begin():
        for name, accepted in REQUIRED.items():
            found = guard.scalar(text(f"SHOW {name}"))
            if found not in accepted:
                raise StoreUnusable(
                    f"{place}: {name} is {found}, and must be {' or '.join(accepted)}"
                )


def _epoch_name(schema: Schema) -> str:
    return f"epoch/{schema.kind}"


def current_epoch(schema: Schema) -> Select[int]:
    """Asks which number the last daemon got that took the store for itself."""
    meta = meta_table(schema.metadata)
    return select(meta.c.value).where(meta.c.name == _epoch_name(schema))


def next_epoch(guard: Connection, schema: Schema) -> int:
    """Counts on: whoever wrote before cannot write any more."""
    meta, name = meta_table(schema.metadata), _epoch_name(schema)
    with guard.begin():
        found = guard.scalar(select(meta.c.value).where(meta.c.name == name))
        epoch = int(found or 0) + 1
        if found is None:
            guard.execute(insert(meta), [{"name": name, "value": epoch}])
        else:
            guard.execute(update(meta).where(meta.c.name == name).values(value=epoch))
    return epoch
