"""What a group of writes becomes in one transaction: merged per row, one executemany per table.

Every mutable table has an integer column `version`. An update says which version it saw and
leaves the next one; one that finds another version means that somebody else wrote.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, MetaData, Table, Update, bindparam, delete, insert, update

Row = Mapping[str, Any]
Key = tuple[Hashable, ...]

VERSION = "version"


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
        self._updates: dict[tuple[Table, tuple[str, ...]], Update] = {}

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
            plan.updates[key] = {**row, "_from": row[VERSION], VERSION: row[VERSION] + 1}
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
        for _, alike in _by_columns(list(rows.values())):
            self._connection.execute(insert(table), alike)

    def _run_updates(self, table: Table, rows: Mapping[Key, dict[str, Any]]) -> None:
        if not rows:
            return
        key_columns = [column.name for column in table.primary_key.columns]
        for columns, alike in _by_columns(list(rows.values())):
            changed = [name for name in columns if name not in key_columns and name != "_from"]
            statement = self._update_statement(table, tuple(changed))
            parameters = [
                {f"v_{name}": row[name] for name in changed}
                | {f"k_{name}": row[name] for name in (*key_columns, "_from")}
                for row in alike
            ]
            result = self._connection.execute(statement, parameters)
            if result.rowcount != len(parameters):
                met = f"{result.rowcount} of {len(parameters)} updates met their version"
                raise StaleVersion(f"{table.name}: {met}")

    def _update_statement(self, table: Table, changed: tuple[str, ...]) -> Update:
        statement = self._updates.get((table, changed))
        if statement is None:
            keys = (column.name for column in table.primary_key.columns)
            statement = (
                update(table)
                .where(*(table.c[name] == bindparam(f"k_{name}") for name in keys))
                .where(table.c[VERSION] == bindparam("k__from"))
                .values({name: bindparam(f"v_{name}") for name in changed})
            )
            self._updates[table, changed] = statement
        return statement

    def _run_deletes(self, table: Table, keys: set[Key]) -> None:
        if not keys:
            return
        names = [column.name for column in table.primary_key.columns]
        statement = delete(table).where(*(table.c[n] == bindparam(f"k_{n}") for n in names))
        parameters = [
            {f"k_{name}": value for name, value in zip(names, key, strict=True)}
            for key in sorted(keys, key=repr)
        ]
        self._connection.execute(statement, parameters)


def _key(table: Table, row: Row) -> Key:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _by_columns(rows: Sequence[dict[str, Any]]) -> list[tuple[list[str], list[dict[str, Any]]]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(row)), []).append(row)
    return [(list(columns), alike) for columns, alike in groups.items()]
