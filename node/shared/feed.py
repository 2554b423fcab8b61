"""The order of all transactions of all processes of a node, and what each of them changed.

A transaction that depends on anything takes its turn first: it takes the next number, which makes
every other wait until it has ended, and looks at what the transactions have changed that its
process has not heard of. Where nothing of that is something that it has read or writes, it may go
on: it could have begun after them. Else it rolls back, its process catches up and applies the same
things again. So all steps of all processes happen one after the other, in the order of the numbers,
each seeing what was before it; row versions are still checked, and never miss.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from node.core.rows import Key
from node.shared.keys import decode_keys, encode_keys
from node.store import change, meta
from runtime.listening import announce
from runtime.write_plan import Overtaken

HEAD: Final = "feed"  # in `meta`: the number of the last transaction
KEPT: Final = 10_000  # changes; a process that is further behind reads everything anew

_NEXT: Final = (
    update(meta).where(meta.c.name == HEAD).values(value=meta.c.value + 1).returning(meta.c.value)
)


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction: its number, whose it was, what it changed."""

    seq: int
    process: bytes
    keys: frozenset[Key]


class FeedLost(Exception):
    """What happened since is not there any more: everything is to be read anew."""


def begin_feed(connection: Connection) -> None:
    """Once for all: the number before the first."""
    row = {"name": HEAD, "value": 0}
    connection.execute(insert_new(meta).values(row).on_conflict_do_nothing())


def head(connection: Connection) -> int:
    """The number of the last transaction that this one sees."""
    seq: int = connection.execute(select(meta.c.value).where(meta.c.name == HEAD)).scalar_one()
    return seq


def since(connection: Connection, seen: int, until: int) -> list[Change]:
    """The changes with numbers seen < n <= until. FeedLost."""
    query = select(change).where(change.c.seq > seen, change.c.seq <= until).order_by(change.c.seq)
    rows = connection.execute(query).all()
    if len(rows) != until - seen:
        raise FeedLost
    return [Change(row.seq, row.process, decode_keys(row.keys)) for row in rows]


class Turn:
    """What a transaction does before anything else, on the connection that writes."""

    def __init__(self, process: bytes, seen: int, depends: Set[Key], keys: Set[Key]) -> None:
        """`seen`: the last change that its process has heard of; `depends`: what nobody may have
        changed since; `keys`: what this one changes."""
        self._process = process
        self._seen = seen
        self._depends = depends
        self._keys = keys
        self.seq = 0

    @property
    def followed(self) -> bool:
        """Whether nobody else wrote since `seen`."""
        return self.seq == self._seen + 1

    def take(self, connection: Connection) -> None:
        """Overtaken: not on what this process knows."""
        self.seq = connection.execute(_NEXT).scalar_one()
        if not self.followed:
            self._require_apart(connection)
        row = {"seq": self.seq, "process": self._process, "keys": encode_keys(self._keys)}
        connection.execute(insert(change), [row])
        if self._keys:
            announce(connection)

    def _require_apart(self, connection: Connection) -> None:
        try:
            others = since(connection, self._seen, self.seq - 1)
        except FeedLost as lost:
            raise Overtaken("changes that this process has not seen are forgotten") from lost
        for other in others:
            # One of ours that we did not hear of: the connection was lost on its commit.
            if other.process == self._process or other.keys & self._depends:
                raise Overtaken(f"change {other.seq} comes before")


def prune_feed(connection: Connection) -> None:
    """Forgets all but the last changes."""
    connection.execute(delete(change).where(change.c.seq <= head(connection) - KEPT))
