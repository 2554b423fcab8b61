"""Memory that remembers what was read of it, and takes rows that other processes wrote."""

from collections.abc import Iterable, Iterator

from node.core.rows import Key, Line, Payment, Promise, Row
from node.core.view import Settings
from node.memory import Memory
from node.shared.keys import LINES, PAYMENTS_OF, PROMISES_OF
from proto.keys import NodeId


class SharedMemory(Memory):
    """`read` is what was looked at since it was last cleared, rows that are not there included."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.read: set[Key] = set()
        self.row = self._look_up

    def _look_up(self, key: Key) -> Row | None:
        self.read.add(key)
        return self.rows.get(key)

    def promises_of(self, commit: bytes) -> list[Promise]:
        found = super().promises_of(commit)
        self.read.add((PROMISES_OF, commit, b""))
        self.read.update(promise.key for promise in found)
        return found

    def lines_with(self, peer: NodeId) -> Iterator[Line]:
        self.read.add(LINES)
        for line in super().lines_with(peer):
            self.read.add(line.key)
            yield line

    def payments_of(self, request_hash: bytes) -> Iterator[Payment]:
        self.read.add((PAYMENTS_OF, request_hash, b""))
        for payment in super().payments_of(request_hash):
            self.read.add(payment.key)
            yield payment

    def of_person(self, person: bytes) -> list[Row]:
        found = super().of_person(person)
        self.read.update(row.key for row in found)
        return found

    def take(self, rows: Iterable[tuple[Row, int]]) -> None:
        """Rows with their versions, as the store has them."""
        for row, version in rows:
            if not row.kept:
                continue
            known = self.rows.get(row.key)
            if isinstance(known, Promise) and known.commit != getattr(row, "commit", None):
                self.remove(known)  # its id was used again, after it had left
            self.put(row)
            self.versions[row.key] = version

    def drop(self, keys: Iterable[Key]) -> None:
        """Keys of which the store has no row."""
        for key in keys:
            known = self.rows.get(key)
            # These never settle, so nothing else takes them out.
            if isinstance(known, Line):
                del self._lines[known.peer][key]
            if known is not None:
                self.remove(known)
