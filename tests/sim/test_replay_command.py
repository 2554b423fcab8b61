"""`pledgeway sim replay` as it is typed: the same bytes in any process, and one line for errors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.sim.replay.command import replay
from tests.sim.credit_links import chain_file, links_file

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return links_file(tmp_path_factory.mktemp("links") / "links.txt", 40, 160, 3)


def test_a_table_for_people(links: Path) -> None:
    arguments = [str(links), "--payments", "8", "--accepting", "50", "--amount", "1000:50000"]
    arguments += ["--workers", "1"]
    done = CliRunner().invoke(replay, arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("links.txt: 40 nodes, ")
    assert "Each registry accepted by 50 % of the nodes" in done.stdout
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.count("‰") in (1, 3)]
    for regime in ("MIXED", "ATOMIC", "BARE"):
        assert rows.count(regime) == 2
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_its_help_teaches() -> None:
    text = CliRunner().invoke(replay, ["--help"]).stdout
    assert "pledgeway sim replay " in text.split("Example:")[1]
    assert "Exit status: 0" in text and "--json" in text


@pytest.mark.e2e
def test_the_same_seed_gives_the_same_bytes_in_any_process(links: Path, tmp_path: Path) -> None:
    """Whatever the hash seed, and whether one process plays all runs or two share them."""
    found = []
    for hash_seed, workers in (("1", "1"), ("2", "2")):
        picture = tmp_path / f"{workers}.svg"
        command = [sys.executable, "-m", "node.command", "sim", "replay", str(links), "--json"]
        command += ["--payments", "6", "--accepting", "40,80", "--amount", "1000:100000"]
        command += ["--silent", "20", "--offline", "20", "--thieves", "20", "--workers", workers]
        command += ["--draw", str(picture)]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, timeout=120, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        found.append((done.stdout, picture.read_bytes()))
    assert found[0] == found[1]
    said = json.loads(found[0][0])
    assert [(c["accepting_pct"], c["regime"]) for c in said["cells"]] == [
        (share, regime) for share in (40, 80) for regime in ("MIXED", "ATOMIC", "BARE")
    ]
    assert all(sum(c["payments"].values()) == 2 * c["payments"]["all"] == 12 for c in said["cells"])
    assert found[0][1].count(b'id="curve') >= 3 * 3  # those that always have figures


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--amount", "2000000"], "none is connected"),
        (["--accepting", "101"], "between 0 and 100"),
        (["--accepting", "50,"], "between 0 and 100"),
        (["--amount", "5:1"], "the least is above the most"),
        (["--silent", "nan"], "no share between 0 and 100"),
        (["--draw", "picture.jpg"], "does not end in .svg or .png"),
        (["--regime", "PROXY"], "is not one of"),
        (["--cores", "1"], "between 2 and"),
        (["--every", "1d", "--payments", "31"], "more than 30 days"),
    ],
)
def test_what_cannot_be_played(tmp_path: Path, arguments: list[str], word: str) -> None:
    path = chain_file(tmp_path / "chain.txt", 3, 1_000_000)
    done = CliRunner().invoke(replay, [str(path), *arguments])
    assert done.exit_code == 2
    assert word in done.stderr and not done.stdout


@pytest.mark.parametrize("text", ["", "a b c", "a b 0 5 1", "a a -1 0 1", "a b -1 0 nan"])
def test_data_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "links.txt"
    path.write_text(text)
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"pledgeway: {path}: ")


def test_a_broken_rule_is_told_with_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that books what it never promised to anybody: the audit at the end sees it."""

    def forgetful(*_: object, **__: object) -> None:
        raise AssertionError("balances sum to 7")

    monkeypatch.setattr("node.command.sim.replay.replaying.audit", forgetful)
    path = chain_file(tmp_path / "chain.txt", 3, 1_000_000)
    done = CliRunner().invoke(
        replay, [str(path), "--payments", "2", "--seed", "9", "--workers", "1"]
    )
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "MIXED at 25 %: balances sum to 7" in line and "--seed 9" in line
