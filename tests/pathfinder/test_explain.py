"""Each rule, as the only one that bars a chain, is named with the node and the figure."""

from typing import Any

import pytest

from pathfinder.answer import Reason, RouteAnswer
from pathfinder.explain import MAX_REASONS, explain
from pathfinder.question import RouteQuestion
from pathfinder.search import find_route
from proto.levels import Level
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.networks import case
from tests.pathfinder.reference import solve

FREE: dict[str, Any] = {"ATOMIC": {}, "SECURED": {}, "GATEWAY": {}, "BARE": {}}
ATOMIC = frozenset({Level.ATOMIC})
BARE = frozenset({Level.BARE})


def net(available: int = 1000, **nodes: dict[str, Any]) -> dict[str, Any]:
    """P, A and Q in a row; all accept R and watch, A forwards for nothing."""
    made = {
        name: {"accepts": ["R"], "watches_registry": True, "fees": FREE} | nodes.get(name, {})
        for name in "PAQ"
    }
    ends = [("P", "A"), ("A", "Q")]
    lines = [{"from": a, "to": b, "brand": "USD", "available": available} for a, b in ends]
    return {"registries": {"R": {}}, "nodes": made, "lines": lines}


def explained(network: dict[str, Any], **more: Any) -> RouteAnswer:
    graph = graph_of(network)
    question = RouteQuestion("P", "Q", 1000, **more)
    return explain(graph, question, find_route(graph, question))


def only(answer: RouteAnswer) -> Reason:
    assert not answer.found
    assert len(answer.reasons) == 1, answer.reasons
    return answer.reasons[0]


def of(code: str, answer: RouteAnswer) -> Reason:
    """The reason of that code: others, just as near, may stand beside it."""
    assert not answer.found
    (reason,) = (reason for reason in answer.reasons if reason.code == code)
    return reason


def test_v1_the_promisor_does_not_trust() -> None:
    reason = only(explained(net(P={}, A={"accepts": []}), levels=ATOMIC))
    assert (reason.code, reason.node, reason.line) == ("V1", "A", ("A", "Q"))
    assert reason.text == "A does not accept registry R, so it cannot promise ATOMIC"
    assert reason.chain == ("P", "A", "Q")
    assert reason.levels == (Level.ATOMIC, Level.ATOMIC)
    assert (reason.policy, reason.cost) == ("R", 1000)


def test_v2_the_promisor_trusts_and_needs_no_proxy() -> None:
    reason = of("V2", explained(net(), last_levels=frozenset({Level.PROXY})))
    assert (reason.node, reason.line) == ("A", ("A", "Q"))


def test_v5_the_payee_takes_no_stamp() -> None:
    reason = only(explained(net(Q={"accepts": []}), levels=ATOMIC))
    assert (reason.code, reason.node) == ("V5", "Q")
    assert "does not accept registry R" in reason.text


def test_v6_no_way_out() -> None:
    answer = explained(net(A={"accepts": []}), first_levels=ATOMIC, last_levels=BARE)
    reason = of("V6", answer)
    assert (reason.node, reason.figure) == ("A", 0)


def test_v7_nobody_watches() -> None:
    answer = explained(net(P={"accepts": []}, A={"watches_registry": False}), last_levels=ATOMIC)
    assert of("V7", answer).node == "A"


def test_v8_held_too_long() -> None:
    reason = only(explained(net(P={"hold_max_ms": 7500}), levels=ATOMIC))
    assert (reason.code, reason.node, reason.figure) == ("V8", "P", 2_500_000)
    assert reason.text == "the promise of P locks 2.5 s longer than its hold_max"


def test_v8_the_payee_wants_it_sooner() -> None:
    reason = only(explained(net(), latest_deadline=9_000_000))
    assert (reason.code, reason.node, reason.figure) == ("V8", "Q", 1_000_000)
    assert reason.text == "the deadline is 1.0 s later than Q allows"


def test_v9_no_price() -> None:
    reason = only(explained(net(A={"fees": {"BARE": {}}}), levels=ATOMIC))
    assert (reason.code, reason.node) == ("V9", "A")
    assert reason.text == "A has no price for mode ATOMIC, so it refuses it"


def test_v10_lines_too_short() -> None:
    answer = explained(net(available=650), levels=ATOMIC)
    assert [(r.code, r.line, r.figure) for r in answer.reasons] == [
        ("V10", ("P", "A"), 350),
        ("V10", ("A", "Q"), 350),
    ]
    assert answer.reasons[0].text == "line P→A is short by 350 USD"


def test_v11_too_many_hops() -> None:
    reason = only(explained(net(), max_hops=1))
    assert (reason.code, reason.figure) == ("V11", 1)


def test_v12_a_decline_hash() -> None:
    answer = explained(net(), first_levels=ATOMIC, last_levels=BARE, declines=True)
    assert of("V12", answer).levels == (Level.ATOMIC, Level.BARE)


def test_several_rules_together() -> None:
    answer = explained(net(available=650, A={"accepts": []}), levels=ATOMIC)
    assert {(r.code, r.node) for r in answer.reasons} == {
        ("V1", "A"),
        ("V10", "P"),
        ("V10", "A"),
    }


def test_what_the_question_forbids() -> None:
    reason = only(explained(net(), max_cost=999))
    assert (reason.code, reason.node, reason.figure) == ("MAX_COST", "P", 1)
    reason = only(explained(net(), avoid_lines=frozenset({("A", "Q")})))
    assert (reason.code, reason.node) == ("ASKED", "P")


def test_no_lines() -> None:
    network = net()
    network["lines"].pop()
    reason = only(explained(network))
    assert (reason.code, reason.node, reason.chain) == ("NO_PATH", "P", ())
    assert reason.text == "no lines in USD lead from P to Q"
    network["lines"].clear()
    assert only(explained(network)).code == "NO_PATH"


def test_a_cheaper_chain_that_was_barred() -> None:
    dear = net(available=2000, A={"fees": {"BARE": {"flat": 50}}})
    answer = explained(dear)
    assert answer.cost == 1050
    (reason,) = answer.reasons
    assert (reason.code, reason.node, reason.cost) == ("V9", "A", 1000)
    assert explained(net()).reasons == ()


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_reasons_wherever_there_is_no_chain(first: int) -> None:
    for seed in range(first, first + 100):
        network, asked = case(seed)
        graph = graph_of(network)
        question = question_of(graph, asked)
        answer = find_route(graph, question)
        reasons = explain(graph, question, answer).reasons
        assert len(reasons) <= MAX_REASONS
        if solve(network, asked) is None:
            assert reasons, seed
        for reason in reasons:
            assert reason.text.isprintable()
            assert answer.cost is None or reason.cost is None or reason.cost < answer.cost
