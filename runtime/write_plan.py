"""What a group of writes becomes in one transaction: merged per row, one executemany per table.

Every mutable table has an integer column `version`. An update says which version it saw and
leaves the next one; one that finds another version means that somebody else wrote.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Executable, MetaData, Table, bindparam, delete, insert, update

Row = Mapping[str, Any]
Key = tuple[Hashable, ...]

VERSION = "version"
FROM: Final = "from_version"  # the version that an update saw, beside the one that it sets
KEY: Final = "key_"  # prefix of the parameters that hold a primary key


@dataclass(frozen=True, slots=True)
class InsertRows:
    """New rows, each with all columns that have no default."""

    table: Table
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class UpdateRows:
    """Changed rows: primary key, `version` as it was seen, and the columns that change.

    The row is left with `version` + 1.
    """

    table: Table
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class DeleteRows:
    """Rows to remove, each as a mapping of its primary key. An absent row is no fault."""

    table: Table
    keys: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Execute:
    """Any other statements, run in their place in the transaction; must not commit."""

    work: Callable[[Connection], object]


Write = InsertRows | UpdateRows | DeleteRows | Execute


class StaleVersion(Exception):
    """An update met another version than it saw, or no row: the transaction must roll back."""


@dataclass(slots=True)
class _TablePlan:
    inserts: dict[Key, dict[str, Any]] = field(default_factory=dict)
    updates: dict[Key, dict[str, Any]] = field(default_factory=dict)
    deletes: set[Key] = field(default_factory=set)


class WritePlan:
    """Collects writes in order and runs them so that the outcome is that of the order given.

    Within one plan: inserts (tables that are referred to first), then updates, then deletes
    (tables that are referred to last). A write that this order would turn round, as far as
    primary keys tell, runs what has been collected first. Unique constraints other than the
    primary key are not looked at: free such a value in an earlier group than the one that
    takes it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[Table, _TablePlan] = {}
        self._ranks: dict[MetaData, dict[Table, int]] = {}
        self._statements: dict[tuple[Table, str, tuple[str, ...]], _Statement] = {}

    def add(self, write: Write) -> None:
        """Collects, or runs. StaleVersion, sqlalchemy.exc.DBAPIError."""
        match write:
            case InsertRows(table, rows):
                for row in rows:
                    self._insert(table, row)
            case UpdateRows(table, rows):
                for row in rows:
                    self._update(table, row)
            case DeleteRows(table, keys):
                for key in keys:
                    self._delete(table, key)
            case Execute(work):
                self.run()
                work(self._connection)

    def run(self) -> None:
        """Executes what has been collected. StaleVersion, sqlalchemy.exc.DBAPIError."""
        tables = sorted(self._tables, key=self._rank)
        for table in tables:
            self._run_inserts(table, self._tables[table].inserts)
        for table in tables:
            self._run_updates(table, self._tables[table].updates)
        for table in reversed(tables):
            self._run_deletes(table, self._tables[table].deletes)
        self._tables.clear()

    def forget(self) -> None:
        """Drops what has been collected and not run: the transaction has rolled back."""
        self._tables.clear()

    def _rank(self, table: Table) -> int:
        ranks = self._ranks.get(table.metadata)
        if ranks is None:
            ranks = {known: rank for rank, known in enumerate(table.metadata.sorted_tables)}
            self._ranks[table.metadata] = ranks
        return ranks[table]

    def _of(self, table: Table) -> _TablePlan:
        return self._tables.setdefault(table, _TablePlan())

    def _insert(self, table: Table, row: Row) -> None:
        key = _key(table, row)
        if self._collides(table, key):
            self.run()
        self._of(table).inserts[key] = dict(row)

    def _collides(self, table: Table, key: Key) -> bool:
        plan = self._of(table)
        return key in plan.inserts or key in plan.updates or key in plan.deletes

    def _update(self, table: Table, row: Row) -> None:
        key = _key(table, row)
        plan = self._of(table)
        if key in plan.deletes:
            raise StaleVersion(f"{table.name}: updated after it was deleted")
        inserted = plan.inserts.get(key)
        if inserted is not None:
            if inserted.get(VERSION) != row[VERSION]:
                raise StaleVersion(f"{table.name}: updated at a version that was not inserted")
            inserted.update(row)
            inserted[VERSION] = row[VERSION] + 1
            return
        updated = plan.updates.get(key)
        if updated is None:
            plan.updates[key] = {**row, FROM: row[VERSION], VERSION: row[VERSION] + 1}
            return
        if updated[VERSION] != row[VERSION]:
            raise StaleVersion(f"{table.name}: two updates saw the same version")
        updated.update(row)
        updated[VERSION] = row[VERSION] + 1

    def _delete(self, table: Table, row: Row) -> None:
        key = _key(table, row)
        plan = self._of(table)
        if plan.inserts.pop(key, None) is not None:
            return  # never seen on disk
        # An update that the delete makes pointless still has its version checked.
        if key in plan.updates:
            self.run()
        self._of(table).deletes.add(key)

    def _run_inserts(self, table: Table, rows: Mapping[Key, dict[str, Any]]) -> None:
        for columns, alike in _by_columns(list(rows.values())):
            statement = self._statement(table, "insert", columns)
            statement.run(self._connection, alike)

    def _run_updates(self, table: Table, rows: Mapping[Key, dict[str, Any]]) -> None:
        for columns, alike in _by_columns(list(rows.values())):
            changed = tuple(c for c in columns if c != FROM and not table.c[c].primary_key)
            met = self._statement(table, "update", changed).run(self._connection, alike)
            if met != len(alike):
                raise StaleVersion(f"{table.name}: {met} of {len(alike)} updates met their version")

    def _run_deletes(self, table: Table, keys: set[Key]) -> None:
        if not keys:
            return
        names = [column.name for column in table.primary_key.columns]
        rows = [dict(zip(names, key, strict=True)) for key in sorted(keys, key=repr)]
        self._statement(table, "delete", ()).run(self._connection, rows)

    def _statement(self, table: Table, kind: str, columns: tuple[str, ...]) -> "_Statement":
        known = self._statements.get((table, kind, columns))
        if known is None:
            known = _Statement(_BUILDERS[kind](table, columns), self._connection)
            self._statements[table, kind, columns] = known
        return known


def _build_insert(table: Table, columns: tuple[str, ...]) -> Executable:
    return insert(table).values({name: bindparam(name) for name in columns})


def _build_update(table: Table, columns: tuple[str, ...]) -> Executable:
    keys = [column.name for column in table.primary_key.columns]
    return (
        update(table)
        .where(*(table.c[name] == bindparam(f"{KEY}{name}") for name in keys))
        .where(table.c[VERSION] == bindparam(FROM))
        .values({name: bindparam(name) for name in columns})
    )


def _build_delete(table: Table, _: tuple[str, ...]) -> Executable:
    keys = [column.name for column in table.primary_key.columns]
    return delete(table).where(*(table.c[name] == bindparam(f"{KEY}{name}") for name in keys))


_BUILDERS: Final = {"insert": _build_insert, "update": _build_update, "delete": _build_delete}


class _Statement:
    """One statement, compiled once. Rows go to the driver as they are.

    SQLAlchemy would build and convert the parameters of every row anew; our columns hold only what
    the driver takes (int, str, bytes, None), so there is nothing to convert.
    """

    def __init__(self, statement: Executable, connection: Connection) -> None:
        compiled: Any = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
        self._sql: str = str(compiled)
        names: list[str] = list(compiled.positiontup or compiled.params)
        self._positional: bool = compiled.positional
        # A key is bound under a name of its own, since an update also sets columns.
        self._names = [(name, name.removeprefix(KEY)) for name in names]

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Executes for all rows at once; how many rows it met."""
        if self._positional:
            columns = [column for _, column in self._names]
            pick = itemgetter(*columns) if len(columns) > 1 else None
            parameters: list[Any] = [pick(r) if pick else (r[columns[0]],) for r in rows]
        else:
            parameters = [{name: row[column] for name, column in self._names} for row in rows]
        return connection.exec_driver_sql(self._sql, parameters).rowcount


def _key(table: Table, row: Row) -> Key:
    return tuple([row[name] for name in _key_columns(table)])


@cache
def _key_columns(table: Table) -> tuple[str, ...]:
    """Asking SQLAlchemy for every row was a thirtieth of a payment's CPU."""
    return tuple(column.name for column in table.primary_key.columns)


def _by_columns(
    rows: Sequence[dict[str, Any]],
) -> list[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.items())
