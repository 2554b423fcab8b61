"""Daemons without their imports: one process loads the program, and each daemon is a copy of it.

A daemon's start is mostly Python reading modules, the same ones every time. Whoever starts
hundreds of them keeps a warm process for that: it forks, and the copy runs the ordinary command in
a process group of its own, as a child of whoever asked. Linux alone.

`python -m node.command.processes.warm PARENT` reads requests, one JSON object a line:
{"argv": [words after pledgeway], "in": path, "out": path, "log": path}, and answers each with a
process id.
"""

import ctypes
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from node.command.processes.child import tie_to

WARM: Final = "node.command.processes.warm"
PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h
# What a node, a registry and their commands load sooner or later, the path search included.
PROGRAM: Final = (
    *("node.command.__main__", "node.command.node", "node.command.registry", "node.command.finder"),
    *(
        "node.command.daemon_run",
        "node.daemon",
        "node.page_serving",
        "registry.daemon",
        "scipy.sparse.csgraph",
    ),
    *("sqlalchemy.dialects.sqlite", "hypercorn.trio", "uvloop"),
)


class Forked:
    """A daemon that a warm process has made: of subprocess.Popen what `Processes` needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        self._status: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Exit status, negative where a signal ended it; None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """subprocess.TimeoutExpired."""
        if self._status is None and not select.select([self._fd], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        status = self._reap(0)
        assert status is not None
        return status

    def _reap(self, options: int) -> int | None:
        with self._lock:
            if self._status is None:
                pid, status = os.waitpid(self.pid, options)
                if pid:
                    self._status = os.waitstatus_to_exitcode(status)
                    os.close(self._fd)
            return self._status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The warm process. Made by `warm`, which ends it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def spawn(
        self, argv: Sequence[str], out: Path, log: Path, source: Path = Path(os.devnull)
    ) -> Forked:
        """`pledgeway ARGV`, reading `source`, writing to `out` and to the end of `log`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        ask = {"argv": list(argv), "in": str(source), "out": str(out), "log": str(log)}
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))


@contextmanager
def warm(python: Sequence[str]) -> Iterator[Warm | None]:
    """A warm process around a block, None where the kernel cannot; `python`: how to run it."""
    if sys.platform != "linux":
        yield None
        return
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # the copies' parent is gone at once: they become ours
    command = [*python, "-m", WARM, str(os.getpid())]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        # A pool of threads would not survive a fork.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            yield Warm(process)
        finally:
            process.kill()


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _load() -> None:
    for name in PROGRAM:
        try:
            import_module(name)
        except ImportError:
            continue  # an extra that is not installed
    gc.collect()
    gc.freeze()  # the copies share what they do not write


def _fork(ask: dict[str, Any], parent: int) -> int:
    """The id of the copy, whose parent is `parent` from the beginning of its work on."""
    read, write = os.pipe()
    between = os.fork()
    if not between:
        os.close(read)
        between = os.getpid()
        copy = os.fork()
        if copy:
            os.write(write, str(copy).encode())
            os._exit(0)
        os.close(write)
        _become(ask, parent, between)
    os.close(write)
    with os.fdopen(read) as told:
        copy = int(told.read())
    os.waitpid(between, 0)
    return copy


def _become(ask: dict[str, Any], parent: int, between: int) -> None:
    """This process, forked by `between`, is a daemon from now on; it does not return."""
    os.setpgid(0, 0)
    while os.getppid() == between:
        os.sched_yield()  # it ends within microseconds, and we go to `parent`, unless that is dead
    tie_to(parent)
    append = os.O_WRONLY | os.O_CREAT
    for target, path, flags in (
        (0, ask["in"], os.O_RDONLY),
        (1, ask["out"], append | os.O_TRUNC),
        (2, ask["log"], append | os.O_APPEND),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, target)
        os.close(opened)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    sys.argv = ["pledgeway", *ask["argv"]]
    status = 1
    try:
        from node.command.__main__ import main as pledgeway

        pledgeway(ask["argv"], prog_name="pledgeway")
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Forks for whoever is at the other end of standard input, until that ends."""
    parent = int(sys.argv[1])
    tie_to(parent)
    _load()
    for line in sys.stdin:
        print(_fork(json.loads(line), parent), flush=True)


if __name__ == "__main__":
    main()
