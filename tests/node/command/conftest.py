"""A fake node for the commands to talk to, and a way to run them."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from tests.node.command.answers import ANSWERS, PAYMENT, PROMISED

ROOT = Path(__file__).resolve().parents[3]


class FakeNode:
    """A running fake: set what it says, run commands against it, see what it heard."""

    def __init__(self, directory: Path, process: "subprocess.Popen[str]") -> None:
        self.directory = directory
        self.process = process

    def says(self, verb: str, *replies: dict[str, Any], **also: dict[str, Any]) -> None:
        """Canned replies to one verb; `also`: one to another, "_" for the dot in its name."""
        table = {name: [{"json": answer}] for name, answer in ANSWERS.items()}
        table["pay"] = [{"json": PROMISED}, {"json": PAYMENT}]
        table[verb] = list(replies)
        table |= {name.replace("_", "."): [reply] for name, reply in also.items()}
        (self.directory / "replies.json").write_text(json.dumps(table))

    def run(self, *args: str, **more: Any) -> Result:
        env = {"PLEDGEWAY_NODE": str(self.directory), "NO_COLOR": None, **more.pop("env", {})}
        return CliRunner().invoke(main, list(args), env=env, **more)

    @property
    def heard(self) -> tuple[str, dict[str, Any]]:
        """The last verb and its arguments."""
        lines = (self.directory / "heard.jsonl").read_text().splitlines()
        last = json.loads(lines[-1])
        return last["verb"], last["arguments"]


@pytest.fixture(scope="session")
def fake_process() -> Iterator[FakeNode]:
    # Not below pytest's own folder: a socket's path must be short.
    directory = Path(tempfile.mkdtemp(prefix="pw-"))
    fake = FakeNode(directory, start_fake(directory))
    yield fake
    fake.process.communicate("", timeout=60)
    shutil.rmtree(directory)
    assert fake.process.returncode == 0


def start_fake(directory: Path) -> "subprocess.Popen[str]":
    """A fake of its own, for tests that end it. Close its standard input to stop it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.node.command.fake_daemon", str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def fake(fake_process: FakeNode) -> FakeNode:
    (fake_process.directory / "heard.jsonl").write_text("")
    fake_process.says("status", {"json": ANSWERS["status"]})
    return fake_process
