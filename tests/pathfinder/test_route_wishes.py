"""The options of `pledgeway route` that narrow a question or ask for several chains."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.route import route
from tests.pathfinder.test_parts import net_of
from tests.pathfinder.test_search import FEES

LINES = "PA60 AQ60 PB50 BQ50 PC40 CQ40 AB9"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """By way of A it costs nothing, by way of B one unit, by way of C two; D's name is odd."""
    net = net_of(LINES, B={"fees": _flat(1)}, C={"fees": _flat(2)})
    net["nodes"]["D→Q"] = {"accepts": ["R"], "fees": _flat(3)}
    for ends in (("P", "D→Q"), ("D→Q", "Q")):
        line = {"from": ends[0], "to": ends[1], "brand": "USD", "available": 30}
        net["lines"].append(line)
    path = tmp_path / "net.json"
    path.write_text(json.dumps(net))
    return path


def _flat(fee: int) -> dict[str, Any]:
    return {mode: {"flat": fee} for mode in FEES}


def run(file: Path, *more: str, amount: str = "20") -> Result:
    args = ["--network", str(file), "--from", "P", "--to", "Q", "--amount", amount, *more]
    return CliRunner().invoke(route, args)


def ask(file: Path, *more: str, amount: str = "20") -> Any:
    result = run(file, "--json", *more, amount=amount)
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["found"] else 1)
    return answer


def middle(answer: Any) -> list[str]:
    return [hop["to"] for hop in answer["hops"][:-1]]


def levels(answer: Any) -> list[str]:
    return [hop["level"] for hop in answer["hops"]]


@pytest.mark.parametrize(
    ("more", "through"),
    [
        ([], ["A"]),
        (["--avoid", "A"], ["B"]),
        (["--avoid", "A", "--avoid", "B"], ["C"]),
        (["--avoid", "P→A"], ["B"]),
        (["--avoid", "A->Q", "--avoid", "B-Q"], ["C"]),
        (["--avoid-line", "P", "A", "--avoid", "B", "--avoid", "C"], ["D→Q"]),
        (["--avoid", "A", "--avoid", "B", "--avoid", "C", "--avoid", "P→D→Q"], None),
        (["--avoid", "A", "--avoid", "B", "--avoid", "C", "--avoid", "D→Q→Q"], None),
        (["--max-cost", "20"], ["A"]),
        (["--max-cost", "20", "--avoid", "A"], None),
        (["--max-cost", "21", "--avoid", "A"], ["B"]),
    ],
)
def test_who_stands_in_between(file: Path, more: list[str], through: list[str] | None) -> None:
    answer = ask(file, *more)
    assert answer["found"] == (through is not None)
    assert through is None or middle(answer) == through


def test_levels_of_promises(file: Path) -> None:
    assert set(levels(ask(file, "--level", "BARE"))) == {"BARE"}
    assert levels(ask(file, "--first-level", "SECURED"))[0] == "SECURED"
    assert not ask(file, "--level", "BARE", "--first-level", "ATOMIC")["found"]


def test_total_risk(file: Path) -> None:
    bare = ["--last-level", "BARE", "--first-level", "BARE"]
    assert ask(file, *bare)["modes"] == {"A": "BARE"}
    assert not ask(file, *bare, "--max-risk", "2")["found"]
    assert ask(file, *bare, "--max-risk", "3")["found"]
    assert ask(file, "--last-level", "BARE", "--max-risk", "1")["modes"] == {"A": "SECURED"}


def test_alternatives_differ_and_grow_dearer(file: Path) -> None:
    answer = ask(file, "--alternatives", "10")
    assert middle(answer) == ["A"] and answer["exact"]
    others = answer["alternatives"]
    assert [middle(other) for other in others] == [["B"], ["C"], ["D→Q"]]
    assert [other["cost"] for other in others] == [21, 22, 23]
    assert all(other["found"] and other["exact"] for other in others)
    assert answer["alternatives_exact"] is True
    assert set(others[0]) == set(answer) - {"alternatives", "alternatives_exact"}
    assert len(ask(file, "--alternatives", "2")["alternatives"]) == 2
    assert "alternatives" not in ask(file)


def test_alternatives_for_people(file: Path) -> None:
    text = run(file, "--alternatives", "1", "--explain").stdout
    assert text.index("P pays 20 USD") < text.index("Alternative 1, for 21 USD:")
    assert "No rule barred a cheaper chain." in text
    none = run(file, "--alternatives", "3", "--avoid", "B", "--avoid", "C", "--avoid", "D→Q")
    assert "There is no other chain." in none.stdout


def test_no_chain_no_alternatives(file: Path) -> None:
    answer = ask(file, "--alternatives", "3", amount="70")
    assert not answer["found"] and answer["alternatives"] == [] and answer["reasons"]


def test_parts(file: Path) -> None:
    answer = ask(file, "--parts", "3", amount="100")
    assert (answer["cost"], answer["exact"], answer["at_least"]) == (101, True, 101)
    assert [(middle(part), part["amount"]) for part in answer["parts"]] == [
        (["A"], 60),
        (["B"], 40),
    ]
    assert middle(answer) == ["A"] and answer["registry"] == "R"
    deadlines = {part["schedule"]["deadline_us"] for part in answer["parts"]}
    assert deadlines == {answer["schedule"]["deadline_us"]}
    for name in ("found", "exact", "registry", "brand"):
        assert name in answer and name not in answer["parts"][0]


def test_one_part_where_no_split_is_cheaper(file: Path) -> None:
    answer = ask(file, "--parts", "3")
    assert len(answer["parts"]) == 1 and answer["cost"] == 20 == answer["at_least"]
    text = run(file, "--parts", "3", "--avoid", "A").stdout
    assert "No split into up to 3 chains costs less." in text


def test_parts_for_people(file: Path) -> None:
    text = run(file, "--parts", "2", "--explain", amount="100").stdout
    assert "Part 1 of 2, 60 USD for 60:" in text and "Part 2 of 2, 40 USD for 41:" in text
    assert "P pays 101 USD over 2 chains, decided as one, so that Q receives 100: 1 in" in text
    assert "line P→A is short by 40 USD" in text or "line A→Q is short by 40 USD" in text


def test_no_split_helps(file: Path) -> None:
    answer = ask(file, "--parts", "4", amount="500")
    assert (answer["found"], answer["parts"], answer["at_least"]) == (False, [], None)
    reason = answer["reasons"][-1]
    assert (reason["rule"], reason["figure"]) == ("PARTS", 320)
    assert reason["text"].startswith("all lines together carry 180 USD at most, 320 too few: ")
    assert "P→A 60" in reason["text"] and "P→D→Q 30" in reason["text"]
    two = ask(file, "--parts", "2", amount="150")["reasons"][-1]
    assert two["text"] == "no split into up to 2 chains does either"
    assert "all lines together carry 180" in run(file, "--parts", "4", amount="500").stdout


BAD = [
    (["--avoid", "X"], "--avoid: no node X"),
    (["--avoid", "X\nY"], "--avoid: no node 'X\\nY'"),
    (["--avoid", "P"], "--avoid: P pays"),
    (["--avoid", "Q"], "--avoid: Q is paid"),
    (["--avoid-line", "P", "X"], "--avoid-line: no node X"),
    (["--avoid-line", "P"], "--avoid-line"),
    (["--avoid", "A"] * 65, "--avoid: more than 64"),
    (["--max-risk", "-1"], "--max-risk"),
    (["--max-risk", "58"], "--max-risk"),
    (["--max-risk", "1.0"], "--max-risk"),
    (["--max-risk", "9" * 5000], "--max-risk"),
    (["--max-risk", "٣"], "--max-risk"),
    (["--max-cost", "0"], "--max-cost"),
    (["--alternatives", "11"], "--alternatives"),
    (["--alternatives", "-1"], "--alternatives"),
    (["--parts", "0"], "--parts"),
    (["--parts", "17"], "--parts"),
    (["--parts", "2", "--alternatives", "2"], "--parts: not together with --alternatives"),
    (["--level", "GATEWAY"], "--level"),
    (["--first-level", "bare"], "--first-level"),
]


@pytest.mark.parametrize(("more", "said"), BAD)
def test_unusable_wishes(file: Path, more: list[str], said: str) -> None:
    result = run(file, *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and said in result.stderr
    assert len(result.stderr) < 6000


def test_help_explains_the_risks() -> None:
    text = " ".join(CliRunner().invoke(route, ["--help"]).stdout.split())
    for words in ("SECURED 1, GATEWAY 2, BARE 3", "--alternatives 3", "FROM→TO", "at least one of"):
        assert words in text
