"""Asks the search what `reference.solve` was asked, and puts both answers into one form."""

import json
from dataclasses import dataclass
from typing import Any

from pathfinder.answer import RouteAnswer
from pathfinder.core.graph import Graph
from pathfinder.core.search import Guide, find_route
from pathfinder.files.network_parse import parse_network
from pathfinder.question import ALL_LEVELS, RouteQuestion
from proto.levels import Level
from proto.limits import DECISION_TIME_US, MAX_AMOUNT
from tests.pathfinder.reference import solve


@dataclass(frozen=True)
class Comparison:
    """What the reference says, and the search under each guide."""

    expected: dict[str, Any] | None
    answers: dict[Guide, RouteAnswer]

    @property
    def same(self) -> bool:
        return all(a.exact and self.expected == as_json(a) for a in self.answers.values())


def graph_of(net: dict[str, Any]) -> Graph:
    return Graph.from_network(parse_network(json.dumps(net).encode()))


def levels(asked: dict[str, Any], key: str) -> frozenset[Level]:
    return frozenset(Level[name] for name in asked[key]) if key in asked else ALL_LEVELS


def question_of(graph: Graph, asked: dict[str, Any]) -> RouteQuestion:
    terms = {policy.name: policy.terms for policy in graph.candidates()}
    fixed = asked.get("deadline_ms")
    latest = asked.get("latest_deadline_ms", fixed)
    return RouteQuestion(
        payer=asked["payer"],
        payee=asked["payee"],
        amount=asked["amount"],
        policies=frozenset(asked["registries"]) if "registries" in asked else None,
        accepted=(
            frozenset(terms[name] for name in asked["accepted"]) if "accepted" in asked else None
        ),
        levels=levels(asked, "levels"),
        first_levels=levels(asked, "first_levels"),
        last_levels=levels(asked, "last_levels"),
        max_hops=asked.get("max_hops", 20),
        max_cost=asked.get("max_cost", MAX_AMOUNT),
        payee_margin_us=asked.get("payee_margin_ms", 2000) * 1000,
        latest_deadline=None if latest is None else latest * 1000,
        deadline_floor=DECISION_TIME_US if fixed is None else fixed * 1000,
        declines=asked.get("declines", False),
        max_risk=asked.get("max_risk"),
        avoid_nodes=frozenset(asked.get("avoid_nodes", ())),
        avoid_lines=frozenset(asked.get("avoid", ())),
        capacity_overrides=asked.get("overrides", {}),
    )


def as_json(answer: RouteAnswer) -> dict[str, Any] | None:
    route = answer.route
    if route is None:
        return None
    return {
        "cost": route.cost,
        "registry": route.policy.name or None,
        "hops": [
            {"from": h.promisor, "to": h.promisee, "level": h.level.name, "amount": h.amount}
            for h in route.hops
        ],
        "modes": {name: mode.name for name, mode in route.modes},
    }


def compare(net: dict[str, Any], asked: dict[str, Any]) -> Comparison:
    graph = graph_of(net)
    question = question_of(graph, asked)
    answers = {guide: find_route(graph, question, guides=(guide,)) for guide in Guide}
    return Comparison(solve(net, asked), answers)
