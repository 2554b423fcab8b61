"""Where each transaction was met in a replay, for logs of any size.

A private SQLite database that its library keeps in memory while it is small and spills into a
temporary file when it is not: about 64 MB of memory at most, and some 70 bytes of disk an entry.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

CACHE_KB: Final = 65_536
_TABLE: Final = (
    "CREATE TABLE place (commit_id BLOB PRIMARY KEY, shard INTEGER, idx INTEGER) WITHOUT ROWID"
)
_MEET: Final = "INSERT OR IGNORE INTO place VALUES (?, ?, ?)"
_FIND: Final = "SELECT shard, idx FROM place WHERE commit_id = ?"


class TemporaryPlaces:
    """`Places` of registry.audit.replay."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def meet(self, shard: int, ids: Sequence[tuple[bytes, int]]) -> dict[int, tuple[int, int]]:
        """Takes (commit_id, index) in order; index -> (shard, index) where it was met before."""
        rows = [(commit_id, shard, index) for commit_id, index in ids]
        if self._connection.executemany(_MEET, rows).rowcount == len(rows):
            return {}
        before = {}
        for commit_id, index in ids:
            place = self._connection.execute(_FIND, (commit_id,)).fetchone()
            if place != (shard, index):
                before[index] = (int(place[0]), int(place[1]))
        return before


@contextmanager
def temporary_places() -> Iterator[TemporaryPlaces]:
    """An empty one; it is gone when the block ends."""
    with closing(sqlite3.connect("", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_TABLE)
        connection.execute("BEGIN")  # else each row would be a transaction of its own
        yield TemporaryPlaces(connection)
