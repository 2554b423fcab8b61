"""Networks that nobody lives in: scale-free, with prices and trust drawn from a seeded generator.

What a benchmark and a simulator search in. The drawing is the caller's (`Chance`), so the same
seed gives the same network. Shapes: a graph by Barabási and Albert, every edge two directed lines
of one brand; nodes that price all four modes, or refuse some; lists of registries that overlap
without being equal; capacities over several orders of magnitude.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import exp, log, sqrt
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

import networkx as nx

from pathfinder.network import DEFAULT_DELTA_US, Line, Network, Node, Policy
from proto.fees import Fee, FeeSet, RegistryFee
from proto.limits import DEFAULT_HOLD_MAX_US, US
from proto.modes import Mode
from proto.money import SCALE, Rate

T = TypeVar("T")

BRAND: Final = "USD"
MILLIONTH: Final = SCALE // 1_000_000
ACCEPTS: Final = 0.7  # of the registries, so that a chain of four rarely shares one by accident
WATCHES: Final = 0.8
SHORT_HOLD: Final = 0.1
SHORT_HOLDS_US: Final = (11 * US, 13 * US, 16 * US, 20 * US)
OWN_FEES: Final = 0.05  # of the lines
REFUSES: Final = 0.1  # GATEWAY, and as many BARE
DEAR_ATOMIC: Final = 0.1  # of the nodes: the safest mode is not the cheapest one
CHARGES_REGISTRY: Final = 0.5
FORWARDS_NOTHING: Final = 0.02  # no mode priced: pays and is paid
MAX_COLLECTIVE: Final = 3
MIN_NODES: Final = 6  # a smaller one has no room for two lines for each and a shape
MAX_SYNTHETIC_REGISTRIES: Final = 64  # each is a candidate of every search


class Chance(Protocol):
    """What is needed of `random.Random`."""

    def random(self) -> float: ...

    def randrange(self, start: int, stop: int) -> int: ...

    def choice(self, of: Sequence[T]) -> T: ...

    def getrandbits(self, k: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """What a network looks like, beside its size.

    `registries`: how many there are. `collectives`: policies over two or three of them.
    `available`: least and greatest capacity of a line, between which they are spread evenly on a
    logarithmic scale.
    """

    registries: int = 3
    collectives: int = 1
    available: tuple[int, int] = (100_000, 1_000_000_000)


PLAIN_SHAPE: Final = Shape()


def most_collectives(registries: int) -> int:
    """How many policies over two or three of that many registries differ."""
    sizes = range(2, MAX_COLLECTIVE + 1)
    return sum(len(list(combinations(range(registries), size))) for size in sizes)


def size_fault(nodes: int, lines: int) -> str | None:
    """Why no network of that size can be made; None where one can."""
    if nodes < MIN_NODES:
        return f"a network has at least {MIN_NODES} nodes, not {nodes}"
    if lines < 2 * nodes:
        return f"{nodes} nodes have at least {2 * nodes} lines, two for each, not {lines}"
    # Each node joins with lines to some that are there, which leaves pairs of early ones without.
    if lines > nodes * nodes // 2 - nodes:
        return f"{nodes} nodes have at most {nodes * nodes // 2 - nodes} lines, not {lines}"
    return None


def synthetic_network(nodes: int, lines: int, rng: Chance, shape: Shape = PLAIN_SHAPE) -> Network:
    """A connected network of `nodes` nodes and about `lines` directed lines.

    Raises ValueError where `size_fault` has one, or `shape` asks for what there cannot be.
    """
    if cause := size_fault(nodes, lines):
        raise ValueError(cause)
    if not 0 <= shape.registries <= MAX_SYNTHETIC_REGISTRIES:
        raise ValueError(f"0 to {MAX_SYNTHETIC_REGISTRIES} registries, not {shape.registries}")
    if not 0 <= shape.collectives <= most_collectives(shape.registries):
        most = most_collectives(shape.registries)
        raise ValueError(f"{shape.registries} registries make at most {most} collectives")
    registries = tuple(f"R{i + 1}" for i in range(shape.registries))
    width = len(str(nodes - 1))
    names = [f"n{i:0{width}}" for i in range(nodes)]
    return Network(
        registries=registries,
        policies=_collectives(registries, shape.collectives),
        nodes=tuple(_node(name, registries, rng) for name in names),
        lines=_lines(names, lines, rng, shape.available),
    )


def log_uniform(least: int, most: int, rng: Chance) -> int:
    """A whole number between both ends, small ones as likely as large ones by their digits."""
    low, high = log(least), log(most + 1)
    return min(most, max(least, int(exp(low + (high - low) * rng.random()))))


def with_small_lines(network: Network, share: float, below: int, rng: Chance) -> Network:
    """The same network, but that share of its lines carries less than `below` (at least 2)."""
    lines = [
        replace(line, available=min(line.available, log_uniform(1, below - 1, rng)))
        if rng.random() < share
        else line
        for line in network.lines
    ]
    return replace(network, lines=tuple(lines))


def _collectives(registries: tuple[str, ...], count: int) -> tuple[Policy, ...]:
    """Majorities, the widest first; N3 holds."""
    sizes = range(MAX_COLLECTIVE, 1, -1)
    groups = islice((g for size in sizes for g in combinations(registries, size)), count)
    return tuple(
        Policy(f"C{i + 1}", tuple(sorted(group)), 2, len(group) - 1, 0, DEFAULT_DELTA_US)
        for i, group in enumerate(groups)
    )


def _node(name: str, registries: tuple[str, ...], rng: Chance) -> Node:
    accepts = frozenset(r for r in registries if rng.random() < ACCEPTS)
    short = rng.random() < SHORT_HOLD
    charges = {
        registry: RegistryFee(out_rate=_rate(0, 500, rng))
        for registry in sorted(accepts)
        if rng.random() < CHARGES_REGISTRY
    }
    return Node(
        name=name,
        accepts=accepts,
        watches_registry=rng.random() < WATCHES,
        hold_max_us=rng.choice(SHORT_HOLDS_US) if short else DEFAULT_HOLD_MAX_US,
        fees=_fees(rng),
        registry_fees=MappingProxyType(charges),
    )


def _rate(least: int, most: int, rng: Chance) -> Rate:
    """1 and so many millionths."""
    return Rate(SCALE + rng.randrange(least, most + 1) * MILLIONTH)


def _fees(rng: Chance) -> FeeSet:
    """Safe modes are cheap, mostly: up to 1.002 for ATOMIC, up to 1.01 for BARE."""
    if rng.random() < FORWARDS_NOTHING:
        return FeeSet()
    ranges = {
        Mode.ATOMIC: (0, 2_000),
        Mode.SECURED: (500, 3_000),
        Mode.GATEWAY: (1_000, 5_000),
        Mode.BARE: (2_000, 10_000),
    }
    if rng.random() < DEAR_ATOMIC:
        ranges[Mode.ATOMIC] = ranges[Mode.BARE]
    made = {}
    for mode, (least, most) in ranges.items():
        refused = mode in (Mode.GATEWAY, Mode.BARE) and rng.random() < REFUSES
        fee = Fee(_rate(least, most, rng), rng.choice((0, 0, 0, 1, 2, 5)) + mode.risk)
        if not refused:
            made[mode] = fee
    return FeeSet(MappingProxyType(made))


def _lines(
    names: Sequence[str], lines: int, rng: Chance, available: tuple[int, int]
) -> tuple[Line, ...]:
    """Both directions of every edge; each direction has a capacity of its own."""
    # n nodes that join with m edges each make m(n - m) of them; m may be a fraction.
    nodes = len(names)
    mean = (nodes - sqrt(nodes * nodes - 2 * lines)) / 2
    each = max(1, int(mean))
    graph: Any = nx.dual_barabasi_albert_graph(
        nodes, each, each + 1, min(1.0, 1 - (mean - each)), seed=rng.getrandbits(64)
    )
    made = []
    for first, second in graph.edges():
        for a, b in ((first, second), (second, first)):
            fees = _fees(rng) if rng.random() < OWN_FEES else None
            made.append(Line(names[a], names[b], BRAND, log_uniform(*available, rng), fees))
    return tuple(made)
