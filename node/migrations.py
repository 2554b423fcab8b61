"""How the books of an older program become this one's, version by version.

A migration stands for itself: it names tables and columns as they were then, so that later changes
of `node.store` do not change what it does. Each runs in one transaction with its number.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
)

from runtime.schema import Migration

COPIED_AT_ONCE: Final = 1000  # rows in memory while a table is rewritten


def _to_version_2(connection: Connection) -> None:
    """Outbox rows hold several messages; settled payments have an archive."""
    _group_outbox(connection)
    later = MetaData()
    Table(
        "settled",
        later,
        Column("line", LargeBinary, primary_key=True),
        Column("total_out", BigInteger, nullable=False),
        Column("count_out", BigInteger, nullable=False),
        Column("total_in", BigInteger, nullable=False),
        Column("count_in", BigInteger, nullable=False),
        Column("head_out", LargeBinary, nullable=False),
        Column("head_in", LargeBinary, nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    Table(
        "archive",
        later,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("archived_at_us", BigInteger, nullable=False),
        Column("until_us", BigInteger, nullable=False),
        Column("requests_until_us", BigInteger, nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("committed", BigInteger, nullable=False),
        Column("aborted", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=False),
    )
    Table(
        "archive_key",
        later,
        Column("key", BigInteger, primary_key=True, autoincrement=False),
        Column("block", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    later.create_all(connection)


def _group_outbox(connection: Connection) -> None:
    """One message a row becomes a list of messages a row; here each list has one.

    A list is its pieces one after the other, each behind its length in 4 bytes, big endian.
    """
    connection.exec_driver_sql("ALTER TABLE outbox RENAME TO outbox_before")
    before, later = MetaData(), MetaData()
    old = Table(
        "outbox_before",
        before,
        Column("peer", LargeBinary, primary_key=True),
        Column("number", BigInteger, primary_key=True),
        Column("envelope", LargeBinary, nullable=False),
    )
    new = Table(
        "outbox",
        later,
        Column("peer", LargeBinary, primary_key=True),
        Column("first", BigInteger, primary_key=True),
        Column("envelopes", LargeBinary, nullable=False),
    )
    later.create_all(connection)
    for rows in connection.execute(select(old)).partitions(COPIED_AT_ONCE):
        connection.execute(
            insert(new),
            [
                {
                    "peer": row.peer,
                    "first": row.number,
                    "envelopes": len(row.envelope).to_bytes(4, "big") + row.envelope,
                }
                for row in rows
            ],
        )
    old.drop(connection)


MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({2: _to_version_2})
