"""A node's rows in memory: the simplest View that the core accepts."""

from collections.abc import Callable, Iterable

from node.core.rows import Key, Line, Payment, Promise, Row
from node.core.view import Settings
from node.store import ROWS
from proto.keys import NodeId


class Books:
    """Rows by key. `connected` is asked of whoever carries the messages."""

    def __init__(self, settings: Settings, connected: Callable[[NodeId], bool]) -> None:
        self.settings = settings
        self.rows: dict[Key, Row] = {}
        self._connected = connected
        self._under: dict[bytes, dict[Key, None]] = {}

    def write(self, changes: Iterable[Row]) -> None:
        for row in changes:
            self.rows[row.key] = row
            if isinstance(row, Promise):
                self._under.setdefault(row.commit, {})[row.key] = None

    def check_lasting(self, changes: Iterable[Row]) -> None:
        """What a store never writes again does not change: it would end with the process."""
        for row in changes:
            old = self.rows.get(row.key)
            for name in ROWS[row.table].lasting if old is not None else ():
                assert getattr(old, name) == getattr(row, name), f"{row.table}: another {name}"

    def copy(self, connected: Callable[[NodeId], bool]) -> "Books":
        twin = Books(self.settings, connected)
        twin.rows = dict(self.rows)
        twin._under = {commit: dict(keys) for commit, keys in self._under.items()}
        return twin

    def row(self, key: Key) -> Row | None:
        return self.rows.get(key)

    def promises_of(self, commit: bytes) -> list[Promise]:
        found = [self.rows[key] for key in self._under.get(commit, ())]
        return [row for row in found if isinstance(row, Promise)]

    def lines_with(self, peer: NodeId) -> list[Line]:
        return [r for r in self.rows.values() if isinstance(r, Line) and r.peer == peer]

    def payments_of(self, request_hash: bytes) -> list[Payment]:
        rows = self.rows.values()
        return [r for r in rows if isinstance(r, Payment) and r.request_hash == request_hash]

    def of_person(self, person: bytes) -> list[Row]:
        return [r for r in self.rows.values() if getattr(r, "person", None) == person]

    def connected(self, peer: NodeId) -> bool:
        return self._connected(peer)
