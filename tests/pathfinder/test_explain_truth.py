"""Every reason is true, and none is missing: the explanation against the slow reference.

For each rule or limit that can be put aside, the reference says which chain would be the cheapest
then. Those chains, and no others, are what an explanation shows; with what bars them it is right to
the unit. The reference shares no code with the program, and this table shares none either.

More networks by EXPLAIN_SEEDS=1000.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import pytest

from pathfinder.answer import Reason
from pathfinder.core.search import find_route
from pathfinder.explain import explain
from pathfinder.question import RouteQuestion
from pathfinder.reason_codes import Code, Unit
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.networks import case
from tests.pathfinder.reference import plan, policies, risk, solve

Asked = dict[str, Any]
ENOUGH = 10**9  # labels: these networks are small
SEEDS = int(os.environ.get("EXPLAIN_SEEDS", "400"))  # some 4 s of CPU for a hundred


def rules(*names: str) -> Callable[[Asked], Asked]:
    return lambda asked: asked | {"waived": {*asked.get("waived", ()), *names}}


def without(*keys: str) -> Callable[[Asked], Asked]:
    return lambda asked: {k: v for k, v in asked.items() if k not in keys}


def unlearned(asked: Asked) -> Asked:
    return without("overrides")(asked) if asked["learned"] else asked


def accepts_all(asked: Asked) -> Asked:
    return asked | {"accepted": asked["every policy"]}


def nearer(asked: Asked) -> Asked:
    """Without V10, but clear of lines that refused: those are no nearer."""
    told = asked.get("overrides", {}) if asked["learned"] else {}
    refused = [line for line, room in told.items() if room < asked["amount"]]
    return rules("V10")(asked) | {"avoid": [*asked.get("avoid", ()), *refused]}


PUT_ASIDE: dict[str, Callable[[Asked], Asked]] = {
    "CREDIT_SHORT": nearer,
    "LEARNED": unlearned,
    "MAX_COST": without("max_cost"),
    "MAX_RISK": without("max_risk"),
    "AVOIDED": without("avoid", "avoid_nodes"),
    "TOO_MANY_HOPS": without("max_hops"),
    "REGISTRY_NOT_ASKED": without("registries"),
    "PAYEE_REFUSES_LEVEL": without("last_levels"),
    "LEVEL_NOT_ASKED": without("levels", "first_levels"),
    "DEADLINE_TOO_LATE": without("latest_deadline_ms"),
    "LOCKS_TOO_LONG": rules("V8"),
    "REGISTRY_NOT_ACCEPTED": rules("V1", "V6"),
    "PAYEE_REFUSES_REGISTRY": accepts_all,
    "MODE_REFUSED": rules("V9"),
    "NOT_WATCHING": rules("V7"),
    "DECLINE_HASH": rules("V12"),
    "PROXY_NOT_ALLOWED": rules("V2"),
}
ALSO = {"NO_SCHEDULE": "LOCKS_TOO_LONG"}


def shown(reason: Reason) -> tuple[Any, ...]:
    return reason.chain, [level.name for level in reason.levels], reason.policy, reason.cost


def expected(found: dict[str, Any] | None) -> tuple[Any, ...] | None:
    if found is None:
        return None
    hops = found["hops"]
    chain = (hops[0]["from"], *(hop["to"] for hop in hops))
    return chain, [hop["level"] for hop in hops], found["registry"] or "", found["cost"]


def chains(reasons: tuple[Reason, ...]) -> Iterator[list[Reason]]:
    for _, group in groupby(reasons, key=shown):
        yield list(group)


def asked_of(seed: int) -> tuple[dict[str, Any], Asked, RouteQuestion]:
    net, asked = case(seed)
    question = question_of(graph_of(net), asked)
    asked["learned"] = seed % 2 == 0
    asked["every policy"] = [*net["registries"], *net["policies"]]
    if asked["learned"]:
        question = replace(question, unlearned={})
    return net, asked, question


def check(seed: int) -> int:
    """How many reasons there were."""
    net, asked, question = asked_of(seed)
    graph = graph_of(net)
    answer = explain(graph, question, find_route(graph, question), budget=ENOUGH)
    assert answer.exact and not answer.skipped, seed
    limited = asked if answer.cost is None else asked | {"max_cost": answer.cost - 1}
    nearest = {}
    for name, change in PUT_ASIDE.items():
        if name == "MAX_COST" and answer.found:
            continue
        if found := solve(net, change(limited)):
            nearest[name] = found
    groups = list(chains(answer.reasons))
    assert all(len(group) == group[0].bars for group in groups), seed
    if nearest or answer.found:
        wanted = [expected(found) for found in nearest.values()]
        assert all(shown(group[0]) in wanted for group in groups), seed
        assert all(chain in [shown(g[0]) for g in groups] for chain in wanted), seed
        for group in groups:
            alone = [n for n, found in nearest.items() if expected(found) == shown(group[0])]
            allowed = set().union(*(bars_behind(name) for name in alone))
            assert {reason.code.value for reason in group} <= allowed, (seed, group)
    else:
        check_several(net, asked, groups, seed)
    for group in groups:
        check_figures(net, asked, group)
    return len(answer.reasons)


def bars_behind(name: str) -> set[str]:
    """What may bar a chain that becomes possible once `name` is put aside."""
    return {
        "CREDIT_SHORT": {"CREDIT_SHORT", "LEARNED"},
        "LOCKS_TOO_LONG": {"LOCKS_TOO_LONG", "DEADLINE_TOO_LATE", "NO_SCHEDULE"},
    }.get(name, {name})


def put_aside(asked: Asked, names: set[str]) -> Asked:
    for name in sorted(names, key=lambda name: name == "CREDIT_SHORT"):
        asked = PUT_ASIDE[name](asked)
    return asked


def check_several(net: dict[str, Any], asked: Asked, groups: list[list[Reason]], seed: int) -> None:
    """No rule alone helps: those that are named do, and none of them is too many."""
    if solve(net, put_aside(asked, set(PUT_ASIDE))) is None:
        (group,) = groups
        assert [reason.code for reason in group] == [Code.NO_PATH], seed
        return
    (group,) = groups
    names = {ALSO.get(reason.code.value, reason.code.value) for reason in group}
    assert len(names) > 1, seed
    if "LOCKS_TOO_LONG" in names:
        names.discard("DEADLINE_TOO_LATE")  # V8 is one rule
    if {"CREDIT_SHORT", "LEARNED"} <= names:
        # A bound above the amount bars only what the fees make larger.
        less = solve(net, put_aside(asked, names - {"LEARNED"}))
        names -= {"LEARNED"} if expected(less) == shown(group[0]) else set()
    found = solve(net, put_aside(asked, names))
    assert expected(found) == shown(group[0]), seed
    for name in names:
        assert solve(net, put_aside(asked, names - {name})) is None, (seed, name)


def check_figures(net: dict[str, Any], asked: Asked, group: list[Reason]) -> None:
    chain, levels = group[0].chain, tuple(level.name for level in group[0].levels)
    if not chain:
        return
    lines = {(x["from"], x["to"]): x["available"] for x in net["lines"]}
    lateness = {name: late for name, _, late in policies(net, without("registries")(asked))}
    timing = plan(levels, lateness.get(group[0].policy, 0), asked.get("payee_margin_ms", 2000))
    for reason in group:
        bar, figure = reason.bar, reason.bar.figure
        assert (figure > 0) == (bar.code.unit is not Unit.NOTHING and bar.code is not Code.NO_PATH)
        match bar.code:
            case Code.CREDIT_SHORT | Code.LEARNED:
                assert bar.line in pairwise(chain)
                firm = {} if asked["learned"] else asked.get("overrides", {})
                room = firm.get(bar.line, lines[bar.line])
                if bar.code is Code.LEARNED:
                    assert asked["overrides"][bar.line] < room
                elif bar.line == chain[:2]:
                    assert figure == (reason.cost or 0) - room
                if bar.line == chain[-2:] and bar.code is Code.CREDIT_SHORT:
                    assert figure == asked["amount"] - room
            case Code.LOCKS_TOO_LONG:
                assert timing is not None
                held = net["nodes"][bar.node].get("hold_max_ms", 60_000)
                assert figure == 1000 * (timing[1][chain.index(bar.node)] - held)
            case Code.DEADLINE_TOO_LATE:
                assert timing is not None
                assert figure == 1000 * (timing[0] - asked["latest_deadline_ms"])
            case Code.NO_SCHEDULE:
                assert timing is None
            case Code.TOO_MANY_HOPS:
                assert figure == len(levels) - asked["max_hops"]
            case Code.MAX_COST:
                assert figure == (reason.cost or 0) - asked["max_cost"]
            case Code.MAX_RISK:
                total = sum(risk(a, b) for a, b in pairwise(levels))
                assert figure == total - asked["max_risk"]


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_reasons_are_true_and_complete(first: int) -> None:
    assert sum(check(seed) for seed in range(first, first + 20))


@pytest.mark.edge
@pytest.mark.parametrize("first", range(1000, 1000 + SEEDS, 100))
def test_many_reasons_are_true_and_complete(first: int) -> None:
    assert sum(check(seed) for seed in range(first, first + 100))
