"""The network as the path finder knows it now: fed from a file or from signed adverts.

networkx holds nodes and lines, each with the newest that was said of it. What a search runs on is
a `Board`, one for each brand that is asked about; news and expiry change it in place. Owned by one
task; no call of it waits.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import Any, Final, Self

import networkx as nx

from pathfinder.core.board import Board
from pathfinder.core.expiries import FOR_EVER, NODES, Ends, Expiries, Subject
from pathfinder.core.graph_entries import LineEntry, NodeEntry, is_stale
from pathfinder.network import Line, Network, Node, Policy

MAX_GRAPH_NODES: Final = 100_000  # the largest network that the search was designed for
MAX_GRAPH_LINES: Final = 1_000_000  # beyond it the arrays of a search do not fit in memory
MAX_GRAPH_REGISTRIES: Final = 1024  # each is a candidate of every search
MAX_GRAPH_POLICIES: Final = 1024  # so is each of these
MAX_BOARDS: Final = 64  # brands in use at one time; a board is rebuilt when it is asked for again
# What searches have left on all boards: of more, the board that was asked for longest ago forgets.
MAX_LEARNED_BYTES: Final = 768 * 1024 * 1024
MIN_DEAD: Final = 1_000  # nodes or lines that are gone: a board with no more of them is left alone


@unique
class Upsert(Enum):
    """What became of an advert."""

    APPLIED = "applied"
    STALE = "stale"  # not newer than what is known; nothing changed
    FULL = "full"  # a bound of this module is reached; nothing changed


class Graph:
    """Newest sequence wins; what has expired by the `now_us` of a question does not take part.

    Expired entries keep their sequence, so an older advert cannot come back, until
    `forget_expired` drops them. Times of questions grow; where a clock was set back, everything is
    looked at anew, once.
    """

    def __init__(self) -> None:
        self.version = 0
        self._graph: Any = nx.MultiDiGraph()  # nodes and edges carry {"said": entry}
        self._nodes = 0  # entries of nodes and lines, and open unexpired lines of each brand
        self._lines = 0
        self._open: dict[str, int] = {}
        self._registries: dict[str, tuple[int, int]] = {}
        self._policies: dict[str, Policy] = {}
        self._boards: dict[str, Board] = {}
        self._last: Board | None = None  # the board that was asked for last
        self._now_us = 0  # what has expired by then is on no board
        self._expiries = Expiries(self._expiry)

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

    # ------------------------------------------------------------------ what is said

    def upsert_node(
        self, node: Node, *, sequence: int = 0, expires_at_us: int = FOR_EVER
    ) -> Upsert:
        """What a NodeAdvert says. `expires_at_us` is POSIX µs."""
        known = self._node(node.name)
        if known is not None and is_stale(known.sequence, sequence, known.node == node):
            return Upsert.STALE
        if known is None:
            if self._nodes >= MAX_GRAPH_NODES:
                return Upsert.FULL
            self._nodes += 1
        self._graph.add_node(node.name, said=NodeEntry(node, sequence, expires_at_us))
        self._expiries.add(expires_at_us, (node.name,))
        self._show_node(node, known, expires_at_us)
        self.version += 1
        return Upsert.APPLIED

    def revise_node(self, node: Node) -> None:
        """Another reading of what a known node said: a list that its advert names has changed."""
        known = self._node(node.name)
        if known is not None and known.node != node:
            self._graph.add_node(node.name, said=known._replace(node=node))
            self._show_node(node, known, known.expires_at_us)
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
        known = self._line(ends)
        if known is not None:
            same = known.line == line and known.closed == closed
            if is_stale(known.sequence, sequence, same):
                return Upsert.STALE
        if known is None:
            if self._lines >= MAX_GRAPH_LINES:
                return Upsert.FULL
            self._lines += 1
        entry = LineEntry(line, sequence, expires_at_us, closed)
        self._graph.add_edge(*ends, said=entry)
        self._expiries.add(expires_at_us, ends)
        change = self._is_open(entry) - (known is not None and self._is_open(known))
        self._count_open(line.brand, change)
        board = self._boards.get(line.brand)
        if board is not None:
            self._show_line(board, entry)
            self._drop_worn(line.brand)
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

    def forget_candidate(self, name: str) -> None:
        """The collective or registry of this name is no candidate any more."""
        self._policies.pop(name, None)
        self._registries.pop(name, None)

    def forget_expired(self, now_us: int) -> int:
        """Drops what has expired; how many entries that were. Makes room when an upsert is FULL."""
        self._come_to(max(now_us, self._now_us))
        lines = [
            (*ends, brand)
            for *ends, brand, entry in self._graph.edges(keys=True, data="said")
            if entry.expires_at_us <= now_us
        ]
        nodes = [name for name, entry in self._known_nodes() if entry.expires_at_us <= now_us]
        registries = [name for name, entry in self._registries.items() if entry[1] <= now_us]
        for ends in lines:
            self.forget_line(*ends)
        for name in nodes:
            self.forget_node(name)
        for name in registries:
            self.forget_candidate(name)
        return len(nodes) + len(lines) + len(registries)

    def forget_node(self, name: str) -> None:
        """Drops what a node said, its sequence too. Its lines stay, and lead nowhere."""
        if (known := self._node(name)) is None:
            return
        if known.expires_at_us > self._now_us:
            self._node_expired(name)
        del self._graph.nodes[name]["said"]
        self._remove_useless(name)
        self._nodes -= 1

    def forget_line(self, promisor: str, promisee: str, brand: str) -> None:
        """Drops what was said of a line, its sequence too."""
        ends = (promisor, promisee, brand)
        if (known := self._line(ends)) is None:
            return
        if self._is_open(known):
            self._expired(ends)
        self._graph.remove_edge(*ends)
        self._remove_useless(promisor, promisee)
        self._lines -= 1

    def _remove_useless(self, *names: str) -> None:
        idle = [n for n in names if self._node(n) is None and not self._graph.degree(n)]
        self._graph.remove_nodes_from(idle)

    # ------------------------------------------------------------------ what is known
    def _node(self, name: str) -> NodeEntry | None:
        found: NodeEntry | None = (
            self._graph.nodes[name].get("said") if name in self._graph else None
        )
        return found

    def _line(self, ends: Ends) -> LineEntry | None:
        found = self._graph.get_edge_data(*ends)
        return None if found is None else found["said"]

    def _known_nodes(self) -> Iterator[tuple[str, NodeEntry]]:
        return ((n, said) for n, said in self._graph.nodes(data="said") if said)

    def has_node(self, name: str, now_us: int = 0) -> bool:
        """Whether the node has an advert in force."""
        known = self._node(name)
        return known is not None and known.expires_at_us > now_us

    def node(self, name: str) -> Node:
        """What a known node says, in force or not. KeyError."""
        if (entry := self._node(name)) is None:
            raise KeyError(name)
        return entry.node

    def line(self, promisor: str, promisee: str, brand: str) -> Line:
        """What the promisor says of a known line, in force or not. KeyError."""
        if (entry := self._line((promisor, promisee, brand))) is None:
            raise KeyError(promisor, promisee, brand)
        return entry.line

    def nodes(self, now_us: int = 0) -> tuple[str, ...]:
        """Names of the nodes that are known, sorted."""
        return tuple(sorted(n for n, e in self._known_nodes() if e.expires_at_us > now_us))

    def node_entries(self, now_us: int = 0) -> Iterator[NodeEntry]:
        """What is in force of every node, in no order."""
        return (entry for _, entry in self._known_nodes() if entry.expires_at_us > now_us)

    def line_entries(self, now_us: int = 0) -> Iterator[LineEntry]:
        """What is in force of every open line, in no order. Its ends may be unknown."""
        return (
            entry
            for *_, entry in self._graph.edges(data="said")
            if entry.expires_at_us > now_us and not entry.closed
        )

    def brands(self, now_us: int = 0) -> tuple[str, ...]:
        """Names of the brands of open lines, sorted."""
        self._come_to(now_us)
        return tuple(sorted(self._open))

    def candidates(self, now_us: int = 0) -> tuple[Policy, ...]:
        """Every registry alone and every collective whose members are known, sorted by name."""
        known = {name for name, (_, until) in self._registries.items() if until > now_us}
        found = {name: Policy.single(name) for name in known}
        for name, policy in self._policies.items():
            if known.issuperset(policy.members):
                found[name] = policy
        return tuple(found[name] for name in sorted(found))

    # ------------------------------------------------------------------ what a search runs on

    def board(self, brand: str, now_us: int = 0) -> Board:
        """What a search in this brand runs on."""
        self._come_to(now_us)
        board = self._boards.get(brand)
        if board is not None and board is self._last:
            return board
        if board is None:
            if len(self._boards) >= MAX_BOARDS:
                del self._boards[next(iter(self._boards))]
            board = self._build(brand, now_us)
        self._boards.pop(brand, None)
        self._boards[brand] = self._last = board  # as the one that was asked for last
        self._forget_learned()
        return board

    def _forget_learned(self) -> None:
        """Of the brands that were asked about longest ago, where all have learned too much."""
        learned = {brand: board.learned_bytes for brand, board in self._boards.items()}
        total = sum(learned.values())
        for brand, board in self._boards.items():
            if total <= MAX_LEARNED_BYTES or board is self._last:
                break
            board.forget_learned()
            total -= learned[brand]

    def until_us(self, brand: str, now_us: int) -> int:
        """Until when no node and no line of the brand expires, of those in force at that time.

        POSIX µs. Registries are not looked at.
        """
        self._come_to(now_us)
        return self._expiries.first((NODES, brand))

    def _build(self, brand: str, now_us: int) -> Board:
        board = Board(entry.node for entry in self.node_entries(now_us))
        known = board.number
        board.add_lines(
            entry.line
            for promisor, promisee, key, entry in self._graph.edges(keys=True, data="said")
            if key == brand
            and entry.expires_at_us > now_us
            and not entry.closed
            and promisor in known
            and promisee in known
        )
        return board

    def _is_open(self, entry: LineEntry) -> bool:
        return not entry.closed and entry.expires_at_us > self._now_us

    def _show_node(self, node: Node, before: NodeEntry | None, expires_at_us: int) -> None:
        """Changes the boards. A node that was unknown until now brings its lines along."""
        if expires_at_us <= self._now_us:
            self._node_expired(node.name)  # what it said before is not in force any more either
            return
        returned = before is None or before.expires_at_us <= self._now_us
        for brand, board in self._boards.items():
            board.put_node(node)
            if returned:
                for entry in self._lines_of(node.name, brand):
                    self._show_line(board, entry)

    def _show_line(self, board: Board, entry: LineEntry) -> None:
        line = entry.line
        if not self._is_open(entry):
            board.close_line(line.promisor, line.promisee)
        elif board.knows(line.promisor) and board.knows(line.promisee):
            board.put_line(line)

    def _lines_of(self, name: str, brand: str) -> Iterator[LineEntry]:
        for edges in (self._graph.out_edges, self._graph.in_edges):
            for *_, key, entry in edges(name, keys=True, data="said"):
                if key == brand:
                    yield entry

    def _count_open(self, brand: str, change: int) -> None:
        lines = self._open.get(brand, 0) + change
        if lines:
            self._open[brand] = lines
        else:
            self._open.pop(brand, None)

    def _come_to(self, now_us: int) -> None:
        """What has expired by then leaves the boards."""
        if now_us < self._now_us:
            self._go_back(now_us)
        for at_us, subject in self._expiries.due(now_us):
            if self._now_us < at_us:
                self._expired(subject)
        self._now_us = now_us

    def _go_back(self, now_us: int) -> None:
        self._now_us = now_us
        self._boards.clear()
        self._expiries.clear()
        self._open.clear()
        for node in self.node_entries():
            self._expiries.add(node.expires_at_us, (node.node.name,))
        for entry in self.line_entries():
            line = entry.line
            self._expiries.add(entry.expires_at_us, (line.promisor, line.promisee, line.brand))
            self._count_open(line.brand, int(self._is_open(entry)))

    def _expiry(self, subject: Subject) -> int | None:
        """When a node or an open line expires; None: closed, or unknown."""
        if len(subject) == 1:
            node = self._node(subject[0])
            return None if node is None else node.expires_at_us
        line = self._line(subject)
        return None if line is None or line.closed else line.expires_at_us

    def _expired(self, subject: Subject) -> None:
        if len(subject) == 1:
            self._node_expired(subject[0])
            return
        promisor, promisee, brand = subject
        self._count_open(brand, -1)
        if brand in self._boards:
            self._boards[brand].close_line(promisor, promisee)

    def _drop_worn(self, brand: str) -> None:
        """Numbers are not used again: of lines that come and go a new board is smaller."""
        if len(self._boards[brand].lines) > MIN_DEAD + 2 * self._open.get(brand, 0):
            del self._boards[brand]

    def _node_expired(self, name: str) -> None:
        for brand, board in list(self._boards.items()):
            if board.knows(name):
                board.forget_node(name)
                for entry in self._lines_of(name, brand):
                    board.close_line(entry.line.promisor, entry.line.promisee)
            if board.dead > MIN_DEAD + len(board.nodes) // 2:
                del self._boards[brand]  # numbers are not used again: a new board is smaller
