"""What can be sent at most: against every amount and every split, and where fees decide."""

import random
from dataclasses import replace
from typing import Any

import pytest

from pathfinder.core.search import find_route
from pathfinder.plans.parts import find_parts
from pathfinder.plans.sendable import Sendable, max_sendable
from pathfinder.question import BadQuestion, RouteQuestion
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.parts_networks import case
from tests.pathfinder.parts_reference import most_sendable
from tests.pathfinder.test_parts import net_of

WIDEST = 5  # of a line in the random networks: the reference tries every amount
SEEDS = 80


def narrow_case(seed: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    net, asked, parts = case(seed)
    rng = random.Random(seed)
    for line in net["lines"]:
        line["available"] = rng.randint(1, WIDEST)
    asked.pop("overrides", None)
    asked["amount"] = 1
    if "max_cost" in asked:
        asked["max_cost"] = rng.randint(3, 12)
    return net, asked, 1 if seed % 4 == 0 else parts


@pytest.mark.parametrize("block", range(0, SEEDS, 20))
def test_against_every_amount(block: int) -> None:
    several = 0
    for seed in range(block, block + 20):
        net, asked, parts = narrow_case(seed)
        graph = graph_of(net)
        try:
            found = max_sendable(graph, question_of(graph, asked), parts)
        except BadQuestion:
            continue
        expected = most_sendable(net, asked, parts, min(WIDEST * parts, 12))
        assert (found.amount, found.exact) == (expected, True), f"seed {seed}"
        assert_fits(net, asked, found, parts)
        several += len(found.routes) > 1
    assert several > 2, "these seeds split nothing"


def assert_fits(net: dict[str, Any], asked: dict[str, Any], found: Sendable, parts: int) -> None:
    assert sum(route.hops[-1].amount for route in found.routes) == found.amount <= found.at_most
    assert len(found.routes) <= parts and found.cost <= asked.get("max_cost", MAX_AMOUNT)
    room = {(line["from"], line["to"]): line["available"] for line in net["lines"]}
    for route in found.routes:
        for hop in route.hops:
            room[hop.promisor, hop.promisee] -= hop.amount
    assert min(room.values(), default=0) >= 0


@pytest.mark.parametrize("seed", range(300, 340))
def test_what_is_carried_is_carried_in_smaller_amounts_too(seed: int) -> None:
    """The reason why bisection finds the most: no gap among the amounts that a chain carries."""
    net, asked, _ = case(seed)
    graph = graph_of(net)
    for line in net["lines"]:
        line["available"] *= 5
    try:
        question = question_of(graph, asked)
        carried = [
            find_route(graph, replace(question, amount=amount)).found for amount in range(1, 46)
        ]
    except BadQuestion:
        return
    most = carried.count(True)
    assert carried == [True] * most + [False] * (45 - most)
    if most < 45:
        assert max_sendable(graph, question).amount == most


def ask(lines: str, parts: int = 1, nodes: Any = None, **more: Any) -> Sendable:
    unit = more.pop("unit", 1)
    graph = graph_of(net_of(lines, **(nodes or {})))
    return max_sendable(graph, RouteQuestion("P", "Q", 1, **more), parts, unit=unit)


def bottleneck(found: Sendable) -> dict[str, int]:
    return {line.promisor + line.promisee: line.carries for line in found.bottleneck}


TWO = "PA60 AQ70 PB50 BQ40"


def test_one_chain_and_several() -> None:
    assert (ask(TWO).amount, ask(TWO).exact) == (60, True)
    assert (ask(TWO, 2).amount, ask(TWO, 2).exact) == (100, True)


def test_the_lines_to_ask_more_credit_on() -> None:
    found = ask(TWO, 2)
    assert bottleneck(found) == {"PA": 60, "BQ": 40} and found.cut == 100


def test_of_several_bottlenecks_the_one_near_the_payer() -> None:
    assert bottleneck(ask("PA50 AB50 BQ50")) == {"PA": 50}


def test_fees_are_paid_from_what_the_lines_carry() -> None:
    dear = {"A": {"fees": {"ATOMIC": {"rate": "1.1", "flat": 5}}}}
    found = ask("PA60 AQ70", nodes=dear, levels=frozenset({Level.ATOMIC}))
    assert (found.amount, found.cost, found.exact) == (50, 60, True)


def test_a_budget_is_shared_by_all_chains() -> None:
    fees = {name: {"fees": {"ATOMIC": {"flat": 3}}} for name in "AB"}
    asked: Any = {"nodes": fees, "levels": frozenset({Level.ATOMIC}), "max_cost": 86}
    found = ask(TWO, 2, **asked)
    assert (found.amount, found.cost, found.exact) == (80, 86, True)
    assert ask(TWO, **asked).amount == 57


def test_more_than_so_many_chains_is_not_bounded_by_the_lines_alone() -> None:
    found = ask("PA40 AQ40 PB40 BQ40 PC40 CQ40", 2)
    assert (found.amount, found.at_most, found.cut) == (80, 80, 120)


def test_nothing() -> None:
    for lines, parts in (("PA0 AQ9", 1), ("PA0 AQ9", 3), ("AP9 QA9", 2)):
        found = ask(lines, parts)
        assert (found.amount, found.at_most, found.routes) == (0, 0, ()), lines
    assert bottleneck(ask("PA0 AQ9")) == {}


def test_lines_of_whom_refuses_everything_do_not_count() -> None:
    found = ask("PA60 AQ60 PB50 BQ50", 2, {"B": {"fees": {}}})
    assert (found.amount, found.at_most, found.cut) == (60, 60, 60)


def test_parts_are_whole_units() -> None:
    found = ask("PA64 AQ64 PB57 BQ57", 2, unit=10)
    assert (found.amount, found.exact) == (110, True)


def test_the_largest_amounts_there_are() -> None:
    most = MAX_AMOUNT
    for parts in (1, 2, 16):
        found = ask(f"PA{most} AQ{most} PB{most} BQ{most}", parts)
        assert found.amount == found.at_most == most


def test_the_cheapest_way_to_deliver_the_most() -> None:
    """A is dear; B carries all that can arrive anyhow."""
    found = ask("PA90 AC90 PB90 BC90 CQ90", 2, {"A": {"fees": {"ATOMIC": {"rate": "1.2"}}}})
    assert (found.amount, found.cost) == (90, 90)


def test_a_town_too_dense_for_a_proof_has_a_bound() -> None:
    rng = random.Random(5)
    names = [chr(0x4E00 + i) for i in range(24)]
    lines = []
    for start in ["P", *names]:
        for end in rng.sample(["Q", *names], 7):
            if start != end:
                lines.append(f"{start}{end}{rng.randint(20, 90)}")
    net = net_of(" ".join(dict.fromkeys(lines)))
    for name in names:
        fee = {"rate": f"1.00{rng.randint(1, 9)}", "flat": rng.randint(0, 2)}
        net["nodes"][name] = net["nodes"][name] | {"fees": {"ATOMIC": fee}}
    graph = graph_of(net)
    question = RouteQuestion("P", "Q", 1)
    found = max_sendable(graph, question, 4)
    assert 0 < found.amount <= found.at_most < 4 * 90
    assert len(found.routes) <= 4
    split = find_parts(graph, replace(question, amount=found.amount), 4)
    assert split.found and split.at_least is not None and split.cost is not None
    assert found.amount <= split.at_least <= split.cost


def test_several_registries_and_a_collective() -> None:
    """A is on R's list, B on S's; only both together are decided by a policy that both accept."""
    net = net_of("PA60 AQ60 PB50 BQ50", A={"accepts": ["R"]}, B={"accepts": ["R", "S", "T"]})
    net["registries"] = {"R": {}, "S": {}, "T": {}}
    everybody = ["R", "S", "T"]
    for name in "PQ":
        net["nodes"][name]["accepts"] = everybody
    net["policies"] = {"C": {"members": everybody, "qc": 2, "qa": 2, "f": 0, "delta_ms": 2000}}
    graph = graph_of(net)
    asked = RouteQuestion("P", "Q", 1, levels=frozenset({Level.ATOMIC}))
    both = max_sendable(graph, asked, 2)
    assert both.amount == 110 and {r.policy.name for r in both.routes} == {"R"}
    collective = max_sendable(graph, replace(asked, policies=frozenset({"C"})), 2)
    assert collective.amount == 50 and collective.routes[0].policy.name == "C"
    net["nodes"]["A"]["accepts"] = everybody
    graph = graph_of(net)
    collective = max_sendable(graph, replace(asked, policies=frozenset({"C"})), 2)
    assert collective.amount == 110 and collective.exact
    schedules = {route.schedule.deadline for route in collective.routes}
    assert len(schedules) == 1
