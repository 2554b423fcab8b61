"""What a group of writes becomes in one transaction: in the order given, one executemany a write.

Every mutable table has an integer column `version`. An update says which version it saw and
leaves the next one; one that finds another version means that somebody else wrote.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Dialect,
    Executable,
    Table,
    bindparam,
    delete,
    insert,
    literal_column,
    update,
)
from sqlalchemy.exc import DBAPIError

Row = Mapping[str, Any]
Values = tuple[Any, ...]

MAX_COMPILED: Final = 1024  # a node's store has some 150
VERSION: Final = "version"
FROM: Final = "from_version"  # the version that an update saw
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
class InsertValues:
    """As InsertRows, for many rows of one shape: values in the order of `columns`."""

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[Values]


@dataclass(frozen=True, slots=True)
class UpdateValues:
    """As UpdateRows, for many rows of one shape: the values of `columns` (those that change), of
    the primary key, and the version that was seen."""

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[Values]


@dataclass(frozen=True, slots=True)
class DeleteRows:
    """Rows to remove, each as a mapping of its primary key. An absent row is no fault."""

    table: Table
    keys: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Execute:
    """Any other statements, run in their place in the transaction; must not commit."""

    work: Callable[[Connection], object]


Write = InsertRows | UpdateRows | InsertValues | UpdateValues | DeleteRows | Execute


class StaleVersion(Exception):
    """An update met another version than it saw, or no row: the transaction must roll back."""


class Overtaken(StaleVersion):
    """As StaleVersion, where several write and that is no news: the same is done again."""


class WritePlan:
    """Performs writes, each with a statement that is compiled once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements: dict[tuple[Table, str, tuple[str, ...]], _Statement] = {}

    def run(self, write: Write) -> None:
        """StaleVersion, sqlalchemy.exc.DBAPIError."""
        match write:
            case InsertValues(table, columns, rows):
                self._run("insert", table, columns, rows)
            case UpdateValues(table, columns, rows):
                self._update(table, columns, rows)
            case InsertRows(table, rows):
                for columns, alike in _by_columns(rows):
                    self._run("insert", table, columns, _values(columns, alike))
            case UpdateRows(table, rows):
                keys = primary_key(table)
                for columns, alike in _by_columns(rows):
                    changed = tuple(c for c in columns if c != VERSION and c not in keys)
                    self._update(table, changed, _values((*changed, *keys, VERSION), alike))
            case DeleteRows(table, rows) if rows:
                self._run("delete", table, (), _values(primary_key(table), rows))
            case DeleteRows():
                pass
            case Execute(work):
                work(self._connection)

    def _update(self, table: Table, columns: tuple[str, ...], rows: Sequence[Values]) -> None:
        met = self._run("update", table, columns, rows)
        if met != len(rows):
            raise StaleVersion(f"{table.name}: {met} of {len(rows)} updates met their version")

    def _run(
        self, kind: str, table: Table, columns: tuple[str, ...], rows: Sequence[Values]
    ) -> int:
        known = self._statements.get((table, kind, columns))
        if known is None:
            known = _statement(kind, table, columns, self._connection.dialect)
            self._statements[table, kind, columns] = known
        return known.run(self._connection, rows)


Built = tuple[Executable, tuple[str, ...]]
"""A statement, and the names of its parameters in the order of a row's values."""


def _build_insert(table: Table, columns: tuple[str, ...]) -> Built:
    return insert(table).values({name: bindparam(name) for name in columns}), columns


def _build_update(table: Table, columns: tuple[str, ...]) -> Built:
    keys = primary_key(table)
    changes: dict[str, Any] = {name: bindparam(name) for name in columns}
    statement = (
        update(table)
        .where(*(table.c[name] == bindparam(KEY + name) for name in keys))
        .where(table.c[VERSION] == bindparam(FROM))
        .values(changes | {VERSION: table.c[VERSION] + literal_column("1")})
    )
    return statement, (*columns, *(KEY + name for name in keys), FROM)


def _build_delete(table: Table, _: tuple[str, ...]) -> Built:
    keys = primary_key(table)
    statement = delete(table).where(*(table.c[name] == bindparam(KEY + name) for name in keys))
    return statement, tuple(KEY + name for name in keys)


_BUILDERS: Final = {"insert": _build_insert, "update": _build_update, "delete": _build_delete}


class _Statement:
    """One statement, compiled once. Values go to the driver as they are.

    SQLAlchemy would build and convert the parameters of every row anew; our columns hold only what
    the driver takes (int, str, bytes, None), so there is nothing to convert.
    """

    def __init__(self, statement: Executable, names: tuple[str, ...], dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        self._sql: str = str(compiled)
        self._driver_error: Any = dialect.loaded_dbapi.Error
        self._names = names
        self._positional: bool = compiled.positional
        wanted = tuple(compiled.positiontup or ())
        self._pick = itemgetter(*map(names.index, wanted)) if wanted not in (names, ()) else None

    def run(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Executes for all rows at once; how many rows it met."""
        parameters: Any = rows
        if not self._positional:
            parameters = [dict(zip(self._names, row, strict=True)) for row in rows]
        elif self._pick is not None:
            parameters = [self._pick(row) for row in rows]
        return self._perform(connection, parameters)

    def _perform(self, connection: Connection, parameters: Sequence[Any]) -> int:
        """By the driver alone: SQLAlchemy's own way takes five times as long as a row.

        Raises what SQLAlchemy would raise.
        """
        driver = connection.connection
        cursor = driver.cursor()
        try:
            cursor.executemany(self._sql, parameters)
            return int(cursor.rowcount)
        except self._driver_error as error:
            lost = connection.dialect.is_disconnect(error, driver, cursor)
            if lost:
                connection.invalidate(error)
            raise DBAPIError.instance(
                self._sql, None, error, self._driver_error, connection_invalidated=lost
            ) from error
        finally:
            cursor.close()


@lru_cache(maxsize=MAX_COMPILED)
def _statement(kind: str, table: Table, columns: tuple[str, ...], dialect: Dialect) -> _Statement:
    """Of every plan over one dialect, which all databases in memory share."""
    return _Statement(*_BUILDERS[kind](table, columns), dialect)


@cache
def primary_key(table: Table) -> tuple[str, ...]:
    """The names of its columns. Asking SQLAlchemy for every row costs more than the row."""
    return tuple(column.name for column in table.primary_key.columns)


def _values(columns: tuple[str, ...], rows: Sequence[Row]) -> list[Values]:
    return [tuple([row[name] for name in columns]) for row in rows]


def _by_columns(rows: Sequence[Row]) -> list[tuple[tuple[str, ...], list[Row]]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.items())
