"""Who wants to know of durable changes, and who waits for an answer. All of it on trio."""

from collections.abc import Callable, Iterable, Mapping

import trio

from node.core.rows import Key, Row
from proto.reason import Refusal
from runtime.faults import StoreFailed

Listener = Callable[[Iterable[Row]], None]


class StoreUnavailable(Exception):
    """Nothing of this was written. The same request may be made again later."""


class Watching:
    """Listeners of every durable group, and events that are set by the next change of a row."""

    def __init__(self) -> None:
        self._watchers: dict[Key, list[trio.Event]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """`listener` is told of the rows of every durable group, until the result is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def next_change(self, *keys: Key) -> trio.Event:
        """Set once when one of the rows next changes durably. Take it beside reading them."""
        changed = trio.Event()
        for key in keys:
            self._watchers.setdefault(key, []).append(changed)
        return changed

    def tell(self, rows: Mapping[Key, Row]) -> None:
        """These rows have become durable."""
        for listener in tuple(self._listeners):
            listener(rows.values())
        for key in rows:
            for changed in self._watchers.pop(key, ()):
                changed.set()

    def tell_reloaded(self) -> None:
        """Memory had run ahead and was loaded anew: whoever waits may have seen what is not so."""
        for waiting in self._watchers.values():
            for changed in waiting:
                changed.set()
        self._watchers.clear()


class Reply:
    """One answer, told once and waited for once."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._result: Refusal | StoreFailed | None = None

    def told(self, result: Refusal | StoreFailed | None) -> None:
        """What it came to."""
        self._result = result
        self._done.set()

    async def wait(self) -> Refusal | None:
        """The refusal, or None for done. StoreUnavailable where the disk refused."""
        await self._done.wait()
        if isinstance(self._result, StoreFailed):
            raise StoreUnavailable(self._result.kind.value) from self._result
        return self._result
