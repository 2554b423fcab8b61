"""The node's tables (SQLAlchemy Core) and how rows become columns. Knows no gRPC and no rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, get_type_hints

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    select,
)

from node.core.rows import (
    Ask,
    Direction,
    Incident,
    IncidentKind,
    Line,
    LinePhase,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Row,
    Settled,
    Shown,
    Transaction,
)
from proto.brand_codec import brand_from_message, brand_to_message
from proto.keys import NodeId
from proto.levels import Level
from proto.money import Brand
from proto.reason import Reason, Refusal
from proto.v1 import types_pb2 as pb
from runtime.store import meta_table

SCHEMA_VERSION: Final = 2  # a change of any table below takes the next one, and a migration
STORE_KIND: Final = "node"

metadata = MetaData()
meta = meta_table(metadata)


@dataclass(frozen=True, slots=True)
class _Codec:
    """How one Python type lies in a column."""

    column: Any
    to_db: Callable[[Any], Any]
    from_db: Callable[[Any], Any]
    nullable: bool = False


def _same(value: Any) -> Any:
    return value


def _refusal_to_text(refusal: Refusal | None) -> str | None:
    return None if refusal is None else f"{refusal.reason.name}:{refusal.figure}"


def _refusal_from_text(text: str | None) -> Refusal | None:
    if text is None:
        return None
    name, _, figure = text.partition(":")
    return Refusal(Reason[name], int(figure))


def _pieces_to_bytes(pieces: tuple[bytes, ...]) -> bytes:
    return b"".join(len(p).to_bytes(4, "big") + p for p in pieces)


def _pieces_from_bytes(data: bytes) -> tuple[bytes, ...]:
    pieces, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        pieces.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return tuple(pieces)


def _brand_from_bytes(data: bytes) -> Brand:
    return brand_from_message(pb.Brand.FromString(data))


def _enum(kind: Callable[[int], Any]) -> _Codec:
    return _Codec(SmallInteger, int, kind)


_CODECS: Final[dict[Any, _Codec]] = {
    int: _Codec(BigInteger, _same, _same),
    bytes: _Codec(LargeBinary, _same, _same),
    NodeId: _Codec(LargeBinary, _same, NodeId),
    NodeId | bytes: _Codec(LargeBinary, _same, _same),
    str: _Codec(Text, _same, _same),
    bool: _Codec(SmallInteger, int, bool),
    Brand: _Codec(
        LargeBinary, lambda b: brand_to_message(b).SerializeToString(), _brand_from_bytes
    ),
    Refusal | None: _Codec(Text, _refusal_to_text, _refusal_from_text, nullable=True),
    tuple[bytes, ...]: _Codec(LargeBinary, _pieces_to_bytes, _pieces_from_bytes),
    **{
        kind: _enum(kind)
        for kind in (
            Ask,
            Direction,
            IncidentKind,
            Level,
            LinePhase,
            PaymentPhase,
            PromisePhase,
            RequestPhase,
            Role,
            Shown,
        )
    },
}

_KEYS: Final[dict[type[Row], tuple[str, ...]]] = {
    Line: ("id",),
    Promise: ("promisor", "id"),
    Transaction: ("commit",),
    Payment: ("id",),
    Request: ("id",),
    Incident: ("subject", "kind"),
    Settled: ("line",),
}


@dataclass(frozen=True, slots=True)
class RowTable:
    """One class of rows, its table and the codec of each of its fields."""

    kind: type[Row]
    table: Table
    codecs: tuple[tuple[str, _Codec], ...]
    key: tuple[str, ...]
    conversions: tuple[tuple[str, Callable[[Any], Any]], ...]  # of fields that need one

    def to_columns(self, row: Row, version: int) -> dict[str, Any]:
        columns = dict(row.__dict__)
        for name, to_db in self.conversions:
            columns[name] = to_db(columns[name])
        columns["version"] = version
        return columns

    def from_columns(self, columns: Mapping[str, Any]) -> Row:
        values = {name: codec.from_db(columns[name]) for name, codec in self.codecs}
        return self.kind(**values)


def _row_table(kind: type[Row], key: tuple[str, ...]) -> RowTable:
    hints = get_type_hints(kind)
    codecs = tuple((f.name, _CODECS[hints[f.name]]) for f in fields(kind))
    columns = [
        Column(name, codec.column, primary_key=name in key, nullable=codec.nullable)
        for name, codec in codecs
    ]
    table = Table(kind.table, metadata, *columns, Column("version", BigInteger, nullable=False))
    conversions = tuple((name, c.to_db) for name, c in codecs if c.to_db is not _same)
    return RowTable(kind, table, codecs, key, conversions)


ROWS: Final = {kind.table: _row_table(kind, key) for kind, key in _KEYS.items()}

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


def load_rows(connection: Connection) -> Iterator[tuple[Row, int]]:
    """Every row with its version."""
    for entry in ROWS.values():
        for columns in connection.execute(select(entry.table)).mappings():
            yield entry.from_columns(dict(columns)), columns["version"]


def load_table(connection: Connection, table: Table) -> Iterable[Mapping[str, Any]]:
    """The rows of one of the other tables."""
    return [dict(r) for r in connection.execute(select(table)).mappings()]


def outbox_row(node: bytes, first: int, envelopes: Sequence[bytes]) -> dict[str, Any]:
    """A row of the outbox."""
    return {"peer": node, "first": first, "envelopes": _pieces_to_bytes(tuple(envelopes))}


def load_outbox(connection: Connection) -> Iterable[tuple[bytes, int, tuple[bytes, ...]]]:
    """(peer, number of the first, envelopes) in order."""
    query = select(outbox).order_by(outbox.c.peer, outbox.c.first)
    return [(r.peer, r.first, _pieces_from_bytes(r.envelopes)) for r in connection.execute(query)]
