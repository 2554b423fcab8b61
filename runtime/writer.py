"""Group commit: whatever has queued up while the group before was on its way is one transaction.

Nothing may leave the process before `done` was called. A failure rolls back the whole
transaction and everything queued behind it, in order: the owner's memory had run ahead of the
disk, so it forgets, reloads, calls `resume` and applies again.
"""

import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import outcome
import trio
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from runtime.faults import StoreFailed, StoreFault, StoreLocked, fault_of
from runtime.handover import Fuse, Handover, Wake, wake_trio
from runtime.store import IMMEDIATE
from runtime.write_plan import (
    DeleteRows,
    Execute,
    InsertRows,
    InsertValues,
    Overtaken,
    StaleVersion,
    UpdateRows,
    UpdateValues,
    Write,
    WritePlan,
)

__all__ = [
    "DeleteRows",
    "Execute",
    "InlineWriter",
    "InsertRows",
    "InsertValues",
    "StoreFailed",
    "StoreFault",
    "ThreadWriter",
    "UpdateRows",
    "UpdateValues",
    "Write",
    "Writer",
]

log = logging.getLogger(__name__)

MAX_TRANSACTION_WRITES = 4096  # beyond it a longer transaction gains nothing and delays its first

Done = Callable[[], None]


Failed = Callable[[StoreFailed], None]


class Writer(Protocol):
    """One owner, one connection, groups in order. Used from trio only."""

    def put(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        """Queues a group and returns at once; exactly one of the two is called, later, on trio.

        Without `failed` a failure crashes the daemon (DaemonCrash from StoreFailed).
        """
        ...

    def put_now(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        """As `put`, for a small group that nothing else waits beside: it may be committed, and
        told, before this returns. Handing one to a thread and back takes longer than writing it."""
        ...

    def resume(self) -> None:
        """After a failure: memory has been reloaded, groups put from now on are tried again."""
        ...


@dataclass(frozen=True, slots=True)
class _Group:
    writes: Sequence[Write]
    done: Done
    failed: Failed | None
    generation: int


Told = tuple[Sequence[_Group], StoreFailed | None]


class Committer:
    """Turns queued groups into transactions; owned by whoever writes, thread or not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._plan = WritePlan(connection)
        self._failure: StoreFailed | None = None
        self._failed_generation = -1

    def commit(self, groups: Sequence[_Group]) -> list[Told]:
        """Commits or rolls back; the outcomes in the order of the groups."""
        doomed = [group for group in groups if group.generation <= self._failed_generation]
        fresh = groups[len(doomed) :]  # generations never fall
        outcomes: list[Told] = []
        if doomed:
            outcomes.append((doomed, self._failure))
        if fresh:
            failure = self._try(fresh)
            if failure is not None:
                self._failure = failure
                self._failed_generation = fresh[-1].generation
            outcomes.append((fresh, failure))
        return outcomes

    def _try(self, groups: Sequence[_Group]) -> StoreFailed | None:
        try:
            with self._connection.begin():
                for group in groups:
                    for write in group.writes:
                        self._plan.run(write)
                # Crash here: nothing happened, and nobody was told that it did.
            # Crash here: the rows exist, nobody was told. Whoever starts finds them.
        except Overtaken as error:
            log.debug("rolled back: %s", error)
            return StoreFailed(StoreFault.STALE_VERSION)
        except StaleVersion as error:
            log.warning("rolled back: %s", error)
            return StoreFailed(StoreFault.STALE_VERSION)
        except StoreLocked:
            log.warning("rolled back: somebody else writes in the store")
            return StoreFailed(StoreFault.LOCKED)
        except DBAPIError as error:
            fault = fault_of(error)
            log.error("rolled back, %s: %s", fault.value, error.orig)
            return StoreFailed(fault)
        return None


def _tell(told: Told) -> None:
    groups, failure = told
    for group in groups:
        if failure is None:
            group.done()
        elif group.failed is None:
            raise failure
        else:
            group.failed(failure)


class ThreadWriter:
    """The writer of a daemon: a thread of its own with the one connection that writes."""

    def __init__(self, engine: Engine, fuse: Fuse) -> None:
        self._engine = engine
        self._fuse = fuse
        self._generation = 0  # owned by trio
        self._queue: deque[_Group] = deque()
        self._work = threading.Semaphore(0)
        self._closing = False  # written by trio before the last release of _work
        wake = wake_trio(trio.lowlevel.current_trio_token())
        self._outcomes: Handover[Told] = Handover("from the writer", wake, self._told, fuse)
        self._under_way = 0  # groups put and not told of; owned by trio
        self._committer: Committer | None = None  # set once, by the thread
        self._wake = wake
        self._ended = trio.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @classmethod
    @asynccontextmanager
    async def open(cls, engine: Engine) -> AsyncIterator["ThreadWriter"]:
        """Runs the thread around a block. At its end everything queued is written and told.

        DaemonCrash where a callback raised, or a failure met a group without `failed`.
        """
        fuse = Fuse()
        writer = cls(engine, fuse)
        writer._thread.start()
        with fuse.guard():
            try:
                yield writer
            finally:
                with trio.CancelScope(shield=True):  # bounded by the disk alone
                    writer._closing = True
                    writer._work.release()
                    await writer._ended.wait()

    def put(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        # One that comes after the end is dropped, as by a crash before its commit.
        self._under_way += 1
        self._queue.append(_Group(group, done, failed, self._generation))
        self._work.release()

    def put_now(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        if self._under_way or self._committer is None or self._closing:
            self.put(group, done, failed)
            return
        # The thread waits for work, and nobody but us can give it any: the connection is ours.
        for told in self._committer.commit([_Group(group, done, failed, self._generation)]):
            _tell(told)

    def resume(self) -> None:
        self._generation += 1

    def _told(self, told: Told) -> None:
        self._under_way -= len(told[0])
        _tell(told)

    def _run(self) -> None:
        ended = outcome.capture(self._serve)
        if isinstance(ended, outcome.Error):
            self._fuse.blow("the writer thread", ended.error)
        # Past the hand-over: one that has crashed delivers nothing more, the end included.
        self._wake(self._ended.set)

    def _serve(self) -> None:
        with _writing(self._engine) as connection:
            self._committer = Committer(connection)
            self._serve_on(self._committer)

    def _serve_on(self, committer: Committer) -> None:
        while True:
            self._work.acquire()
            groups = self._take()
            if groups:
                for told in committer.commit(groups):
                    self._outcomes.put(told)
            elif self._closing:
                return

    def _take(self) -> list[_Group]:
        groups: list[_Group] = []
        writes = 0
        while self._queue and writes < MAX_TRANSACTION_WRITES:
            groups.append(self._queue.popleft())
            writes += len(groups[-1].writes)
        for _ in groups[1:]:
            # One permit a group: those taken along must not wake us for nothing.
            self._work.acquire(blocking=False)
        return groups


class InlineWriter:
    """The same without a thread, for tests and simulations; what one burst puts is one group.

    `schedule` runs a callable soon, after the caller of `put` has returned. Its default is the
    trio run that the writer is made in.
    """

    def __init__(
        self, connection: Connection, schedule: Callable[[Done], object] | None = None
    ) -> None:
        self._committer = Committer(connection)
        self._schedule = schedule or _soon(wake_trio(trio.lowlevel.current_trio_token()))
        self._queue: list[_Group] = []
        self._generation = 0

    @classmethod
    @contextmanager
    def open(
        cls, engine: Engine, schedule: Callable[[Done], object] | None = None
    ) -> Iterator["InlineWriter"]:
        """Holds the connection around a block; what is still queued at its end is dropped."""
        with _writing(engine) as connection:
            yield cls(connection, schedule)

    def put(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        self._queue.append(_Group(group, done, failed, self._generation))
        if len(self._queue) == 1:
            self._schedule(self.flush)

    put_now = put

    def resume(self) -> None:
        self._generation += 1

    def flush(self) -> None:
        """Commits what has queued up and tells, now."""
        groups, self._queue = self._queue, []
        for told in self._committer.commit(groups):
            _tell(told)


def _soon(wake: Wake) -> Callable[[Done], object]:
    return partial(wake)


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        # IMMEDIATE: the lock is taken when the transaction begins, never half-way through it.
        yield connection.execution_options(**IMMEDIATE)
