"""Hand-overs between threads: one wake-up per burst, and never a silent stop.

A callback that raises inside an event loop's own machinery kills trio with an internal error and
asyncio with nothing at all: messages just stop. So every delivery is caught, and crashes the
daemon on purpose through a Fuse.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

import outcome
import trio

log = logging.getLogger(__name__)

T = TypeVar("T")
Drain = Callable[[], None]
Wake = Callable[[Drain], bool]  # False: the loop has ended, nobody will ever drain


# What nobody waits for, such as the leave to read on, goes along with what is urgent, or together.
# Waking a thread costs it and us some 100 us each, most of it waiting for the interpreter.
LAZY: Final = 4


class DaemonCrash(RuntimeError):
    """A callback between threads raised: our bug. The cause carries the traceback."""


class Fuse:
    """Lets a failure anywhere end the trio block that `guard` surrounds. Made inside trio."""

    def __init__(self) -> None:
        self._wake = wake_trio(trio.lowlevel.current_trio_token())
        self._scope = trio.CancelScope()
        self._blown: tuple[str, BaseException] | None = None
        self._hooks: list[Callable[[], None]] = []

    @property
    def blown(self) -> bool:
        """Whether the daemon is on its way down."""
        return self._blown is not None

    def at_crash(self, hook: Callable[[], None]) -> None:
        """`hook` runs on trio when the fuse blows, to free those who wait for what died."""
        self._hooks.append(hook)

    def blow(self, where: str, cause: BaseException) -> None:
        """From any thread; the first cause wins, later ones are logged."""
        log.critical("crash in %s", where, exc_info=cause)
        if self._blown is None:
            self._blown = (where, cause)
            self._wake(self._trip)

    def _trip(self) -> None:
        self._scope.cancel()
        for hook in self._hooks:
            hook()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Once only. Raises DaemonCrash, from the cause, where the fuse has blown."""
        with self._scope:
            yield
        if self._blown is not None:
            where, cause = self._blown
            raise DaemonCrash(f"crash in {where}") from cause


class Handover(Generic[T]):
    """`put` from any thread; `deliver` runs in the target loop, in order.

    `deliver` must not raise; where it does the fuse blows and nothing more is delivered.
    """

    def __init__(self, name: str, wake: Wake, deliver: Callable[[T], None], fuse: Fuse) -> None:
        self._name = name
        self._wake = wake
        self._deliver = deliver
        self._fuse = fuse
        self._queue: deque[T] = deque()
        self._awake = False
        self._dead = False

    def put(self, item: T, *, lazily: bool = False) -> bool:
        """False where the target has ended or crashed: the item will never be delivered.

        `lazily`: the target need not be woken for it, as long as fewer than LAZY wait.
        """
        if self._dead:
            return False
        self._queue.append(item)
        if not self._awake and not (lazily and len(self._queue) < LAZY):
            self._awake = True
            if not self._wake(self._drain):
                self._dead = True
                return False
        return True

    def _drain(self) -> None:
        self._awake = False  # before emptying: a racing put wakes us again
        while self._queue and not self._dead:
            delivered = outcome.capture(self._deliver, self._queue.popleft())
            if isinstance(delivered, outcome.Error):
                self._dead = True
                self._fuse.blow(f"hand-over {self._name}", delivered.error)


def wake_trio(token: trio.lowlevel.TrioToken) -> Wake:
    """A wake-up of a trio run, from any thread."""

    def wake(drain: Drain) -> bool:
        try:
            token.run_sync_soon(drain)
        except trio.RunFinishedError:
            return False
        return True

    return wake


def wake_asyncio(loop: asyncio.AbstractEventLoop) -> Wake:
    """A wake-up of an asyncio loop, from any thread."""

    def wake(drain: Drain) -> bool:
        try:
            loop.call_soon_threadsafe(drain)
        except RuntimeError:
            if loop.is_closed():
                return False
            raise
        return True

    return wake
