"""Bounds from below stay below, whatever changes; all guides lead to the same answer."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from pathfinder.core.forest import MAX_FOREST_BYTES, Forest, floor_of
from pathfinder.core.graph import Graph
from pathfinder.core.search import Guide, find_route, setting_of
from pathfinder.core.trees import COARSE, Tree
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Line, Node
from pathfinder.question import RouteQuestion
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.modes import Mode
from tests.pathfinder import networks
from tests.pathfinder.compare import graph_of, question_of

GUIDED = (Guide.COARSE, Guide.FINE)


def town(seed: int, size: int = 60) -> dict[str, Any]:
    """A network with more nodes than a brute force could ask."""
    rng = random.Random(seed)
    net = networks.network(rng, 3)
    registries = list(net["registries"])
    nodes = {
        f"n{i:02}": {
            "accepts": [r for r in registries if rng.random() < 0.7],
            "watches_registry": rng.random() < 0.7,
            "hold_max_ms": rng.choice((14_000, 60_000, 60_000)),
            "fees": networks.fees(rng),
            "registry_fees": networks.registry_fees(rng, registries),
        }
        for i in range(size)
    }
    lines = {}
    for start in nodes:
        for end in rng.sample(sorted(nodes), 4):
            if start != end:
                own = networks.fees(rng) if rng.random() < 0.2 else None
                lines[start, end] = {
                    "from": start,
                    "to": end,
                    "brand": "USD",
                    "fees": own,
                    "available": rng.randint(1, 2000),
                    "registry_fees": None,
                }
    return {**net, "nodes": nodes, "lines": list(lines.values())}


def questions(rng: random.Random, net: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [networks.question(rng, net) for _ in range(count)]


def asked_of_all(graph: Graph, question: RouteQuestion) -> None:
    """All guides lead to the same answer. The reference has vouched for the plain one."""
    plain = find_route(graph, question, guides=(Guide.PLAIN,))
    for guide in GUIDED:
        answer = find_route(graph, question, guides=(guide,))
        assert (answer.route, answer.exact) == (plain.route, plain.exact), (guide, question)


@pytest.fixture(params=["fine", "half fine"])
def grain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a small board, and as on a large one."""
    if request.param == "half fine":
        monkeypatch.setattr("pathfinder.core.forest.MAX_FINE_NODES", 0)


@pytest.mark.parametrize("seed", range(12))
def test_all_guides_find_the_same(seed: int, grain: None) -> None:
    net = town(seed)
    graph, rng = graph_of(net), random.Random(seed)
    for asked in questions(rng, net, 10):
        asked_of_all(graph, question_of(graph, asked))


@pytest.mark.parametrize("seed", range(12))
def test_what_improves_is_taken_in(seed: int, grain: None) -> None:
    """The same trees all along: lines gain and lose, come and go, and fees change."""
    net, rng = town(seed, 40), random.Random(seed)
    graph = graph_of(net)
    wanted = [question_of(graph, asked) for asked in questions(rng, net, 2)]
    wanted = [replace(q, capacity_overrides={}) for q in wanted]
    parsed = parse_network(json_of(net))
    nodes, lines = list(parsed.nodes), list(parsed.lines)
    for sequence in range(1, 60):
        for _ in range(rng.choice((1, 1, 3))):
            change(graph, rng, nodes, lines, sequence)
        for question in wanted:
            asked_of_all(graph, question)
    forest = Forest.of(graph.board("USD"))
    assert 0 < forest.grown < 60  # they were not made anew each time


def json_of(net: dict[str, Any]) -> bytes:
    return json.dumps(net).encode()


def change(
    graph: Graph, rng: random.Random, nodes: list[Node], lines: list[Line], sequence: int
) -> None:
    kind = rng.random()
    if kind < 0.2:
        node, like = rng.sample(nodes, 2)
        graph.upsert_node(replace(node, fees=like.fees, accepts=like.accepts), sequence=sequence)
    elif kind < 0.4:
        one, other = rng.sample(nodes, 2)
        line = Line(one.name, other.name, "USD", rng.randint(1, 2000))
        graph.upsert_line(line, sequence=sequence)
    else:
        line = rng.choice(lines)
        graph.upsert_line(
            replace(line, available=rng.randint(1, 3000)),
            sequence=sequence,
            closed=rng.random() < 0.1,
        )


@pytest.mark.parametrize("amount", [MAX_AMOUNT // 3, 2**53 + 1, 2**53 - 1, 10**15 + 7])
def test_amounts_beyond_the_whole_numbers_of_floats(amount: int) -> None:
    net = town(3)
    rng = random.Random(3)
    for line in net["lines"]:
        line["available"] = rng.choice((MAX_AMOUNT, amount, amount + amount // 7))
    graph = graph_of(net)
    for _ in range(8):
        payer, payee = rng.sample(sorted(net["nodes"]), 2)
        asked_of_all(graph, RouteQuestion(payer, payee, amount))


@pytest.mark.parametrize("seed", range(20))
def test_no_bound_is_above_what_a_chain_costs(seed: int, grain: None) -> None:
    net = town(seed, 30)
    graph, rng = graph_of(net), random.Random(seed)
    for _ in range(12):
        payer, payee = rng.sample(sorted(net["nodes"]), 2)
        question = RouteQuestion(payer, payee, rng.randint(1, 1500))
        route = find_route(graph, question, guides=(Guide.PLAIN,)).route
        if route is None:
            continue
        _, setting = setting_of(graph, question)
        forest, payee_number = Forest.of(setting.board), setting.board.number[payee]
        policy = next(p for p in setting.policies if p == route.policy)
        fine = forest.tree(setting, (policy,), forest.fine)
        coarse = forest.tree(setting, setting.policies, COARSE)
        last = route.hops[-1].level
        fees = route.cost - question.amount
        assert 0 <= fine.of(payee_number, last, False) <= fees
        assert 0 <= coarse.of(payee_number, last, False) <= fees
        assert forest.hops(setting).far[payee_number] <= len(route.hops)


def test_a_floor_is_close_below() -> None:
    for amount in (1, 7, 15, 16, 17, 1000, 99_999, MAX_AMOUNT):
        floor = floor_of(amount)
        assert floor <= amount < floor + max(1, (amount + 2) // 3)
    assert floor_of(100_000) == floor_of(98_304)


def test_the_forest_keeps_within_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    net = town(1)
    graph = graph_of(net)
    one_tree = 8 * len(net["nodes"])
    monkeypatch.setattr("pathfinder.core.forest.MAX_FOREST_BYTES", 5 * one_tree)
    assert 5 * one_tree < MAX_FOREST_BYTES
    forest = None
    for payer in sorted(net["nodes"])[:20]:
        _, setting = setting_of(graph, RouteQuestion(payer, "n59", 100))
        forest = Forest.of(setting.board)
        tree = forest.tree(setting, setting.policies, COARSE)
        assert forest.tree(setting, setting.policies, COARSE) is tree
    assert forest is not None and forest.bytes <= 6 * one_tree


def test_levels_that_the_question_bars_bar_the_tree() -> None:
    net = town(2)
    graph = graph_of(net)
    found = set()
    for level in Level:
        question = RouteQuestion("n00", "n59", 5, levels=frozenset({level}))
        _, setting = setting_of(graph, question)
        tree = Tree(setting, Forest.of(setting.board).columns(), setting.policies, 5, COARSE)
        found.add(tuple(tree.least))
    assert len(found) > 1


def test_a_line_that_names_fees_and_takes_them_back_between_two_questions() -> None:
    net = town(4, 20)
    graph = graph_of(net)
    question = RouteQuestion("n00", "n19", 5)
    asked_of_all(graph, question)
    plain = next(line for line in parse_network(json_of(net)).lines if line.fees is None)
    for sequence, fees in enumerate((FeeSet({Mode.BARE: Fee()}), None), start=1):
        graph.upsert_line(replace(plain, fees=fees), sequence=sequence)
    asked_of_all(graph, question)
