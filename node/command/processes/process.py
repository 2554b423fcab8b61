"""Daemons as child processes: started, watched, killed, restarted, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import trio

from node.command.processes.warm import Warm

CHILD: Final = "node.command.processes.child"
START_TIMEOUT_S: Final = 90.0  # seventeen at once on two busy processors take their time
STOP_TIMEOUT_S: Final = 8.0  # a daemon ends within one, seventeen at once take longer
POLL_S: Final = 0.02
LAST_LINES: Final = 8  # of a log, when a process has failed


class StartFailed(Exception):
    """Several lines: which process, how it ended, and the end of its log."""

    def __init__(self, name: str, cause: str, log: str) -> None:
        super().__init__(f"{name}: {cause}" + "".join(f"\n  | {x}" for x in log.splitlines()))
        self.name = name
        self.log = log


@dataclass(frozen=True, slots=True)
class Daemon:
    """What to run: `command` is of `pledgeway`, `directory` holds what it writes."""

    name: str
    command: tuple[str, ...]
    directory: Path

    @property
    def log(self) -> Path:
        return self.directory.with_name(self.directory.name + ".log")

    @property
    def ready(self) -> Path:
        """Its standard output, where it says that it is ready."""
        return self.directory.with_name(self.directory.name + ".out")

    def last_lines(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_LINES:])


class Child(Protocol):
    """Of subprocess.Popen what is needed of a daemon that leads its own process group."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...
    def kill(self) -> None: ...


class Processes:
    """Every child of this program, by name. Made by `processes`, which ends them all."""

    def __init__(self, warm: Warm | None = None) -> None:
        self._running: dict[str, Child] = {}
        self._warm = warm

    def pid(self, daemon: Daemon) -> int:
        return self._running[daemon.name].pid

    async def start(self, daemon: Daemon) -> None:
        """Starts it and waits until it says that it is ready. StartFailed."""
        assert daemon.name not in self._running, daemon.name
        process = self._running[daemon.name] = self._spawn(daemon)
        with trio.move_on_after(START_TIMEOUT_S):
            while not _said_ready(daemon.ready):
                if (status := process.poll()) is not None:
                    del self._running[daemon.name]
                    raise StartFailed(daemon.name, _ended(status), daemon.last_lines())
                await trio.sleep(POLL_S)
            return
        self.kill(daemon)  # it would answer for its successor
        cause = f"was not ready within {START_TIMEOUT_S:.0f} s"
        raise StartFailed(daemon.name, cause, daemon.last_lines())

    def _spawn(self, daemon: Daemon) -> Child:
        if self._warm is not None:
            daemon.ready.write_bytes(b"")  # what an earlier start has said is not this one's word
            return self._warm.spawn(daemon.command, daemon.ready, daemon.log)
        command = [*python(), "-m", CHILD, str(os.getpid())]
        with daemon.ready.open("wb") as out, daemon.log.open("ab") as log:
            return _spawn([*command, *daemon.command], out, log)

    def adopt(self, name: str, process: Child) -> None:
        """Takes over a process that leads its own group; it ends with the others."""
        self._running[name] = process

    def release(self, daemon: Daemon) -> Child:
        """The process itself, which is the caller's to end from now on."""
        return self._running.pop(daemon.name)

    def kill(self, daemon: Daemon) -> None:
        """SIGKILL: it writes nothing more and says nothing more. Returns when it is gone."""
        process = self.release(daemon)
        process.kill()
        process.wait()

    def dead(self) -> list[str]:
        """Names of those that ended by themselves."""
        return list(self.statuses())

    def statuses(self) -> dict[str, str]:
        """How those ended that ended by themselves."""
        ended = {name: p.poll() for name, p in self._running.items()}
        return {name: _ended(status) for name, status in ended.items() if status is not None}

    def end_all(self, timeout_s: float = STOP_TIMEOUT_S) -> list[str]:
        """SIGTERM to all, SIGKILL to whoever does not end. Names of the latter."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        until = time.monotonic() + timeout_s
        stubborn = []
        for name, process in self._running.items():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                stubborn.append(name)
                _signal(process, signal.SIGKILL)
                process.wait()
        self._running.clear()
        return stubborn


@contextmanager
def processes(warm: Warm | None = None) -> Iterator[Processes]:
    """Around a block that starts daemons; afterwards none is left, however it ended.

    `warm`: what makes them, for whoever starts hundreds.
    """
    running = Processes(warm)
    try:
        yield running
    finally:
        running.end_all()


def python() -> list[str]:
    """How this program runs itself once more."""
    return [sys.executable, *_safe_path()]


def _safe_path() -> list[str]:
    """-P: a folder called "node" where somebody happens to stand is not our package.

    Only where ours itself is there, as in a checkout that is not installed, it has to be found.
    """
    ours = Path(__file__).resolve().parents[3]
    return [] if ours == Path.cwd() else ["-P"]


def _spawn(command: Sequence[str], out: IO[bytes], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=log,
        # Of its own, so that Ctrl-C reaches us alone and we end the children in order.
        process_group=0,
    )


def _signal(process: Child, number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _said_ready(path: Path) -> bool:
    text = path.read_bytes()
    return text.startswith(b"ready") and text.endswith(b"\n")


def _ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
