"""Which rows wait for which time. Derived from the rows, so a restart has them all again."""

import heapq
from collections.abc import Iterable

from node.core.due import due_us
from node.core.rows import Key, Row


class Timers:
    """One time for each row that waits for one; a row that is written waits anew."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Key]] = []
        self._at: dict[Key, int] = {}

    @property
    def next_us(self) -> int | None:
        """The first time that something is due; None where nothing waits."""
        heap = self._heap
        # Most rows end long before their time. Each of those times would wake the engine for
        # nothing, a second or more after its payment: together as often as all messages do.
        while heap and self._at.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def load(self, rows: Iterable[Row]) -> None:
        """Forgets everything and takes what these rows wait for."""
        self._heap.clear()
        self._at.clear()
        for row in rows:
            self.plan(row)

    def plan(self, row: Row) -> None:
        """The row has changed."""
        at_us = due_us(row)
        if at_us is None:
            self._at.pop(row.key, None)
        elif self._at.get(row.key) != at_us:
            self._at[row.key] = at_us
            heapq.heappush(self._heap, (at_us, row.key))

    def take(self, now_us: int) -> Key | None:
        """A row whose time has come, once; None where there is none."""
        while self._heap and self._heap[0][0] <= now_us:
            at_us, key = heapq.heappop(self._heap)
            if self._at.get(key) == at_us:
                del self._at[key]
                return key
            # The row has changed and waits for another time, or for none.
        return None
