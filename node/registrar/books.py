"""The registrar's database: rows read when they are asked for, groups of work in one transaction.

Rows carry a version. What a transaction changes it changes from the version that it read; where
another process was faster nothing of the group is written, and the group is done again on the rows
as they are now. So any number of processes may keep the books of one PostgreSQL together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.exc import DBAPIError

from node.registrar.core import Ran
from node.registrar.migrations import MIGRATIONS
from node.registrar.pool_rows import Pool, PoolState
from node.registrar.rows import Entry, Leg
from node.registrar.step import Key
from node.registrar.tables import (
    ENTRY_COLUMNS,
    GONE,
    SCHEMA_VERSION,
    STORE_KIND,
    TABLES,
    Kept,
    account,
    audit,
    entry_values,
    hold,
    inbox,
    leg,
    metadata,
    pool,
    pool_decision,
    pool_vote,
)
from proto.escrow.ops import LegPhase
from runtime.faults import StoreFailed, StoreFault, StoreLocked, fault_of
from runtime.store import IMMEDIATE, Store, open_store
from runtime.store_postgresql import ServerStore, open_server_store
from runtime.store_shared import take_together
from runtime.write_plan import (
    DeleteRows,
    InsertRows,
    InsertValues,
    StaleVersion,
    UpdateRows,
    WritePlan,
)

DATABASE: Final = "registrar.sqlite"
ATTEMPTS: Final = 64  # of a group that meets other writers; each time one of them has got on
AGAIN: Final = (StoreFault.SERIALISATION, StoreFault.CONSTRAINT)

K = TypeVar("K", bound=Kept)
T = TypeVar("T")


def _nothing(_: Connection) -> None:
    """There are no numbers that every process expects to find."""


@contextmanager
def open_books(place: Path | str) -> Iterator[Store | ServerStore]:
    """The registrar's database while the block runs: a path, or the URL of a PostgreSQL, which
    several processes may share. StoreUnusable."""
    if isinstance(place, str):

        def take(guard: Connection, where: str, schema: Any) -> Any:
            return take_together(_nothing, guard, where, schema)

        schema = (STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)
        opened = open_server_store(place, *schema, take=take)
        with opened as server:
            yield server
        return
    with open_store(place, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS) as store:
        yield store


class Rows:
    """Rows as they are in one transaction, with what it has changed so far (a `View`)."""

    def __init__(self, connection: Connection, statements: "Statements") -> None:
        self._connection = connection
        self._statements = statements
        self._known: dict[tuple[type, Key], Kept | None] = {}
        self._versions: dict[tuple[type, Key], int] = {}
        self._changed: dict[tuple[type, Key], None] = {}
        self._gone: dict[tuple[type, Key], None] = {}
        self._legs: dict[bytes, dict[Key, None]] = {}  # keys of those that are known, by commit_id
        self._entries: list[Entry] = []
        self.asked = 0  # statements, for those who count what an op costs

    def find(self, kind: type[K], key: Key) -> K | None:
        at = (kind, key)
        if at not in self._known:
            self.asked += 1
            self._learn(at, self._statements.one(self._connection, kind, key))
        found = self._known[at]
        return found if isinstance(found, kind) else None

    def legs_of(self, commit: bytes) -> list[Leg]:
        keys = self._legs.setdefault(commit, {})
        self.asked += 1
        for values in self._statements.legs(self._connection, commit):
            row, version = TABLES[Leg].row_of(values)
            keys[row.key] = None
            if (Leg, row.key) not in self._known:
                self._known[Leg, row.key], self._versions[Leg, row.key] = row, version
        found = (self._known[Leg, key] for key in keys)
        return sorted((leg for leg in found if isinstance(leg, Leg)), key=lambda leg: leg.no)

    def _learn(self, at: tuple[type, Key], values: Sequence[Any] | None) -> None:
        if values is None:
            self._known[at] = None
        else:
            self._known[at], self._versions[at] = TABLES[at[0]].row_of(values)

    def absorb(self, ran: Ran) -> None:
        """What a batch has done."""
        for row in ran.changes:
            self.put(row)
        for kind, key in ran.gone:
            self._known[kind, key] = None
            self._changed.pop((kind, key), None)
            self._gone[kind, key] = None
        self._entries += ran.entries

    def put(self, row: Kept) -> None:
        """A new or changed row."""
        at = (type(row), row.key)
        self._known[at] = row
        self._changed[at] = None
        self._gone.pop(at, None)
        if isinstance(row, Leg):
            self._legs.setdefault(row.commit, {})[row.key] = None

    @property
    def changed_legs(self) -> list[Leg]:
        """Legs that those who watch are told of."""
        found = (self._known[at] for at in self._changed)
        return [row for row in found if isinstance(row, Leg)]

    @property
    def changed_pools(self) -> list[Pool]:
        """Pools of which there is something new."""
        found = (self._known[at] for at in self._changed)
        return [row for row in found if isinstance(row, Pool)]

    @property
    def written(self) -> int:
        """Rows that will be written."""
        return len(self._changed) + len(self._gone) + len(self._entries)

    def prune(self, asked_before_us: int, ended_before_us: int) -> int:
        """Removes answers, destroyed holds, fences and ended pools that nobody asks about any more;
        how many. What agents were rated by stays."""
        over = (int(PoolState.DONE), int(PoolState.VOID))
        old_pools = pool.c.state.in_(over), pool.c.ended_us < asked_before_us
        ended = select(pool.c.id).where(*old_pools)
        # A pool's account goes where nothing is left in it: what the owner gave it himself stays.
        accounts = select(pool.c.account).where(*old_pools)
        empty = (account.c.balance == 0, account.c.holds == 0)
        old = (
            delete(pool_decision).where(pool_decision.c.pool.in_(ended)),
            delete(pool_vote).where(pool_vote.c.pool.in_(ended)),
            delete(account).where(account.c.id.in_(accounts), *empty),
            delete(pool).where(*old_pools),
            delete(inbox).where(inbox.c.sent_at_us < asked_before_us),
            delete(hold).where(GONE, hold.c.gone_at_us < asked_before_us),
            delete(leg)
            .where(leg.c.phase == int(LegPhase.FENCED))
            .where(leg.c.final_after_us < ended_before_us),
        )
        return sum(self._connection.execute(statement).rowcount for statement in old)

    def write(self, plan: WritePlan) -> None:
        """Writes all of it: tables in one order, rows by their keys, so that writers who meet wait
        for each other instead of locking each other out. StaleVersion, DBAPIError."""
        for kind, table in TABLES.items():
            keys = sorted(key for k, key in self._changed if k is kind)
            fresh: list[dict[str, Any]] = []
            old: list[dict[str, Any]] = []
            for key in keys:
                values = table.to_columns(self._known[kind, key])
                version = self._versions.get((kind, key))
                (fresh if version is None else old).append(values | {"version": version or 1})
            gone = sorted(key for k, key in self._gone if k is kind)
            plan.run(InsertRows(table.table, fresh))
            plan.run(UpdateRows(table.table, old))
            removed = [dict(zip(table.key, key, strict=True)) for key in gone]
            plan.run(DeleteRows(table.table, removed))
        if self._entries:
            plan.run(InsertValues(audit, ENTRY_COLUMNS, list(map(entry_values, self._entries))))


class Statements:
    """What is read by key, compiled once for one connection, and by the driver alone: SQLAlchemy's
    own way takes five times as long as a row."""

    def __init__(self, connection: Connection) -> None:
        self._dialect = connection.dialect
        self._driver_error: Any = connection.dialect.loaded_dbapi.Error
        self._one = {kind: self._compiled(kind, table.key) for kind, table in TABLES.items()}
        self._legs = self._compiled(Leg, ("commit",))
        if connection.dialect.name == "postgresql":
            # A plan made for an empty table would be kept while it grows by a million rows.
            driver: Any = connection.connection.driver_connection
            driver.prepare_threshold = None

    def _compiled(self, kind: type, key: tuple[str, ...]) -> str:
        table = TABLES[kind].table
        query = select(table).where(*(table.c[name] == bindparam(name) for name in key))
        compiled = query.compile(dialect=self._dialect)
        if compiled.positional:
            return str(compiled)
        return str(compiled) % dict.fromkeys(key, "%s")

    def one(self, connection: Connection, kind: type, key: Key) -> Sequence[Any] | None:
        """The columns of a row, or None. DBAPIError."""
        found = self._read(connection, self._one[kind], key)
        return found[0] if found else None

    def legs(self, connection: Connection, commit: bytes) -> Sequence[Sequence[Any]]:
        """The columns of a transaction's legs. DBAPIError."""
        return self._read(connection, self._legs, (commit,))

    def _read(self, connection: Connection, sql: str, key: Key) -> Sequence[Sequence[Any]]:
        driver = connection.connection
        cursor = driver.cursor()
        try:
            cursor.execute(sql, key)
            return cursor.fetchall()
        except self._driver_error as error:
            lost = connection.dialect.is_disconnect(error, driver, cursor)
            if lost:
                connection.invalidate(error)
            raise DBAPIError.instance(
                sql, None, error, self._driver_error, connection_invalidated=lost
            ) from error
        finally:
            cursor.close()


class Books:
    """The one connection of this process that writes; used by one thread at a time."""

    def __init__(self, store: Store | ServerStore) -> None:
        self._engine = store.engine
        self._connection: Connection | None = None
        self._statements: Statements | None = None
        self._plan: WritePlan | None = None

    def close(self) -> None:
        """Gives the connection back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._statements = self._plan = None

    def perform(self, work: Callable[[Rows], T]) -> tuple[T, list[Leg]]:
        """Does it in one transaction, which is durable when this returns: what it gave, and which
        legs it changed. Done again from the beginning where another writer was faster, so it must
        change nothing but the rows. StoreFailed: nothing was done, or, with CONNECTION, who knows.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._try(work)
            except StaleVersion:
                continue
            except StoreLocked as error:
                raise StoreFailed(StoreFault.LOCKED) from error
            except DBAPIError as error:
                fault = fault_of(error)
                if fault is StoreFault.CONNECTION:
                    self._drop()
                if fault not in AGAIN:
                    raise StoreFailed(fault) from error
        raise StoreFailed(StoreFault.SERIALISATION)

    def _try(self, work: Callable[[Rows], T]) -> tuple[T, list[Leg]]:
        connection = self._open()
        assert self._statements is not None and self._plan is not None
        with connection.begin():
            rows = Rows(connection, self._statements)
            given = work(rows)
            rows.write(self._plan)
            # Crash here: nothing happened, and nobody was told that it did.
        # Crash here: it is done, nobody was told; whoever asks again is given the same answer.
        return given, rows.changed_legs

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**IMMEDIATE)
            self._statements = Statements(self._connection)
            self._plan = WritePlan(self._connection)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
        self._connection = self._statements = self._plan = None
