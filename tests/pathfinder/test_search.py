"""The search against the worked numbers, against the reference, and in its corners."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Policy
from pathfinder.question import BadQuestion, Fault, RouteQuestion
from proto.levels import Level
from tests.pathfinder.compare import as_json, compare, graph_of
from tests.pathfinder.networks import case

FEES = {
    "ATOMIC": {"rate": "1", "flat": 0},
    "SECURED": {"rate": "1.001", "flat": 0},
    "GATEWAY": {"rate": "1.003", "flat": 2},
    "BARE": {"rate": "1.006", "flat": 5},
}
FREE: dict[str, Any] = {mode: {} for mode in FEES}
SEEDS = 2000
SEEDS_PER_TEST = 500


def lines(*pairs: str, available: int = 500_000) -> list[dict[str, Any]]:
    return [
        {"from": a, "to": b, "brand": "USD", "available": available} for a, b in map(tuple, pairs)
    ]


def net(nodes: Mapping[str, Any], *pairs: str, **more: Any) -> dict[str, Any]:
    return {"registries": {"R": {}}, "nodes": nodes, "lines": lines(*pairs), **more}


def worked(accepting: str) -> dict[str, Any]:
    nodes = {}
    for name in "PABQ":
        priced = {"R": {"out_rate": "1.0005"}} if name in accepting else {}
        nodes[name] = {
            "accepts": ["R"] if name in accepting else [],
            "watches_registry": True,
            "fees": FEES,
            "registry_fees": priced,
        }
    return net(nodes, "PA", "AB", "BQ")


def ask(network: dict[str, Any], payer: str = "P", payee: str = "Q", **more: Any) -> Any:
    question = RouteQuestion(payer, payee, **({"amount": 100_000} | more))
    answer = find_route(graph_of(network), question)
    assert answer.exact
    return as_json(answer)


def chain_of(answer: Any) -> str:
    return "".join([answer["hops"][0]["from"], *(hop["to"] for hop in answer["hops"])])


def levels_of(answer: Any) -> str:
    return " ".join(hop["level"] for hop in answer["hops"])


WORKED = """
PABQ | ATOMIC ATOMIC ATOMIC  | ATOMIC ATOMIC   | 100101 100050 100000 | R
PAQ  | ATOMIC ATOMIC PROXY   | ATOMIC ATOMIC   | 100050 100000 100000 | R
PAB  | SECURED SECURED BARE  | SECURED SECURED | 100251 100100 100000 | R
PBQ  | ATOMIC PROXY ATOMIC   | ATOMIC BARE     | 100656 100656 100000 | R
ABQ  | BARE ATOMIC ATOMIC    | BARE ATOMIC     | 100706 100050 100000 | R
     | BARE BARE BARE        | BARE BARE       | 101214 100605 100000 | -
""".strip("\n").splitlines()


@pytest.mark.parametrize("row", WORKED)
def test_worked_numbers(row: str) -> None:
    accepting, levels, modes, amounts, registry = (part.strip() for part in row.split("|"))
    answer = ask(worked(accepting))
    assert levels_of(answer) == levels
    assert list(answer["modes"].items()) == list(zip("AB", modes.split(), strict=True))
    assert [hop["amount"] for hop in answer["hops"]] == [int(a) for a in amounts.split()]
    assert answer["cost"] == int(amounts.split()[0])
    assert answer["registry"] == (None if registry == "-" else registry)


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_random_networks_against_the_reference(first: int) -> None:
    found = 0
    for seed in range(first, first + SEEDS_PER_TEST):
        compared = compare(*case(seed))
        assert compared.same, (seed, compared)
        found += compared.expected is not None
    assert SEEDS_PER_TEST // 4 < found < SEEDS_PER_TEST  # both outcomes are really compared


LOOP = {
    "P": {"accepts": ["R"]},
    "A": {"accepts": ["R"], "fees": {"ATOMIC": {}, "SECURED": {}, "BARE": {}}},
    "B": {"accepts": ["R"], "fees": FREE},
    "C": {"accepts": ["R"], "fees": {"GATEWAY": {"flat": 7}}},
    "Q": {},
}


def test_a_walk_that_comes_back_is_no_chain() -> None:
    # A refuses GATEWAY, B does not: the cheapest walk P A B A Q lets B turn ATOMIC into SECURED.
    network = net(LOOP, "PA", "AB", "BA", "AQ", "PC", "CQ")
    first = frozenset({Level.ATOMIC})
    answer = ask(network, first_levels=first, last_levels=frozenset({Level.BARE}))
    assert chain_of(answer) == "PCQ"
    assert answer["cost"] == 100_007
    without = net(LOOP, "PA", "AB", "BA", "AQ")
    assert ask(without, first_levels=first, last_levels=frozenset({Level.BARE})) is None


def test_a_longer_chain_may_be_cheaper() -> None:
    nodes = {"P": {}, "A": {"fees": {"BARE": {"flat": 9}}}, "Q": {}}
    nodes |= {n: {"fees": {"BARE": {"flat": 1}}} for n in "BC"}
    network = net(nodes, "PA", "AQ", "PB", "BC", "CQ")
    assert chain_of(ask(network)) == "PBCQ"
    assert chain_of(ask(network, max_hops=2)) == "PAQ"
    assert ask(network, max_hops=1) is None


def test_a_cheaper_end_may_be_too_long_for_its_beginning() -> None:
    # From B the detour over D is cheaper. P's own line to B is short by one, so that B looks nearer
    # to P than it is. ATOMIC all along: nothing but the number of hops differs.
    dear = {"ATOMIC": {"flat": 9}}
    free: dict[str, Any] = {"accepts": ["R"], "fees": {"ATOMIC": {}}}
    nodes = dict.fromkeys("PCDQ", free) | {"B": free | {"fees": {"ATOMIC": {"flat": 1}}}}
    network = net(nodes, "PC", "CB", "BD", "DQ")
    network["lines"] += [
        {"from": "B", "to": "Q", "brand": "USD", "available": 500_000, "fees": dear},
        {"from": "P", "to": "B", "brand": "USD", "available": 100_000},
    ]
    assert chain_of(ask(network)) == "PCBDQ"
    answer = ask(network, max_hops=3)
    assert (chain_of(answer), answer["cost"]) == ("PCBQ", 100_009)


def test_a_cheaper_end_may_bear_no_later_deadline() -> None:
    # Every node is in mode SECURED, so D grows by 2 s with each: 15.5 s at X, and B bears 14 s.
    secured: dict[str, Any] = {"accepts": ["R"], "fees": {"SECURED": {}}}
    nodes = dict.fromkeys("PXABCQ", secured)
    nodes |= {
        "B": secured | {"hold_max_ms": 14_000},
        "E": secured | {"fees": {"SECURED": {"flat": 5}}},
    }
    network = net(nodes, "PX", "XA", "AB", "BC", "AE", "EC", "CQ")
    margin: dict[str, Any] = {"payee_margin_us": 7_500_000, "last_levels": frozenset({Level.BARE})}
    answer = ask(network, **margin)
    assert (chain_of(answer), answer["cost"]) == ("PXAECQ", 100_005)
    assert chain_of(ask(network, payer="X", **margin)) == "XABCQ"


def test_ties_in_their_order() -> None:
    trusting = {"accepts": ["R"], "fees": FREE}
    ends = {"P": {"accepts": ["R"]}, "Q": {"accepts": ["R"]}}
    # Fewer hops, though the longer chain is as cheap and as safe.
    answer = ask(net(ends | {"A": trusting, "B": trusting}, "PA", "AB", "BQ", "PB"))
    assert (chain_of(answer), levels_of(answer)) == ("PBQ", "ATOMIC ATOMIC")
    # Less risk before names.
    distrusting = {"A": {"fees": FREE}, "Z": trusting}
    answer = ask(net(ends | distrusting, "PA", "AQ", "PZ", "ZQ"))
    assert (chain_of(answer), levels_of(answer)) == ("PZQ", "ATOMIC ATOMIC")
    # Safer levels from the payer on: SECURED ATOMIC is as risky as ATOMIC ATOMIC.
    first = frozenset({Level.SECURED, Level.BARE})
    assert levels_of(ask(net(ends | {"A": trusting}, "PA", "AQ"), first_levels=first)) == (
        "SECURED ATOMIC"
    )
    # Names, compared by code point: upper case comes first.
    answer = ask(net(ends | {"a": trusting, "Z": trusting}, "Pa", "aQ", "PZ", "ZQ"))
    assert chain_of(answer) == "PZQ"
    # The name of the policy at the very end.
    two = {**net(ends, "PQ"), "policies": {"B1": {"members": ["R"], "qc": 1, "qa": 1}}}
    assert ask(two)["registry"] == "B1"
    assert ask(two, policies=frozenset({"R"}))["registry"] == "R"


def test_what_a_failed_attempt_teaches() -> None:
    network = net(
        {"P": {}, "A": {"fees": FREE}, "B": {"fees": FREE}, "Q": {}}, "PA", "AQ", "PB", "BQ"
    )
    assert chain_of(ask(network)) == "PAQ"
    assert chain_of(ask(network, avoid_lines=frozenset({("A", "Q")}))) == "PBQ"
    assert chain_of(ask(network, capacity_overrides={("P", "A"): 99_999})) == "PBQ"
    assert chain_of(ask(network, capacity_overrides={("P", "A"): 100_000})) == "PAQ"
    assert ask(network, max_cost=99_999) is None
    more = {("P", "A"): 10**9, ("A", "Q"): 10**9}
    assert chain_of(ask(network, amount=10**9, capacity_overrides=more)) == "PAQ"


def test_amounts_beyond_all_bounds_are_no_chain() -> None:
    largest = 2**63 - 1
    nodes = {"P": {}, "A": {"fees": {"BARE": {"rate": "1000", "flat": largest}}}, "Q": {}}
    network = {"nodes": nodes, "lines": lines("PA", "AQ", available=largest)}
    assert ask(network, amount=largest) is None
    assert ask(network, amount=1) is None
    direct = {"nodes": nodes, "lines": lines("PQ", available=largest)}
    assert ask(direct, amount=largest)["cost"] == largest


def test_a_spent_budget_is_admitted() -> None:
    graph = graph_of(worked("PABQ"))
    question = RouteQuestion("P", "Q", 100_000)
    answer = find_route(graph, question, budget=1)
    assert not answer.exact and not answer.found
    assert find_route(graph, question).exact


def test_a_spent_budget_still_tries_a_simple_chain() -> None:
    network = net(LOOP, "PA", "AB", "BA", "AQ", "PC", "CQ")
    question = RouteQuestion(
        "P",
        "Q",
        100_000,
        first_levels=frozenset({Level.ATOMIC}),
        last_levels=frozenset({Level.BARE}),
    )
    for budget in range(1, 60):
        answer = find_route(graph_of(network), question, budget=budget)
        if answer.found:
            assert answer.cost == 100_007
        assert answer.found or not answer.exact
    assert answer.exact


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amount": 0}, Fault.AMOUNT),
        ({"amount": -1}, Fault.AMOUNT),
        ({"amount": 2**63}, Fault.AMOUNT),
        ({"payer": "X"}, Fault.PAYER_UNKNOWN),
        ({"payee": "X"}, Fault.PAYEE_UNKNOWN),
        ({"payee": "P"}, Fault.PAYS_ITSELF),
        ({"brand": "EUR"}, Fault.BRAND_UNKNOWN),
        ({"policies": frozenset({"R", "S"})}, Fault.POLICY_UNKNOWN),
        ({"max_hops": 0}, Fault.MAX_HOPS),
        ({"max_hops": 21}, Fault.MAX_HOPS),
    ],
)
def test_questions_that_do_not_fit(change: dict[str, Any], fault: Fault) -> None:
    question = replace(RouteQuestion("P", "Q", 100), **change)
    with pytest.raises(BadQuestion) as caught:
        find_route(graph_of(worked("PQ")), question)
    assert caught.value.fault is fault


def test_several_brands_need_a_name() -> None:
    network = worked("PABQ")
    network["lines"].append({"from": "P", "to": "Q", "brand": "EUR", "available": 7})
    with pytest.raises(BadQuestion) as caught:
        ask(network)
    assert caught.value.args == (Fault.BRAND_MISSING, "EUR, USD")
    assert chain_of(ask(network, brand="EUR", amount=7)) == "PQ"
    assert ask(network, brand="EUR", amount=8) is None
    assert chain_of(ask(network, brand="USD")) == "PABQ"


def test_the_answer_does_not_depend_on_the_order_of_the_file() -> None:
    for seed in range(200):
        network, asked = case(seed)
        turned = json.loads(json.dumps(network))
        turned["lines"].reverse()
        turned["nodes"] = dict(reversed(list(turned["nodes"].items())))
        turned["registries"] = dict(reversed(list(turned["registries"].items())))
        question = RouteQuestion(asked["payer"], asked["payee"], asked["amount"])
        first, second = (find_route(graph_of(n), question) for n in (network, turned))
        assert first == second


def test_a_requests_policies_decide_for_the_payee() -> None:
    network = net({"P": {"accepts": ["R"]}, "Q": {}}, "PQ")
    graph = graph_of(network)
    stamped = frozenset({Level.ATOMIC})
    question = RouteQuestion("P", "Q", 5, last_levels=stamped)
    assert not find_route(graph, question).found
    accepted = frozenset({Policy.single("R").terms})
    assert find_route(graph, replace(question, accepted=accepted)).found
    other = frozenset({Policy.single("S").terms})
    assert not find_route(graph, replace(question, accepted=other)).found


def test_who_holds_no_record_gives_no_proxy() -> None:
    network = worked("PAQ")
    graph = graph_of(network)

    def levels(graph: Graph) -> list[Level]:
        route = find_route(graph, RouteQuestion("P", "Q", 100_000)).route
        assert route is not None
        return [hop.level for hop in route.hops]

    assert levels(graph)[-1] is Level.PROXY
    blind = Graph.from_network(_network_knowing(network, "B", frozenset()))
    assert Level.PROXY not in levels(blind)


def _network_knowing(network: dict[str, Any], name: str, knows: frozenset[str]) -> Any:
    parsed = parse_network(json.dumps(network).encode())
    nodes = tuple(replace(n, knows=knows) if n.name == name else n for n in parsed.nodes)
    return replace(parsed, nodes=nodes)
