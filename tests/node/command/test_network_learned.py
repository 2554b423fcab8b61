"""`pledgeway network learned` and `network forget`, and a failed payment, as people read them."""

from typing import Any

import pytest

from tests.node.command.answers import ABORTED, LEARNED, PLAN
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge


def test_what_was_learned(fake: FakeNode) -> None:
    result = fake.run("network", "learned")
    assert (result.exit_code, result.stderr) == (0, "")
    row = result.stdout.splitlines()[2]
    for cell in ("Bob→Carol", "900 USD", "850 USD", "2026-11-18 11:07:40 UTC", "suspect"):
        assert cell in row, row
    assert "a line further along is short by 50 USD (2 times)" in row


def test_the_node_is_named_as_elsewhere_in_network(fake: FakeNode) -> None:
    directory = str(fake.directory)
    for option in ("--at", "--node"):
        done = fake.run("network", "learned", option, directory, env={"PLEDGEWAY_NODE": None})
        assert (done.exit_code, done.stderr) == (0, "")
        done = fake.run(
            "network", "forget", "--all", option, directory, env={"PLEDGEWAY_NODE": None}
        )
        assert (done.exit_code, done.stderr) == (0, "")


def test_nothing_was_learned(fake: FakeNode) -> None:
    fake.says("network.learned", {"json": {"lines": []}})
    assert fake.run("network", "learned").stdout == "No line has refused a payment lately.\n"


def test_a_code_of_a_newer_node_is_shown_as_it_is(fake: FakeNode) -> None:
    newer = {**LEARNED, "reason": "NEVER_HEARD_OF", "repeats": 0, "certain": True}
    fake.says("network.learned", {"json": {"lines": [newer]}})
    assert "NEVER_HEARD_OF" in fake.run("network", "learned").stdout


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [(["--line", "Bob-Carol"], {"line": "Bob-Carol"}), (["--all"], {"all": True})],
)
def test_forgetting(fake: FakeNode, arguments: list[str], asked: dict[str, Any]) -> None:
    result = fake.run("network", "forget", *arguments)
    assert (result.exit_code, result.stdout) == (0, "1 line forgotten\n")
    assert fake.heard == ("network.forget", asked)


@pytest.mark.parametrize("arguments", [[], ["--line", "A-B", "--all"], ["--line", ""]])
def test_forgetting_names_one_or_all(fake: FakeNode, arguments: list[str]) -> None:
    result = fake.run("network", "forget", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and "--all" in result.stderr


def test_a_failed_payment_tells_its_attempts(fake: FakeNode) -> None:
    blamed = [{"line": ["Bob", "Dora"], "asked": 700, "carries": 350}]
    tried = [
        {"attempt": 1, "reason": "NEXT_CREDIT_SHORT", "figure": 350, "cost": 705}
        | {"certain": True, "blamed": blamed},
        {"attempt": 2, "reason": "REFUSED_AHEAD", "figure": 0, "cost": 710}
        | {"certain": False, "blamed": [{"line": ["Eve", "Carol"], "asked": 700, "carries": 699}]},
        {"attempt": 3, "reason": "PAYEE_DECLINED", "figure": 0, "cost": 710, "blamed": []},
    ]
    fake.says("payment.show", {"json": {**ABORTED, "tried": tried, "despite": [["Bob", "Dora"]]}})
    lines = fake.run("payment", "show", "9a").stdout.splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("attempt") and "asked" in line]
    words = [line.split() for line in lines[start + 2 : start + 5]]
    assert [row[:3] for row in words] == [
        ["1", "705", "USD"],
        ["2", "710", "USD"],
        ["3", "710", "USD"],
    ]
    assert words[0][-3:] == ["Bob→Dora", "350", "USD"]
    assert "short by 350 USD" in lines[start + 2]
    assert "Eve→Carol (suspect)" in lines[start + 3]
    assert "the payee declined" in lines[start + 4] and "none is to blame" in lines[start + 4]
    assert any("goes over what refused lately: Bob→Dora" in line for line in lines)


def test_a_plan_names_what_was_left_out(fake: FakeNode) -> None:
    reason = {
        "code": "LEARNED",
        "rule": "LEARNED",
        "figure": 50,
        "unit": "brand",
        "text": "line Bob→Carol has just refused",
        "next_step": "wait",
        "chain": ["a1", "b0", "ca"],
        "levels": ["ATOMIC", "BARE"],
        "registry": "a5",
        "cost": 701,
        "bars": 1,
        "names": {"a1": "Alice", "b0": "Bob", "ca": "Carol", "a5": "Harbour"},
    }
    fake.says("pay.plan", {"json": {**PLAN, "reasons": [reason]}})
    text = fake.run("pay", "pledgeway-request:abc", "--dry-run").stdout
    assert "Alice -ATOMIC→ Bob -BARE→ Carol under Harbour would cost 701 USD, but for:" in text
    assert "LEARNED  50 USD  line Bob→Carol has just refused" in text
