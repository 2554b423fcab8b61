"""The newest cosigned checkpoint of each log. The database keeps it from ever going back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    event,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from proto.checkpoint import Checkpoint
from registry.witness.rule import Seen
from runtime.faults import reading as reading_of
from runtime.store import IMMEDIATE, Store, meta_table, open_store

SCHEMA_VERSION: Final = 1
MAX_SHARDS: Final = 64  # of one registry: a few open years, and those that ended

metadata = MetaData()
meta_table(metadata)

latest = Table(
    "latest",
    metadata,
    Column("origin", String, primary_key=True),
    Column("origin_hash", LargeBinary, nullable=False, unique=True),  # SHA-256, for look-ups
    Column("prefix", String, nullable=False),  # the record's log_origin
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),  # with the log's own signatures
    Column("time_s", BigInteger, nullable=False),
    CheckConstraint("size >= 0"),
    CheckConstraint("length(root) = 32"),
    CheckConstraint("time_s > 0"),
)

# What was cosigned is never taken back, whatever a mistake in the code above it asks for.
_ONLY_GROWS: Final = """
CREATE TRIGGER latest_only_grows BEFORE UPDATE ON latest
WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size OR NEW.time_s < OLD.time_s
  OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN SELECT RAISE(ABORT, 'a cosigned checkpoint only grows'); END
"""
_FOR_EVER: Final = """
CREATE TRIGGER latest_no_delete BEFORE DELETE ON latest
BEGIN SELECT RAISE(ABORT, 'a cosigned checkpoint is kept'); END
"""
for _text in (_ONLY_GROWS, _FOR_EVER):
    event.listen(latest, "after_create", DDL(_text))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What was cosigned last of one origin: `note` with the log's own signatures."""

    seen: Seen
    note: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        return self.seen.checkpoint


@contextmanager
def open_witness_store(path: Path) -> Iterator[Store]:
    """The witness's database, ours alone while the block runs. StoreUnusable."""
    with open_store(path, "witness", metadata, SCHEMA_VERSION) as store:
        yield store


@contextmanager
def reading(store: Store) -> Iterator["Latest"]:
    """A look at what is durable. StoreFailed."""
    with reading_of(store.engine) as connection, connection.begin():
        yield Latest(connection)


@contextmanager
def writing(store: Store) -> Iterator["Latest"]:
    """One transaction that nobody else writes beside; on disk when the block is left. StoreFailed.

    Whoever waits for another's transaction waits up to the busy timeout, then it is LOCKED.
    """
    with reading_of(store.engine) as plain:
        connection = plain.execution_options(**IMMEDIATE)
        with connection.begin():
            yield Latest(connection)


class Latest:
    """The rows, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, origin: str) -> Cosigned | None:
        row = self._connection.execute(select(latest).where(latest.c.origin == origin)).first()
        return None if row is None else _cosigned(row)

    def by_hash(self, origin_hash: bytes) -> Cosigned | None:
        query = select(latest).where(latest.c.origin_hash == origin_hash)
        row = self._connection.execute(query).first()
        return None if row is None else _cosigned(row)

    def all(self) -> list[Cosigned]:
        rows = self._connection.execute(select(latest).order_by(latest.c.origin))
        return [_cosigned(row) for row in rows]

    def shards(self, prefix: str) -> int:
        """How many shards of this log were cosigned."""
        query = select(func.count()).where(latest.c.prefix == prefix)
        return self._connection.scalar(query) or 0

    def mark_s(self) -> int:
        """The latest time ever cosigned, 0 for none: the clock does not go back behind it."""
        return self._connection.scalar(select(func.max(latest.c.time_s))) or 0

    def put(self, prefix: str, cosigned: Cosigned) -> None:
        """Replaces what was cosigned last of this origin."""
        checkpoint = cosigned.checkpoint
        values = {
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": cosigned.note,
            "time_s": cosigned.seen.time_s,
        }
        first = {
            "origin": checkpoint.origin,
            "origin_hash": origin_hash(checkpoint.origin),
            "prefix": prefix,
        }
        statement = insert(latest).values(**first, **values)
        self._connection.execute(statement.on_conflict_do_update(["origin"], set_=values))


def origin_hash(origin: str) -> bytes:
    """SHA-256 of the origin: how a witness is asked for the newest checkpoint of a log."""
    return sha256(origin.encode()).digest()


def _cosigned(row: Row[tuple[object, ...]]) -> Cosigned:
    checkpoint = Checkpoint(row.origin, row.size, row.root)
    return Cosigned(Seen(checkpoint, row.time_s), row.note)
