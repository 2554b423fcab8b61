"""`pledgeway verify sale` and `sale show --evidence`: exit statuses, words, JSON."""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from proto.sale.papers import SalePapers
from tests.node.command.conftest import FakeNode
from tests.node.command.sale_answers import answers
from tests.node.sale.papers_table import handed_at, papers


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args)], env={"NO_COLOR": "1"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lamp.sale"


def at(stage: str, file: Path, name: str = "bob") -> SalePapers:
    shown = papers(handed_at(stage), name)
    file.write_bytes(shown.encode())
    return shown


def test_a_released_sale(file: Path) -> None:
    at("voted", file)
    result = run("verify", "sale", file)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "RELEASED: the price is the seller's"
    assert any("seller" in line and "1150 Deposit" in line for line in lines)
    assert "Missing" not in result.stdout
    told = json.loads(run("verify", "sale", file, "--json").stdout)
    assert (told["valid"], told["concluded"], told["branch"]) == (True, True, "RELEASED")
    owed = {one["role"]: one["amount"] for one in told["house_owes"]}
    assert owed == {"BUYER": 100, "SELLER": 1150, "AGENT": 1220}
    assert told["missing"] == []


@pytest.mark.parametrize(
    ("stage", "words"),
    [("opened", "both reveals"), ("agreed", "T1 (LOCK)"), ("locked", "T2 (RELEASE)")],
)
def test_what_proves_no_end_names_what_is_missing(stage: str, words: str, file: Path) -> None:
    at(stage, file)
    result = run("verify", "sale", file)
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT DECIDED")
    assert words in result.stdout.partition("Missing to prove more:")[2]
    told = json.loads(run("verify", "sale", file, "--json").stdout)
    assert (told["valid"], told["code"], told["branch"]) == (True, "NO_OUTCOME", None)


def test_a_paper_of_another_sale_is_named(file: Path) -> None:
    shown = at("voted", file)
    other = papers(handed_at("voted", price=1100), "bob")
    file.write_bytes(replace(shown, promise=other.promise).encode())
    result = run("verify", "sale", file)
    assert result.exit_code == 1
    assert result.stdout == (
        "PROVES NOTHING (PROMISE): the house's promise: it is for another pool, or another T0\n"
    )
    told = json.loads(run("verify", "sale", file, "--json").stdout)
    assert (told["valid"], told["code"]) == (False, "PROMISE")


def test_without_a_record_it_says_how_to_give_one(file: Path, tmp_path: Path) -> None:
    shown = at("voted", file)
    file.write_bytes(replace(shown, records=()).encode())
    result = run("verify", "sale", file)
    assert result.exit_code == 1
    assert "no record is at hand" in result.stdout
    record = tmp_path / "registry.record"
    record.write_bytes(shown.records[0].signed)
    assert run("verify", "sale", file, "--record", record).exit_code == 0


@pytest.mark.parametrize("data", [b"", b"{}", b"no file of a sale"])
def test_what_cannot_be_read(data: bytes, file: Path) -> None:
    file.write_bytes(data)
    result = run("verify", "sale", file)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "sale show ID --evidence FILE" in result.stderr


def test_a_file_that_is_not_there(file: Path) -> None:
    result = run("verify", "sale", file)
    assert result.exit_code == 2
    assert result.stderr == f"pledgeway verify sale: {file}: No such file or directory\n"


def test_verify_alone_says_which_command_reads_it(file: Path) -> None:
    at("voted", file)
    result = run("verify", file)
    assert result.exit_code == 2
    assert f"pledgeway verify sale {file}" in result.stderr


@pytest.mark.edge
def test_sale_show_writes_the_papers(fake: FakeNode, file: Path) -> None:
    shown = papers(handed_at("voted"), "bob").encode()
    table = {
        "sale.evidence": [{"json": {"id": "4f1c", "file": b64encode(shown).decode()}}],
        "sale.show": [{"json": answers()["ended"]}],
    }
    (fake.directory / "replies.json").write_text(json.dumps(table))
    result = fake.run("sale", "show", "4f1c", "--evidence", str(file))
    assert result.exit_code == 0, result.output
    assert file.read_bytes() == shown
    assert f"pledgeway verify sale {file}" in result.stdout
    assert run("verify", "sale", file).exit_code == 0
    again = fake.run("sale", "show", "4f1c", "--evidence", str(file))
    assert again.exit_code == 2  # a file is never overwritten
    both = fake.run("sale", "show", "4f1c", "--follow", "--evidence", "x")
    assert both.exit_code == 2
