"""`pledgeway agent` against a node that only answers: what is asked, what people see."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from node.command.agent.bars import WIDTH, bar
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge

CARD = "pledgeway-card:abc"
LINE = "pledgeway-agent:abc"
DAY_US = 86_400 * 10**6
AGENT: Final[dict[str, Any]] = {
    "agent": "a6" * 32,
    "alias": "Ned",
    "own": False,
    "judges": "domains",
    "tip": 5,
    "tip_permille": 12,
    "bond_max": 2000,
    "brands": ["0d" * 16],
    "created_at_us": 1_800_000_000_000_000,
    "expires_at_us": 1_810_000_000_000_000,
    "open": True,
    "learned_at_us": 1_800_000_000_000_000,
}
GOOD: Final = {
    "state": "GOOD", "fault": None, "text": None, "noticed_at_us": None, "evidence": [],
    "sequence": 52, "head": "3f" * 32,
}  # fmt: skip
RATED: Final[dict[str, Any]] = {
    "score": 65,
    "good": 80,
    "bad": 15,
    "sales": 3,
    "votes_good": 3,
    "votes_bad": 1,
    "votes_missing": 2,
    "raters": 4,
    "raters_unknown": 1,
    "list": GOOD,
    "credit": "USD",
    "lines": 12,
    "cut": False,
    "half_life_us": 180 * DAY_US,
    "worth": "1/1",
}
VOTE: Final[dict[str, Any]] = {
    "sale": 3, "pool": "0b" * 32, "at_us": 1, "age_us": 3 * DAY_US, "voter": "b0" * 32,
    "voter_alias": "Bob", "success": True, "value": 100, "weight": 80, "taken": 80, "counts": 80,
}  # fmt: skip
SCORE: Final[dict[str, Any]] = {
    "agent": AGENT["agent"],
    "alias": "Ned",
    "brand": "0d" * 16,
    "name": "deposit-usd",
    "house": "e0" * 32,
    "house_alias": "House",
    **RATED,
}
EXPLAINED: Final = SCORE | {
    "votes": [
        VOTE,
        {**VOTE, "sale": 2, "success": False, "taken": 15, "counts": -15},
        {**VOTE, "sale": 1, "voter_alias": "Nobody", "weight": 0, "taken": 0, "counts": 0},
    ]
}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "agent.offer": {**AGENT, "own": True, "line": LINE, "listed_by": "House"},
    "agent.learn": {"agents": [AGENT], "learned": 1, "refused": 0, "more": False},
    "agent.list": {"agents": [{**AGENT, **RATED}], "more": 0, "price": None, "brand": None},
    "agent.score": EXPLAINED,
    "agent.forget": AGENT,
}


@pytest.fixture
def node(fake: FakeNode) -> FakeNode:
    says(fake)
    return fake


def says(fake: FakeNode, **other: dict[str, Any]) -> None:
    """The usual answers; `other`: to one verb without "agent."."""
    table = ANSWERS | {f"agent.{name}": answer for name, answer in other.items()}
    replies = {verb: [{"json": answer}] for verb, answer in table.items()}
    (fake.directory / "replies.json").write_text(json.dumps(replies))


def good(node: FakeNode, *args: str) -> str:
    result = node.run("agent", *args)
    assert result.exit_code == 0, (args, result.output)
    assert "None" not in result.output, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("args", "verb", "asked"),
    [
        (
            (
                *("offer", "--tip", "5", "--tip-permille", "12", "--bond-max", "2000"),
                *("--brand", "deposit-usd", "--brand", "0d0d", "--judges", "domains"),
                *("--days", "7", "--house", CARD),
            ),
            "offer",
            {
                "tip": 5,
                "tip_permille": 12,
                "bond_max": 2000,
                "brands": ["deposit-usd", "0d0d"],
                "judges": "domains",
                "days": 7,
                "house": CARD,
            },
        ),
        (
            ("offer", "--bond-max", "9"),
            "offer",
            {"tip": 0, "tip_permille": 0, "bond_max": 9, "brands": [], "judges": "", "days": 30},
        ),
        (("learn", LINE), "learn", {"line": LINE}),
        (
            ("learn", "--house", "House", "--brand", "deposit-usd"),
            "learn",
            {"house": "House", "brand": "deposit-usd"},
        ),
        (("list",), "list", {}),
        (
            ("list", "--brand", "x", "--price", "500", "--no-scores"),
            "list",
            {"brand": "x", "price": 500, "scores": False},
        ),
        (("score", "Ned"), "score", {"agent": "Ned"}),
        (
            (
                *("score", "Ned", "--brand", "x", "--explain", "--credit", "USD"),
                *("--half-life", "90", "--worth", "100/3"),
            ),
            "score",
            {
                "agent": "Ned",
                "brand": "x",
                "explain": True,
                "credit": "USD",
                "half_life_days": 90,
                "worth_credit": 100,
                "worth_deposit": 3,
            },
        ),
        (("forget", "Ned"), "forget", {"agent": "Ned"}),
    ],
    ids=lambda part: " ".join(part[:3]) if isinstance(part, tuple) else "",
)
def test_what_is_asked(
    node: FakeNode, args: tuple[str, ...], verb: str, asked: dict[str, Any]
) -> None:
    good(node, *args)
    assert node.heard == (f"agent.{verb}", asked)
    assert json.loads(good(node, *args, "--json")) == ANSWERS[f"agent.{verb}"]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("learn",), "LINE"),
        (("learn", LINE, "--house", "House", "--brand", "x"), "LINE"),
        (("learn", "--house", "House"), "--brand"),
        (("learn", LINE, "--brand", "x"), "--brand"),
        (("learn", "no-such-file"), "no-such-file"),
        (("offer",), "--bond-max"),
        (("offer", "--bond-max", "9", "--tip-permille", "1001"), "--tip-permille"),
        (("offer", "--bond-max", "9", "--days", "0"), "--days"),
        (("offer", "--bond-max", "-1"), "--bond-max"),
        (("score",), "AGENT"),
        (("score", "Ned", "--worth", "0/1"), "--worth"),
        (("score", "Ned", "--worth", "1/0"), "--worth"),
        (("score", "Ned", "--worth", "7"), "--worth"),
        (("score", "Ned", "--worth", "1/2/3"), "--worth"),
        (("score", "Ned", "--half-life", "0"), "--half-life"),
        (("list", "--price", "0"), "--price"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_what_cannot_be_used_is_named_in_one_line(
    node: FakeNode, args: tuple[str, ...], named: str
) -> None:
    result = node.run("agent", *args)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert named in line


def test_an_offer_goes_into_a_file_as_one_line(node: FakeNode, tmp_path: Path) -> None:
    assert good(node, "offer", "--bond-max", "9") == f"{LINE}\n"
    (tmp_path / "ned.agent").write_text(f"{LINE}\n")
    good(node, "learn", str(tmp_path / "ned.agent"))
    assert node.heard[1] == {"line": LINE}


def test_a_table_of_agents(node: FakeNode) -> None:
    text = good(node, "list")
    assert "Ned" in text and "5 + 1.2 %" in text and "65" in text and "3/1" in text
    told = {**AGENT, "tip_for_price": 11}
    unscored = {**told, "score": None, "why": "House does not answer"}
    bad = {**told, "score": None, "list": {**GOOD, "state": "BAD"}}
    own = {**told, "own": True, "open": False}
    says(node, list={"agents": [unscored, bad, own], "more": 7, "price": 500, "brand": None})
    text = good(node, "list", "--price", "500")
    assert "House does not answer" in text and "7 more are known" in text
    assert "not to be believed: `pledgeway agent score a6a6a6a6a6`" in text
    assert "Ned (you)" in text and "closed" in text and " 11 " in text
    says(node, list={"agents": [], "price": None, "brand": None})
    assert "agent learn LINE" in good(node, "list")


def test_a_score_is_explained(node: FakeNode) -> None:
    text = good(node, "score", "Ned", "--explain")
    assert "3 good, 1 bad, 2 missing" in text and "1 of whom none of your credit reaches" in text
    assert "entry 52, 3f3f3f3f3f" in text
    assert "12 lines in USD" in text and "Missing votes" in text
    assert "Nobody" not in text and "2 votes are not shown" in text
    lines = text.splitlines()
    (row,) = [line for line in lines if line.lstrip().startswith("3 ") and "Bob" in line]
    assert row.endswith("|" + "█" * WIDTH)
    (row,) = [line for line in lines if line.lstrip().startswith("2 ") and "Bob" in line]
    assert "███|" in row and not row.rstrip().endswith("█")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"sales": 0, "score": 0, "good": 0, "bad": 0}, "he has judged no sale"),
        ({"score": 0, "good": 0, "bad": 0}, "none of your credit leads to anybody"),
        ({"credit": None, "lines": 0}, "you have no lines"),
        ({"worth": "100/1"}, "100/1 of the deposit"),
        ({"cut": True}, "12 lines in USD and more"),
        (
            {
                "score": None,
                "list": {
                    "state": "DISOWNED", "fault": "REWRITTEN", "text": "another one now",
                    "noticed_at_us": 1_800_000_000_000_000, "evidence": ["QQ==", "Qg=="],
                },
            },
            "Do not believe this list: another one now",
        ),
        (
            {"list": {**GOOD, "fault": "SHORTENED", "text": "not shown", "noticed_at_us": 10**15}},
            "On 2001-09-09 01:46:40 UTC it was bad: not shown",
        ),
    ],
)  # fmt: skip
def test_where_nothing_is_known_or_to_be_believed_it_says_so(
    node: FakeNode, changed: dict[str, Any], told: str
) -> None:
    says(node, score=SCORE | changed)
    unknown = "score" in changed and changed["score"] is None
    result = node.run("agent", "score", "Ned")
    assert result.exit_code == (1 if unknown else 0)
    text = result.stdout
    assert told in text
    assert ("not known" in text) == unknown


@pytest.mark.parametrize(
    ("counts", "most", "drawn"),
    [
        (0, 0, " " * WIDTH + "|"),
        (5, 5, " " * WIDTH + "|" + "█" * WIDTH),
        (-5, 5, "█" * WIDTH + "|"),
        (1, 10**9, " " * WIDTH + "|█"),
        (-1, 10**9, " " * (WIDTH - 1) + "█|"),
    ],
)
def test_bars(counts: int, most: int, drawn: str) -> None:
    assert bar(counts, most) == drawn
