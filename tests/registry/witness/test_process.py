"""`pledgeway witness` as an operator meets it: real processes, a kill at the worst moment."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from node.command.witness import witness
from proto.checkpoint import cosigned_at_s
from proto.note import Note, NoteSignature
from registry.witness.home import WitnessHome, cosignature_key, load_witness_key
from tests.processes import ready
from tests.registry.witness.cases import NAME, GrowingLog, record_of

pytestmark = [pytest.mark.edge, pytest.mark.e2e]

LOG = GrowingLog()
RUN = "import sys; from node.command.witness import witness; witness(sys.argv[1:])"
# The row is on disk, and the process is gone before anybody was told.
DIE_BEFORE_ANSWERING = f"""
import os, signal
from registry.witness import cosigning
cosigning.cosign = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
{RUN}"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(witness, [str(a) for a in arguments])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = run("init", tmp_path / "w", "--name", NAME, "--listen", "127.0.0.1:0")
    assert made.exit_code == 0, made.output
    (tmp_path / "record").write_bytes(record_of(LOG))
    added = run("add-log", tmp_path / "w", tmp_path / "record")
    assert added.exit_code == 0, added.output
    return tmp_path / "w"


@contextmanager
def running(home: Path, code: str = RUN) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`witness run` in a process of its own; gives its URL."""
    with ready("-c", code, "run", str(home)) as (process, words):
        yield words["witness"], process


def add(url: str, log: GrowingLog, old: int, size: int) -> httpx.Response:
    body = log.request(old, size)
    return httpx.post(f"{url}/add-checkpoint", content=body, trust_env=False, timeout=60)


def test_killed_between_disk_and_answer(home: Path) -> None:
    with running(home, DIE_BEFORE_ANSWERING) as (before, process):
        with pytest.raises(httpx.TransportError):
            add(before, LOG, 0, 8)
        assert process.wait(10) == -signal.SIGKILL
    with running(home) as (url, process):
        assert url == before, "it is found again where it was"
        # The log heard nothing, so it asks with the old size, and catches up.
        behind = add(url, LOG, 0, 8)
        assert (behind.status_code, behind.content) == (409, b"8\n")
        assert add(url, replace(LOG, forked_at=2), 0, 8).status_code == 409, "and no other history"
        answer = add(url, LOG, 8, 8)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    line = NoteSignature.parse(answer.text.removesuffix("\n"))
    note = Note.decode(LOG.note(8)).with_signatures([line])
    assert cosigned_at_s(note, cosignature_key(NAME, load_witness_key(WitnessHome(home)))), line


def test_an_operators_day(home: Path) -> None:
    with running(home) as (url, process):
        assert add(url, LOG, 0, 8).status_code == 200
        for target in (home, url):
            shown = run("status", target)
            assert shown.exit_code == 0, shown.output
            assert "cosigning" in shown.output
            assert LOG.origin in shown.output
        answer = json.loads(run("status", home, "--json").output)
        assert answer["logs"][0]["shards"][0]["size"] == 8
        again = run("run", home)
        assert (again.exit_code, "another daemon" in again.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    down = run("status", home)
    assert (down.exit_code, down.stderr) == (1, f"pledgeway: {url}: no witness answers there\n")
    listed = json.loads(run("logs", home, "--json").output)
    assert [log["log_origin"] for log in listed["logs"]] == ["example.net/harbour"]
