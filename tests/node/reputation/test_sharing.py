"""Shares of credit: as much as can flow, fairly, and in seconds in a large network."""

import random
from time import perf_counter

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.reputation import trust as trust_room
from node.reputation.sharing import entitled, shared
from node.reputation.trust import WHOLE, Trust, trust_of
from proto.keys import NodeId
from tests.node.reputation.worlds import AGENT, VIEWER, person, trusting

PEOPLE = ("viewer", *"abcdefgh")
CREDITS = st.dictionaries(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda e: e[0] != e[1]),
    st.integers(0, 40),
)
DEMANDS = st.dictionaries(st.sampled_from(PEOPLE), st.integers(0, 60))


def most(trust: Trust, demands: dict[NodeId, int]) -> int:
    """A second opinion."""
    graph = nx.DiGraph()
    graph.add_nodes_from((trust.viewer, "all"))
    for granter, takers in trust.grants.items():
        for taker, units in takers.items():
            graph.add_edge(granter, taker, capacity=units)
    for rater, units in demands.items():
        if rater != trust.viewer:
            graph.add_edge(rater, "all", capacity=units)
    return int(nx.maximum_flow_value(graph, trust.viewer, "all"))


@settings(max_examples=300, deadline=None)
@given(CREDITS, DEMANDS)
def test_together_they_get_as_much_as_can_flow_and_nobody_more_than_he_asks(
    grants: dict[tuple[str, str], int], named: dict[str, int]
) -> None:
    trust, demands = trusting(grants), {person(n): units for n, units in named.items()}
    found = shared(trust, demands)
    assert sum(found.values()) == most(trust, demands)
    assert all(0 < units <= demands[rater] for rater, units in found.items())
    assert most(trust, found) == sum(found.values()), "jointly possible"


@settings(max_examples=100, deadline=None)
@given(CREDITS, DEMANDS, st.randoms(use_true_random=False))
def test_the_order_in_which_it_is_told_changes_nothing(
    grants: dict[tuple[str, str], int], named: dict[str, int], order: random.Random
) -> None:
    other = list(grants.items())
    order.shuffle(other)
    demands = {person(n): units for n, units in named.items()}
    turned = dict(sorted(demands.items(), reverse=True))
    assert shared(trusting(grants), demands) == shared(trusting(dict(other)), turned)


@pytest.mark.parametrize("room", [3, 100, 999, 10**15])
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_equals_get_equal_shares(room: int, count: int) -> None:
    names = [f"r{i}" for i in range(count)]
    grants = {("viewer", "ann"): room} | {("ann", name): room for name in names}
    found = shared(trusting(grants), {person(name): room for name in names})
    shares = [found.get(person(name), 0) for name in names]
    assert sum(shares) == room
    assert min(shares) >= max(shares) * 2 // 3 - 1


ASKED = st.lists(st.tuples(st.integers(1, 9000), st.integers(50, 3000)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1000, 10**9]), ASKED)
def test_on_one_line_each_has_two_thirds_of_his_fair_part(
    scale: int, asked: list[tuple[int, int]]
) -> None:
    """The fair part by a second opinion: the level at which what is claimed and asked for fills the
    line. Each is granted something, and asks for something, of 1,000 that all share."""
    grants = {("viewer", "ann"): scale}
    demands = {}
    for i, (granted, wanted) in enumerate(asked):
        grants["ann", f"r{i}"] = scale * (9000 + granted) // 9000  # room enough for any share
        demands[person(f"r{i}")] = wanted * scale // 1000
    trust = trusting(grants)
    claims, found = entitled(trust), shared(trust, demands)

    def fair(level: int) -> dict[NodeId, int]:
        return {node: min(n, level * claims[node] // WHOLE) for node, n in demands.items()}

    low, high = 0, 1 << 80
    while high - low > 1:
        level = (low + high) // 2
        low, high = (level, high) if sum(fair(level).values()) <= scale else (low, level)
    for node, part in fair(low).items():
        assert found.get(node, 0) >= part * 2 // 3 - 1


def test_whoever_asks_for_little_gets_all_of_it_and_leaves_the_rest() -> None:
    grants = {("viewer", "ann"): 100, ("ann", "bea"): 100, ("ann", "cid"): 100}
    found = shared(trusting(grants), {person("bea"): 9, person("cid"): 500})
    assert found == {person("bea"): 9, person("cid"): 91}


def test_credit_that_comes_back_to_the_viewer_leads_nowhere() -> None:
    grants = {("viewer", "ann"): 10, ("ann", "viewer"): 99, ("bea", "ann"): 99}
    assert shared(trusting(grants), {person("ann"): 50, person("bea"): 50}) == {person("ann"): 10}


def test_a_network_that_is_too_large_loses_its_thinnest_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crowd of 500 lines at the second step does not push out an honest friend at the fourth."""
    monkeypatch.setattr(trust_room, "MAX_TRUST_LINES", 100)
    grants = {("viewer", "ann"): 100, ("ann", "bea"): 50, ("bea", "cid"): 50, ("cid", "dan"): 50}
    grants |= {("ann", "mallory"): 50} | {("mallory", f"m{i}"): 10**9 for i in range(500)}
    trust = trusting(grants)
    assert (trust.cut, trust.lines) == (True, 100)
    assert shared(trust, {person("dan"): 50}) == {person("dan"): 50}


def test_a_thousand_raters_in_a_network_of_two_thousand_are_weighed_in_seconds() -> None:
    """Some 10,000 lines. A second on a busy machine of 2026; the bound is for the slowest."""
    draw = random.Random(8)
    ids = [NodeId(i.to_bytes(32, "big")) for i in range(2000)]
    said = [(a, b, draw.randrange(1, 1000)) for a in ids for b in draw.sample(ids, 5) if a != b]
    demands = {node: draw.randrange(1, 1000) for node in draw.sample(ids, 1000)}
    began = perf_counter()
    trust = trust_of(VIEWER, dict.fromkeys(ids[:20], 5000), said, AGENT)
    found = shared(trust, demands)
    took = perf_counter() - began
    assert sum(found.values()) == most(trust, demands)
    assert len(found) > 900
    assert took < 20
