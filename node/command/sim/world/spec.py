"""What a simulated network is made of, drawn from a seed before anything runs (pure)."""

from dataclasses import dataclass
from random import Random
from typing import Final

from node.command.sim.cast import R1, R2, R3

REGISTRIES: Final = tuple(cast.name for cast in (R1, R2, R3))
COLLECTIVE: Final = "C"  # two of the three, as every node's owner has named it
BRAND: Final = "USD"
MAX_NODES: Final = 200  # all lines of so many are told to everybody: beyond it a run takes hours

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Price:
    """Of one mode: per mille on top, and flat."""

    mode: str
    per_mille: int
    flat: int


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node and its owner's terms. `skew_us`: how far its clock is off from the start."""

    name: str
    accepts: Names
    watches: bool
    hold_max_ms: int
    prices: tuple[Price, ...]
    skew_us: int


@dataclass(frozen=True, slots=True)
class LineSpec:
    """Between two nodes; each grants the other a limit."""

    one: str
    other: str
    limit: int
    back: int


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole network. Every registry of REGISTRIES exists."""

    nodes: tuple[NodeSpec, ...]
    lines: tuple[LineSpec, ...]

    def names(self) -> Names:
        return tuple(node.name for node in self.nodes)


def draw_spec(random: Random, nodes: int) -> Spec:
    """A connected network of so many nodes: a tree with half as many lines again."""
    assert 2 <= nodes <= MAX_NODES, nodes
    names = tuple(f"N{i:02}" for i in range(nodes))
    lines = [_line(random, name, random.choice(names[:i])) for i, name in enumerate(names) if i]
    known = {frozenset((line.one, line.other)) for line in lines}
    for _ in range(nodes // 2 + 1):
        one, other = random.sample(names, 2)
        if frozenset((one, other)) not in known:
            known.add(frozenset((one, other)))
            lines.append(_line(random, one, other))
    return Spec(tuple(_node(random, name) for name in names), tuple(lines))


def _line(random: Random, one: str, other: str) -> LineSpec:
    return LineSpec(one, other, _limit(random), _limit(random))


def _limit(random: Random) -> int:
    return random.choice((2_000, 20_000, 100_000, 500_000))


def _node(random: Random, name: str) -> NodeSpec:
    accepts = tuple(r for r in REGISTRIES if random.random() < 0.8)
    modes = [m for m in ("ATOMIC", "SECURED", "GATEWAY", "BARE") if random.random() < 0.9]
    prices = tuple(Price(m, random.randint(0, 20), random.randint(0, 5)) for m in modes)
    watches = random.random() < 0.8
    hold_max_ms = random.choice((30_000, 60_000, 60_000, 120_000))
    return NodeSpec(name, accepts, watches, hold_max_ms, prices, random.randint(-200_000, 200_000))
