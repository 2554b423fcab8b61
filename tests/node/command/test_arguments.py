"""What may stand on the command line, and what becomes of the rest."""

from pathlib import Path
from typing import Any

import click
import pytest

from node.command.argument_types import AMOUNT, FLAT_FEE, RATE, SPAN
from tests.node.command.conftest import FakeNode

CARD = "pledgeway-card:xyz"
REQUEST = "pledgeway-request:abc"


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("007", 7), ("9223372036854775807", 2**63 - 1)]
)
def test_amounts(text: str, value: int) -> None:
    assert AMOUNT.convert(text, None, None) == value


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "+1", "1.0", "1e3", "1_0", "٣", "", " 1", "9223372036854775808", "9" * 4000],
)
def test_no_amounts(text: str) -> None:
    with pytest.raises(click.BadParameter):
        AMOUNT.convert(text, None, None)


def test_a_flat_fee_may_be_nothing() -> None:
    assert FLAT_FEE.convert("0", None, None) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15min", 900), ("15m", 900), ("2h", 7200), ("7d", 604_800)],
)
def test_spans(text: str, seconds: int) -> None:
    assert SPAN.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1.5h", "h", "3w", "1 h", "9" * 11, "4000d"])
def test_no_spans(text: str) -> None:
    with pytest.raises(click.BadParameter):
        SPAN.convert(text, None, None)


def test_rates() -> None:
    assert RATE.convert("1.00050", None, None) == "1.0005"
    for text in ("0.9", "1001", "1,5", "x", "1.0000000001", "-1"):
        with pytest.raises(click.BadParameter):
            RATE.convert(text, None, None)


ASKED: list[tuple[list[str], str, dict[str, Any]]] = [
    (["node", "status"], "status", {}),
    (["node", "card"], "card", {}),
    (["node", "stop"], "stop", {}),
    (["node", "incidents"], "incidents", {}),
    (["node", "audit"], "audit", {}),
    (["node", "registry", "list"], "registry.list", {}),
    (["node", "registry", "accept", "R"], "registry.accept", {"registry": "R", "accept": True}),
    (
        ["node", "registry", "accept", "R", "--witnesses", "2"],
        "registry.accept",
        {"registry": "R", "accept": True, "witnesses": 2},
    ),
    (["node", "registry", "drop", "R"], "registry.accept", {"registry": "R", "accept": False}),
    (
        ["line", "offer", CARD, "--brand", "USD", "--limit", "5"],
        "line.offer",
        {"card": CARD, "brand": "USD", "limit": 5},
    ),
    (
        ["line", "offer", CARD, "--brand", "USD", "--limit", "0", "--unit", "10"],
        "line.offer",
        {"card": CARD, "brand": "USD", "limit": 0, "unit": 10},
    ),
    (
        ["line", "accept", CARD, "--limit", "5"],
        "line.accept",
        {"card": CARD, "limit": 5, "wait_s": 10},
    ),
    (
        ["line", "accept", "Bob/USD", "--limit", "5", "--wait", "1min"],
        "line.accept",
        {"line": "Bob/USD", "limit": 5, "wait_s": 60},
    ),
    (["line", "limit", "Bob", "80"], "line.limit", {"line": "Bob", "limit": 80}),
    (["line", "close", "Bob"], "line.close", {"line": "Bob"}),
    (["line", "list"], "line.list", {}),
    (["fees", "show"], "fees.show", {}),
    (
        ["fees", "set", "secured", "1.001"],
        "fees.set",
        {"fees": {"SECURED": {"rate": "1.001", "flat": 0}}},
    ),
    (
        ["fees", "set", "BARE", "1", "7", "--refuse", "GATEWAY", "--watch", "--hold-max", "2min"],
        "fees.set",
        {
            "fees": {"BARE": {"rate": "1", "flat": 7}, "GATEWAY": None},
            "watches_registry": True,
            "hold_max_ms": 120_000,
        },
    ),
    (["fees", "set", "--no-watch"], "fees.set", {"watches_registry": False}),
    (
        ["fees", "set", "--registry", "R", "--out-rate", "1.5", "--in-flat", "2"],
        "fees.set",
        {"registry_fees": {"R": {"in_rate": "1", "in_flat": 2, "out_rate": "1.5", "out_flat": 0}}},
    ),
    (
        ["request", "create", "700", "USD"],
        "request.create",
        {
            "amount": 700,
            "brand": "USD",
            "description": "",
            "expires_s": 3600,
            "deadline_s": 60,
            "last_levels": [],
            "registries": None,
            "manual": False,
        },
    ),
    (
        [
            *("request", "create", "700", "USD", "--description", "One lamp", "--manual"),
            *("--expires", "2h", "--deadline", "30", "--last-level", "atomic"),
            *("--last-level", "PROXY", "--registry", "R1", "--registry", "R2"),
        ],
        "request.create",
        {
            "amount": 700,
            "brand": "USD",
            "description": "One lamp",
            "expires_s": 7200,
            "deadline_s": 30,
            "last_levels": ["ATOMIC", "PROXY"],
            "registries": ["R1", "R2"],
            "manual": True,
        },
    ),
    (["request", "list"], "request.list", {"limit": 50}),
    (["request", "list", "--limit", "7"], "request.list", {"limit": 7}),
    (["request", "show", "4f"], "request.show", {"id": "4f"}),
    (["request", "confirm", "4f"], "request.confirm", {"id": "4f"}),
    (["request", "decline", "4f"], "request.decline", {"id": "4f"}),
    (
        [
            *("pay", REQUEST, "--dry-run", "--max-cost", "710", "--level", "ATOMIC"),
            *("--registry", "R1", "--max-hops", "3", "--attempts", "2"),
        ],
        "pay.plan",
        {
            "request": REQUEST,
            "max_cost": 710,
            "levels": ["ATOMIC"],
            "registries": ["R1"],
            "max_hops": 3,
        },
    ),
    (["pay", REQUEST, "--attempts", "2"], "pay", {"request": REQUEST, "attempts": 2}),
    (["payment", "list"], "payment.list", {"limit": 20}),
    (["payment", "list", "--limit", "3"], "payment.list", {"limit": 3}),
    (["payment", "show", "9a"], "payment.show", {"id": "9a"}),
    (["payment", "abandon", "9a"], "payment.abandon", {"id": "9a"}),
    (["balance"], "balance", {}),
]


@pytest.mark.edge
@pytest.mark.parametrize(("args", "verb", "arguments"), ASKED, ids=lambda v: str(v)[:40])
def test_what_the_node_hears(
    fake: FakeNode, args: list[str], verb: str, arguments: dict[str, Any]
) -> None:
    result = fake.run(*args)
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert fake.heard == (verb, arguments)


@pytest.mark.edge
def test_texts_come_from_files_and_standard_input(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "invoice.txt"
    file.write_text(f"\n  {REQUEST}\n")
    assert fake.run("pay", str(file)).exit_code == 0
    assert fake.heard == ("pay", {"request": REQUEST})
    assert fake.run("pay", "-", input=f"{REQUEST}\n").exit_code == 0
    assert fake.heard == ("pay", {"request": REQUEST})
    file.write_text(CARD)
    assert fake.run("line", "accept", str(file), "--limit", "1").exit_code == 0
    assert fake.heard[1]["card"] == CARD


@pytest.mark.edge
def test_a_record_travels_in_base64(fake: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "registry.record"
    file.write_bytes(b"\x00\xffrecord")
    assert fake.run("node", "registry", "add", str(file), "--accept").exit_code == 0
    assert fake.heard == ("registry.add", {"record": "AP9yZWNvcmQ=", "accept": True})


UNUSABLE: list[tuple[list[str], str]] = [
    (["pay", "nowhere.txt"], "nowhere.txt: neither a payment request nor a file"),
    (["pay", "{wrong}"], "holds no payment request: one begins with pledgeway-request:"),
    (["pay", "{binary}"], "holds no payment request"),
    (["pay", "{long}"], "too long for a payment request"),
    (["pay", "{folder}"], "cannot be read"),
    (["pay", REQUEST, "--evidence", "{wrong}"], "exists already"),
    (["pay", REQUEST, "--evidence", "{folder}/a/b"], "folder does not exist"),
    (["line", "offer", "{wrong}", "--brand", "USD", "--limit", "1"], "holds no node's card"),
    (["line", "offer", CARD, "--brand", "USD", "--limit", "1.5"], "not a whole number"),
    (["node", "registry", "add", "nowhere"], "neither a registry record nor a file"),
    (["node", "registry", "add", "{long}"], "too long for a registry record"),
    (["fees", "set"], "nothing to set"),
    (["fees", "set", "BARE"], "RATE is missing"),
    (["fees", "set", "BARE", "0.5"], "between 1 and 1000"),
    (["fees", "set", "BARE", "1", "--refuse", "BARE"], "priced and refused"),
    (["fees", "set", "--in-rate", "1"], "--registry"),
    (["fees", "set", "PROXY", "1"], "'PROXY' is none of ATOMIC, SECURED, GATEWAY, BARE"),
    (["pay", REQUEST, "--level", "GATEWAY"], "none of BARE, SECURED, ATOMIC, PROXY"),
    (["request", "create", "1", "USD", "--last-level", "x"], "none of BARE"),
    (["request", "create", "0", "USD"], "amount"),
    (["request", "create", "1", "USD", "--expires", "soon"], "span of time"),
    (["request", "create", "1", "USD", "--registry", "R", "--no-registry"], "exclude each other"),
    (["request", "create", "1", "USD", "--out", "{wrong}"], "exists already"),
    (["payment", "list", "--limit", "0"], "--limit"),
    (["payment", "evidence", "9a"], "--out"),
    (["payment", "evidence", "9a", "--out", "{wrong}"], "exists already"),
]


@pytest.mark.edge
@pytest.mark.parametrize(("args", "cause"), UNUSABLE, ids=lambda v: " ".join(v)[:40])
def test_unusable_input_does_not_reach_the_node(
    fake: FakeNode, tmp_path: Path, args: list[str], cause: str
) -> None:
    files = {"wrong": "hello", "long": "x" * 70_000}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    places = {name: tmp_path / name for name in ("wrong", "long", "binary", "folder")}
    result = fake.run(*(word.format(**places) if "{" in word else word for word in args))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert cause in " ".join(result.stderr.split())
    assert (fake.directory / "heard.jsonl").read_text() == ""


@pytest.mark.edge
def test_no_registry_is_not_all_registries(fake: FakeNode) -> None:
    assert fake.run("request", "create", "1", "USD", "--no-registry").exit_code == 0
    assert fake.heard[1]["registries"] == []
