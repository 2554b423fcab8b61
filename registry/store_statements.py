"""What the ledger asks of a database, in whichever words the database takes it."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from registry.log import Row

Key = tuple[int, bytes]  # (deadline_us, commit_id)
Entry = tuple[int, Key | None, bytes, bytes | None]  # (position, decision, leaf hash, other leaf)
ArchiveRow = tuple[bytes, int, bytes]  # (uuid, deadline_us, commit_id)


class Statements(Protocol):
    """`shared`: several processes may write, and what one reads need not be on every disk yet."""

    shared: bool

    def prepare(self, connection: Connection) -> None:
        """Once for each connection."""
        ...

    def look_up(self, connection: Connection, keys: Sequence[Key]) -> Iterable[Any]:
        """(leaf, evidence, descriptor, position) of those that are decided and logged."""
        ...

    def insert_decisions(self, connection: Connection, rows: Sequence[Row]) -> int:
        """How many were not there yet; the others stay as they are."""
        ...

    def insert_entries(self, connection: Connection, entries: Sequence[Entry]) -> None: ...

    def index(self, connection: Connection, rows: Sequence[ArchiveRow]) -> None:
        """Into the archive index, unless they are there."""
        ...

    def take_lease(self, connection: Connection) -> None:
        """From here to the end of the transaction nobody else writes the log."""
        ...

    def announce(self, connection: Connection) -> None:
        """The other processes hear of this transaction, once it is committed."""
        ...

    def bytes_used(self, connection: Connection) -> int: ...


def decision_values(row: Row) -> dict[str, object]:
    """A decision by the names of its columns."""
    return {
        "deadline_us": row.leaf.deadline_us,
        "commit_id": row.leaf.commit_id,
        "limit_us": row.leaf.limit_us,
        "outcome": int(row.leaf.outcome),
        "reason": int(row.leaf.reason),
        "decided_at_us": row.leaf.decided_at_us,
        "leaf": row.data,
        "evidence": row.evidence,
        "descriptor": row.descriptor,
    }
