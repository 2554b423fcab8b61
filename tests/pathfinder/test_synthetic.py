"""Networks from a seed: their size, their shape, and that the same seed makes the same one."""

from collections import Counter
from dataclasses import replace
from random import Random

import networkx as nx
import pytest

from pathfinder.files.network_file import format_network
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Network, policy_fault
from pathfinder.synthetic import (
    Shape,
    log_uniform,
    most_collectives,
    size_fault,
    synthetic_network,
    with_small_lines,
)
from proto.modes import Mode


def made(nodes: int = 500, lines: int = 4000, seed: int = 1, **shape: int) -> Network:
    return synthetic_network(nodes, lines, Random(seed), Shape(**shape))


@pytest.mark.parametrize(("nodes", "lines"), [(6, 12), (10, 40), (500, 1000), (500, 4321)])
def test_size(nodes: int, lines: int) -> None:
    network = made(nodes, lines)
    assert len(network.nodes) == nodes
    assert len(network.lines) == pytest.approx(lines, rel=0.05, abs=8)


def test_the_seed_says_it_all() -> None:
    assert made() == made()
    assert made() != made(seed=2)


def test_what_it_makes_is_a_network_file() -> None:
    network = made(60, 400)
    assert parse_network(format_network(network).encode()) == network


def test_scale_free_connected_and_both_ways() -> None:
    network = made()
    pairs = {(line.promisor, line.promisee) for line in network.lines}
    assert len(pairs) == len(network.lines)
    assert all((b, a) in pairs for a, b in pairs)
    assert nx.is_connected(nx.Graph(list(pairs)))
    degrees = Counter(a for a, _ in pairs)
    assert max(degrees.values()) > 8 * sorted(degrees.values())[len(degrees) // 2]


def test_prices_and_trust_differ() -> None:
    nodes = made(2000, 4000).nodes
    priced = [n.fees.fees for n in nodes if n.fees.fees]
    assert 0.005 < 1 - len(priced) / len(nodes) < 0.06, "few forward nothing"
    refusing = sum(Mode.GATEWAY not in fees for fees in priced)
    assert 0.05 < refusing / len(priced) < 0.15
    both = [f for f in priced if Mode.BARE in f]
    dear = sum(f[Mode.ATOMIC].rate > f[Mode.BARE].rate for f in both)
    assert 0 < dear < 0.15 * len(both), "ATOMIC is mostly the cheapest, and not always"
    assert 0.75 < sum(n.watches_registry for n in nodes) / len(nodes) < 0.85
    assert len({n.accepts for n in nodes}) == 8, "every subset of three registries"
    assert {n.hold_max_us for n in nodes} > {60_000_000}
    own = sum(line.fees is not None for line in made().lines)
    assert own / len(made().lines) == pytest.approx(0.05, abs=0.02)


def test_most_lines_carry_most_amounts() -> None:
    rng = Random(1)
    carry = [line.available >= log_uniform(1000, 10**6, rng) for line in made().lines]
    assert 0.9 < sum(carry) / len(carry) < 1


@pytest.mark.parametrize(("registries", "collectives"), [(0, 0), (1, 0), (2, 1), (3, 4), (5, 20)])
def test_collectives_keep_the_rules(registries: int, collectives: int) -> None:
    network = made(registries=registries, collectives=collectives)
    assert (len(network.registries), len(network.policies)) == (registries, collectives)
    assert all(policy_fault(policy) is None for policy in network.policies)
    assert len({policy.members for policy in network.policies}) == collectives
    assert most_collectives(registries) >= collectives


@pytest.mark.parametrize(
    ("nodes", "lines", "shape"),
    [
        (5, 12, Shape()),
        (10, 19, Shape()),
        (10, 41, Shape()),
        (10, 40, Shape(registries=1, collectives=1)),
        (10, 40, Shape(registries=-1)),
        (10, 40, Shape(registries=65)),
    ],
)
def test_what_cannot_be_made(nodes: int, lines: int, shape: Shape) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        synthetic_network(nodes, lines, Random(1), shape)


def test_the_densest_that_can_be_made_is_made() -> None:
    assert size_fault(30, 420) is None and size_fault(30, 421) is not None
    assert len(made(30, 420).lines) == pytest.approx(420, abs=30)


def test_log_uniform() -> None:
    rng = Random(1)
    drawn = [log_uniform(10, 999, rng) for _ in range(4000)]
    assert 10 <= min(drawn) < 15 and 900 < max(drawn) <= 999
    assert sum(d < 100 for d in drawn) / len(drawn) == pytest.approx(0.5, abs=0.03)
    assert log_uniform(7, 7, rng) == 7
    assert log_uniform(2**63 - 1, 2**63 - 1, rng) == 2**63 - 1


def test_small_lines() -> None:
    network = made()
    small = with_small_lines(network, 0.5, 1000, Random(2))
    below = sum(line.available < 1000 for line in small.lines)
    assert below / len(small.lines) == pytest.approx(0.5, abs=0.03)
    assert all(line.available >= 1 for line in small.lines)
    same = [replace(a, available=0) for a in small.lines]
    assert same == [replace(a, available=0) for a in network.lines], "nothing else changes"
    assert with_small_lines(network, 0, 1000, Random(2)) == network
    assert all(line.available == 1 for line in with_small_lines(network, 1, 2, Random(2)).lines)
