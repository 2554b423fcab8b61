"""`pledgeway route` as a person or a script meets it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.route import route
from tests.pathfinder.test_parts import net_of
from tests.pathfinder.test_search import worked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, worked("PAQ"))


def write(folder: Path, network: Any) -> Path:
    path = folder / "net.json"
    path.write_text(network if isinstance(network, str) else json.dumps(network))
    return path


def run(
    file: Path, *more: str, payer: str = "P", payee: str = "Q", amount: str = "100000"
) -> Result:
    args = ["--network", str(file), "--from", payer, "--to", payee, "--amount", amount, *more]
    return CliRunner().invoke(route, args)


def test_json(file: Path) -> None:
    result = run(file, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    assert answer.pop("schedule") == {
        "deadline_us": 10_000_000,
        "limit_us": 10_000_000,
        "expiries_us": [None, None, 12_000_000],
        "locks_us": [10_000_000, 10_000_000, 12_000_000],
    }
    assert answer == {
        "found": True,
        "exact": True,
        "cost": 100050,
        "registry": "R",
        "brand": "USD",
        "hops": [
            {"from": "P", "to": "A", "level": "ATOMIC", "amount": 100050},
            {"from": "A", "to": "B", "level": "ATOMIC", "amount": 100000},
            {"from": "B", "to": "Q", "level": "PROXY", "amount": 100000},
        ],
        "modes": {"A": "ATOMIC", "B": "ATOMIC"},
    }


def test_options_narrow_the_question(file: Path) -> None:
    bare = json.loads(run(file, "--json", "--last-level", "BARE").stdout)
    assert bare["hops"][-1]["level"] == "BARE"
    two = json.loads(run(file, "--json", "--last-level", "BARE", "--last-level", "PROXY").stdout)
    assert two["hops"][-1]["level"] == "PROXY"
    assert json.loads(run(file, "--json", "--registry", "R").stdout)["registry"] == "R"
    assert run(file, "--json", "--max-hops", "2").exit_code == 1
    assert run(file, "--json", "--brand", "USD").exit_code == 0


def test_all_bare_names_no_registry(tmp_path: Path) -> None:
    answer = json.loads(run(write(tmp_path, worked("")), "--json").stdout)
    assert answer["registry"] is None
    assert answer["cost"] == 101214


def test_no_chain(file: Path) -> None:
    result = run(file, "--json", amount="600000")
    assert (result.exit_code, result.stderr) == (1, "")
    answer = json.loads(result.stdout)
    assert (answer["found"], answer["exact"]) == (False, True)
    assert set(answer) == {"found", "exact", "reasons", "skipped", "labels"}
    assert (answer["skipped"], answer["labels"] > 0) == ([], True)
    assert {key: answer["reasons"][0][key] for key in ("code", "rule", "line", "figure")} == {
        "code": "CREDIT_SHORT",
        "rule": "V10",
        "line": ["P", "A"],
        "figure": 100300,
    }
    assert answer["reasons"][0]["bars"] == 3
    assert answer["reasons"][0]["text"] == "line P→A is short by 100300 USD"


def test_no_chain_for_people(file: Path) -> None:
    result = run(file, amount="600000")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "No chain lets Q receive 600000 USD from P." in result.stdout
    assert result.stdout.splitlines()[1:5] == [
        "Why:",
        "  P -ATOMIC→ A -ATOMIC→ B -PROXY→ Q under R would cost 600300 USD, but for all of:",
        "    V10  CREDIT_SHORT  100300 USD  line P→A is short by 100300 USD",
        "                                   → A can grant P 100300 USD more:"
        " `pledgeway line limit P LIMIT`",
    ]


def test_table(file: Path) -> None:
    result = run(file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "P → A" in result.stdout and "12.0 s" in result.stdout
    assert "P pays 100050 USD so that Q receives 100000: 50 (0.050 %) in fees." in result.stdout
    assert "\x1b" not in result.stdout


def test_explain(tmp_path: Path) -> None:
    file = write(tmp_path, worked("ABQ"))
    result = run(file, "--explain")
    assert result.exit_code == 0
    assert "Nearest rejected chains:" in result.stdout
    assert "P does not accept registry R" in result.stdout
    answer = json.loads(run(file, "--explain", "--json").stdout)
    assert {reason["rule"] for reason in answer["reasons"]} == {"V1"}
    assert all(reason["cost"] < answer["cost"] for reason in answer["reasons"])
    assert "reasons" not in json.loads(run(file, "--json").stdout)


def test_colours_only_where_they_are_wanted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run(file).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = run(file).stdout
    assert not any(f"\x1b[{code}m" in coloured for code in range(30, 48))


def test_nothing_is_folded_or_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a banking house with a name of many words"
    file = write(tmp_path, json.dumps(worked("PABQ")).replace('"A"', f'"{name}"'))
    monkeypatch.setenv("COLUMNS", "20")
    lines = run(file).stdout.splitlines()
    assert any(line.startswith(f"{name} → B ") and "100050" in line for line in lines), lines
    assert any("P pays" in line and "in fees." in line for line in lines)
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("amount", "more", "told"),
    [("900000", [], True), ("900000", ["--parts", "2"], False), ("1000", ["--avoid", "A"], False)],
)
def test_where_credit_is_short_several_chains_are_proposed(
    file: Path, amount: str, more: list[str], told: bool
) -> None:
    result = run(file, *more, amount=amount)
    assert result.exit_code == 1
    assert ("ask with --parts 4" in result.stdout) is told, result.stdout


def test_one_chain_is_no_split(file: Path) -> None:
    result = run(file, "--parts", "1", amount="900000")
    assert result.exit_code == 1 and "--parts 1 allows" in result.stdout
    assert "1 chains" not in result.stdout


def test_a_split_that_was_found_is_not_proposed(tmp_path: Path) -> None:
    network = net_of("PA60 AQ70 PB50 BQ40")
    result = run(write(tmp_path, json.dumps(network)), "--parts", "2", "--explain", amount="90")
    assert result.exit_code == 0 and "Part 2 of 2" in result.stdout
    assert "CREDIT_SHORT" in result.stdout and "ask with --parts" not in result.stdout


def test_names_are_no_markup(tmp_path: Path) -> None:
    network = worked("PABQ")
    text = json.dumps(network).replace('"A"', '"[red]A[/nothing]"')
    result = run(write(tmp_path, text))
    assert result.exit_code == 0
    assert "[red]A" in result.stdout


def test_help_teaches() -> None:
    result = CliRunner().invoke(route, ["--help"])
    assert result.exit_code == 0
    for word in ("--network", "Example:", "Exit status", "--last-level", "ATOMIC"):
        assert word in result.stdout


BAD = [
    ({"amount": "0"}, [], "--amount"),
    ({"amount": "-5"}, [], "--amount"),
    ({"amount": "9223372036854775808"}, [], "--amount"),
    ({"amount": "1" * 5000}, [], "--amount"),
    ({"amount": "1.5"}, [], "--amount"),
    ({"amount": "1_000"}, [], "--amount"),
    ({"amount": "٣"}, [], "--amount"),
    ({"amount": ""}, [], "--amount"),
    ({"payer": "X"}, [], "--from: no node X"),
    ({"payee": "X\nY"}, [], "--to: no node X\\nY"),
    ({"payee": "P"}, [], "--to: P cannot pay itself"),
    ({}, ["--brand", "EUR"], "--brand: no line in brand EUR"),
    ({}, ["--brand", ""], "--brand"),
    ({}, ["--registry", "S"], "--registry: no registry or policy S"),
    ({}, ["--last-level", "GATEWAY"], "--last-level"),
    ({}, ["--last-level", "atomic"], "--last-level"),
    ({}, ["--max-hops", "0"], "--max-hops"),
    ({}, ["--max-hops", "21"], "--max-hops"),
    ({}, ["--colour"], "--colour"),
    ({}, ["surplus"], "surplus"),
]


@pytest.mark.parametrize(("change", "more", "said"), BAD)
def test_unusable_questions(file: Path, change: dict[str, str], more: list[str], said: str) -> None:
    result = run(file, *more, **change)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and said in result.stderr


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["--from", "P"], "--to"),
        (["--from", "P", "--to", "Q", "--amount", "1"], "--network"),
        (["--network", "net.json", "--to", "Q", "--amount", "1"], "--from"),
        (["--network", "net.json", "--at", ".", "--to", "Q", "--amount", "1"], "exclude"),
    ],
)
def test_missing_options(given: list[str], missing: str) -> None:
    result = CliRunner().invoke(route, given, env={"PLEDGEWAY_NODE": None})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and missing in result.stderr


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 1"),
        ("not json", "line 1 column 1"),
        ('{"nodes": {"A": {"fees": {"ATOMIC": {"rate": 1}}}}}', "nodes.A.fees.ATOMIC.rate"),
        ('{"nodes": {}, "lines": [{}]}', "lines[0].from"),
    ],
)
def test_unusable_files(tmp_path: Path, text: str, place: str) -> None:
    path = write(tmp_path, text)
    result = run(path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"pledgeway route: {path}: {place}: ")
    assert result.stderr.count("\n") == 1


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.json"):
        result = run(path)
        assert (result.exit_code, result.stdout) == (2, ""), path
        assert result.stderr.count("\n") == 1


def test_several_brands(tmp_path: Path) -> None:
    network = worked("PABQ")
    network["lines"].append({"from": "P", "to": "Q", "brand": "EUR", "available": 7})
    path = write(tmp_path, network)
    result = run(path)
    assert result.exit_code == 2
    assert "several brands, name one of EUR, USD" in result.stderr
    assert run(path, "--brand", "USD").exit_code == 0


def test_no_lines_at_all(tmp_path: Path) -> None:
    network = worked("PABQ") | {"lines": []}
    path = write(tmp_path, network)
    result = run(path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["reasons"][0]["rule"] == "NO_PATH"
    assert run(path).exit_code == 1
