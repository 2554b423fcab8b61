"""Two daemons of one node, as an operator starts them on two machines."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest

from node.config import CONFIG_NAME
from tests.cluster import Cluster
from tests.patience import PATIENCE_S
from tests.warmed import typed

pytestmark = pytest.mark.edge

COMMAND = (sys.executable, "-m", "node.command")


def init(node: Path) -> None:
    done = typed("node", "init", str(node), "--alias", "Alice")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def homes(server: Cluster, directory: Path) -> list[Path]:
    """Two copies of a node's directory, one database."""
    first, second = (directory / name for name in ("one", "two"))
    init(first)
    config = first / CONFIG_NAME
    config.write_text(config.read_text().replace('store = ""', f'store = "{server.fresh()}"'))
    shutil.copytree(first, second)
    return [first, second]


def command(*words: str, node: Path) -> Any:
    done = typed(*words, "--node", str(node), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(node: Path, *how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "node", "run", str(node), *how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready:"), process.communicate()
    return process


def until_it_says(output: IO[str] | None, words: str) -> None:
    assert output is not None
    while words not in (line := output.readline()):
        assert line, "it has ended"


def until_both_are_shown(home: Path) -> list[Any]:
    """Each hears of the others at its next beat."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        shown: list[Any] = command("node", "status", node=home)["processes"]
        if len(shown) == 2 or time.monotonic() > until_s:
            return shown


def test_both_serve_and_who_stood_still_ends(homes: list[Path]) -> None:
    processes = [start(home, "--shared") for home in homes]
    try:
        made = command("request", "create", "700", "USD", node=homes[0])
        assert command("request", "show", made["id"], node=homes[1])["amount"] == 700
        shown = until_both_are_shown(homes[1])
        assert [p["this"] for p in shown].count(True) == 1
        assert [p["keeper"] for p in shown].count(True) == 1
        alone = typed("node", "run", str(homes[0]))
        assert (alone.returncode, alone.stderr.count("\n")) == (1, 1)
        still, other = processes
        still.send_signal(signal.SIGSTOP)
        until_it_says(other.stderr, "fallen silent")
        still.send_signal(signal.SIGCONT)
        _, errors = still.communicate(timeout=60)
        assert still.returncode == 1 and "Traceback" not in errors, errors
        assert errors.splitlines()[-1].endswith("the others have taken over; start again")
        assert command("request", "show", made["id"], node=homes[1])["amount"] == 700
        processes[0] = start(homes[0], "--shared")
        assert command("node", "audit", node=homes[0])["ok"]
        for process in processes:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0 and "Traceback" not in errors, errors
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_file_is_for_one(directory: Path) -> None:
    home = directory / "one"
    init(home)
    refused = typed("node", "run", str(home), "--shared")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "a file serves one process" in refused.stderr
