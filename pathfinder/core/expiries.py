"""When what a graph knows expires: times in order, of the nodes and of the lines of each brand.

Pure; POSIX µs. Nothing is taken out when something newer is said of a subject: its old time is left
behind, and is passed over. Heaps that such times have filled are swept, so memory stays within a
few times what is in force, however often adverts are refreshed.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Final

Ends = tuple[str, str, str]
"""Promisor, promisee, brand."""
Subject = tuple[str] | Ends
"""Whom an entry is about: a node or a line."""

FOR_EVER: Final = 2**63 - 1  # expiry of what a file says
NODES: Final = ""  # no brand has this name
MIN_SWEPT: Final = 1_000  # a heap with fewer times, in force or not, is left alone


class Expiries:
    """`current` says when a subject expires as it is known now; None: it does not matter when."""

    def __init__(self, current: Callable[[Subject], int | None]) -> None:
        self._current = current
        self._heaps: dict[str, list[tuple[int, Subject]]] = {}  # by brand, NODES of nodes
        self._swept: dict[str, int] = {}  # what each held when it was last swept

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values()))

    def add(self, expires_at_us: int, subject: Subject) -> None:
        """The subject expires then, unless something newer is said of it."""
        if expires_at_us >= FOR_EVER:
            return
        key = NODES if len(subject) == 1 else subject[2]
        heap = self._heaps.setdefault(key, [])
        heappush(heap, (expires_at_us, subject))
        if len(heap) > MIN_SWEPT + 2 * self._swept.get(key, 0):
            heap[:] = sorted({(at, of) for at, of in heap if self._current(of) == at})
            self._swept[key] = len(heap)

    def due(self, now_us: int) -> Iterator[tuple[int, Subject]]:
        """Takes out what expires by then, each subject once, with its time."""
        for key, heap in list(self._heaps.items()):
            last = None
            while heap:
                current = self._current(heap[0][1]) == heap[0][0]
                if current and heap[0][0] > now_us:
                    break
                item = heappop(heap)
                # What was said twice with one expiry is in the heap twice.
                if current and item != last:
                    yield item
                last = item
            if not heap:
                del self._heaps[key]
                self._swept.pop(key, None)

    def first(self, keys: Iterable[str]) -> int:
        """The earliest time in the heaps of these brands (NODES: of the nodes), once `due` has
        taken out what has passed."""
        heaps = (self._heaps.get(key) for key in keys)
        return min((heap[0][0] for heap in heaps if heap), default=FOR_EVER)

    def clear(self) -> None:
        """Forgets all of it."""
        self._heaps.clear()
        self._swept.clear()
