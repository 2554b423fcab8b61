"""`pledgeway max-sendable` as a person or a script meets it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.max_sendable import max_sendable_
from tests.pathfinder.test_parts import net_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    net = net_of("PA60 AQ70 PB50 BQ40", A={"fees": {"ATOMIC": {"flat": 5}}})
    path = tmp_path / "net.json"
    path.write_text(json.dumps(net))
    return path


def run(file: Path, *more: str, payer: str = "P", payee: str = "Q") -> Result:
    args = ["--network", str(file), "--from", payer, "--to", payee, *more]
    return CliRunner().invoke(max_sendable_, args)


def ask(file: Path, *more: str) -> Any:
    result = run(file, "--json", *more)
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["amount"] else 1)
    return answer


def test_json(file: Path) -> None:
    answer = ask(file, "--parts", "2")
    assert (answer["amount"], answer["at_most"], answer["exact"]) == (95, 95, True)
    assert (answer["cost"], answer["brand"], answer["registry"]) == (100, "USD", "R")
    assert [(part["amount"], part["cost"]) for part in answer["routes"]] == [(55, 60), (40, 40)]
    assert answer["cut"] == 100
    assert answer["bottleneck"] == [
        {"from": "B", "to": "Q", "carries": 40, "used": 40},
        {"from": "P", "to": "A", "carries": 60, "used": 60},
    ]


@pytest.mark.parametrize(
    ("more", "amount"),
    [
        ([], 55),
        (["--avoid", "A"], 40),
        (["--avoid", "A", "--avoid", "P→B"], 0),
        (["--budget", "30"], 30),
        (["--max-cost", "30"], 30),
        (["--budget", "30", "--avoid", "B"], 25),
        (["--parts", "2", "--budget", "60"], 55),
        (["--max-hops", "1"], 0),
        (["--last-level", "ATOMIC", "--registry", "R"], 55),
        (["--level", "BARE"], 40),
        (["--max-risk", "0", "--level", "BARE"], 0),
        (["--brand", "USD", "--first-level", "ATOMIC"], 55),
    ],
)
def test_options(file: Path, more: list[str], amount: int) -> None:
    answer = ask(file, *more)
    assert (answer["amount"], answer["exact"]) == (amount, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "Q can receive 55 USD from P over one chain, for 60: 5 in fees."),
        ([], "more chains (--parts 2) may use it"),
        (["--parts", "2"], "over 2 chains, for 100: 5 in fees."),
        (["--parts", "2"], "They are full"),
        (["--parts", "2"], "P → A"),
        (["--budget", "30"], "The budget is spent"),
        (["--avoid", "A", "--avoid", "B"], "Q can receive nothing in USD from P."),
        (["--avoid", "A", "--avoid", "B"], "No lines lead there from the payer."),
        (["--level", "BARE", "--max-risk", "0"], "--amount 1 --explain"),
    ],
)
def test_for_people(file: Path, more: list[str], said: str) -> None:
    result = run(file, *more)
    assert result.stderr == ""
    assert said in " ".join(result.stdout.split())
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({"payer": "X"}, [], "--from: no node X"),
        ({"payee": "P"}, [], "--to: P cannot pay itself"),
        ({}, ["--brand", "EUR"], "--brand: no line in brand EUR"),
        ({}, ["--registry", "S"], "--registry: no registry or policy S"),
        ({}, ["--max-hops", "21"], "--max-hops"),
        ({}, ["--parts", "17"], "--parts"),
        ({}, ["--budget", "1e3"], "--budget"),
        ({}, ["--avoid", "Q"], "--avoid: Q is paid"),
        ({}, ["--at", "/nowhere"], "--network and --at exclude each other"),
        ({}, ["surplus"], "surplus"),
    ],
)
def test_unusable(file: Path, change: dict[str, str], more: list[str], said: str) -> None:
    result = run(file, *more, **change)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("pledgeway max-sendable: ")
    assert result.stderr.count("\n") == 1 and said in result.stderr


def test_what_is_missing() -> None:
    for args, said in (
        (["--to", "Q"], "--network, or the folder of a running node with --at"),
        (["--network", "net.json", "--to", "Q"], "--from"),
        (["--network", "net.json", "--from", "P"], "--to"),
    ):
        result = CliRunner().invoke(max_sendable_, args)
        assert (result.exit_code, result.stdout) == (2, "") and said in result.stderr


def test_help_teaches() -> None:
    text = CliRunner().invoke(max_sendable_, ["--help"]).stdout
    for word in ("Example:", "--budget", "Exit status", "at_most", "600", "--at ./alice"):
        assert word in text
    assert "\\b" not in text
