"""What people and programs see of an answer: the node's JSON untouched, or a table."""

import json
from typing import Any

import pytest

from node.command.fees import risk_of
from proto.modes import Mode
from tests.node.command.answers import ANSWERS, AUDIT, FEES, LINE, PAYMENT, PLAN, REQUEST, STATUS
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge

CARD = "pledgeway-card:xyz"
ASKED = {
    "status": ["node", "status"],
    "card": ["node", "card"],
    "stop": ["node", "stop"],
    "incidents": ["node", "incidents"],
    "audit": ["node", "audit"],
    "balance": ["balance"],
    "peer.add": ["node", "peer", "add", CARD],
    "peer.list": ["node", "peer", "list"],
    "network.learned": ["network", "learned"],
    "network.forget": ["network", "forget", "--line", "Bob-Carol"],
    "registry.add": ["node", "registry", "add", "-"],
    "registry.accept": ["node", "registry", "accept", "Harbour"],
    "registry.list": ["node", "registry", "list"],
    "policy.add": ["node", "policy", "add", "harbours", "--member", "R1", "--member", "R2"],
    "policy.list": ["node", "policy", "list"],
    "policy.drop": ["node", "policy", "drop", "harbours"],
    "line.offer": ["line", "offer", CARD, "--brand", "USD", "--limit", "1"],
    "line.accept": ["line", "accept", "Bob", "--limit", "1"],
    "line.limit": ["line", "limit", "Bob", "1"],
    "line.close": ["line", "close", "Bob"],
    "line.list": ["line", "list"],
    "fees.show": ["fees", "show"],
    "fees.set": ["fees", "set", "--watch"],
    "request.create": ["request", "create", "700", "USD"],
    "request.show": ["request", "show", "4f"],
    "request.confirm": ["request", "confirm", "4f"],
    "request.decline": ["request", "decline", "4f"],
    "request.list": ["request", "list"],
    "pay.plan": ["pay", "pledgeway-request:abc", "--dry-run"],
    "payment.show": ["payment", "show", "9a"],
    "payment.list": ["payment", "list"],
    "payment.abandon": ["payment", "abandon", "9a"],
    "payment.evidence": ["payment", "evidence", "9a"],
    "payment.receipt": ["payment", "receipt", "9a"],
    "request.receipt": ["request", "receipt", "4f"],
}
FILES = {"payment.evidence", "payment.receipt", "request.receipt"}  # people name a file for them


def test_every_verb_is_asked() -> None:
    assert {*ASKED} == {*ANSWERS}


@pytest.mark.parametrize("verb", ASKED)
def test_json_is_exactly_what_the_node_said(fake: FakeNode, verb: str) -> None:
    # Odd spacing and a key that nobody knows: nothing in between may write it anew.
    raw = json.dumps({**ANSWERS[verb], "löwe": [1, 2]}, indent=3)
    fake.says(verb, {"raw": raw})
    result = fake.run(*ASKED[verb], "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == raw + "\n"


@pytest.mark.parametrize("verb", [verb for verb in ASKED if verb not in FILES])
def test_people_get_no_json(fake: FakeNode, verb: str) -> None:
    result = fake.run(*ASKED[verb])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.strip()
    assert "None" not in result.stdout
    assert "{" not in result.stdout


SPARSE: dict[str, Any] = {
    "status": {"node": "aa", "alias": "A"},
    "audit": {"ok": True},
    "fees.show": {},
    "pay.plan": {"found": True},
}


@pytest.mark.parametrize("verb", [verb for verb in ASKED if verb not in FILES])
def test_an_answer_of_another_version_is_shown_as_well_as_may_be(fake: FakeNode, verb: str) -> None:
    fake.says(verb, {"json": SPARSE.get(verb, {})})
    result = fake.run(*ASKED[verb])
    assert result.exit_code == 0, result.output


def shown(fake: FakeNode, *args: str) -> list[list[str]]:
    """Rows as words."""
    result = fake.run(*args)
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()]


def test_status(fake: FakeNode) -> None:
    rows = shown(fake, "node", "status")
    assert ["node", STATUS["node"]] in rows
    assert ["running", "for", "1", "d", "2", "h"] in rows
    assert ["payments", "0", "live,", "3", "committed,", "1", "aborted"] in rows
    assert ["books", "/x/node.db,", "3.5", "MiB"] in rows
    assert ["Bob", "b0b0b0b0b0", "127.0.0.1:7002", "connected", "0"] in rows
    assert ["Harbour", "a5a5a5a5a5", "accepted"] in rows


def test_a_light_node_says_whom_it_asks(fake: FakeNode) -> None:
    one = {"node": "f1" * 32, "alias": "Finder", "address": "127.0.0.1:7600", "asked": 3}
    two = one | {"alias": "Liar", "trouble": "path finder Liar cannot be reached"}
    fake.says("status", {"json": STATUS | {"pathfinders": [one | {"trouble": None}, two]}})
    rows = shown(fake, "node", "status")
    assert ["known", "network", "none:", "it", "asks", "path", "finders"] in rows
    assert ["Finder", "127.0.0.1:7600", "3", "well"] in rows
    assert any(row[:1] == ["Liar"] and row[-3:] == ["cannot", "be", "reached"] for row in rows)


def test_a_payment_says_which_path_finder_failed(fake: FakeNode) -> None:
    trouble = {"rule": "PATHFINDER_SILENT", "text": "path finder F cannot be reached", "figure": 0}
    other = {"rule": "V10", "text": "line A→B is short by 3 USD", "figure": 3}
    because = {"reason": "NO_ROUTE", "figure": 0}
    failed = PAYMENT | {"phase": "ABORTED", "because": because, "reasons": [trouble, other]}
    fake.says("pay", {"json": failed})
    result = fake.run("pay", "pledgeway-request:abc")
    assert result.exit_code == 1
    assert result.stderr.endswith("not paid: path finder F cannot be reached\n")
    lines = result.stdout.splitlines()
    assert "Not answered: path finder F cannot be reached" in lines
    assert lines[-2] == "Nearest rejected chains:" and "line A→B is short by 3 USD" in lines[-1]
    assert not any("cannot be reached" in line for line in lines[-2:])


def test_lines(fake: FakeNode) -> None:
    [row] = [row for row in shown(fake, "line", "list") if row[:1] == ["Bob/USD"]]
    assert " ".join(row) == (
        "Bob/USD 1f1f1f1f1f OPEN -300 USD 19700 of 20000 USD 50300 of 50000 USD"
        " 40 USD in 2 0 USD connected"
    )


def test_amounts_carry_their_unit(fake: FakeNode) -> None:
    for args in (["line", "list"], ["balance"], ["payment", "list"], ["request", "list"]):
        for line in fake.run(*args).stdout.replace(";", " ").splitlines():
            for word, after in zip(line.split(), [*line.split()[1:], ""], strict=True):
                # "in 2" counts promises, "of" stands before the unit; a date is no amount.
                if word.lstrip("-").isdigit() and after not in ("of", "0"):
                    assert after == "USD", line


def test_nothing_there_says_what_to_do(fake: FakeNode) -> None:
    for verb, answer, words in (
        ("line.list", {"lines": []}, "pledgeway line offer"),
        ("request.list", {"requests": []}, "pledgeway request create"),
        ("payment.list", {"payments": []}, "pledgeway pay"),
        ("registry.list", {"registries": []}, "pledgeway node registry add"),
    ):
        fake.says(verb, {"json": answer})
        assert words in fake.run(*ASKED[verb]).stdout


def test_fees_are_a_table_of_pairs(fake: FakeNode) -> None:
    rows = shown(fake, "fees", "show")
    assert rows[1] == ["holds", "\\", "gives", "BARE", "SECURED", "ATOMIC", "PROXY"]
    table = {row[0]: " ".join(row[1:]) for row in rows[3:7]}
    late = "BARE not watching*"
    assert table == {
        "BARE": f"BARE 100005 {late} {late} BARE 100005",
        "SECURED": "SECURED 100005 SECURED 100005 ATOMIC 100005 ATOMIC 100005",
        "ATOMIC": "GATEWAY refused GATEWAY refused ATOMIC 100005 ATOMIC 100005",
        "PROXY": f"never used never used {late} BARE 100005",
    }
    fake.says("fees.show", {"json": {**FEES, "watches_registry": True}})
    assert shown(fake, "fees", "show")[3][:5] == ["BARE", "BARE", "100005", "BARE", "100005*"]


def test_fees_say_what_each_mode_risks(fake: FakeNode) -> None:
    text = fake.run("fees", "show").stdout
    for mode in Mode:
        [row] = [row for row in text.splitlines() if row.rstrip().endswith(f" {risk_of(mode)}")]
        assert row.split()[0] == mode.name
    assert risk_of(Mode.ATOMIC) == "nothing"
    assert "registry" in risk_of(Mode.GATEWAY)
    assert "before" in risk_of(Mode.BARE)


def test_books_that_do_not_add_up_are_a_no(fake: FakeNode) -> None:
    fake.says("audit", {"json": {**AUDIT, "ok": False, "problems": ["line 1f: off by 3"]}})
    for more in ([], ["--json"]):
        result = fake.run("node", "audit", *more)
        assert result.exit_code == 1
        assert "line 1f: off by 3" in result.stdout


def test_a_plan_that_finds_nothing_is_a_no(fake: FakeNode) -> None:
    reasons = [
        {"rule": "V10", "node": "Bob", "line": None, "figure": 350, "text": "line short by 350"},
        {"rule": "NO_PATH", "node": None, "line": None, "figure": 0, "text": "nothing known"},
    ]
    about = {"amount": 700, "brand": "USD", "payee": "ca" * 32, "payee_alias": "Carol"}
    fake.says("pay.plan", {"json": {"found": False, "exact": False, "reasons": reasons, **about}})
    result = fake.run("pay", "pledgeway-request:abc", "--dry-run")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "No chain of promises lets Carol receive 700 USD.",
        "The search gave up early: there may be a better chain.",
        "Nearest rejected chains:",
        "  V10  line short by 350",
        "  nothing known",
    ]
    assert fake.run("pay", "pledgeway-request:abc", "--dry-run", "--json").exit_code == 1


def test_a_plan(fake: FakeNode) -> None:
    rows = shown(fake, "pay", "pledgeway-request:abc", "--dry-run")
    assert ["cost", "705", "USD"] in rows
    assert ["fee", "5", "USD"] in rows
    assert ["Alice", "Bob", "ATOMIC", "705", "USD", "payer"] in rows
    assert ["Bob", "Carol", "ATOMIC", "700", "USD", "ATOMIC"] in rows
    fake.says("pay.plan", {"json": {**PLAN, "registry": None}})
    text = fake.run("pay", "pledgeway-request:abc", "--dry-run").stdout
    assert "every promise is bare" in text
    assert "decided" not in text


def test_strangers_cannot_paint_the_terminal(fake: FakeNode) -> None:
    evil = "\x1b[2J\r\u202eevil[red]\n"
    answers: dict[str, dict[str, Any]] = {
        "line.list": {"lines": [{**LINE, "alias": evil}]},
        "request.show": {**REQUEST, "description": evil},
        "registry.list": {"registries": [{"id": "a5", "name": evil, "accepted": True}]},
    }
    for verb, answer in answers.items():
        fake.says(verb, {"json": answer})
        text = fake.run(*ASKED[verb]).stdout
        assert "evil[red]" in text
        assert not {"\x1b", "\r", "\u202e"} & {*text}
