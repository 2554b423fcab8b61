"""Reading decisions in the order in which they were made, for pages and for buckets.

A reader of its own: none of it is ever asked for while something is decided.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from proto.log_leaf import read_leaf
from proto.statement import DecisionLeaf
from registry.store_reader import LedgerReader
from registry.tables import archive, decision

SHARDS_LOOKED_AT: Final = 3
OTHERS: Final = 14  # keys and fences among the newest entries
PREFIX_BYTES: Final = 2  # of a commit_id, and so of the archive id made from it
LAST_PREFIX: Final = b"\xff" * 16


def latest(reader: LedgerReader, count: int) -> list[DecisionLeaf]:
    """The `count` decisions made last, newest first."""
    found: list[DecisionLeaf] = []
    # Transactions due in an older year are decided now only where somebody asks very late.
    for shard in reader.shards()[-SHARDS_LOOKED_AT:]:
        size = reader.log_size(shard)
        for data in reader.leaves(shard, max(0, size - count - OTHERS), size):
            leaf = read_leaf(data)
            if isinstance(leaf, DecisionLeaf):
                found.append(leaf)
    return sorted(found, key=lambda leaf: leaf.decided_at_us, reverse=True)[:count]


def in_bucket(
    connection: Connection, prefix: bytes, from_us: int, to_us: int, at_most: int
) -> Sequence[tuple[int, bytes]]:
    """Keys of decisions made in [from_us, to_us) whose commit_id begins with `prefix`.

    One in 65,536 of all decisions is looked at, found by the index of archive ids.
    """
    assert len(prefix) == PREFIX_BYTES, prefix
    low, high = prefix.ljust(16, b"\0"), prefix + LAST_PREFIX[PREFIX_BYTES:]
    query = (
        select(decision.c.deadline_us, decision.c.commit_id)
        .join_from(
            archive,
            decision,
            (decision.c.deadline_us == archive.c.deadline_us)
            & (decision.c.commit_id == archive.c.commit_id),
        )
        .where(archive.c.uuid.between(low, high))
        .where(decision.c.decided_at_us >= from_us, decision.c.decided_at_us < to_us)
        .limit(at_most)
    )
    with connection.begin():
        return [(deadline_us, commit_id) for deadline_us, commit_id in connection.execute(query)]
