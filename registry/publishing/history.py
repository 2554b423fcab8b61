"""The cosigned checkpoints of the past: with them a proof shows since when a leaf has been logged.

A proof under today's checkpoint shows that a decision is in the log, not that it was in time. So
for each leaf the first checkpoint that covered it is kept. Not every one is needed: of those less
than a quarter of MMD apart only some are, since the next one covers the same leaves in time.
A database of its own, so that publishing never waits for decisions nor they for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    delete,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from runtime.store import IMMEDIATE, meta_table, open_store

SCHEMA_VERSION: Final = 1

metadata = MetaData()
meta_table(metadata)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
    PrimaryKeyConstraint("shard", "size"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A covering checkpoint: how many leaves, when it was complete (µs UTC), the note's bytes."""

    size: int
    at_us: int
    note: bytes


class History:
    """Written by the publisher's thread, read by any: each call takes its own connection."""

    def __init__(self, engine: Engine, apart_us: int) -> None:
        """`apart_us`: leaves need not be covered sooner than this after one another."""
        self._engine = engine
        self._apart_us = apart_us

    def add(self, shard: int, kept: Kept) -> None:
        """Keeps a checkpoint, or more cosignatures of one. Durable when it returns."""
        row = {"shard": shard, "size": kept.size, "at_us": kept.at_us, "note": kept.note}
        one = insert(checkpoint).values(row)
        # More cosignatures under the same text: the time stays that of the first.
        one = one.on_conflict_do_update(["shard", "size"], set_={"note": kept.note})
        before = (
            select(checkpoint.c.size, checkpoint.c.at_us)
            .where(checkpoint.c.shard == shard, checkpoint.c.size < kept.size)
            .order_by(checkpoint.c.size.desc())
            .limit(2)
        )
        engine = self._engine.execution_options(**IMMEDIATE)
        with engine.begin() as connection:
            last = connection.execute(before).all()
            connection.execute(one)
            # Whatever the last one covered beyond the one before it is covered by this one, and
            # soon enough. Crash here: nothing of this happened; the next checkpoint is kept.
            if len(last) == 2 and kept.at_us - last[1].at_us <= self._apart_us:
                gone = delete(checkpoint).where(checkpoint.c.shard == shard)
                connection.execute(gone.where(checkpoint.c.size == last[0].size))

    def first_covering(self, shard: int, index: int) -> Kept | None:
        """The oldest kept checkpoint with this leaf; None where none has it yet."""
        found = (
            select(checkpoint.c.size, checkpoint.c.at_us, checkpoint.c.note)
            .where(checkpoint.c.shard == shard, checkpoint.c.size > index)
            .order_by(checkpoint.c.size)
            .limit(1)
        )
        return self._one(found)

    def newest(self, shard: int) -> Kept | None:
        """The last one that was kept."""
        found = (
            select(checkpoint.c.size, checkpoint.c.at_us, checkpoint.c.note)
            .where(checkpoint.c.shard == shard)
            .order_by(checkpoint.c.size.desc())
            .limit(1)
        )
        return self._one(found)

    def shards(self) -> list[int]:
        """The shards of which there is any, ascending."""
        with self._engine.connect() as connection:
            found = connection.scalars(select(checkpoint.c.shard).distinct())
            return sorted(found)

    def _one(self, query: object) -> Kept | None:
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()  # type: ignore[call-overload]
        return None if row is None else Kept(row.size, row.at_us, row.note)


@contextmanager
def open_history(path: Path, apart_us: int) -> Iterator[History]:
    """The history in a file of its own, ours alone while the block runs. StoreUnusable."""
    with open_store(path, "checkpoints", metadata, SCHEMA_VERSION) as store:
        yield History(store.engine, apart_us)
