"""Which schema a database has, and how an older one becomes this program's.

Versions are numbered from 1. A migration makes the schema of its number out of the one before, on
one connection in one transaction, together with the number: a crash leaves the one or the other.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    create_mock_engine,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import ExecutableDDLElement

log = logging.getLogger(__name__)

Migration = Callable[[Connection], None]
NO_MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({})


class StoreUnusable(Exception):
    """The store cannot be opened; one line that names the place and the reason."""


class StoreTaken(StoreUnusable):
    """Another daemon is running on it: once that ends, the store is usable."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a `kind` of daemon ("node", "registry") expects of its database.

    `migrations[n]` makes version n of version n - 1; without it there is no way from there.
    """

    kind: str
    metadata: MetaData
    version: int
    migrations: Mapping[int, Migration] = field(default_factory=lambda: NO_MIGRATIONS)


def meta_table(metadata: MetaData) -> Table:
    """The table meta(name, value): schema version, and whatever else is one number."""
    return Table(
        "meta",
        metadata,
        Column("name", String, primary_key=True),
        Column("value", BigInteger, nullable=False),
        keep_existing=True,
    )


def create_tables(connection: Connection, metadata: MetaData) -> None:
    """All of them, in a database that has none of them, in the caller's transaction."""
    for statement in _statements(metadata, connection.dialect.name):
        connection.exec_driver_sql(statement)


@cache
def _statements(metadata: MetaData, dialect: str) -> tuple[str, ...]:
    """Compiled once: that takes longer than to run them."""
    found: list[str] = []

    def note(element: ExecutableDDLElement, *_: object, **__: object) -> None:
        found.append(str(element.compile(dialect=mock.dialect)))

    mock = create_mock_engine(f"{dialect}://", note)
    metadata.create_all(mock, checkfirst=False)
    return tuple(found)


def prepare(connection: Connection, place: str, schema: Schema) -> None:
    """Creates the tables in an empty database, or brings older ones up to date.

    StoreUnusable where it is another's database, or one that a newer program has written.
    """
    meta = meta_table(schema.metadata)
    name = f"schema_version/{schema.kind}"
    with connection.begin():
        tables = inspect(connection).get_table_names()
        if not tables:
            # Crash before the commit: the database is empty and the next start creates it again.
            create_tables(connection, schema.metadata)
            connection.execute(insert(meta), [{"name": name, "value": schema.version}])
            return
        found = None
        if meta.name in tables:
            found = connection.scalar(select(meta.c.value).where(meta.c.name == name))
    if found is None:
        raise StoreUnusable(f"{place}: not a database of a pledgeway {schema.kind}")
    versions = f"{place}: its schema is version {found}, this program's is {schema.version}"
    if found > schema.version:
        raise StoreUnusable(f"{versions}: a newer program has written it")
    steps = range(found + 1, schema.version + 1)
    if any(step not in schema.migrations for step in steps):
        raise StoreUnusable(f"{versions}: there is no way from the one to the other")
    for step in steps:
        with connection.begin():
            schema.migrations[step](connection)
            connection.execute(update(meta).where(meta.c.name == name).values(value=step))
            # Crash here: the database is still of the version before, with all its rows.
        log.warning("%s: brought to schema version %d", place, step)
