"""What of a network goes into a picture: a route with its neighbours, or the best-connected core.

Pure; everything that is left out is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import zip_longest
from typing import Final

from pathfinder.answer import Route
from pathfinder.network import Network

Pair = tuple[str, str]
"""Two nodes with a line between them in either direction or both; the smaller name first."""

MAX_NEIGHBOURS: Final = 48  # four rows of twelve: more names than that cannot be read
MAX_OTHER_LINES: Final = 60  # that only lead from neighbour to neighbour
MAX_WHOLE_NODES: Final = 1000  # a larger network is a grey disc, and its layout takes a minute
CORE_NODES: Final = 300  # of a larger one; as many can still be told apart
CORE_PAIRS: Final = 1500


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`chain`: the route's nodes, in order of first appearance. `beside`: neighbours of theirs.

    `pairs`: lines to draw, each once for both directions. The counts are of what there is in the
    brand: all neighbours, and all pairs among the nodes that are drawn.
    """

    chain: tuple[str, ...]
    beside: tuple[str, ...]
    pairs: tuple[Pair, ...]
    all_beside: int
    all_pairs: int


@dataclass(frozen=True, slots=True)
class Core:
    """The nodes with most neighbours and the pairs among them, `both` of which lend both ways.

    `degrees`: neighbours in the whole network. `lonely`: nodes without any line of the brand.
    """

    nodes: tuple[str, ...]
    pairs: tuple[Pair, ...]
    both: frozenset[Pair]
    degrees: dict[str, int]
    all_nodes: int
    all_pairs: int
    lonely: int


def pair(a: str, b: str) -> Pair:
    """In the order of names."""
    return (a, b) if a <= b else (b, a)


def around(network: Network, brand: str, routes: Sequence[Route]) -> Surroundings:
    """The routes' nodes, and neighbours of each of them in turn, the best-connected first."""
    names = [name for r in routes for hop in r.hops for name in (hop.promisor, hop.promisee)]
    chain = tuple(dict.fromkeys(names))
    pairs = _pairs(network, brand)
    neighbours = _neighbours(pairs)
    inside = set(chain)
    outside = {name for node in chain for name in neighbours[node]} - inside
    beside = _chosen(chain, outside, neighbours)
    drawn = inside | set(beside)
    among = sorted(p for p in pairs if p[0] in drawn and p[1] in drawn)
    touching = [p for p in among if not inside.isdisjoint(p)]
    others = [p for p in among if inside.isdisjoint(p)]
    others.sort(key=lambda p: (-pairs[p], p))
    return Surroundings(
        chain=chain,
        beside=beside,
        pairs=(*touching, *others[:MAX_OTHER_LINES]),
        all_beside=len(outside),
        all_pairs=len(among),
    )


def _chosen(
    chain: Iterable[str], outside: set[str], neighbours: dict[str, set[str]]
) -> tuple[str, ...]:
    """Each node of the chain takes its turn: one with thousands of neighbours has no more turns."""
    inside = set(chain)

    def order(name: str) -> tuple[int, int, str]:
        return -len(neighbours[name] & inside), -len(neighbours[name]), name

    queues = [sorted(neighbours[node] & outside, key=order) for node in chain]
    found: dict[str, None] = {}
    for turn in zip_longest(*queues):
        for name in turn:
            if name is not None and len(found) < MAX_NEIGHBOURS:
                found[name] = None
    return tuple(found)


def core(network: Network, brand: str, whole: int = MAX_WHOLE_NODES) -> Core:
    """All nodes with lines of the brand where these are no more than `whole`; else those that are
    best connected and hang together."""
    pairs = _pairs(network, brand)
    degrees = Counter(name for p in pairs for name in p)
    chosen = sorted(degrees, key=lambda name: (-degrees[name], name))
    large = len(chosen) > whole
    if large:
        chosen = _hanging_together(chosen, _neighbours(pairs), min(CORE_NODES, whole))
    inside = set(chosen)
    among = [p for p in pairs if p[0] in inside and p[1] in inside]
    among.sort(key=lambda p: (-pairs[p], p))
    drawn = _strongest(among, CORE_PAIRS) if large else among
    lent = {
        (line.promisor, line.promisee)
        for line in network.lines
        if line.brand == brand and line.available
    }
    return Core(
        nodes=tuple(chosen),
        pairs=tuple(drawn),
        both=frozenset(p for p in drawn if p in lent and p[::-1] in lent),
        degrees=dict(degrees),
        all_nodes=len(network.nodes),
        all_pairs=len(pairs),
        lonely=sum(node.name not in degrees for node in network.nodes),
    )


def _hanging_together(
    names: Sequence[str], neighbours: dict[str, set[str]], most: int
) -> list[str]:
    """From the first name on: in turn the neighbour of what there is that has most neighbours."""
    rank = {name: i for i, name in enumerate(names)}
    found: dict[str, None] = {}
    heap: list[int] = []
    seen: set[str] = set()
    for start in names:
        if len(found) >= most:
            break
        if start not in seen:  # another part of the network
            seen.add(start)
            heappush(heap, rank[start])
        while heap and len(found) < most:
            name = names[heappop(heap)]
            found[name] = None
            for other in neighbours[name] - seen:
                seen.add(other)
                heappush(heap, rank[other])
    return sorted(found, key=rank.__getitem__)


def _strongest(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """The first ones; before them, those without which nodes would come apart (Kruskal)."""
    root: dict[str, str] = {}

    def top(name: str) -> str:
        while (above := root.get(name, name)) != name:
            root[name] = root.get(above, above)
            name = above
        return name

    tree: dict[Pair, None] = {}
    for p in pairs:
        a, b = top(p[0]), top(p[1])
        if a != b:
            root[a] = b
            tree[p] = None
    for p in pairs:
        if len(tree) >= most:
            break
        tree[p] = None
    return list(tree)


def _pairs(network: Network, brand: str) -> dict[Pair, int]:
    """What both directions together carry."""
    found: dict[Pair, int] = defaultdict(int)
    for line in network.lines:
        if line.brand == brand:
            found[pair(line.promisor, line.promisee)] += line.available
    return found


def _neighbours(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        found[a].add(b)
        found[b].add(a)
    return found
