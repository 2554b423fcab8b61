"""Daemons in processes of their own, from the line that says that they are ready."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ready(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """`python ARGUMENTS`, and the words of its ready line; killed at the end of the block."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            first, *words = process.stdout.readline().split()
            assert first == "ready"
            yield process, dict(word.split("=", 1) for word in words)
        finally:
            process.kill()


def end(process: "subprocess.Popen[str]", within_s: float) -> None:
    """SIGTERM: it ends cleanly, in time, and has had nothing to complain of."""
    process.terminate()
    assert process.wait(timeout=within_s) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
