"""Splits of one payment: against every split there is, and by hand where a rule decides."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from pathfinder.plans.parts import STAMPED, UNSTAMPED, PartsAnswer, find_parts
from pathfinder.question import BadQuestion, RouteQuestion
from proto.levels import Level
from proto.limits import MAX_AMOUNT, US
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.parts_networks import case, town
from tests.pathfinder.parts_reference import cheapest_split

FREE = {mode: {} for mode in ("ATOMIC", "SECURED", "GATEWAY", "BARE")}
SEEDS = 240
B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY


def net_of(lines: str, **nodes: dict[str, Any]) -> dict[str, Any]:
    """Lines as "PA60 AQ60": from, to, available. Every node trusts R and charges nothing."""
    known = [(text[0], text[1], int(text[2:])) for text in lines.split()]
    names = {name for start, end, _ in known for name in (start, end)}
    usual = {"accepts": ["R"], "watches_registry": True, "fees": FREE}
    return {
        "registries": {"R": {}},
        "nodes": {name: usual | nodes.get(name, {}) for name in sorted(names)},
        "lines": [
            {"from": start, "to": end, "brand": "USD", "available": room}
            for start, end, room in known
        ],
    }


def question(amount: int, **more: Any) -> RouteQuestion:
    return RouteQuestion(payer="P", payee="Q", amount=amount, **more)


def ask(net: dict[str, Any], amount: int, parts: int = 4, **more: Any) -> PartsAnswer:
    unit = more.pop("unit", 1)
    return find_parts(graph_of(net), question(amount, **more), parts, unit=unit)


def shape(answer: PartsAnswer) -> list[tuple[str, int]]:
    """("PAQ", what the payee receives) of each part."""
    return [
        ("P" + "".join(hop.promisee for hop in route.hops), route.hops[-1].amount)
        for route in answer.routes
    ]


@pytest.mark.parametrize("block", range(0, SEEDS, 60))
def test_against_every_split(block: int) -> None:
    """Feasible where the reference is, on these seeds at its cost, and never wrong about it."""
    split = 0
    for seed in range(block, block + 60):
        net, asked, parts = case(seed)
        graph = graph_of(net)
        try:
            answer = find_parts(graph, question_of(graph, asked), parts)
        except BadQuestion:
            continue  # no line in any brand, say
        expected = cheapest_split(net, asked, parts)
        assert (answer.cost, answer.exact) == (expected, True), f"seed {seed}"
        if answer.cost is not None:
            assert answer.at_least is not None and answer.at_least <= answer.cost
            assert answer.at_least == answer.cost
            split += len(answer.routes) > 1
            assert_sound(net, asked, answer, parts)
    assert split, "these seeds split nothing"


def assert_sound(
    net: dict[str, Any], asked: dict[str, Any], answer: PartsAnswer, parts: int
) -> None:
    routes = answer.routes
    assert 1 <= len(routes) <= parts
    assert sum(route.hops[-1].amount for route in routes) == asked["amount"]
    assert len({(route.policy, route.schedule.deadline) for route in routes}) == 1
    last = {route.hops[-1].level for route in routes}
    assert len(routes) == 1 or last <= STAMPED or last <= UNSTAMPED
    room = {(line["from"], line["to"]): line["available"] for line in net["lines"]}
    room |= asked.get("overrides", {})
    for route in routes:
        for hop in route.hops:
            room[hop.promisor, hop.promisee] -= hop.amount
    assert min(room.values()) >= 0
    for route in routes:
        for node, lock in zip(route.hops, route.schedule.locks, strict=True):
            assert lock <= net["nodes"][node.promisor]["hold_max_ms"] * 1000


def test_two_narrow_lines_carry_together_what_neither_does() -> None:
    answer = ask(net_of("PA60 AQ60 PB50 BQ50"), 100)
    assert shape(answer) == [("PAQ", 60), ("PBQ", 40)] and answer.exact


def test_one_part_forbids_a_split() -> None:
    answer = ask(net_of("PA60 AQ60 PB50 BQ50"), 100, parts=1)
    assert not answer.found and answer.exact


def test_more_parts_than_allowed() -> None:
    net = net_of("PA40 AQ40 PB40 BQ40 PC40 CQ40")
    answer = ask(net, 100, parts=2)
    assert (answer.found, answer.exact, answer.most) == (False, True, 120)
    assert len(ask(net, 100, parts=3).routes) == 3


def test_more_than_all_lines_carry() -> None:
    answer = ask(net_of("PA40 AQ40 PB40 BQ40"), 81)
    assert (answer.found, answer.exact, answer.most) == (False, True, 80)


def test_a_line_that_two_chains_share_carries_the_sum() -> None:
    net = net_of("PA100 AB60 AC60 BQ60 CQ60")
    assert shape(ask(net, 100)) == [("PABQ", 60), ("PACQ", 40)]
    assert not ask(net, 101).found


def test_a_wide_chain_that_blocks_two_others_is_left_alone() -> None:
    """P-A-B-Q is the only chain for 100, and with it nothing else fits."""
    net = net_of("PA100 AQ90 AB100 PB90 BQ100")
    assert shape(ask(net, 180)) == [("PAQ", 90), ("PBQ", 90)]


def test_three_chains_each_half_full() -> None:
    """Any two share a line of 10: one that fills up leaves the others 0 or 10 together."""
    lines = "PA10 PB10 PC10 AD10 BD10 BE10 CE10 CF10 AF10 DQ9 EQ9 FQ9"
    assert ask(net_of(lines), 27).cost == 27


def test_a_cheap_narrow_line_is_used_though_a_wide_one_would_do() -> None:
    dear = {"fees": {"ATOMIC": {"rate": "1.1"}}}
    net = net_of("PA100 AQ100 PB30 BQ30", A=dear)
    answer = ask(net, 100, levels=frozenset({A}))
    assert shape(answer) == [("PAQ", 70), ("PBQ", 30)] and answer.cost == 77 + 30


def test_a_flat_fee_makes_one_chain_cheaper_than_two() -> None:
    nodes = {name: {"fees": {"ATOMIC": {"flat": 3}}} for name in "AB"}
    net = net_of("PA110 AQ110 PB99 BQ99", **nodes)
    answer = ask(net, 100, levels=frozenset({A}))
    assert shape(answer) == [("PAQ", 100)] and answer.cost == 103


def test_the_mixing_rule() -> None:
    """A takes only R's stamps at its end, B has no registry: the payee could not wait for both."""
    net = net_of("PA60 AQ60 PB50 BQ50", A={"fees": {"ATOMIC": {}}}, B={"accepts": []})
    only_bare_by_b = ask(net, 100, levels=frozenset({A, B}))
    assert not only_bare_by_b.found
    # PROXY is redeemable with the certificate until after L, so it stands beside ATOMIC.
    assert {r.hops[-1].level for r in ask(net, 100).routes} == {A, X}


def test_a_bare_chain_stands_under_the_policy_of_a_secured_one() -> None:
    nodes = {"A": {"fees": {"SECURED": {}}}, "B": {"accepts": [], "fees": {"BARE": {}}}}
    answer = ask(net_of("PA60 AQ60 PB50 BQ50", **nodes), 100, last_levels=frozenset({B, S}))
    levels = [[hop.level for hop in route.hops] for route in answer.routes]
    assert levels in ([[S, S], [B, B]], [[S, B], [B, B]])
    assert {route.policy.name for route in answer.routes} == {"R"}


def test_bare_chains_alone_have_no_policy() -> None:
    net = net_of("PA60 AQ60 PB50 BQ50")
    net["registries"] = {}
    for node in net["nodes"].values():
        node["accepts"] = []
    answer = ask(net, 100)
    assert len(answer.routes) == 2
    assert {route.policy.members for route in answer.routes} == {()}


def test_no_decline_hash_without_a_policy() -> None:
    net = net_of("PA60 AQ60 PB50 BQ50")
    assert not ask(net, 100, levels=frozenset({B}), declines=True).found
    assert ask(net, 100, levels=frozenset({A}), declines=True).found


LONG = "PA60 AB60 BC60 CD60 DE60 EQ60"  # all SECURED: A can stamp in time from D = 12 s on
SECURED_ONLY = {"fees": {"SECURED": {}}}


def test_all_chains_share_the_least_deadline_that_suits_all() -> None:
    chain = dict.fromkeys("ABCDE", SECURED_ONLY)
    net = net_of(LONG + " PF50 FQ50", **chain)
    answer = ask(net, 100)
    assert [len(route.hops) for route in answer.routes] == [6, 2]
    assert [route.schedule.deadline for route in answer.routes] == [12 * US, 12 * US]
    assert ask(net, 50).routes[0].schedule.deadline == 10 * US


def test_a_hold_max_too_short_for_the_others_deadline() -> None:
    """F holds for 11 s: beside the long chain it may only take what ends by its own clock."""
    chain = dict.fromkeys("ABCDE", SECURED_ONLY)
    short = {"hold_max_ms": 11_000, "fees": {"ATOMIC": {}}}
    net = net_of(LONG + " PF50 FQ50", **chain, F=short)
    assert ask(net, 50).found
    assert not ask(net, 100, last_levels=frozenset({A, S})).found


def test_every_share_but_the_last_is_of_whole_units() -> None:
    answer = ask(net_of("PA64 AQ64 PB57 BQ57"), 100, unit=10)
    assert sorted(share for _, share in shape(answer)) == [40, 60]
    assert not ask(net_of("PA55 AQ55 PB55 BQ55"), 110, unit=10).found


def test_what_a_split_may_cost() -> None:
    nodes = {name: {"fees": {"ATOMIC": {"flat": 1}}} for name in "AB"}
    net = net_of("PA60 AQ60 PB60 BQ60", **nodes)
    asked = frozenset({A})
    assert ask(net, 100, levels=asked, max_cost=102).cost == 102
    assert not ask(net, 100, levels=asked, max_cost=101).found


def test_the_same_answer_every_time() -> None:
    net, asked, parts = case(4)
    first = find_parts(graph_of(net), question_of(graph_of(net), asked), parts)
    again = find_parts(graph_of(net), question_of(graph_of(net), asked), parts)
    assert first == again


def test_a_spent_budget_is_not_a_proof() -> None:
    net = net_of("PA60 AQ60 PB50 BQ50")
    answer = find_parts(graph_of(net), question(100, max_cost=MAX_AMOUNT), 4, budget=0)
    assert not answer.found and not answer.exact


def test_names_of_the_hops_are_chained() -> None:
    for route in ask(net_of("PA60 AQ60 PB50 BQ50"), 100).routes:
        assert all(a.promisee == b.promisor for a, b in pairwise(route.hops))


def test_rounding_is_proven_too() -> None:
    """Two chains of 1.0005 and a bit: the programme without rounding says 62.5, nothing does 63."""
    fees = {"fees": {"ATOMIC": {}}, "registry_fees": {"R": {"out_rate": "1.0005"}}}
    lines = "PA60000 AB60000 BQ55000 PC50000 CQ35000"
    answer = ask(net_of(lines, A=fees, B=fees, C=fees), 80_000, levels=frozenset({A}))
    assert (answer.cost, answer.at_least, answer.exact) == (80_064, 80_064, True)


def test_a_heuristic_that_missed_a_plan_is_corrected() -> None:
    net, asked, parts = town(57)
    answer = find_parts(graph_of(net), question_of(graph_of(net), asked), parts)
    assert (answer.cost, answer.at_least) == (118_848, 118_848)


def test_a_bound_where_nothing_is_proven() -> None:
    net, asked, parts = town(5)
    graph = graph_of(net)
    answer = find_parts(graph, question_of(graph, asked), parts)
    assert answer.at_least is not None and answer.cost is not None
    assert asked["amount"] <= answer.at_least <= answer.cost


def test_parts_under_a_collective_policy() -> None:
    """Under R1 alone B has no way out; all three decide for both chains, and D is for all."""
    everybody = ["R1", "R2", "R3"]
    net = net_of("PA60 AQ60 PB50 BQ50")
    net["registries"] = {name: {} for name in everybody}
    net["policies"] = {"C": {"members": everybody, "qc": 2, "qa": 2, "f": 0, "delta_ms": 2000}}
    for node in net["nodes"].values():
        node |= {"accepts": everybody, "registry_fees": {"R1": {"out_flat": 2}}}
    graph = graph_of(net)
    asked = question(100, levels=frozenset({A}))
    cheap = find_parts(graph, asked, 2)
    assert {route.policy.name for route in cheap.routes} == {"R2"} and cheap.cost == 100
    answer = find_parts(graph, replace(asked, policies=frozenset({"C"})), 2)
    assert {route.policy.name for route in answer.routes} == {"C"}
    assert (answer.cost, answer.exact) == (104, True)
    assert {r.schedule.limit - r.schedule.deadline for r in answer.routes} == {2 * US}
