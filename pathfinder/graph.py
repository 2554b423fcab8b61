"""The network as the path finder knows it now: fed from a file or from signed adverts.

networkx keeps nodes and lines; what a search runs on is a `Board`, built once for each brand and
version of the graph. Owned by one task; no call of it waits.
"""

from enum import Enum, unique
from typing import Any, Final, Self

import networkx as nx

from pathfinder.board import Board
from pathfinder.network import Line, Network, Node, Policy

MAX_GRAPH_NODES: Final = 100_000  # the largest network that the search was designed for
MAX_GRAPH_LINES: Final = 1_000_000  # beyond it the arrays of a search do not fit in memory
MAX_GRAPH_REGISTRIES: Final = 1024  # each is a candidate of every search
MAX_GRAPH_POLICIES: Final = 1024  # so is each of these
MAX_BOARDS: Final = 64  # brands in use at one time; a board is rebuilt when it is asked for again
FOR_EVER: Final = 2**63 - 1  # expiry of what a file says


@unique
class Upsert(Enum):
    """What became of an advert."""

    APPLIED = "applied"
    STALE = "stale"  # not newer than what is known; nothing changed
    FULL = "full"  # a bound of this module is reached; nothing changed


class Graph:
    """Newest sequence wins; what has expired by the `now_us` of a question does not take part.

    Expired entries keep their sequence, so an older advert cannot come back, until
    `forget_expired` drops them.
    """

    def __init__(self) -> None:
        self.version = 0
        self._graph: Any = nx.MultiDiGraph()
        self._nodes: dict[str, tuple[Node, int, int]] = {}
        self._registries: dict[str, tuple[int, int]] = {}
        self._policies: dict[str, Policy] = {}
        self._boards: dict[str, tuple[int, Board]] = {}

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """The graph of a network file: sequence 0, never expires. The file was checked."""
        graph = cls()
        for name in network.registries:
            graph.upsert_registry(name)
        for policy in network.policies:
            graph.set_policy(policy)
        for node in network.nodes:
            graph.upsert_node(node)
        for line in network.lines:
            graph.upsert_line(line)
        return graph

    def upsert_node(
        self, node: Node, *, sequence: int = 0, expires_at_us: int = FOR_EVER
    ) -> Upsert:
        """What a NodeAdvert says. `expires_at_us` is POSIX µs."""
        known = self._nodes.get(node.name)
        if known is not None and sequence <= known[1]:
            return Upsert.STALE
        if known is None and len(self._nodes) >= MAX_GRAPH_NODES:
            return Upsert.FULL
        self._nodes[node.name] = (node, sequence, expires_at_us)
        self._graph.add_node(node.name)
        self.version += 1
        return Upsert.APPLIED

    def revise_node(self, node: Node) -> None:
        """Another reading of what a known node said: a list that its advert names has changed."""
        known = self._nodes.get(node.name)
        if known is not None and known[0] != node:
            self._nodes[node.name] = (node, *known[1:])
            self.version += 1

    def upsert_line(
        self,
        line: Line,
        *,
        sequence: int = 0,
        expires_at_us: int = FOR_EVER,
        closed: bool = False,
    ) -> Upsert:
        """What a LineAdvert says. A closed line stays known, so that its past cannot come back.

        Its end nodes may become known later; until then no chain uses it.
        """
        if line.promisor == line.promisee:
            return Upsert.STALE
        ends = (line.promisor, line.promisee, line.brand)
        known = self._graph.has_edge(*ends)
        if known and sequence <= self._graph.edges[ends]["sequence"]:
            return Upsert.STALE
        if not known and self._graph.number_of_edges() >= MAX_GRAPH_LINES:
            return Upsert.FULL
        self._graph.add_edge(
            *ends,
            line=line,
            sequence=sequence,
            expires_at_us=expires_at_us,
            closed=closed,
        )
        self.version += 1
        return Upsert.APPLIED

    def upsert_registry(
        self, name: str, *, sequence: int = 0, expires_at_us: int = FOR_EVER
    ) -> Upsert:
        """What a RegistryAdvert says: this registry alone becomes a candidate policy."""
        known = self._registries.get(name)
        if known is not None and sequence <= known[0]:
            return Upsert.STALE
        if known is None and len(self._registries) >= MAX_GRAPH_REGISTRIES:
            return Upsert.FULL
        self._registries[name] = (sequence, expires_at_us)
        self.version += 1
        return Upsert.APPLIED

    def set_policy(self, policy: Policy) -> Upsert:
        """Makes a collective a candidate, or replaces the one of its name. N3 was checked."""
        if policy.name not in self._policies and len(self._policies) >= MAX_GRAPH_POLICIES:
            return Upsert.FULL
        self._policies[policy.name] = policy
        self.version += 1
        return Upsert.APPLIED

    def drop_policy(self, name: str) -> None:
        """The collective of this name is no candidate any more; nothing where there is none."""
        if self._policies.pop(name, None) is not None:
            self.version += 1

    def forget_expired(self, now_us: int) -> int:
        """Drops what has expired; how many entries that were. Makes room when an upsert is FULL."""
        nodes = [name for name, entry in self._nodes.items() if entry[2] <= now_us]
        lines = [
            ends
            for *ends, data in self._graph.edges(keys=True, data=True)
            if data["expires_at_us"] <= now_us
        ]
        registries = [name for name, entry in self._registries.items() if entry[1] <= now_us]
        self._graph.remove_edges_from(lines)
        for name in nodes:
            del self._nodes[name]
        for name in registries:
            del self._registries[name]
        bare = [n for n in self._graph if n not in self._nodes and not self._graph.degree(n)]
        self._graph.remove_nodes_from(bare)
        dropped = len(nodes) + len(lines) + len(registries)
        self.version += dropped
        return dropped

    def has_node(self, name: str, now_us: int = 0) -> bool:
        """Whether the node has an advert in force."""
        return name in self._nodes and self._nodes[name][2] > now_us

    def nodes(self, now_us: int = 0) -> tuple[str, ...]:
        """Names of the nodes that are known, sorted."""
        return tuple(sorted(n for n, (_, _, until) in self._nodes.items() if until > now_us))

    def brands(self, now_us: int = 0) -> tuple[str, ...]:
        """Names of the brands of open lines, sorted."""
        return tuple(
            sorted(
                {
                    brand
                    for _, _, brand, data in self._graph.edges(keys=True, data=True)
                    if data["expires_at_us"] > now_us and not data["closed"]
                }
            )
        )

    def candidates(self, now_us: int = 0) -> tuple[Policy, ...]:
        """Every registry alone and every collective whose members are known, sorted by name."""
        known = {name for name, (_, until) in self._registries.items() if until > now_us}
        found = {name: Policy.single(name) for name in known}
        for name, policy in self._policies.items():
            if known.issuperset(policy.members):
                found[name] = policy
        return tuple(found[name] for name in sorted(found))

    def board(self, brand: str, now_us: int = 0) -> Board:
        """What a search in this brand runs on; built when the graph or the time demands it."""
        cached = self._boards.get(brand)
        if cached is not None:
            version, board = cached
            if version == self.version and board.since_us <= now_us < board.until_us:
                return board
        if len(self._boards) >= MAX_BOARDS:
            self._boards.clear()
        board = self._build(brand, now_us)
        self._boards[brand] = (self.version, board)
        return board

    def _build(self, brand: str, now_us: int) -> Board:
        nodes, lines, until_us = [], [], FOR_EVER
        for node, _, expires_at_us in self._nodes.values():
            if expires_at_us > now_us:
                nodes.append(node)
                until_us = min(until_us, expires_at_us)
        names = {node.name for node in nodes}
        for promisor, promisee, key, data in self._graph.edges(keys=True, data=True):
            live = data["expires_at_us"] > now_us and not data["closed"]
            if key == brand and live and promisor in names and promisee in names:
                lines.append(data["line"])
                until_us = min(until_us, data["expires_at_us"])
        return Board(nodes, lines, since_us=now_us, until_us=until_us)
