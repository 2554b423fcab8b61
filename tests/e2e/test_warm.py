"""Daemons that a warm process makes are children like any other: they say when they are ready, how
they ended, and do not outlive whoever asked for them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import trio

from node.command.processes.founding import found_registry
from node.command.processes.ports import free_ports
from node.command.processes.process import Daemon, StartFailed, processes, python
from node.command.processes.warm import Forked, warm
from tests.patience import PATIENCE_S

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="a warm process needs Linux"),
]


async def test_a_copy_lives_and_ends_like_any_other(directory: Path) -> None:
    found_registry(directory / "r", "R", free_ports(Random(1)))
    daemon = Daemon("R", ("registry", "run", str(directory / "r")), directory / "r")
    with warm(python()) as copies, processes(copies) as running:
        await running.start(daemon)
        first = running.pid(daemon)
        assert os.getpgid(first) == first != os.getpgid(0)
        running.kill(daemon)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        await running.start(daemon)  # it says anew that it is ready
        assert running.pid(daemon) != first and not running.dead()
        process = running.release(daemon)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.0)
        process.send_signal(signal.SIGTERM)
        assert await trio.to_thread.run_sync(process.wait, 20.0) == 0
        assert process.poll() == 0
        process.kill()  # of one that is gone: nothing
        await running.start(daemon)
        last = running.pid(daemon)
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    assert daemon.log.read_text() == ""


# Forks for a parent that is no ancestor's subreaper, as if it had died meanwhile.
ORPHAN = """
import os
from node.command.processes.warm import _fork
ask = {"argv": ["--help"], "out": os.devnull, "log": os.devnull}
print(_fork(ask, os.getpid()), flush=True)
"""


def test_a_copy_whose_parent_died_in_between_ends_at_once() -> None:
    """Without a parent to tie itself to it would run for ever, as nobody's child."""
    with warm(python()) as copies:  # which makes orphans ours
        assert copies is not None
        with subprocess.Popen([*python(), "-c", ORPHAN], stdout=subprocess.PIPE, text=True) as lost:
            assert lost.stdout is not None
            copy = Forked(int(lost.stdout.readline()))
            lost.wait(PATIENCE_S)
        assert copy.wait(PATIENCE_S) == 1


async def test_one_that_does_not_start_says_why(directory: Path) -> None:
    home = directory / "nowhere"
    daemon = Daemon("N", ("node", "run", str(home)), home)
    with warm(python()) as copies, processes(copies) as running:
        with pytest.raises(StartFailed, match="N: ended with exit status 2"):
            await running.start(daemon)
        assert running.end_all() == []
