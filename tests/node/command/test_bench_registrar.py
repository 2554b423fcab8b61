"""`pledgeway bench registrar`, small: what it measures, and that the books are looked at."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.bench import registrar_run
from node.command.bench.command import bench
from node.registrar.examining import Difference, Examined
from node.registrar.reader import Reader

pytestmark = pytest.mark.edge
SMALL = ("--accounts", "30", "--seconds", "0.3", "--senders", "2", "--flood", "1")


def run(directory: Path, *options: str) -> Result:
    arguments = ["registrar", *SMALL, "--directory", str(directory), *options]
    return CliRunner().invoke(bench, arguments)


def test_json(directory: Path) -> None:
    result = run(directory, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["accounts"], found["senders"], found["flood"]) == (30, 2, 1)
    assert found["legs"] >= 2 and found["refused"] >= 1 and found["books_ok"]
    assert set(found["ms"]) == set(registrar_run.STEPS)
    assert all(0 < took["p50"] <= took["p99"] for took in found["ms"].values())
    assert list(directory.iterdir()) == []


def test_table(directory: Path) -> None:
    result = run(directory)
    assert result.exit_code == 0
    assert "legs per second" in result.stdout and "prepare" in result.stdout
    assert "right" in result.stdout


def test_wrong_books_are_status_1(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Examined(1, 1, (Difference(b"", b"", 1, 2),))
    monkeypatch.setattr(Reader, "examine", lambda self: wrong)
    result = run(directory)
    assert result.exit_code == 1 and "WRONG" in result.stdout
