"""Commands in processes of their own that need not load the program first: a start of Python costs
a second of a processor, and the suite starts some hundred.

Benchmarks, single daemons and what deploy/ shows are started as their operators start them.
"""

import subprocess
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from node.command.processes.process import python
from node.command.processes.warm import Warm, warm
from tests.patience import PATIENCE_S

_kept = ExitStack()


@cache
def oven() -> Warm | None:
    """The one warm process of this process, from the first call on; None where there can be none.

    To be called in the main thread: it ends with the thread that has made it.
    """
    assert threading.current_thread() is threading.main_thread()
    return _kept.enter_context(warm(python()))


def cool() -> None:
    """Ends it; for when no test is to come."""
    _kept.close()


class Typed:
    """`pledgeway WORDS` as its user types it, in a process of its own. Begun in the main thread."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [str(word) for word in words]
        self._folder = TemporaryDirectory(prefix="pw-")
        self._out, self._log = (Path(self._folder.name, name) for name in ("out", "log"))
        made = oven()
        self._process = made.spawn(self._words, self._out, self._log) if made else self._plain()

    def _plain(self) -> "subprocess.Popen[bytes]":
        with self._out.open("wb") as out, self._log.open("wb") as log:
            whole = [*python(), "-m", "node.command", *self._words]
            return subprocess.Popen(whole, stdin=subprocess.DEVNULL, stdout=out, stderr=log)

    def end(self, within_s: float) -> "subprocess.CompletedProcess[str]":
        """Waits for it, in any thread. subprocess.TimeoutExpired; it is gone then, too."""
        with self._folder:
            try:
                status = self._process.wait(within_s)
            finally:
                self._process.kill()
                self._process.wait()
            said = (path.read_text() for path in (self._out, self._log))
            return subprocess.CompletedProcess(self._words, status, *said)


def typed(*words: str) -> "subprocess.CompletedProcess[str]":
    """`pledgeway WORDS` to its end, which comes soon. subprocess.TimeoutExpired."""
    return Typed(words).end(PATIENCE_S)
