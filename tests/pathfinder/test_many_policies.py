"""Registries that nobody uses cost a search nothing; many in use do not cost it too much."""

import random

import pytest

from pathfinder.core import search
from pathfinder.core.forest import Forest
from pathfinder.core.graph import Graph
from pathfinder.core.search import Guide, cheapest, find_route, setting_of
from pathfinder.core.setting import MAX_UNUSED
from pathfinder.explain import explain
from pathfinder.network import Line, Node, Policy
from pathfinder.plans.relaxed import relaxed_plan
from pathfinder.plans.sendable import max_sendable
from pathfinder.question import RouteQuestion
from pathfinder.reason_codes import Code
from pathfinder.synthetic import Shape, synthetic_network
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.money import Rate
from proto.viability import Rule


def trusting(*accepts: str) -> Graph:
    graph = Graph()
    for name in "PAQ":
        graph.upsert_node(Node(name, accepts=frozenset(accepts)))
    graph.upsert_line(Line("P", "Q", "USD", 100))
    graph.upsert_line(Line("P", "A", "USD", 100))
    return graph


def names(graph: Graph, waived: frozenset[Rule] = frozenset()) -> list[str]:
    _, setting = setting_of(graph, RouteQuestion("P", "Q", 1), waived)
    return [policy.name for policy in setting.policies]


def test_policies_that_nobody_accepts_are_left_out() -> None:
    graph = trusting("R")
    for name in ("R", "S", *(f"junk{i:02}" for i in range(20))):
        graph.upsert_registry(name)
    graph.set_policy(Policy("both", ("R", "S"), 2, 1))
    assert names(graph) == ["", "R"]
    # An explanation of "nobody accepts it" needs some of them, and no more.
    waived = names(graph, frozenset({Rule.V1}))
    assert (len(waived), waived[:3]) == (2 + MAX_UNUSED, ["", "R", "S"])


def test_who_accepts_is_kept_up_to_date() -> None:
    graph = trusting()
    graph.upsert_registry("R")
    assert names(graph) == [""]
    graph.upsert_node(Node("A", accepts=frozenset({"R"})), sequence=1, expires_at_us=500)
    assert names(graph) == ["", "R"]
    graph.upsert_node(Node("P", accepts=frozenset({"R"})), sequence=1)
    graph.upsert_node(Node("A", accepts=frozenset({"R", "S"})), sequence=2, expires_at_us=500)
    assert graph.board("USD").accepted == {"R": 2, "S": 1}
    assert graph.board("USD", 500).accepted == {"R": 1}  # A's advert has expired
    graph.upsert_node(Node("A", accepts=frozenset({"S"})), sequence=3, expires_at_us=900)
    assert graph.board("USD", 500).accepted == {"R": 1, "S": 1}
    graph.upsert_node(Node("P"), sequence=2)
    assert graph.board("USD", 500).accepted == {"S": 1}


def test_that_nobody_accepts_a_registry_is_explained() -> None:
    graph = trusting()
    graph.upsert_registry("R")
    question = RouteQuestion("P", "Q", 1, levels=frozenset({Level.SECURED}))
    answer = explain(graph, question, find_route(graph, question))
    assert not answer.found and answer.exact
    assert Code.REGISTRY_NOT_ACCEPTED in {reason.code for reason in answer.reasons}


def test_a_search_that_is_cut_off_makes_no_trees_that_nothing_follows() -> None:
    chance = random.Random(5)
    network = synthetic_network(150, 1200, chance, Shape(registries=6, collectives=0))
    graph = Graph.from_network(network)
    payer, *_, payee = graph.nodes()
    _, setting = setting_of(graph, RouteQuestion(payer, payee, 1000))
    found = cheapest(setting, 3, 0, (Guide.COARSE, Guide.FINE))
    assert not found.exact and Forest.of(setting.board).grown == 1


@pytest.mark.parametrize("policies", [1, 8, 9, 64])
def test_many_policies_have_to_be_worth_their_trees(policies: int) -> None:
    graph = trusting(*(f"R{i:02}" for i in range(policies)))
    for i in range(policies - 1):  # the empty one is the last
        graph.upsert_registry(f"R{i:02}")
    _, setting = setting_of(graph, RouteQuestion("P", "Q", 1))
    assert len(setting.policies) == policies
    assert search._worth(setting) == search.LEAST_WORTH * -(-policies // search.USUAL_POLICIES)


@pytest.mark.edge
@pytest.mark.parametrize("floor_s", [10, 52, 53, 600])
def test_a_floor_of_the_deadline_is_kept_however_late(floor_s: int) -> None:
    graph = trusting("R")
    graph.upsert_registry("R")
    for name in "PQ":
        node = Node(name, accepts=frozenset({"R"}), hold_max_us=floor_s * US)
        graph.upsert_node(node, sequence=1)
    stamped = frozenset({Level.SECURED})
    asked = RouteQuestion("P", "Q", 1, deadline_floor=floor_s * US, levels=stamped)
    route = find_route(graph, asked).route
    assert route is not None and route.schedule.deadline == floor_s * US


def test_a_proof_over_many_policies_solves_no_more_than_one_over_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many programmes for sixty families as for one: a stranger may name as many policies."""
    solved: list[object] = []
    real = relaxed_plan

    def counted(*given: object) -> object:
        solved.append(given)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("pathfinder.plans.packing.relaxed_plan", counted)
    monkeypatch.setattr("pathfinder.plans.proving.CORNERS", 40)
    names = [f"R{i:02}" for i in range(20)]
    fees = FeeSet({mode: Fee(Rate.parse("1.01"), 7) for mode in Mode})
    graph = Graph()
    for name in names:
        graph.upsert_registry(name)
    for node in "PABCQ":
        graph.upsert_node(Node(node, accepts=frozenset(names), fees=fees))
    for middle, available in zip("ABC", (100, 230, 370), strict=True):
        graph.upsert_line(Line("P", middle, "USD", available))
        graph.upsert_line(Line(middle, "Q", "USD", available))
    found = max_sendable(graph, RouteQuestion("P", "Q", 1), 3)
    assert 600 < found.amount <= found.at_most
    assert len(solved) <= 40 + 2 * 41  # and what begins each family, before anything is split
