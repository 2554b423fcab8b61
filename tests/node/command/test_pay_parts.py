"""`pledgeway pay --parts`: what is asked of the node, and how several chains are shown."""

import json
from typing import Any

import pytest

from tests.node.command.answers import PAYMENT, PLAN
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge

TEXT = "pledgeway-request:abc"


def chain(inner: str, amount: int, cost: int) -> dict[str, Any]:
    hops = [
        {"from": "Alice", "to": inner, "level": "ATOMIC", "amount": cost},
        {"from": inner, "to": "Carol", "level": "ATOMIC", "amount": amount},
    ]
    return {"amount": amount, "cost": cost, "hops": hops, "modes": {inner: "ATOMIC"}}


PARTS = [chain("Bob", 400, 403), chain("Dan", 300, 302)]
SPLIT: dict[str, Any] = {**PLAN, "parts": PARTS, "hops": PARTS[0]["hops"]}


@pytest.mark.parametrize("parts", [1, 3, 16])
def test_the_node_is_told_how_many(fake: FakeNode, parts: int) -> None:
    fake.says("pay.plan", {"json": SPLIT})
    assert fake.run("pay", TEXT, "--dry-run", "--parts", str(parts)).exit_code == 0
    assert fake.heard == ("pay.plan", {"request": TEXT, "parts": parts})


def test_nothing_is_said_about_parts_by_itself(fake: FakeNode) -> None:
    fake.says("pay.plan", {"json": SPLIT})
    fake.run("pay", TEXT, "--dry-run")
    assert "parts" not in fake.heard[1]


@pytest.mark.parametrize("parts", ["0", "17", "two", "-1", "1.5"])
def test_unusable_numbers_of_parts(fake: FakeNode, parts: str) -> None:
    result = fake.run("pay", TEXT, "--parts", parts)
    assert result.exit_code == 2 and "--parts" in result.stderr


def test_every_part_is_shown(fake: FakeNode) -> None:
    fake.says("pay.plan", {"json": SPLIT})
    shown = fake.run("pay", TEXT, "--dry-run").stdout
    assert "part 1 of 2: 400 USD at a cost of 403 USD" in shown
    assert "part 2 of 2: 300 USD at a cost of 302 USD" in shown
    assert shown.index("Bob") < shown.index("part 2 of 2") < shown.index("Dan")


def test_a_payment_shows_its_parts(fake: FakeNode) -> None:
    fake.says("payment.show", {"json": {**PAYMENT, "parts": PARTS, "hops": PARTS[0]["hops"]}})
    shown = fake.run("payment", "show", "9a9a").stdout
    assert "part 2 of 2: 300 USD" in shown and shown.count("Carol") == 3


def test_a_single_chain_is_shown_as_ever(fake: FakeNode) -> None:
    fake.says("pay.plan", {"json": {**SPLIT, "parts": PARTS[:1]}})
    one = fake.run("pay", TEXT, "--dry-run").stdout
    fake.says("pay.plan", {"json": {k: v for k, v in SPLIT.items() if k != "parts"}})
    assert one == fake.run("pay", TEXT, "--dry-run").stdout and "part 1" not in one


def test_json_is_what_the_node_said(fake: FakeNode) -> None:
    fake.says("pay.plan", {"json": SPLIT})
    assert json.loads(fake.run("pay", TEXT, "--dry-run", "--json").stdout) == SPLIT
