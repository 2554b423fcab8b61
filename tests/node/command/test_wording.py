"""What is said where a question does not fit: in the words that were typed, with a next step."""

import json
from typing import Any

import pytest

from tests.node.command.answers import ABORTED, PLAN
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge

REQUEST = "pledgeway-request:x"
NO_ROUTE = {"reason": "NO_ROUTE", "figure": 0}
SILENT = {"rule": "PATHFINDER_SILENT", "text": "path finder F cannot be reached", "figure": 0}
SHORT = {"code": "CREDIT_SHORT", "rule": "V10", "figure": 5, "unit": "brand", "text": "it is short"}


@pytest.mark.parametrize(
    ("verb", "arguments", "said", "told"),
    [
        (
            "pay.plan",
            ["pay", REQUEST, "--dry-run", "--avoid", "Z"],
            "avoid",
            "--avoid",
        ),
        ("pay.plan", ["pay", REQUEST, "--dry-run"], "registries", "--registry"),
        ("network.show", ["network", "show", "Nobody"], "node", "NODE"),
        ("status", ["node", "status"], "nothing typed", "nothing typed"),
    ],
)
def test_arguments_are_named_as_typed(
    fake: FakeNode, verb: str, arguments: list[str], said: str, told: str
) -> None:
    fake.says(verb, {"failure": {"code": "BAD_ARGUMENT", "message": f"{said}: no such: thing"}})
    result = fake.run(*arguments)
    assert (result.exit_code, result.stderr) == (2, f"pledgeway: {told}: no such: thing\n")
    failure = json.loads(fake.run(*arguments, "--json").stdout)["failure"]
    assert failure["message"] == f"{said}: no such: thing", "programs get what the node said"


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("network.learned", ["network", "learned"]),
        ("balance", ["balance"]),
        ("pay", ["pay", REQUEST]),
    ],
)
def test_a_daemon_that_has_no_such_verb(fake: FakeNode, verb: str, arguments: list[str]) -> None:
    fake.says(verb, {"unknown": True})
    result = fake.run(*arguments)
    assert result.exit_code == 2, "nothing happened, so nothing is unknown"
    assert result.stderr.count("\n") == 1 and "does not answer that: ask a node" in result.stderr
    failure = json.loads(fake.run(*arguments, "--json").stdout)["failure"]
    assert failure["code"] == "NOT_ANSWERED"


@pytest.mark.parametrize(("reasons", "sends_on"), [([SHORT], False), ([], True)])
def test_why_a_payment_failed_stands_there_once(
    fake: FakeNode, reasons: list[dict[str, Any]], sends_on: bool
) -> None:
    fake.says("payment.show", {"json": {**ABORTED, "because": NO_ROUTE, "reasons": reasons}})
    text = fake.run("payment", "show", "9a").stdout
    assert "no chain of promises reaches the payee" in text
    assert ("`pledgeway payment show` says why" in text) is sends_on


def test_path_finders_that_are_silent_are_no_proof(fake: FakeNode) -> None:
    plan = {**PLAN, "found": False, "exact": False, "hops": [], "reasons": [SILENT]}
    fake.says("pay.plan", {"json": plan})
    text = fake.run("pay", REQUEST, "--dry-run").stdout
    assert "No chain of promises" not in text and "gave up early" not in text
    assert "not everybody who was asked answered" in text
    assert "Not answered: path finder F cannot be reached" in text
    assert "`pledgeway node pathfinder use CARD`" in text


def test_max_sendable_finds_its_node_as_route_does(fake: FakeNode) -> None:
    fake.says("max_sendable", {"failure": {"code": "NOT_FOUND", "message": "heard"}})
    directory = str(fake.directory)
    for more, env in ((["--node", directory], None), (["--at", directory], None), ([], directory)):
        result = fake.run("max-sendable", "--to", "Q", *more, env={"PLEDGEWAY_NODE": env})
        assert (result.exit_code, result.stderr) == (1, "pledgeway: heard\n")
