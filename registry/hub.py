"""Tells watchers that something they wait for is decided."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import trio


class Bell:
    """Rung for each decision; what was rung is taken at the listener's leisure."""

    def __init__(self) -> None:
        self._rung: set[bytes] = set()
        self._wake = trio.Event()

    def ring(self, commit_id: bytes) -> None:
        self._rung.add(commit_id)
        self._wake.set()

    async def wait(self, at_most_s: float) -> set[bytes]:
        """The ids that were decided since the last call; empty after `at_most_s` seconds.

        A time that has passed meanwhile is no time to wait.
        """
        with trio.move_on_after(max(0.0, at_most_s)):
            await self._wake.wait()
        rung, self._rung, self._wake = self._rung, set(), trio.Event()
        return rung


class Hub:
    """Who listens for which commit_id. Owned by trio."""

    def __init__(self) -> None:
        self._listeners: dict[bytes, set[Bell]] = {}

    def __len__(self) -> int:
        """How many ids are watched."""
        return len(self._listeners)

    def ring(self, commit_id: bytes) -> None:
        for bell in self._listeners.get(commit_id, ()):
            bell.ring(commit_id)

    @contextmanager
    def listen(self, commit_ids: Iterable[bytes]) -> Iterator[Bell]:
        """Listens while the block runs. Listen first and ask then, or a decision slips between."""
        bell, ids = Bell(), set(commit_ids)
        for commit_id in ids:
            self._listeners.setdefault(commit_id, set()).add(bell)
        try:
            yield bell
        finally:
            for commit_id in ids:
                listeners = self._listeners[commit_id]
                listeners.remove(bell)
                if not listeners:
                    del self._listeners[commit_id]
