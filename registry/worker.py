"""The thread that decides: owns the writing connection, takes whatever has queued as one group."""

import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import outcome
import trio
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from registry.decider import STALLED, Decider, Item, is_lost, is_passing
from registry.log import Answer, Logged
from registry.store import INDEX_STEP, Ledger
from runtime.faults import StoreLocked
from runtime.handover import Fuse, Handover, wake_trio

log = logging.getLogger(__name__)

MAX_GROUP_ITEMS: Final = 1024  # beyond it a longer transaction gains nothing and delays its first
MAX_WAITING_ITEMS: Final = 8192  # about a second of work; what waits longer is better told to go
IDLE_S: Final = 0.05  # the archive index is written when nobody has wanted a decision this long
TICK_S: Final = 0.5  # how often the clock's mark is looked at while nothing else happens
RETRY_S: Final = 0.5  # a server that was restarted is back after a second or two
# A server whose standbys are all away lets a COMMIT wait for them, for ever if need be. Whoever
# asked has been cut off by then, so more patience would serve nobody.
STOP_WITHIN_S: Final = 5.0
BACKLOG_ENTRIES: Final = 4096  # beyond it the archive index no longer waits for an idle moment

MakeDecider = Callable[[Ledger], Decider]
Decided = Callable[[Sequence[Logged]], None]


class _Group:
    """What one caller wants decided. `answers` is written before `ready` is set, on trio."""

    __slots__ = ("answers", "items", "ready")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.answers: list[Answer] = []
        self.ready = trio.Event()


Told = tuple[_Group, list[Answer]]


class DecisionWorker:
    """Used from trio. A caller that is cancelled loses its answer, never the decision."""

    def __init__(self, engine: Engine, make: MakeDecider, on_decided: Decided, fuse: Fuse) -> None:
        self._engine = engine
        self._make = make
        self._on_decided = on_decided
        self._fuse = fuse
        self._waiting = 0  # items, owned by trio
        self._queue: deque[_Group] = deque()
        self._work = threading.Semaphore(0)
        self._settled: dict[int, int] = {}  # owned by the thread: log entries told of, by shard
        self._turned_s = time.monotonic()  # of the thread's last turn, written by it
        self._closing = False  # written by trio before the last release of _work
        wake = wake_trio(trio.lowlevel.current_trio_token())
        self._answers: Handover[Sequence[Told]] = Handover("decisions", wake, self._tell, fuse)
        self._ended = trio.Event()
        self._end: Handover[None] = Handover(
            "decider's end", wake, lambda _: self._ended.set(), fuse
        )
        self._thread = threading.Thread(target=self._run, name="decider", daemon=True)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, engine: Engine, make: MakeDecider, on_decided: Decided
    ) -> AsyncIterator["DecisionWorker"]:
        """Runs the thread around a block; at its end everything queued is decided, unless the
        database does not answer within STOP_WITHIN_S: then the process has to end without it.

        DaemonCrash where the database failed in a way that only a restart can clear up.
        """
        fuse = Fuse()
        worker = cls(engine, make, on_decided, fuse)
        worker._thread.start()
        with fuse.guard():
            try:
                yield worker
            finally:
                worker._closing = True
                worker._work.release()
                with trio.move_on_after(STOP_WITHIN_S, shield=True) as patience:
                    await worker._ended.wait()
                if patience.cancelled_caught:
                    # As at a crash: what was being written is there or it is not, and none of it
                    # was told. The thread ends with the process.
                    log.error(
                        "the database has not answered for %.0f s, the end does not wait for it:"
                        " what was on its way may be decided or not, and is told after the next"
                        " start; nothing that a failover could lose was told",
                        STOP_WITHIN_S,
                    )

    @property
    def room(self) -> int:
        """How many items may still be queued before callers are told to come back."""
        return MAX_WAITING_ITEMS - self._waiting

    @property
    def silent_s(self) -> float:
        """For how long the database has kept the thread from its next turn; idle it has one each
        TICK_S, and writes the clock's mark in it."""
        return time.monotonic() - self._turned_s

    async def answer(self, items: Sequence[Item]) -> list[Answer]:
        """Answers in item order, each decision among them durable."""
        if not items:
            return []
        group = _Group(items)
        self._waiting += len(items)
        self._queue.append(group)
        self._work.release()
        await group.ready.wait()
        return group.answers

    def _tell(self, told: Sequence[Told]) -> None:
        for group, answers in told:
            self._waiting -= len(group.items)
            group.answers = answers
            group.ready.set()
        self._on_decided([a for _, answers in told for a in answers if isinstance(a, Logged)])

    def _run(self) -> None:
        ended = outcome.capture(self._serve)
        if isinstance(ended, outcome.Error):
            self._fuse.blow("the deciding thread", ended.error)
        self._end.put(None)

    def _serve(self) -> None:
        while not self._ended_well():
            # Whatever was being written when the connection broke is there, or it is not: nobody
            # was told, and a new connection reads it anew. Crash here: the same, at the start.
            log.error("the database cannot be reached or is held by others; it is tried again")
            self._refuse_for(RETRY_S)

    def _ended_well(self) -> bool:
        """Decides on one connection until the end; False where it is lost, or cannot begin yet."""
        try:
            with self._engine.connect() as connection:
                ledger = Ledger(connection)
                ledger.require_kept(self._settled)
                try:
                    self._decide_on(self._make(ledger))
                finally:
                    for shard, end in ledger.settled.items():
                        self._settled[shard] = max(end, self._settled.get(shard, 0))
        except StoreLocked:
            return False
        except DBAPIError as error:
            if not is_lost(error) and not is_passing(error):
                raise
            return False
        return True

    def _refuse_for(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0 and not self._closing:
            self._work.acquire(timeout=left_s)
            groups = self._take()
            if groups:
                items = sum(len(group.items) for group in groups)
                self._answers.put(_deal(groups, [STALLED] * items))

    def _decide_on(self, decider: Decider) -> None:
        decider.keep_mark()
        backlog = decider.index_some()
        since_step = 0
        while True:
            woken = self._work.acquire(timeout=IDLE_S if backlog else TICK_S)
            groups = self._take()
            if groups:
                items = [item for group in groups for item in group.items]
                try:
                    answers = decider.answer(items)
                except DBAPIError as error:
                    if is_lost(error):
                        self._answers.put(_deal(groups, [STALLED] * len(items)))
                    raise
                self._answers.put(_deal(groups, answers))
                backlog += len(items)
                since_step += len(items)
            elif woken and self._closing:
                return
            busy = backlog > BACKLOG_ENTRIES and since_step >= INDEX_STEP
            if backlog and (not woken or busy):
                backlog = decider.index_some()
                since_step = 0
            decider.keep_mark()
            self._turned_s = time.monotonic()

    def _take(self) -> list[_Group]:
        groups: list[_Group] = []
        items = 0
        while self._queue and items < MAX_GROUP_ITEMS:
            groups.append(self._queue.popleft())
            items += len(groups[-1].items)
        for _ in groups[1:]:
            # One permit a group: those taken along must not wake us for nothing.
            self._work.acquire(blocking=False)
        return groups


def _deal(groups: Sequence[_Group], answers: Sequence[Answer]) -> list[Told]:
    told: list[Told] = []
    start = 0
    for group in groups:
        end = start + len(group.items)
        told.append((group, list(answers[start:end])))
        start = end
    return told
