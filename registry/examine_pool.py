"""The processes that check commits for a registry, as the registry sees them.

They are started when there is first something to check for them, and a registry is ready before
they are: whoever asks before that is told None and checks by itself.
"""

import fcntl
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Final

import trio

from registry.examine_frames import (
    LENGTH_BYTES,
    READY,
    Employer,
    Findings,
    Shown,
    decode_findings,
    encode_commits,
    framed,
)
from runtime.handover import Fuse

log = logging.getLogger(__name__)

MODULE: Final = "registry.examine_process"
READ_BYTES: Final = 65_536
PIPE_BYTES: Final = 1 << 19  # some frames of 70 KB
SHARE: Final = 32  # commits that are worth the way to another process
STOP_S: Final = 2.0  # it ends with what it is at, which takes milliseconds

Tell = Callable[[], Employer]
"""Whom to work for as things stand."""

Now = Callable[[], int]


class ExaminerDied(RuntimeError):
    """An examining process ended by itself: our bug, or somebody's kill."""


class _Waiting:
    """One frame on its way. `findings` is written before `ready` is set."""

    __slots__ = ("count", "findings", "ready")

    def __init__(self, count: int) -> None:
        self.count = count
        self.findings: list[Findings] = []
        self.ready = trio.Event()


class _Worker:
    """One process. Its answers come in the order of its requests."""

    def __init__(self) -> None:
        self._process: trio.Process | None = None
        self._told: Employer | None = None
        self._asked: deque[_Waiting] = deque()
        self._sending = trio.Lock()
        self._buffer = bytearray()
        self.ready = False
        self.load = 0  # commits on their way

    async def run(self, employer: Employer) -> None:
        """From its start to its end. ExaminerDied unless it is cancelled."""
        self._told = employer
        command = [sys.executable, *_safe_path(), "-m", MODULE]
        process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE)
        self._process = process
        _widen(process)
        assert process.stdin is not None and process.stdout is not None
        try:
            await process.stdin.send_all(framed(employer.encode()))
            assert await self._receive(process.stdout) == READY
            self.ready = True
            while True:
                self._take(await self._receive(process.stdout))
        except trio.BrokenResourceError as error:
            raise ExaminerDied("an examining process closed its input") from error
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)

    async def ask(self, shown: Sequence[Shown], employer: Employer, now_us: int) -> list[Findings]:
        """What `examine_commits` says of them, with the members' records of now."""
        assert self._process is not None and self._process.stdin is not None
        frame = framed(encode_commits(shown, now_us))
        waiting = _Waiting(len(shown))
        self.load += waiting.count
        # Half a frame would be read as another's beginning: who gave up waiting has it sent anyway.
        with trio.CancelScope(shield=True):
            async with self._sending:
                if employer != self._told:
                    self._told = employer
                    frame = framed(employer.encode()) + frame
                self._asked.append(waiting)
                await self._process.stdin.send_all(frame)
        await waiting.ready.wait()
        return waiting.findings

    def _take(self, body: bytes) -> None:
        waiting = self._asked.popleft()
        waiting.findings = decode_findings(body, waiting.count)
        self.load -= waiting.count
        waiting.ready.set()

    async def _receive(self, stream: trio.abc.ReceiveStream) -> bytes:
        buffer = self._buffer
        while True:
            if len(buffer) >= LENGTH_BYTES:
                end = LENGTH_BYTES + int.from_bytes(buffer[:LENGTH_BYTES], "big")
                if len(buffer) >= end:
                    body = bytes(buffer[LENGTH_BYTES:end])
                    del buffer[:end]
                    return body
            data = await stream.receive_some(READ_BYTES)
            if not data:
                raise ExaminerDied("an examining process ended by itself")
            buffer += data


class ExaminerPool:
    """Used from trio. Made by `open`."""

    def __init__(
        self, employer: Tell, now_us: Now, count: int, nursery: trio.Nursery, fuse: Fuse
    ) -> None:
        self._employer = employer
        self._now_us = now_us
        self._nursery = nursery
        self._fuse = fuse
        self._workers = [_Worker() for _ in range(count)]
        self._started = False

    @classmethod
    @asynccontextmanager
    async def open(cls, employer: Tell, now_us: Now, count: int) -> AsyncIterator["ExaminerPool"]:
        """Around a block that may ask; no process is left after it.

        DaemonCrash where one has died: what it had been asked is not decided, and is asked again of
        a registry that has been restarted.
        """
        fuse = Fuse()
        with fuse.guard():
            async with trio.open_nursery() as nursery:
                yield cls(employer, now_us, count, nursery, fuse)
                nursery.cancel_scope.cancel()

    async def examine(self, shown: Sequence[Shown]) -> list[Findings] | None:
        """In the order of `shown`; None where no process is there (yet)."""
        if not self._started:
            self._started = True
            for worker in self._workers:
                self._nursery.start_soon(self._run, worker)
        if not shown:
            return []
        ready = sorted((w for w in self._workers if w.ready), key=lambda worker: worker.load)
        if not ready:
            return None
        workers = ready[: max(1, len(shown) // SHARE)]
        size = -(-len(shown) // len(workers))
        found: dict[int, list[Findings]] = {}

        async def ask(worker: _Worker, start: int) -> None:
            part = shown[start : start + size]
            found[start] = await worker.ask(part, self._employer(), self._now_us())

        async with trio.open_nursery() as nursery:
            for worker, start in zip(workers, range(0, len(shown), size), strict=False):
                nursery.start_soon(ask, worker, start)
        return [findings for start in sorted(found) for findings in found[start]]

    @property
    def ready(self) -> bool:
        """Whether all of them are at work."""
        return all(worker.ready for worker in self._workers)

    async def _run(self, worker: _Worker) -> None:
        try:
            await worker.run(self._employer())
        except (ExaminerDied, AssertionError, ValueError) as error:
            # Whoever waits for it would wait for ever: the daemon goes down instead.
            self._fuse.blow("an examining process", error)


def _widen(process: trio.Process) -> None:
    """A frame goes into the pipe whole where the system lets it: in pieces it wakes us for each."""
    assert isinstance(process.stdin, trio.lowlevel.FdStream)
    wider = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
    if wider is not None:
        with suppress(OSError):  # beyond what one user may have
            fcntl.fcntl(process.stdin.fileno(), wider, PIPE_BYTES)


async def _end(process: trio.Process) -> None:
    """It ends when its input does; one that does not is killed."""
    assert process.stdin is not None and process.stdout is not None
    await process.stdin.aclose()
    with trio.move_on_after(STOP_S):
        await process.wait()
    if process.poll() is None:
        log.error("an examining process did not end within %.1f s and is killed", STOP_S)
        process.kill()
        await process.wait()
    await process.stdout.aclose()


def _safe_path() -> list[str]:
    """-P: a folder called "registry" where somebody happens to stand is not our package.

    Only where ours itself is there, as in a checkout that is not installed, it has to be found.
    """
    ours = Path(__file__).resolve().parents[1]
    return [] if ours == Path.cwd() else ["-P"]
