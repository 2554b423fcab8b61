"""Each rule, as the only one that bars a chain, is named with the node and the figure."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pathfinder.answer import Reason, RouteAnswer, Skipped
from pathfinder.answer_json import answer_as_json
from pathfinder.bars import Candidate, bars_of
from pathfinder.core.search import find_route
from pathfinder.explain import MAX_CHAINS, explain
from pathfinder.network import Policy
from pathfinder.question import RouteQuestion
from pathfinder.reason_codes import Code
from proto.levels import Level
from proto.modes import Mode
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.networks import case

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


def told(answer: RouteAnswer) -> list[Reason]:
    """Without chains of other levels: a question names a level so that one rule bites."""
    other = {r.levels for r in answer.reasons if r.code is Code.LEVEL_NOT_ASKED}
    return [r for r in answer.reasons if r.levels not in other]


def only(answer: RouteAnswer) -> Reason:
    assert not answer.found
    (reason,) = told(answer)
    return reason


def of(code: Code, answer: RouteAnswer) -> Reason:
    """The reason of that code: others, just as near, may stand beside it."""
    assert not answer.found
    (reason,) = (reason for reason in answer.reasons if reason.code == code)
    return reason


def test_v1_the_promisor_does_not_trust() -> None:
    reason = only(explained(net(P={}, A={"accepts": []}), levels=ATOMIC))
    bar = reason.bar
    assert (bar.code, bar.rule) == (Code.REGISTRY_NOT_ACCEPTED, "V1")
    assert (bar.node, bar.line, bar.registries) == ("A", ("A", "Q"), ("R",))
    assert bar.text == "A does not accept registry R, so it cannot promise ATOMIC"
    assert bar.next_step == "A can accept it: `pledgeway node registry accept R`"
    assert reason.chain == ("P", "A", "Q")
    assert reason.levels == (Level.ATOMIC, Level.ATOMIC)
    assert (reason.policy, reason.cost, reason.bars) == ("R", 1000, 1)


def test_v1_names_the_members_that_are_missing() -> None:
    network = net(A={"accepts": ["R"]})
    network["registries"]["S"] = {}
    network["policies"] = {"C": {"members": ["R", "S"], "qc": 2, "qa": 1}}
    for name in "PQ":
        network["nodes"][name]["accepts"] = ["R", "S"]
    answer = explained(network, levels=ATOMIC, policies=frozenset({"C"}))
    bar = of(Code.REGISTRY_NOT_ACCEPTED, answer).bar
    assert (bar.node, bar.registries) == ("A", ("S",))
    assert bar.text == "A does not accept registry S, so it cannot promise ATOMIC"
    assert of(Code.REGISTRY_NOT_ASKED, answer).policy == "R"  # alone it would do
    network["nodes"]["A"]["accepts"] = []
    bar = only(explained(network, levels=ATOMIC, policies=frozenset({"C"}))).bar
    assert bar.registries == ("R", "S") and "registries R, S" in bar.text


def test_v2_the_promisor_trusts_and_needs_no_proxy() -> None:
    bar = of(Code.PROXY_NOT_ALLOWED, explained(net(), last_levels=frozenset({Level.PROXY}))).bar
    assert (bar.rule, bar.node, bar.line) == ("V2", "A", ("A", "Q"))
    assert "accepts registry R itself" in bar.text and not bar.next_step


def test_v2_the_promisor_holds_no_record() -> None:
    graph = graph_of(net(A={"accepts": []}))
    graph.upsert_node(replace(graph.node("A"), knows=frozenset()), sequence=1)
    question = RouteQuestion("P", "Q", 1000, last_levels=frozenset({Level.PROXY}))
    answer = explain(graph, question, find_route(graph, question))
    bar = of(Code.PROXY_NOT_ALLOWED, answer).bar
    assert "no current record of registry R" in bar.text and "registry add" in bar.next_step


def test_v5_the_payee_takes_no_stamp() -> None:
    bar = only(explained(net(Q={"accepts": []}), levels=ATOMIC)).bar
    assert (bar.code, bar.rule, bar.node) == (Code.PAYEE_REFUSES_REGISTRY, "V5", "Q")
    assert "does not accept registry R" in bar.text
    bar = only(explained(net(), levels=ATOMIC, accepted=frozenset())).bar
    assert bar.code is Code.PAYEE_REFUSES_REGISTRY
    assert bar.text.startswith("the request of Q does not name registry R")


def test_v5_the_payee_refuses_a_level() -> None:
    bar = only(explained(net(), levels=ATOMIC, last_levels=BARE)).bar
    assert (bar.code, bar.node, bar.level) == (Code.PAYEE_REFUSES_LEVEL, "Q", Level.ATOMIC)
    assert bar.next_step == "allow it: --last-level ATOMIC"


def test_v6_no_way_out() -> None:
    answer = explained(net(A={"accepts": []}), first_levels=ATOMIC, last_levels=BARE)
    bar = of(Code.REGISTRY_NOT_ACCEPTED, answer).bar
    assert (bar.rule, bar.node, bar.figure) == ("V6", "A", 0)


def test_v7_nobody_watches() -> None:
    answer = explained(net(P={"accepts": []}, A={"watches_registry": False}), last_levels=ATOMIC)
    bar = of(Code.NOT_WATCHING, answer).bar
    assert (bar.rule, bar.node) == ("V7", "A")
    assert "--watch" in bar.next_step


def test_v8_held_too_long() -> None:
    bar = only(explained(net(P={"hold_max_ms": 7500}), levels=ATOMIC)).bar
    assert (bar.code, bar.rule) == (Code.LOCKS_TOO_LONG, "V8")
    assert (bar.node, bar.figure, bar.code.unit.value) == ("P", 2_500_000, "us")
    assert bar.text == "the promise of P locks 2.5 s longer than its hold_max"
    assert bar.next_step == "P can hold longer: `pledgeway fees set --hold-max 10s`"


def test_a_time_is_never_rounded_down_to_nothing() -> None:
    graph = graph_of(net())
    graph.upsert_node(replace(graph.node("P"), hold_max_us=9_999_999), sequence=1)
    question = RouteQuestion("P", "Q", 1000, levels=ATOMIC)
    bar = only(explain(graph, question, find_route(graph, question))).bar
    assert bar.figure == 1
    assert bar.text == "the promise of P locks 0.001 s longer than its hold_max"


def test_v8_the_payee_wants_it_sooner() -> None:
    bar = only(explained(net(), latest_deadline=9_000_000)).bar
    assert (bar.code, bar.rule) == (Code.DEADLINE_TOO_LATE, "V8")
    assert (bar.node, bar.figure) == ("Q", 1_000_000)
    assert bar.text == "the deadline is 1 s later than Q allows"


def test_v9_no_price() -> None:
    bar = only(explained(net(A={"fees": {"BARE": {}}}), levels=ATOMIC)).bar
    assert (bar.code, bar.rule, bar.node) == (Code.MODE_REFUSED, "V9", "A")
    assert bar.mode is Mode.ATOMIC
    assert bar.text == "A has no price for mode ATOMIC, so it refuses it"


def test_v10_lines_too_short() -> None:
    answer = explained(net(available=650), levels=ATOMIC)
    assert [(r.bar.rule, r.bar.line, r.bar.figure, r.bars) for r in answer.reasons] == [
        ("V10", ("P", "A"), 350, 2),
        ("V10", ("A", "Q"), 350, 2),
    ]
    bar = answer.reasons[0].bar
    assert bar.text == "line P→A is short by 350 USD"
    assert bar.next_step == "A can grant P 350 USD more: `pledgeway line limit P LIMIT`"


def test_a_name_is_no_command() -> None:
    network = json.loads(json.dumps(net(available=650)).replace('"P"', '"P; rm -rf ~"'))
    graph = graph_of(network)
    question = RouteQuestion("P; rm -rf ~", "Q", 1000, levels=ATOMIC)
    answer = explain(graph, question, find_route(graph, question))
    step = "A can grant P; rm -rf ~ 350 USD more: `pledgeway line limit 'P; rm -rf ~' LIMIT`"
    assert answer.reasons[0].bar.next_step == step


def test_v11_too_many_hops() -> None:
    bar = only(explained(net(), max_hops=1)).bar
    assert (bar.code, bar.rule, bar.figure) == (Code.TOO_MANY_HOPS, "V11", 1)
    assert bar.text == "the chain has 2 promises, 1 more than the 1 allowed"
    assert bar.next_step == "allow them: --max-hops 2"


def test_v12_a_decline_hash() -> None:
    answer = explained(net(), first_levels=ATOMIC, last_levels=BARE, declines=True)
    assert of(Code.DECLINE_HASH, answer).levels == (Level.ATOMIC, Level.BARE)


def test_several_rules_together() -> None:
    answer = explained(net(available=650, A={"fees": {}}))
    assert [(r.bar.rule, r.bar.node, r.bars) for r in answer.reasons] == [
        ("V9", "A", 3),
        ("V10", "P", 3),
        ("V10", "A", 3),
    ]
    assert len({r.chain for r in answer.reasons}) == 1


def test_a_node_that_breaks_two_rules_is_told_both() -> None:
    graph = graph_of(net(A={"accepts": [], "fees": {}}))
    two = (Level.ATOMIC, Level.ATOMIC)
    chain = Candidate(("P", "A", "Q"), two, (1000, 1000), Policy.single("R"), "USD")
    bars = bars_of(graph, RouteQuestion("P", "Q", 1000), chain)
    assert [(bar.rule, bar.node) for bar in bars] == [("V1", "A"), ("V9", "A")]


@pytest.mark.parametrize(
    ("limit", "code", "figure", "step"),
    [
        ({"max_cost": 999}, Code.MAX_COST, 1, "allow it: --max-cost 1000"),
        ({"avoid_nodes": frozenset({"A"})}, Code.AVOIDED, 0, "drop --avoid A"),
        (
            {"avoid_lines": frozenset({("A", "Q")})},
            Code.AVOIDED,
            0,
            "drop the --avoid or --avoid-line that names A→Q",
        ),
        ({"policies": frozenset()}, Code.REGISTRY_NOT_ASKED, 0, "allow it: --registry R"),
    ],
)
def test_limits_of_the_question(limit: Any, code: Code, figure: int, step: str) -> None:
    bar = only(explained(net(), levels=ATOMIC, **limit)).bar
    assert (bar.code, bar.rule, bar.figure, bar.next_step) == (code, code.value, figure, step)


def test_risk_that_is_not_allowed() -> None:
    answer = explained(net(A={"accepts": []}), first_levels=BARE, max_risk=1)
    bar = of(Code.MAX_RISK, answer).bar
    assert (bar.figure, bar.code.unit.value) == (2, "risk")
    assert bar.text == "its total risk is 3, 2 more than the 1 allowed"
    assert bar.next_step == "allow it: --max-risk 3"


def test_levels_that_are_not_allowed() -> None:
    bar = of(Code.LEVEL_NOT_ASKED, explained(net(), first_levels=frozenset({Level.PROXY}))).bar
    assert (bar.code, bar.line, bar.level) == (Code.LEVEL_NOT_ASKED, ("P", "A"), Level.ATOMIC)
    assert bar.next_step == "allow it: --first-level ATOMIC"
    levels = frozenset({Level.PROXY})
    answer = explained(net(), levels=levels)
    assert [r.bar.next_step for r in answer.reasons] == ["allow it: --level ATOMIC"] * 2


def test_what_was_learned_is_told_apart_from_what_is_advertised() -> None:
    learned = {("A", "Q"): 899}
    answer = explained(net(), levels=ATOMIC, capacity_overrides=learned, unlearned={})
    bar = only(answer).bar
    assert (bar.code, bar.line, bar.figure) == (Code.LEARNED, ("A", "Q"), 101)
    assert "asked for no more than 899 USD" in bar.text
    assert "network forget --line A-Q" in bar.next_step
    # Without it the line would be short all the same: then that is the reason, and no other.
    answer = explained(net(950), levels=ATOMIC, capacity_overrides=learned, unlearned={})
    assert {(r.code, r.bar.figure) for r in answer.reasons} == {(Code.CREDIT_SHORT, 50)}
    # What we see on our own lines is no lesson.
    answer = explained(net(), levels=ATOMIC, capacity_overrides=learned)
    assert only(answer).bar.code is Code.CREDIT_SHORT


def test_only_some_rules() -> None:
    network, learned = net(), {("A", "Q"): 5}
    graph = graph_of(network)
    question = RouteQuestion("P", "Q", 1000, capacity_overrides=learned, unlearned={})
    answer = explain(graph, question, find_route(graph, question), only=frozenset({Code.LEARNED}))
    assert only(answer).bar.code is Code.LEARNED
    question = RouteQuestion("P", "Q", 1001)
    answer = explain(graph, question, find_route(graph, question), only=frozenset({Code.LEARNED}))
    assert answer.reasons == ()


def test_a_cut_off_explanation_says_so() -> None:
    graph = graph_of(net(available=650))
    question = RouteQuestion("P", "Q", 1000)
    whole = explain(graph, question, find_route(graph, question))
    assert whole.reasons and not whole.skipped and whole.labels > 2
    cut = explain(graph, question, find_route(graph, question), budget=2)
    assert cut.exact and not cut.reasons
    assert {one.what for one in cut.skipped} >= {"CREDIT_SHORT", "MODE_REFUSED", "SEVERAL"}
    assert cut.labels <= 2
    shown = answer_as_json(cut, with_reasons=True)
    assert {"what": "SEVERAL", "labels": 0} in shown["skipped"]


def test_a_cut_off_search_says_so_too() -> None:
    graph = graph_of(net())
    question = RouteQuestion("P", "Q", 1000)
    found = find_route(graph, question, budget=1)
    assert not found.exact
    assert Skipped("SEARCH", found.labels) in explain(graph, question, found).skipped
    for answer in (found, explain(graph, question, found)):
        shown = answer_as_json(answer, with_reasons=False)
        assert shown["skipped"].count({"what": "SEARCH", "labels": found.labels}) == 1


def test_no_lines() -> None:
    network = net()
    network["lines"].pop()
    reason = only(explained(network))
    assert (reason.code, reason.bar.node, reason.chain) == (Code.NO_PATH, "P", ())
    assert reason.bar.text == "no lines in USD lead from P to Q"
    network["lines"].clear()
    assert only(explained(network)).code is Code.NO_PATH


def test_a_cheaper_chain_that_was_barred() -> None:
    dear = net(available=2000, A={"fees": {"BARE": {"flat": 50}}})
    answer = explained(dear)
    assert answer.cost == 1050
    (reason,) = answer.reasons
    assert (reason.code, reason.bar.node, reason.cost) == (Code.MODE_REFUSED, "A", 1000)
    assert explained(net()).reasons == ()


def test_the_form_of_a_reason() -> None:
    """What programs match: keys, codes and units stay as they are."""
    shown = answer_as_json(explained(net(available=650), levels=ATOMIC), with_reasons=True)
    assert shown["reasons"][0] == {
        "code": "CREDIT_SHORT",
        "rule": "V10",
        "node": "P",
        "line": ["P", "A"],
        "figure": 350,
        "unit": "brand",
        "registries": [],
        "mode": None,
        "level": None,
        "text": "line P→A is short by 350 USD",
        "next_step": "A can grant P 350 USD more: `pledgeway line limit P LIMIT`",
        "chain": ["P", "A", "Q"],
        "levels": ["ATOMIC", "ATOMIC"],
        "registry": "R",
        "cost": 1000,
        "bars": 2,
    }
    assert [code.value for code in Code] == [code.name for code in Code]


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_reasons_wherever_there_is_no_chain(first: int) -> None:
    for seed in range(first, first + 100):
        network, asked = case(seed)
        graph = graph_of(network)
        question = question_of(graph, asked)
        answer = find_route(graph, question)
        reasons = explain(graph, question, answer).reasons
        assert len({(r.chain, r.levels) for r in reasons}) <= MAX_CHAINS
        assert bool(reasons) or answer.found, seed
        for reason in reasons:
            assert reason.bar.text.isprintable() and reason.bar.next_step.isprintable()
            assert answer.cost is None or (reason.cost is not None and reason.cost < answer.cost)
