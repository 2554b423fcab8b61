"""The bridge between trio (main thread, owner of all state) and asyncio (helper thread, gRPC).

gRPC has no trio support. One bridge per process: gRPC's asyncio side shares one poller, which
does not like several loops at once.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

import outcome
import trio

from runtime.handover import Fuse, Handover, wake_asyncio, wake_trio

log = logging.getLogger(__name__)

SHUTDOWN_GRACE_S = 2.0  # gRPC ends a cancelled call in milliseconds; beyond this it hangs

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Thunk = Callable[[], object]


class BridgeClosed(RuntimeError):
    """The other side has ended or is ending; whoever asked treats it as unavailable."""


class CallCancelled(RuntimeError):
    """The other side cancelled the work by itself, not because we asked for it."""


class _Call:
    """One piece of asyncio work that a trio task waits for."""

    __slots__ = ("raise_cancel", "task", "work")

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.task = task  # touched on trio only
        self.raise_cancel: Callable[[], Any] | None = None  # touched on trio only
        self.work: asyncio.Task[Any] | None = None  # touched on asyncio only


class Bridge:
    """Made by `Bridge.open()` on trio. Methods say which side they belong to."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self._loop = asyncio.new_event_loop()
        self._wake_trio = wake_trio(trio.lowlevel.current_trio_token())
        self._wake_asyncio = wake_asyncio(self._loop)
        self.to_trio: Handover[Thunk] = Handover("to trio", self._wake_trio, _run, self.fuse)
        self.to_asyncio: Handover[Thunk] = Handover(
            "to asyncio", self._wake_asyncio, _run, self.fuse
        )
        self._calls: set[_Call] = set()  # owned by trio
        self._background: set[asyncio.Task[None]] = set()  # owned by asyncio
        self._closers: list[Callable[[], Awaitable[None]]] = []  # owned by asyncio
        self.fuse.at_crash(self._abandon)
        self._closing = False  # written by trio
        self._ended = trio.Event()
        self._thread = threading.Thread(target=self._run_loop, name="asyncio", daemon=True)

    @classmethod
    @asynccontextmanager
    async def open(cls, grace_s: float = SHUTDOWN_GRACE_S) -> AsyncIterator["Bridge"]:
        """Runs the helper thread around a block. DaemonCrash where a hand-over raised.

        At the end all asyncio work is cancelled and gets `grace_s` seconds to unwind; trio tasks
        that still wait for some get BridgeClosed.
        """
        bridge = cls()
        bridge._thread.start()
        with bridge.fuse.guard():
            try:
                yield bridge
            finally:
                with trio.CancelScope(shield=True):
                    await bridge._close(grace_s)

    async def call(self, fn: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """From trio: runs `fn(*args)` on asyncio and returns or raises what it does.

        A trio cancellation cancels the asyncio work and waits for it to unwind; work that
        completes all the same keeps its result. BridgeClosed, CallCancelled.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        call = _Call(trio.lowlevel.current_task())
        start = partial(self._start, call, partial(fn, *args))
        if self._closing or self.fuse.blown or not self.to_asyncio.put(start):
            raise BridgeClosed
        self._calls.add(call)

        def abort(raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
            call.raise_cancel = raise_cancel
            self.to_asyncio.put(partial(_cancel_work, call))
            return trio.lowlevel.Abort.FAILED  # it is rescheduled when the work has unwound

        result: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return result

    async def call_to_close(self, fn: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        """From trio: as `call`, and whatever asyncio's end has closed already is closed.

        Not cancellable: `fn` must be bounded by itself.
        """
        with trio.CancelScope(shield=True):
            try:
                await self.call(fn, *args)
            except BridgeClosed:
                log.debug("closed with its bridge: %r", fn)

    async def call_trio(
        self, nursery: trio.Nursery, fn: Callable[[*Ts], Awaitable[T]], *args: *Ts
    ) -> T:
        """From asyncio: runs `fn(*args)` as a trio task and returns or raises what it does.

        Cancelling the caller cancels the trio task, without waiting for it. BridgeClosed
        where trio or `nursery` has ended, CallCancelled where trio cancelled the task.
        """
        future: asyncio.Future[outcome.Outcome[T]] = self._loop.create_future()
        scope = trio.CancelScope()

        async def work() -> None:
            ended: outcome.Outcome[T] = outcome.Error(CallCancelled())
            try:
                with scope:
                    captured = await outcome.acapture(fn, *args)
                    if isinstance(captured, outcome.Error) and not isinstance(
                        captured.error, Exception
                    ):
                        captured.unwrap()  # a cancellation keeps unwinding
                    ended = captured
            finally:
                self.to_asyncio.put(partial(_resolve, future, ended))

        def start() -> None:
            try:
                nursery.start_soon(work)
            except RuntimeError:  # the nursery has closed: too late, as if the run had ended
                self.to_asyncio.put(partial(_resolve, future, outcome.Error(BridgeClosed())))

        if not self.to_trio.put(start):
            raise BridgeClosed
        try:
            return (await future).unwrap()
        except asyncio.CancelledError:
            self.to_trio.put(scope.cancel)
            raise

    def spawn(self, fn: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> "asyncio.Task[None]":
        """On asyncio: a background task. An exception in it is our bug and blows the fuse."""

        async def run() -> None:
            await fn(*args)

        task = self._loop.create_task(run())
        self._background.add(task)
        task.add_done_callback(self._background_ended)
        return task

    def at_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """On asyncio: awaited before the loop ends, the last one given first; must be prompt.

        A server or channel that outlives its loop complains for ever. Closing twice is harmless.
        """
        self._closers.append(closer)

    def forget_closer(self, closer: Callable[[], Awaitable[None]]) -> None:
        """On asyncio: what `closer` would close has been closed."""
        self._closers.remove(closer)

    def _background_ended(self, task: "asyncio.Task[None]") -> None:
        self._background.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self.fuse.blow("asyncio background task", error)

    def _start(self, call: _Call, work: Callable[[], Awaitable[Any]]) -> None:
        async def run() -> Any:
            return await work()

        call.work = self._loop.create_task(run())
        call.work.add_done_callback(partial(self._work_ended, call))

    def _work_ended(self, call: _Call, work: "asyncio.Task[Any]") -> None:
        result: outcome.Outcome[Any] | None = None
        if not work.cancelled():
            error = work.exception()
            result = outcome.Value(work.result()) if error is None else outcome.Error(error)
        self.to_trio.put(partial(self._settle, call, result))

    def _settle(self, call: _Call, result: outcome.Outcome[Any] | None) -> None:
        if call not in self._calls:
            return
        self._calls.discard(call)
        if result is None:
            if call.raise_cancel is not None:
                result = outcome.capture(call.raise_cancel)
            else:
                result = outcome.Error(self._why_cancelled())
        trio.lowlevel.reschedule(call.task, result)

    def _why_cancelled(self) -> Exception:
        return BridgeClosed() if self._closing or self.fuse.blown else CallCancelled()

    async def _close(self, grace_s: float) -> None:
        self._closing = True
        # Past the hand-overs: one that has crashed delivers nothing more, the end included.
        self._wake_asyncio(partial(self._begin_shutdown, grace_s))
        with trio.move_on_after(2 * grace_s):
            await self._ended.wait()
        if not self._ended.is_set():
            log.error("the asyncio thread did not end within %.1f s", 2 * grace_s)
        self._abandon()

    def _abandon(self) -> None:
        for call in list(self._calls):
            self._settle(call, None)

    def _begin_shutdown(self, grace_s: float) -> None:
        shutdown = self._loop.create_task(self._shutdown(grace_s))
        shutdown.add_done_callback(lambda _: self._loop.stop())

    async def _shutdown(self, grace_s: float) -> None:
        for closer in reversed(self._closers):
            try:
                await asyncio.wait_for(closer(), grace_s)
            except TimeoutError:
                log.error("not closed within %.1f s: %r", grace_s, closer)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=grace_s)
            for task in stuck:
                log.error("asyncio work ignored its cancellation: %r", task)
        await self._loop.shutdown_asyncgens()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
            self._wake_trio(self._ended.set)


def _run(thunk: Thunk) -> None:
    thunk()


def _cancel_work(call: _Call) -> None:
    assert call.work is not None, "cancelled before it was started: hand-over out of order"
    call.work.cancel()


def _resolve(future: "asyncio.Future[outcome.Outcome[T]]", ended: outcome.Outcome[T]) -> None:
    if not future.done():
        future.set_result(ended)
