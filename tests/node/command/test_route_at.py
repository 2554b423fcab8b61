"""`pledgeway route --at` against a fake node: what it hears, and what its answers become."""

import json
from pathlib import Path
from typing import Any

import pytest

from pathfinder.answer_json import answer_as_json
from pathfinder.core.search import find_route
from pathfinder.question import RouteQuestion
from tests.node.command.conftest import FakeNode
from tests.node.command.test_network_commands import FILE, network_file, one_line
from tests.pathfinder.compare import graph_of

pytestmark = pytest.mark.edge


def answer(amount: int = 1000, payee: str = "Q") -> dict[str, Any]:
    question = RouteQuestion("P", payee, amount)
    return answer_as_json(find_route(graph_of(FILE), question), with_reasons=False)


def says_route(fake: FakeNode, said: dict[str, Any]) -> None:
    asked = {"from": "P", "to": "Q", "brand": "USD"}
    fake.says("route", {"json": {"answer": said, "asked": asked}})


@pytest.mark.parametrize("option", ["--at", "--node"])
def test_a_route_by_a_node(fake: FakeNode, option: str) -> None:
    says_route(fake, answer() | {"löwe": 7})
    args = ("route", option, str(fake.directory), "--to", "Q", "--amount", "1000")
    result = fake.run(*args, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == answer() | {"löwe": 7}
    assert fake.heard[1] == {"to": "Q", "amount": 1000, "max_hops": 20, "explain": False}
    shown = fake.run(*args)
    assert "P → A" in shown.stdout and "so that Q receives 1000" in shown.stdout


def test_everything_that_is_asked_reaches_the_node(fake: FakeNode) -> None:
    says_route(fake, answer())
    args = ("--registry", "R1", "--last-level", "BARE", "--brand", "USD", "--max-hops", "3")
    result = fake.run("route", "--from", "P", "--to", "Q", "--amount", "7", *args, "--explain")
    assert result.exit_code == 0, result.output
    assert fake.heard == (
        "route",
        {
            "from": "P",
            "to": "Q",
            "amount": 7,
            "brand": "USD",
            "registries": ["R1"],
            "last_levels": ["BARE"],
            "max_hops": 3,
            "explain": True,
        },
    )


def test_no_route_by_a_node(fake: FakeNode) -> None:
    reason = {
        "rule": "V10", "node": "P", "line": ["P", "A"], "figure": 5, "text": "line P→A is short",
        "chain": ["P", "A"], "levels": ["BARE"], "registry": None, "cost": 9,
    }  # fmt: skip
    says_route(fake, {"found": False, "exact": True, "reasons": [reason]})
    result = fake.run("route", "--to", "Q", "--amount", "7")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "No chain lets Q receive 7 USD from P." in result.stdout
    assert "V10  line P→A is short" in result.stdout


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("to: no node Zoe is known here", "--to: no node Zoe"),
        ("registries: no registry X", "--registry: no registry X"),
        ("last_levels: none", "--last-level: none"),
        ("max_hops: must lie between 1 and 20", "--max-hops: must lie"),
    ],
)
def test_a_question_that_the_node_cannot_be_asked(fake: FakeNode, message: str, said: str) -> None:
    fake.says("route", {"failure": {"code": "BAD_ARGUMENT", "message": message}})
    line = one_line(fake.run("route", "--to", "Zoe", "--amount", "7"), 2)
    assert line.startswith("pledgeway route: ") and said in line


def test_an_answer_that_is_none(fake: FakeNode) -> None:
    says_route(fake, {"found": True})
    result = fake.run("route", "--to", "Q", "--amount", "7")
    assert "cannot be read" in one_line(result, 2)


def test_the_node_of_the_environment_gives_way_to_a_file(fake: FakeNode, tmp_path: Path) -> None:
    args = ("--from", "P", "--to", "Q", "--amount", "1000", "--json")
    result = fake.run("route", "--network", network_file(tmp_path), *args)
    assert json.loads(result.stdout) == answer()
    assert (fake.directory / "heard.jsonl").read_text() == ""
