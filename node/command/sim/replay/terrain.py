"""The network that payments are replayed over: real lines, drawn terms, a sample that pays.

All that is drawn depends on the seed and the data alone, so every regime and every share of
acceptance is played on the same ground: a node that accepts a registry at one share accepts it at
every larger one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from node.command.sim.cast import CastRegistry, make_registry
from pathfinder.files.foreign import credit_links
from pathfinder.network import Line, Network, Node
from proto.limits import MAX_HOPS

BRAND: Final = "USD"  # of all lines: the data mixes currencies and does not say which is where
MAX_REGISTRIES: Final = 8  # each is a candidate of every search, which takes as many times as long
FULL: Final = 100  # per cent


@dataclass(frozen=True, slots=True)
class Terrain:
    """`nodes` and `lines`: all that a chain between two nodes of the `sample` can use. `patience`:
    for each node, one number of [0, 1) for each registry; it accepts where the share is above.
    `whole`: (nodes, lines) of the data."""

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    registries: tuple[str, ...]
    sample: tuple[str, ...]
    patience: Mapping[str, tuple[float, ...]]
    whole: tuple[int, int]

    def network(self, share: int) -> Network:
        """As it is where that share (per cent) of all nodes accepts each registry."""
        return Network(
            registries=self.registries,
            nodes=tuple(replace(n, accepts=self._accepts(n.name, share)) for n in self.nodes),
            lines=self.lines,
        )

    def _accepts(self, name: str, share: int) -> frozenset[str]:
        drawn = zip(self.registries, self.patience[name], strict=True)
        return frozenset(registry for registry, needed in drawn if needed * FULL < share)


def read_terrain(rows: Iterable[str], seed: int, cores: int, registries: int) -> Terrain:
    """Of the rows of credit links. ForeignFault where they are none.

    Fees and watching are drawn as `network import` draws them with the same seed; registry lists
    are not, since their share is what is varied. `cores`: size of the sample.
    """
    whole = credit_links(rows, BRAND, Random(seed))
    names = tuple(f"R{i + 1}" for i in range(registries))
    draw = Random(f"patience {seed}")
    patience = {n.name: tuple(draw.random() for _ in names) for n in whole.nodes}
    # Who has a line can pay or be paid at all; the data has no others, but a small file may.
    able = sorted({end for line in whole.lines for end in (line.promisor, line.promisee)})
    sample = tuple(Random(f"sample {seed}").sample(able, min(cores, len(able))))
    kept = _between(whole.lines, sample)
    nodes = tuple(n for n in whole.nodes if n.name in kept)
    lines = tuple(x for x in whole.lines if x.promisor in kept and x.promisee in kept)
    known = {n.name: patience[n.name] for n in nodes}
    size = (len(whole.nodes), len(whole.lines))
    return Terrain(nodes, lines, names, sample, known, size)


def _between(lines: Iterable[Line], sample: Iterable[str]) -> frozenset[str]:
    """Nodes that may stand on a chain between two of the sample.

    Left out, again and again, is who cannot be passed through: nobody promises to it, or it
    promises to nobody, or both go to the same one neighbour. No chain visits a node twice, so no
    search misses them; three of four nodes of a real network are such ends.
    """
    out: dict[str, dict[str, None]] = {}
    into: dict[str, dict[str, None]] = {}
    for line in lines:
        out.setdefault(line.promisor, {})[line.promisee] = None
        into.setdefault(line.promisee, {})[line.promisor] = None
    ends = dict.fromkeys(sample)
    kept = dict.fromkeys([*out, *into])
    waiting = list(kept)
    while waiting:
        name = waiting.pop()
        ahead, behind = out.get(name, {}), into.get(name, {})
        if name not in kept or name in ends or _is_passable(ahead, behind):
            continue
        del kept[name]
        for other in [*ahead, *behind]:
            out.get(other, {}).pop(name, None)
            into.get(other, {}).pop(name, None)
            waiting.append(other)
        out.pop(name, None)
        into.pop(name, None)
    return frozenset(kept)


def _is_passable(ahead: Mapping[str, None], behind: Mapping[str, None]) -> bool:
    """Whether a chain can come from one neighbour and go on to another."""
    if not ahead or not behind:
        return False
    # Not by all neighbours of a hub: it is asked once for each of its thousand ends.
    return len(ahead) > 1 or len(behind) > 1 or ahead.keys() != behind.keys()


class Rooms:
    """What every line carries now, and whether any chain at all could carry an amount."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._out: dict[str, dict[str, int]] = {}
        self._into: dict[str, dict[str, int]] = {}
        for line in lines:
            self.put(line.promisor, line.promisee, line.available)

    def put(self, promisor: str, promisee: str, available: int) -> None:
        self._out.setdefault(promisor, {})[promisee] = available
        self._into.setdefault(promisee, {})[promisor] = available

    def room(self, promisor: str, promisee: str) -> int:
        """0 where there is no line."""
        return self._out.get(promisor, {}).get(promisee, 0)

    def reaches(self, payer: str, payee: str, amount: int) -> bool:
        """Whether lines that carry the amount lead there within MAX_HOPS, fees put aside.

        An upper bound for every regime: who fails here fails at any level.
        """
        seen = ({payer: None}, {payee: None})
        rings = [[payer], [payee]]
        for _ in range(MAX_HOPS):
            # From the side that has fewer to ask: of two strangers one mostly knows few.
            side = 0 if len(rings[0]) <= len(rings[1]) else 1
            onward = (self._out, self._into)[side]
            mine, others = seen[side], seen[1 - side]
            following = []
            for name in rings[side]:
                for other, carried in onward.get(name, {}).items():
                    if carried < amount or other in mine:
                        continue
                    if other in others:
                        return True
                    mine[other] = None
                    following.append(other)
            if not following:
                return False
            rings[side] = following
        return False


def cast_of(terrain: Terrain) -> dict[str, CastRegistry]:
    """The registries by name, with their keys."""
    return {name: make_registry(name) for name in terrain.registries}
