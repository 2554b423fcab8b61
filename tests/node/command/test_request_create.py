"""What `request create` and `pay --amount` tell the node, and what they do not."""

from typing import Any

import pytest

from tests.node.command.answers import PLAN, REQUEST
from tests.node.command.conftest import FakeNode

pytestmark = pytest.mark.edge

TEXT = "pledgeway-request:abc"
KEY = "ab" * 32
USUAL: dict[str, Any] = {
    "brand": "USD",
    "description": "",
    "expires_s": 3600,
    "deadline_s": 60,
    "last_levels": [],
    "registries": None,
    "manual": False,
}
SAID: list[tuple[list[str], dict[str, Any]]] = [
    (["USD", "--min", "5", "--max", "700"], {"amount": 700, "amount_min": 5}),
    (["700", "USD", "--min", "5"], {"amount": 700, "amount_min": 5}),
    (["USD", "--max", "700"], {"amount": 700}),
    (["USD", "--open"], {"open": True}),
    (
        ["700", "USD", "--fees-by-payee", "--least", "680"],
        {"amount": 700, "amount_min": 680, "fees_by_payee": True},
    ),
    (
        [
            *("7", "USD", "--domain", "shop.example", "--order-hash", KEY, "--refund-to", "desk 3"),
            *("--retry-of", KEY, "--under", KEY, "--audience", "Al", "--session-nonce", KEY),
        ],
        {"amount": 7, "domain": "shop.example", "order_hash": KEY, "refund_to": "desk 3"}
        | {"retry_of": KEY, "under": KEY, "audience": "Al", "session_nonce": KEY},
    ),
    (
        ["7", "USD", "--requester", f"{KEY}:Shop: lamps", "--notify-url", "https://s/n"],
        {"amount": 7}
        | {"requester": {"key": KEY, "name": "Shop: lamps", "notify_url": "https://s/n"}},
    ),
    (["7", "USD", "--requester", KEY], {"amount": 7, "requester": {"key": KEY, "name": ""}}),
    (
        ["7", "USD", "--mandate", "500,1d,2000,20000,90d"],
        {"amount": 7}
        | {
            "mandate": {"per_payment": 500, "period_s": 86_400, "per_period": 2000, "total": 20000}
            | {"lasts_s": 7_776_000}
        },
    ),
]


@pytest.mark.parametrize(("args", "said"), SAID, ids=lambda v: " ".join(v)[:40])
def test_what_is_said(fake: FakeNode, args: list[str], said: dict[str, Any]) -> None:
    assert fake.run("request", "create", *args).exit_code == 0
    assert fake.heard == ("request.create", USUAL | said)


UNUSABLE = [
    (["USD"], "how much?"),
    ([], "Say AMOUNT BRAND"),
    (["700", "USD", "USD"], "all that stands without an option"),
    (["700", "USD", "--max", "800"], "the same thing"),
    (["USD", "--min", "800", "--max", "700"], "more than at most"),
    (["700", "USD", "--open"], "--open takes any amount"),
    (["USD", "--open", "--min", "5"], "--open takes any amount"),
    (["700", "USD", "--fees-by-payee"], "needs --least"),
    (["1e3", "USD"], "not a whole number"),
    (["7", "USD", "--notify-url", "https://s/n"], "name it by --requester"),
    (["7", "USD", "--mandate", "500,1d,2000"], "has not five parts"),
    (["7", "USD", "--mandate", "500,soon,2000,20000,90d"], "no span of time"),
]


@pytest.mark.parametrize(("args", "cause"), UNUSABLE, ids=lambda v: " ".join(v)[:40])
def test_what_cannot_be_used(fake: FakeNode, args: list[str], cause: str) -> None:
    result = fake.run("request", "create", *args)
    assert result.exit_code == 2 and cause in result.stderr
    assert not (fake.directory / "heard.jsonl").read_text()


def test_a_request_of_another_says_who_has_to_sign(fake: FakeNode, tmp_path: Any) -> None:
    fake.says("request.create", {"json": REQUEST})
    out = tmp_path / "invoice.txt"
    args = ("request", "create", "7", "USD", "--requester", KEY, "--out", str(out))
    assert f"pledgeway request countersign {out} --key FILE" in fake.run(*args).stdout


def test_the_amount_is_named(fake: FakeNode) -> None:
    assert fake.run("pay", TEXT, "--amount", "500").exit_code == 0
    assert fake.heard == ("pay", {"request": TEXT, "amount": 500})
    fake.says("pay.plan", {"json": {**PLAN, "kept": 3}})
    shown = fake.run("pay", TEXT, "--amount", "500", "--dry-run")
    assert fake.heard == ("pay.plan", {"request": TEXT, "amount": 500})
    assert "stays with you  3 USD" in shown.stdout
    fake.says("pay.plan", {"json": {**PLAN, "kept": 0}})
    assert "stays with you" not in fake.run("pay", TEXT, "--dry-run").stdout


@pytest.mark.parametrize("code", ["AMOUNT_NEEDED", "AMOUNT_OUTSIDE"])
def test_an_amount_that_cannot_be_used(fake: FakeNode, code: str) -> None:
    no = {"code": code, "message": "it takes 5 to 7 USD", "next_step": "name the amount"}
    for verb, more in (("pay.plan", ["--dry-run"]), ("pay", [])):
        fake.says(verb, {"failure": no})
        result = fake.run("pay", TEXT, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "pledgeway: it takes 5 to 7 USD: name the amount\n"


def test_a_list_says_what_has_come(fake: FakeNode) -> None:
    asked = {**REQUEST, "amount": 5000, "amount_min": 100}
    paid = {**asked, "phase": "PAID", "received": 150}
    fake.says("request.list", {"json": {"requests": [paid, {**asked, "phase": "OPEN"}]}})
    first, second = fake.run("request", "list").stdout.splitlines()[2:4]
    assert " 150 USD " in first and " 100 to 5000 USD " in second
