"""How the books of an older program become this one's, version by version.

A migration stands for itself: it names tables and columns as they were then, so that later changes
of `node.store` do not change what it does. Each runs in one transaction with its number.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    insert,
    select,
)

from runtime.schema import Migration

COPIED_AT_ONCE: Final = 1000  # rows in memory while a table is rewritten


def _to_version_2(connection: Connection) -> None:
    """Outbox rows hold several messages; lines sum up what they hold for how long; settled
    payments have an archive."""
    _group_outbox(connection)
    _sum_held_value(connection)
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


def _sum_held_value(connection: Connection) -> None:
    """held_* of a line: amount times seconds, rounded up, over its promises that have not ended.

    A promise locks until its expiry (levels BARE = 0, PROXY = 3), its transaction's limit
    (ATOMIC = 2), or the later of both (SECURED = 1). Directions: 1 out, 2 in.
    """
    for column in ("held_out", "held_in"):
        connection.exec_driver_sql(
            f"ALTER TABLE line ADD COLUMN {column} BIGINT NOT NULL DEFAULT 0"
        )
    pending = connection.exec_driver_sql(
        "SELECT p.line, p.direction, p.level, p.amount, p.expires_at_us, p.made_at_us, t.limit_us"
        ' FROM promise p JOIN "transaction" t ON t."commit" = p."commit" WHERE p.phase IN (1, 2)'
    )
    for line, direction, level, amount, expires_at_us, made_at_us, limit_us in pending.all():
        until_us = {1: max(expires_at_us, limit_us), 2: limit_us}.get(level, expires_at_us)
        held = amount * max(0, -(-(until_us - made_at_us) // 1_000_000))
        column = "held_out" if direction == 1 else "held_in"
        connection.exec_driver_sql(
            f"UPDATE line SET {column} = {column} + ? WHERE id = ?", (held, line)
        )


def _to_version_3(connection: Connection) -> None:
    """Several processes of one node tell each other what they do."""
    later = MetaData()
    Table(
        "change",
        later,
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("process", LargeBinary, nullable=False),
        Column("keys", LargeBinary, nullable=False),
    )
    Table(
        "process",
        later,
        Column("id", LargeBinary, primary_key=True),
        Column("beat", BigInteger, nullable=False),
    )
    Table(
        "lease",
        later,
        Column("name", LargeBinary, primary_key=True),
        Column("process", LargeBinary, nullable=False),
        Column("up", SmallInteger, nullable=False),
    )
    Table(
        "advert",
        later,
        Column("kind", String, primary_key=True),
        Column("subject", LargeBinary, primary_key=True),
        Column("seq", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("expires_at_us", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=False),
    )
    later.create_all(connection)


def _to_version_4(connection: Connection) -> None:
    """A registry may be proven to cheat."""
    empty = "'\\x'::bytea" if connection.dialect.name == "postgresql" else "x''"
    kind = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    connection.exec_driver_sql(
        f"ALTER TABLE registry ADD COLUMN fraud {kind} NOT NULL DEFAULT {empty}"
    )


def _to_version_5(connection: Connection) -> None:
    """Exchanges: their rows, and legs of them among promises, payments and requests.

    A promise names its payment or request itself; before, its transaction named the only one.
    Roles: 1 payer, 3 payee.
    """
    empty = "'\\x'::bytea" if connection.dialect.name == "postgresql" else "x''"
    kind = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    for table, column in (("promise", "owner"), ("payment", "bound"), ("request", "bound")):
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN {column} {kind} NOT NULL DEFAULT {empty}"
        )
    connection.exec_driver_sql(
        'UPDATE promise SET owner = (SELECT t.owner FROM "transaction" t'
        ' WHERE t."commit" = promise."commit") WHERE EXISTS (SELECT 1 FROM "transaction" t'
        ' WHERE t."commit" = promise."commit" AND t.role IN (1, 3))'
    )
    _exchange_tables().create_all(connection)


def _exchange_tables() -> MetaData:
    columns: dict[str, dict[str, str]] = {
        "account": {
            "registrar": "key", "slot": "key", "account": "bytes", "brand": "bytes",
            "capability": "bytes", "terms": "bytes", "card": "text", "right": "bytes",
            "opened_at_us": "int",
        },
        "deal": {
            "id": "key", "phase": "enum", "proposal": "bytes", "created_at_us": "int",
            "due_at_us": "int", "fixed_at_us": "int", "commit": "bytes", "descriptor": "bytes",
            "openings": "bytes", "joins": "bytes", "accepts": "bytes", "promises": "bytes",
            "shares": "bytes", "decline_preimage": "bytes", "ended_at_us": "int",
            "because": "enum", "blamed": "text", "waiting": "int",
        },
        "known_right": {
            "brand": "key", "right": "bytes", "card": "text", "learned_at_us": "int",
        },
        "letter": {
            "id": "key", "kind": "enum", "receiver": "bytes", "card": "text",
            "payload": "bytes", "deal": "bytes", "created_at_us": "int", "next_at_us": "int",
            "tries": "int", "seat": "text", "step": "enum", "no": "int", "answered": "enum",
        },
        "seat": {
            "deal": "key", "at": "number", "seat": "text", "phase": "enum", "proposal": "bytes",
            "invited_at_us": "int", "seed": "bytes", "descriptor": "bytes", "commit": "bytes",
            "openings": "bytes", "coordinator": "text", "accounts": "bytes", "wants": "bytes",
            "commits": "enum", "held": "bytes", "given": "bytes",
            "promised": "bytes", "share": "bytes", "options": "text", "waiting": "int",
            "ended_at_us": "int", "because": "enum",
        },
        "standing": {"id": "key", "rule": "text", "created_at_us": "int", "ended": "enum"},
    }  # fmt: skip
    return _made_tables(columns)


def _made_tables(columns: dict[str, dict[str, str]]) -> MetaData:
    """Tables of rows: their columns by kind, and the version behind them."""
    later = MetaData()
    types = {
        "key": LargeBinary, "bytes": LargeBinary, "int": BigInteger, "enum": SmallInteger,
        "text": Text, "number": BigInteger,
    }  # fmt: skip
    for table, named in columns.items():
        made: list[Column[Any]] = [
            Column(name, types[how], primary_key=how in ("key", "number"), nullable=False)
            for name, how in named.items()
        ]
        Table(table, later, *made, Column("version", BigInteger, nullable=False))
    return later


def _to_version_6(connection: Connection) -> None:
    """Sales that an agent judges, and agents that this node knows."""
    _made_tables(
        {
            "sale": {
                "id": "key", "role": "enum", "phase": "enum", "offer": "bytes",
                "created_at_us": "int", "due_at_us": "int", "seed": "bytes", "slot": "bytes",
                "box": "bytes", "rules": "bytes", "reveals": "bytes", "joins": "bytes",
                "agent": "bytes", "tip": "int", "contract": "bytes", "agreement": "bytes",
                "promise": "bytes", "credential": "bytes", "sealed": "bytes",
                "statement": "bytes", "log": "bytes", "secret": "bytes", "lock": "bytes",
                "openings": "bytes", "staked": "bytes", "shares": "bytes", "shown": "bytes",
                "proof": "bytes", "attested_at_us": "int", "submitted": "int", "vote": "bytes",
                "voted": "int", "ended_at_us": "int", "because": "enum", "blamed": "enum",
                "options": "text",
            },
            "known_agent": {
                "agent": "key", "offer": "bytes", "learned_at_us": "int", "own": "enum",
                "rule": "text",
            },
            "list_seen": {
                "house": "key", "slot": "key", "last": "bytes", "fault": "text",
                "evidence": "bytes", "noticed_at_us": "int",
            },
        }
    ).create_all(connection)  # fmt: skip


def _people_columns() -> dict[str, dict[str, str]]:
    return {
        "person": {
            "id": "key", "name": "text", "display": "text", "phase": "enum",
            "created_at_us": "int", "ended_at_us": "int",
        },
        "credential": {
            "person": "key", "id": "key", "kind": "enum", "public_key": "bytes",
            "label": "text", "created_at_us": "int", "sign_count": "int", "used_at_us": "int",
            "ended_at_us": "int", "rests_until_us": "int",
        },
        "recovery_code": {
            "person": "key", "hash": "key", "created_at_us": "int", "used_at_us": "int",
        },
        "session": {
            "id": "key", "person": "bytes", "by": "bytes", "created_at_us": "int",
            "seen_at_us": "int", "ended_at_us": "int",
        },
        "invitation": {
            "id": "key", "name": "text", "display": "text", "limits": "text",
            "created_at_us": "int", "expires_at_us": "int", "person": "bytes",
            "ended_at_us": "int",
        },
        "purse": {
            "person": "key", "guid": "key", "brand": "bytes", "limit": "int",
            "booked_in": "int", "booked_out": "int", "reserved": "int",
        },
        "entry": {
            "reference": "key", "part": "key", "giver": "bytes", "taker": "bytes",
            "brand": "bytes", "amount": "int", "kind": "enum", "at_us": "int", "name": "text",
            "text": "text",
        },
        "confirmation": {
            "id": "key", "request_hash": "bytes", "asked": "bytes", "payee": "bytes",
            "brand": "bytes", "phase": "enum", "received_at_us": "int",
            "expires_at_us": "int", "requester": "bytes", "nonce": "bytes", "state": "text",
            "person": "bytes", "owned": "enum", "presented_at_us": "int", "approved": "bytes",
            "approved_at_us": "int", "valid_until_us": "int", "amount": "int",
            "debit_max": "int", "reserved": "int", "debited": "int", "attempt": "int",
            "settlement": "bytes", "mandate": "bytes", "seat": "bytes", "ended_at_us": "int",
            "because": "text",
        },
        "mandate": {
            "id": "key", "person": "bytes", "payee": "bytes", "requester": "bytes",
            "brand": "bytes", "name": "text", "text": "text", "per_payment": "int",
            "period_us": "int", "per_period": "int", "total": "int", "until_us": "int",
            "granted_at_us": "int", "confirmation": "bytes", "period_from_us": "int",
            "in_period": "int", "spent": "int", "payments": "int", "revoked_at_us": "int",
        },
        "known_payee": {
            "person": "key", "payee": "key", "name": "text", "domain": "text",
            "first_at_us": "int", "last_at_us": "int", "payments": "int",
        },
        "known_domain": {
            "payee": "key", "domain": "text", "holds": "enum", "checked_at_us": "int",
        },
        "requester": {
            "key_id": "key", "name": "text", "urls": "text", "added_at_us": "int",
            "ended_at_us": "int",
        },
        "notice": {
            "id": "key", "confirmation": "bytes", "phase": "enum", "url": "text",
            "created_at_us": "int", "next_at_us": "int", "tries": "int", "ended_at_us": "int",
            "delivered": "enum",
        },
    }  # fmt: skip


def _to_version_7(connection: Connection) -> None:
    """People whose accounts this node keeps, and requests whose payer chooses the amount."""
    empty = "'\\x'::bytea" if connection.dialect.name == "postgresql" else "x''"
    kind = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    for table, column in (
        ("payment", "confirmation"),
        ("request", "person"),
        ("seat", "confirmation"),
    ):
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN {column} {kind} NOT NULL DEFAULT {empty}"
        )
    for column in ("least", "taking"):
        connection.exec_driver_sql(
            f"ALTER TABLE request ADD COLUMN {column} BIGINT NOT NULL DEFAULT 0"
        )
    made = _made_tables(_people_columns())
    entry, confirmation = made.tables["entry"], made.tables["confirmation"]
    Index("entry_giver", entry.c.giver, entry.c.at_us)
    Index("entry_taker", entry.c.taker, entry.c.at_us)
    Index("confirmation_person", confirmation.c.person, confirmation.c.received_at_us)
    Index("confirmation_request", confirmation.c.request_hash)
    made.create_all(connection)


MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType(
    {
        2: _to_version_2,
        3: _to_version_3,
        4: _to_version_4,
        5: _to_version_5,
        6: _to_version_6,
        7: _to_version_7,
    }
)
