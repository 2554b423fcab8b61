"""Reading decisions in the order in which they were made, for pages and for buckets.

A reader of its own: none of it is ever asked for while something is decided.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from proto.statement import DecisionLeaf
from registry.store import Key
from registry.tables import archive, decision, log_entry

PREFIX_BYTES: Final = 2  # of a commit_id, and so of the archive id made from it
LAST_PREFIX: Final = b"\xff" * 16


def latest(connection: Connection, count: int) -> list[DecisionLeaf]:
    """The `count` decisions made last, newest first."""
    query = (
        select(decision.c.leaf)
        .join_from(
            log_entry,
            decision,
            (decision.c.deadline_us == log_entry.c.deadline_us)
            & (decision.c.commit_id == log_entry.c.commit_id),
        )
        .order_by(log_entry.c.idx.desc())
        .limit(count)
    )
    with connection.begin():
        leaves = [DecisionLeaf.decode(leaf) for (leaf,) in connection.execute(query)]
    return sorted(leaves, key=lambda leaf: leaf.decided_at_us, reverse=True)


def in_bucket(
    connection: Connection, prefix: bytes, from_us: int, to_us: int, at_most: int
) -> Sequence[Key]:
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
