"""The rows in memory, with the look-ups that a step asks for. Owned by the engine alone.

It may run one group ahead of the disk; nothing leaves the process ahead of the disk. After a
failed write it is thrown away and loaded again.
"""

from collections.abc import Iterable, Iterator

from node.core.rows import Key, Line, Payment, Promise, Row
from node.core.view import Settings
from proto.keys import NodeId


class Memory:
    """Implements node.core.view.View."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rows: dict[Key, Row] = {}
        self.versions: dict[Key, int] = {}
        self.links: set[NodeId] = set()
        self._promises: dict[bytes, dict[Key, None]] = {}
        self._lines: dict[NodeId, dict[Key, None]] = {}
        self._payments: dict[bytes, dict[Key, None]] = {}

    def put(self, row: Row) -> None:
        """Takes a new or changed row; keys never change, so the indices only grow."""
        key = row.key
        if key not in self.rows:
            match row:
                case Promise():
                    self._promises.setdefault(row.commit, {})[key] = None
                case Line():
                    self._lines.setdefault(row.peer, {})[key] = None
                case Payment():
                    self._payments.setdefault(row.request_hash, {})[key] = None
                case _:
                    pass
        self.rows[key] = row

    def load(self, rows: Iterable[tuple[Row, int]]) -> None:
        """Forgets everything and takes what the disk says."""
        for cleared in (self.rows, self.versions, self._promises, self._lines, self._payments):
            cleared.clear()
        for row, version in rows:
            self.put(row)
            self.versions[row.key] = version

    def row(self, key: Key) -> Row | None:
        return self.rows.get(key)

    def promises_of(self, commit: bytes) -> Iterator[Promise]:
        for key in self._promises.get(commit, ()):
            row = self.rows[key]
            assert isinstance(row, Promise)
            yield row

    def lines_with(self, peer: NodeId) -> Iterator[Line]:
        for key in self._lines.get(peer, ()):
            row = self.rows[key]
            assert isinstance(row, Line)
            yield row

    def payments_of(self, request_hash: bytes) -> Iterator[Payment]:
        for key in self._payments.get(request_hash, ()):
            row = self.rows[key]
            assert isinstance(row, Payment)
            yield row

    def connected(self, peer: NodeId) -> bool:
        return peer in self.links
