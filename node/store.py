"""The node's tables (SQLAlchemy Core) and how rows become columns. Knows no gRPC and no rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, get_type_hints

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
    select,
)

from node.core.escrow.rows import (
    Account,
    Deal,
    KnownRight,
    Letter,
    Seat,
    Standing,
)
from node.core.people.rows import ConfirmationPhase
from node.core.rows import (
    Confirmation,
    Credential,
    Entry,
    Incident,
    Invitation,
    KnownAgent,
    KnownDomain,
    KnownPayee,
    KnownRequester,
    Line,
    ListSeen,
    Mandate,
    Notice,
    Payment,
    Person,
    Promise,
    Purse,
    RecoveryCode,
    Request,
    Row,
    Sale,
    Session,
    Settled,
    Transaction,
)
from node.store_codecs import CODECS, Codec, pieces_from_bytes, pieces_to_bytes, same
from runtime.store import meta_table

SCHEMA_VERSION: Final = 7  # a change of any table below takes the next one, and a migration
STORE_KIND: Final = "node"

metadata = MetaData()
meta = meta_table(metadata)


_KEYS: Final[dict[type[Row], tuple[str, ...]]] = {
    Line: ("id",),
    Promise: ("promisor", "id"),
    Transaction: ("commit",),
    Payment: ("id",),
    Request: ("id",),
    Incident: ("subject", "kind"),
    Settled: ("line",),
    Account: ("registrar", "slot"),
    Deal: ("id",),
    KnownRight: ("brand",),
    Letter: ("id",),
    Seat: ("deal", "at"),
    Standing: ("id",),
    Sale: ("id",),
    KnownAgent: ("agent",),
    ListSeen: ("house", "slot"),
    Confirmation: ("id",),
    Credential: ("person", "id"),
    Entry: ("reference", "part"),
    Invitation: ("id",),
    KnownDomain: ("payee",),
    KnownPayee: ("person", "payee"),
    KnownRequester: ("key_id",),
    Mandate: ("id",),
    Notice: ("id",),
    Person: ("id",),
    Purse: ("person", "guid"),
    RecoveryCode: ("person", "hash"),
    Session: ("id",),
}


# What a row keeps from its first version on. An update writes the others alone.
_LASTING: Final[dict[type[Row], frozenset[str]]] = {
    Line: frozenset({"id", "peer", "brand"}),
    Promise: frozenset(
        {
            "promisor", "id", "direction", "line", "peer", "commit", "amount", "level",
            "expires_at_us", "partner", "partner_id", "made_at_us", "evidence", "owner",
        }
    ),
    # Its role and owner change where a hop learns that it has a seat in the exchange.
    Transaction: frozenset({"commit", "descriptor", "deadline_us", "limit_us"}),
    Payment: frozenset(
        {
            "id", "request_hash", "request", "amount", "brand", "payee", "created_at_us",
            "options", "bound", "confirmation",
        }
    ),
    Request: frozenset(
        {
            "id", "signed", "seed", "amount", "brand", "created_at_us", "expires_at_us", "manual",
            "bound", "person", "least",
        }
    ),
    Incident: frozenset({"subject", "kind"}),
    Settled: frozenset({"line"}),
    Account: frozenset({"registrar", "slot", "account", "brand", "opened_at_us"}),
    Deal: frozenset({"id", "proposal", "created_at_us"}),
    KnownRight: frozenset({"brand"}),
    Letter: frozenset(
        {
            "id", "kind", "receiver", "card", "deal", "created_at_us", "seat", "step",
            "no",
        }
    ),
    Seat: frozenset({"deal", "at", "seat", "proposal", "invited_at_us"}),
    Standing: frozenset({"id", "rule", "created_at_us"}),
    Sale: frozenset({"id", "role", "offer", "created_at_us"}),
    KnownAgent: frozenset({"agent"}),
    ListSeen: frozenset({"house", "slot"}),
    Confirmation: frozenset(
        {
            "id", "request_hash", "asked", "payee", "brand", "received_at_us", "expires_at_us",
            "requester", "nonce", "state",
        }
    ),
    Credential: frozenset({"person", "id", "kind", "public_key", "created_at_us"}),
    Entry: frozenset(
        {
            "reference", "part", "giver", "taker", "brand", "amount", "kind", "at_us", "name",
            "text",
        }
    ),
    Invitation: frozenset({"id", "name", "display", "limits", "created_at_us", "expires_at_us"}),
    KnownDomain: frozenset({"payee"}),
    KnownPayee: frozenset({"person", "payee", "first_at_us"}),
    KnownRequester: frozenset({"key_id", "added_at_us"}),
    Mandate: frozenset(
        {
            "id", "person", "payee", "requester", "brand", "name", "text", "per_payment",
            "period_us", "per_period", "total", "until_us", "granted_at_us", "confirmation",
        }
    ),
    Notice: frozenset({"id", "confirmation", "phase", "url", "created_at_us"}),
    Person: frozenset({"id", "name", "created_at_us"}),
    Purse: frozenset({"person", "guid", "brand"}),
    RecoveryCode: frozenset({"person", "hash", "created_at_us"}),
    Session: frozenset({"id", "person", "by", "created_at_us"}),
}  # fmt: skip


class _Reader:
    """Takes some fields of a row as the values of their columns."""

    def __init__(self, names: Sequence[str], codecs: Mapping[str, Codec]) -> None:
        # An enumeration or a bool is read as the plain number that the driver takes.
        paths = [n + ".real" if codecs[n].column is SmallInteger else n for n in names]
        self._get = attrgetter(*paths)
        self._single = len(paths) == 1
        self._convert = tuple(
            (i, codecs[n].to_db)
            for i, n in enumerate(names)
            if codecs[n].column is not SmallInteger and codecs[n].to_db is not same
        )

    def values(self, row: Row) -> list[Any]:
        values = [self._get(row)] if self._single else list(self._get(row))
        for i, to_db in self._convert:
            values[i] = to_db(values[i])
        return values


class RowTable:
    """One class of rows, its table, and how its fields become columns and fields again."""

    def __init__(self, kind: type[Row], key: tuple[str, ...]) -> None:
        hints = get_type_hints(kind)
        codecs = {f.name: CODECS[hints[f.name]] for f in fields(kind)}
        columns = [
            Column(name, codec.column, primary_key=name in key, nullable=codec.nullable)
            for name, codec in codecs.items()
        ]
        self.kind = kind
        self.key = key
        self.table = Table(
            kind.table, metadata, *columns, Column("version", BigInteger, nullable=False)
        )
        self.columns = (*codecs, "version")
        self.lasting = tuple(name for name in codecs if name in _LASTING[kind])
        self.changing = tuple(name for name in codecs if name not in _LASTING[kind])
        self.codecs = codecs
        # Half of all columns are what they were.
        self._back = tuple((n, c.from_db) for n, c in codecs.items() if c.from_db is not same)
        self._all = _Reader(tuple(codecs), codecs)
        self._changes = _Reader((*self.changing, *key), codecs)

    def inserted(self, row: Row, version: int) -> tuple[Any, ...]:
        """Values of `columns`."""
        return (*self._all.values(row), version)

    def updated(self, row: Row, seen: int) -> tuple[Any, ...]:
        """Values of `changing`, of the key, and the version that was seen."""
        return (*self._changes.values(row), seen)

    def values(self, row: Row) -> list[Any]:
        """Of all its fields, in their order."""
        return self._all.values(row)

    def from_columns(self, columns: Mapping[str, Any]) -> Row:
        values = {name: columns[name] for name in self.codecs}
        for name, from_db in self._back:
            values[name] = from_db(values[name])
        return self.kind(**values)


ROWS: Final = {kind.table: RowTable(kind, key) for kind, key in _KEYS.items()}

# The journal of one account, and what one person was asked, newest first.
_entry, _confirmation = ROWS[Entry.table].table, ROWS[Confirmation.table].table
Index("entry_giver", _entry.c.giver, _entry.c.at_us)
Index("entry_taker", _entry.c.taker, _entry.c.at_us)
Index("confirmation_person", _confirmation.c.person, _confirmation.c.received_at_us)
Index("confirmation_request", _confirmation.c.request_hash)

# `have`: highest number durably processed; `sent`: highest ever given to a message.
peer = Table(
    "peer",
    metadata,
    Column("node", LargeBinary, primary_key=True),
    Column("alias", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("have", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)

# Messages that a neighbour has not acknowledged, written with the change that they speak of: a row
# for each group and neighbour, numbered from `first` on. It goes once its last is acknowledged.
outbox = Table(
    "outbox",
    metadata,
    Column("peer", LargeBinary, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("envelopes", LargeBinary, nullable=False),
)

registry = Table(
    "registry",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("accepted", SmallInteger, nullable=False),
    Column("fraud", LargeBinary, nullable=False),  # the file that proves it a cheat, or empty
    Column("version", BigInteger, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)


# Blocks of settled payments (node/archive.py), in the order in which they left the other tables.
# `until_us`: no promise of the block can be made anew after this time; `requests_until_us`: no
# payment. The counts are of what is still here: an entry that had to come back is not.
archive = Table(
    "archive",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("archived_at_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("requests_until_us", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("committed", BigInteger, nullable=False),
    Column("aborted", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# Where an entry is found: the first 8 bytes of an id, as a signed number, and the block.
archive_key = Table(
    "archive_key",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)


# What several processes of one node tell each other (node/shared); empty in a file's books.
# `change`: what each of their transactions changed, numbered without a gap, the latest only.
change = Table(
    "change",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("process", LargeBinary, nullable=False),
    Column("keys", LargeBinary, nullable=False),
)

# `beat` counts on while the process lives.
process = Table(
    "process",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("beat", BigInteger, nullable=False),
)

# Who does what only one may do: `name` is a neighbour whose stream it is, or a duty. `up`: there is
# a stream.
lease = Table(
    "lease",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("process", LargeBinary, nullable=False),
    Column("up", SmallInteger, nullable=False),
)

# What one process was told by gossip, for the others. `seq` is that of the change that brought it.
advert = Table(
    "advert",
    metadata,
    Column("kind", String, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)


def load_rows(connection: Connection) -> Iterator[tuple[Row, int]]:
    """Every row that is kept in memory, with its version."""
    for entry in ROWS.values():
        if not entry.kind.kept:
            continue
        query = select(entry.table)
        if entry.kind is Confirmation:
            # What has ended is looked up when somebody asks for it (node/people/journal.py).
            query = query.where(
                (entry.table.c.phase < ConfirmationPhase.COMMITTED) | (entry.table.c.reserved > 0)
            )
        for columns in connection.execute(query).mappings():
            yield entry.from_columns(dict(columns)), columns["version"]


def load_table(connection: Connection, table: Table) -> Iterable[Mapping[str, Any]]:
    """The rows of one of the other tables."""
    return [dict(r) for r in connection.execute(select(table)).mappings()]


OUTBOX_COLUMNS: Final = ("peer", "first", "envelopes")


def outbox_row(node: bytes, first: int, envelopes: Sequence[bytes]) -> tuple[Any, ...]:
    """A row of the outbox: the values of OUTBOX_COLUMNS."""
    return node, first, pieces_to_bytes(envelopes)


def load_outbox(
    connection: Connection, node: bytes | None = None, after: int = 0
) -> Iterable[tuple[bytes, int, tuple[bytes, ...]]]:
    """(peer, number of the first, envelopes) in order; of one peer, where `node` names it."""
    query = select(outbox).where(outbox.c.first > after).order_by(outbox.c.peer, outbox.c.first)
    if node is not None:
        query = query.where(outbox.c.peer == node)
    return [(r.peer, r.first, pieces_from_bytes(r.envelopes)) for r in connection.execute(query)]
