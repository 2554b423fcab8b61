"""Advice of one's own is what `pathfinder` would have said: for bars of each kind."""

from typing import Any

import pytest

from node.command.reason_steps import CHEATED, own_step
from node.command.route_reasons import reason_lines
from pathfinder.answer_json import answer_as_json
from pathfinder.reason_codes import Code
from proto.levels import Level
from tests.pathfinder.test_explain import ATOMIC, explained, net

PROXY = frozenset({Level.PROXY})


def reasons_of(network: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = answer_as_json(explained(network, **more), with_reasons=True)[
        "reasons"
    ]
    return said


@pytest.mark.parametrize(
    ("network", "more", "code"),
    [
        (net(available=10), {}, Code.CREDIT_SHORT),
        (net(A={"accepts": []}), {"levels": ATOMIC}, Code.REGISTRY_NOT_ACCEPTED),
        (net(A={"fees": {}}), {"levels": ATOMIC}, Code.MODE_REFUSED),
        (net(), {"max_hops": 1}, Code.TOO_MANY_HOPS),
        (net(), {"max_cost": 999}, Code.MAX_COST),
        (net(), {"avoid_nodes": frozenset({"A"})}, Code.AVOIDED),
        (net(), {"avoid_lines": frozenset({("A", "Q")})}, Code.AVOIDED),
        (net(), {"levels": PROXY}, Code.LEVEL_NOT_ASKED),
        (net(), {"capacity_overrides": {("A", "Q"): 5}, "unlearned": {}}, Code.LEARNED),
    ],
)
def test_as_the_path_finder_says_it(network: dict[str, Any], more: Any, code: Code) -> None:
    told = [one for one in reasons_of(network, **more) if one["code"] == code.value]
    assert told
    for reason in told:
        assert reason["next_step"] and own_step(reason, "USD") == reason["next_step"]


def test_a_stranger_chooses_no_commands() -> None:
    name = "$(reboot)"
    bar = {"code": "REGISTRY_NOT_ACCEPTED", "node": "n", "registries": ["r"], "text": "no"}
    assert f"accept '{name}'`" in own_step(bar | {"names": {"n": "N", "r": name}}, "USD")
    assert own_step(bar | {"names": {"r": f"R {CHEATED}"}}, "USD") == "", "nobody accepts a cheat"
    assert "  → N can accept" in "\n".join(reason_lines([bar | {"names": {"n": "N"}}], "USD"))


@pytest.mark.parametrize("code", [*(code.value for code in Code), "NEW", None])
def test_reasons_that_lack_all_else(code: object) -> None:
    assert own_step({"code": code}, None) == ""
