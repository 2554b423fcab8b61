"""Alternatives: against all chains of small networks, and where the definition decides."""

import random
from itertools import pairwise
from typing import Any

import pytest

from pathfinder.core.search import find_route
from pathfinder.plans.alternatives import Alternatives, find_alternatives
from pathfinder.question import BadQuestion, RouteQuestion
from proto.levels import Level
from tests.pathfinder.compare import as_json, graph_of, question_of
from tests.pathfinder.networks import case
from tests.pathfinder.parts_networks import make_kind
from tests.pathfinder.reference import different
from tests.pathfinder.test_parts import net_of

SEEDS = 600


def shown(found: Alternatives) -> list[Any]:
    answers = [found.first, *found.others] if found.first.found else []
    return [as_json(answer) for answer in answers]


@pytest.mark.parametrize("block", range(0, SEEDS, 200))
def test_against_every_chain(block: int) -> None:
    several = 0
    for seed in range(block, block + 200):
        net, asked = case(seed)
        rng = random.Random(seed)
        if seed % 2:  # as they are, few of these networks have more than one chain
            make_kind(rng, net, asked)
            for line in net["lines"]:
                line["available"] = asked["amount"] * rng.randint(1, 9)
        graph = graph_of(net)
        most = rng.choice((1, 2, 3, 10))
        try:
            found = find_alternatives(graph, question_of(graph, asked), most)
        except BadQuestion:
            continue
        assert found.exact and all(answer.exact for answer in found.others)
        assert shown(found) == different(net, asked, most), f"seed {seed}"
        several += len(found.others) > 1
    assert several > 10, "these seeds have no alternatives"


def ask(lines: str, most: int, nodes: Any = None, **more: Any) -> Alternatives:
    net = net_of(lines, **(nodes or {}))
    return find_alternatives(graph_of(net), RouteQuestion("P", "Q", 50), most, **more)


def paths(found: Alternatives) -> list[str]:
    return [
        "P" + "".join(hop.promisee for hop in answer.route.hops)
        for answer in (found.first, *found.others)
        if answer.route is not None
    ]


ROUNDS = "PA60 AQ60 PB60 BQ60 PC60 CQ60 AB60 BC60"


def test_cheapest_first_and_no_detour_by_way_of_an_earlier_one() -> None:
    """P-A-B-Q passes A, all that the first answer needs: it is no alternative to it."""
    found = ask(ROUNDS, 10)
    assert paths(found) == ["PAQ", "PBQ", "PCQ"] and found.exact


def test_no_more_than_asked_for() -> None:
    assert paths(ask(ROUNDS, 1)) == ["PAQ", "PBQ"]
    assert paths(ask(ROUNDS, 0)) == ["PAQ"]


def test_a_direct_chain_is_differed_from_by_another_line() -> None:
    found = ask("PQ60 PA60 AQ60", 10)
    assert paths(found) == ["PQ", "PAQ"] and found.exact


def test_a_chain_that_lacks_one_of_two_is_different() -> None:
    dear = {"C": {"fees": {"ATOMIC": {"flat": 9}}}}
    found = ask("PA60 AB60 BQ60 AC60 CQ60 PC60 CB60", 10, dear)
    assert paths(found) == ["PABQ", "PCQ"]
    # P-C-B-Q would lack A, but passes C: all that the second one needs.


def test_no_chain_no_alternatives() -> None:
    found = ask("PA10 AQ10", 3)
    assert not found.first.found and found.others == () and found.exact


def test_nobody_else() -> None:
    found = ask("PA60 AQ60", 3)
    assert paths(found) == ["PAQ"] and found.exact


def test_a_spent_budget_says_so() -> None:
    """The second is proven by the second search; what would come after it was not looked at."""
    found = ask(ROUNDS, 10, searches=2)
    assert paths(found) == ["PAQ", "PBQ"] and not found.exact
    assert [answer.exact for answer in found.others] == [True]
    few = ask(ROUNDS, 10, labels=1)
    assert few.first.exact and not few.exact and not any(a.exact for a in few.others)


def test_the_first_is_what_a_plain_question_answers() -> None:
    net, asked = case(10)
    graph = graph_of(net)
    question = question_of(graph, asked)
    assert find_alternatives(graph, question, 2).first == find_route(graph, question)


def test_what_the_question_forbids_holds_for_all() -> None:
    graph = graph_of(net_of(ROUNDS))
    question = RouteQuestion("P", "Q", 50, avoid_nodes=frozenset({"B"}), max_risk=0)
    found = find_alternatives(graph, question, 10)
    assert paths(found) == ["PAQ", "PCQ"]
    levels = {h.level for a in found.others if a.route for h in a.route.hops}
    assert levels <= {Level.ATOMIC, Level.SECURED, Level.PROXY}


def test_many_layers_stay_within_the_budget() -> None:
    """Twelve layers of three nodes: the sets to avoid are far more than anybody could look at."""
    names = [[chr(0x4E00 + 3 * i + k) for k in range(3)] for i in range(12)]
    lines = [f"P{n}60" for n in names[0]] + [f"{n}Q60" for n in names[-1]]
    for here, there in pairwise(names):
        lines += [f"{a}{b}60" for a in here for b in there]
    found = ask(" ".join(lines), 10)
    assert len(found.others) == 10
    assert len({frozenset(path) for path in paths(found)}) == 11
