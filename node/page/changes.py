"""Waiting for the next change of a row, however often somebody asks and goes away again."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from node.core.keyed import Key
from node.engine import Engine

MAX_KEPT: Final = 4096  # some 1 MB; beyond it those that have happened are let go


class Changes:
    """One event for each row that is waited for: asking again adds none. Owned by trio."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._events: dict[Key, trio.Event] = {}

    def __len__(self) -> int:
        return len(self._events)

    def next(self, key: Key) -> trio.Event:
        """Set at the next durable change. Take it before reading the row."""
        event = self._events.get(key)
        if event is None or event.is_set():
            event = self._events[key] = self._engine.next_change(key)
            if len(self._events) > MAX_KEPT:
                self._events = {k: e for k, e in self._events.items() if not e.is_set()}
        return event


class Places:
    """How many may be held open at once, in all and by one. Owned by trio."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._held: dict[Hashable, int] = {}

    @contextmanager
    def one(self, of: Hashable) -> Iterator[bool]:
        """Whether there was a place; it is given back at the end."""
        mine = self._held.get(of, 0)
        if mine >= self._most_of_one or sum(self._held.values()) >= self._most:
            yield False
            return
        self._held[of] = mine + 1
        try:
            yield True
        finally:
            self._held[of] -= 1
            if not self._held[of]:
                del self._held[of]
