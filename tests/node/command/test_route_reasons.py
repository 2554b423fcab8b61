"""Rejected chains for people: each once, its bars in columns, figures with their units."""

from typing import Any

import pytest

from node.command.route_reasons import reason_lines, skipped_text

CHAIN: dict[str, Any] = {
    "chain": ["P", "A", "Q"],
    "levels": ["ATOMIC", "PROXY"],
    "registry": "R1",
    "cost": 705,
    "bars": 1,
}


def bar(code: str, rule: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "rule": rule, "text": f"it is {code}", "next_step": "", **CHAIN, **more}


def test_a_chain_is_shown_once_with_all_its_bars() -> None:
    short = bar("CREDIT_SHORT", "V10", figure=350, unit="brand", next_step="ask Q", bars=2)
    held = bar("LOCKS_TOO_LONG", "V8", figure=2_000_000, unit="us", bars=2)
    other = bar("MAX_RISK", "MAX_RISK", figure=2, unit="risk", cost=800)
    assert [*reason_lines([short, held, other], "USD")] == [
        "P -ATOMIC→ A -PROXY→ Q under R1 would cost 705 USD, but for all of:",
        "  V10  CREDIT_SHORT    350 USD  it is CREDIT_SHORT",
        "                                → ask Q",
        "  V8   LOCKS_TOO_LONG  2.000 s  it is LOCKS_TOO_LONG",
        "P -ATOMIC→ A -PROXY→ Q under R1 would cost 800 USD, but for:",
        "       MAX_RISK        risk +2  it is MAX_RISK",
    ]


@pytest.mark.parametrize(
    ("figure", "unit", "shown"),
    [
        (350, "brand", "350 USD"),
        (1, "us", "0.001 s"),
        (2_500_000, "us", "2.500 s"),
        (1, "promises", "1 promise"),
        (3, "promises", "3 promises"),
        (5, "risk", "risk +5"),
        (5, "furlongs", ""),  # of a newer node
        (None, "brand", ""),
    ],
)
def test_figures_have_units(figure: Any, unit: str, shown: str) -> None:
    _, line = reason_lines([bar("X", "V1", figure=figure, unit=unit)], "USD")
    assert line == "  V1  X  " + (f"{shown}  " if shown else "") + "it is X"


def test_what_concerns_no_chain() -> None:
    nothing = {"code": "NO_PATH", "rule": "NO_PATH", "text": "no lines lead there", "chain": []}
    assert [*reason_lines([nothing], "USD")] == ["no lines lead there"]
    assert [*reason_lines([], "USD")] == []


def test_what_older_nodes_have_kept() -> None:
    old = {"rule": "V10", "node": None, "line": None, "figure": 5, "text": "short by 5"}
    assert [*reason_lines([old], None)] == ["V10  short by 5"]


def test_what_was_cut_off() -> None:
    assert skipped_text([]) == ""
    assert skipped_text([{"what": "SEARCH", "labels": 5}]) == ""
    text = skipped_text([{"what": "MAX_RISK", "labels": 5000}, {"what": "SEVERAL", "labels": 0}])
    assert "MAX_RISK (after 5000 partial chains), SEVERAL (not begun)" in text
