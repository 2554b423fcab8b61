"""The arrays that a search runs on, changed in place as adverts come, and what every line asks."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from pathfinder.core.steps import STEP_RULES, Step, steps_of
from pathfinder.network import Line, Node, Policy
from proto.levels import Level
from proto.viability import NodeFacts, Rule

if TYPE_CHECKING:
    from pathfinder.core.forest import Forest

MAX_PRICE_LISTS: Final = 256  # policies in use at one time, each with a table for every line used
MAX_PRICED: Final = 30_000  # (node or line, level) in such a table: some 20 MB
MAX_PRICED_IN_ALL: Final = 300_000  # in all tables of a board: the one used longest ago goes
PRICED_AT_ONCE: Final = 1_000  # made in one table before anybody looks whether that is too many
BYTES_OF_A_PRICE: Final = 650
MAX_JOURNAL: Final = 4_096  # changes that bounds catch up with; after more they are made anew

CLOSED: Final = -1  # room of a line that no chain may use, whatever is waived

Waived = frozenset[Rule]
LineEnds = tuple[str, str]
"""Promisor and promisee."""


class Journal:
    """Numbers of what has changed, for those who keep something that depends on it."""

    def __init__(self) -> None:
        self._from = 0
        self._written: list[int] = []

    @property
    def until(self) -> int:
        """How many entries there have been."""
        return self._from + len(self._written)

    def since(self, seen: int) -> Sequence[int] | None:
        """Entries after the first `seen`; None: too many to tell."""
        return None if seen < self._from else self._written[seen - self._from :]

    def write(self, numbers: Iterable[int]) -> None:
        self._written.extend(numbers)
        if len(self._written) > MAX_JOURNAL:
            self._from += len(self._written)
            self._written.clear()


class Board:
    """One brand, as it is now. Nodes and lines have numbers, in no order; a number is never used
    for another node or line.

    `room`: what each line carries as advertised; CLOSED where it is gone. `improved`: numbers of
    lines that became better for somebody: bounds from below that were computed earlier have to
    take them in. Whatever becomes worse leaves bounds true. `repriced`: price keys of those who
    changed their terms.
    """

    def __init__(self, nodes: Iterable[Node] = (), lines: Iterable[Line] = ()) -> None:
        self.nodes: list[Node] = []
        self.names: list[str] = []
        self.facts: list[NodeFacts] = []
        self.known: list[bool] = []  # False: its advert has expired
        self.dead = 0  # so many of them
        self.accepted = Counter[str]()  # registry -> so many known nodes accept it
        self.number: dict[str, int] = {}
        self.lines: list[Line] = []
        self.room = array("q")
        self.promisor: list[int] = []
        self.promisee: list[int] = []
        self.incoming: list[list[int]] = []
        self.outgoing: list[list[int]] = []
        self.price_key: list[int] = []
        self.improved = Journal()
        self.repriced = Journal()
        self.forest: Forest | None = None  # what searches have learned about fees from afar
        self._prices: dict[tuple[Policy, Waived], PriceList] = {}
        for node in nodes:
            self.put_node(node)
        self.add_lines(lines)

    def put_node(self, node: Node) -> None:
        """A node, or what it says now."""
        number = self.number.get(node.name)
        if number is None:
            self.number[node.name] = len(self.nodes)
            self.nodes.append(node)
            self.names.append(node.name)
            self.facts.append(node.facts)
            self.known.append(True)
            self.incoming.append([])
            self.outgoing.append([])
            self.accepted.update(node.accepts)
            return
        if self.known[number]:
            self._no_longer_accepted(self.nodes[number])
        self.accepted.update(node.accepts)
        if not self.known[number]:
            self.known[number] = True
            self.dead -= 1
        elif self.nodes[number] == node:
            return
        self.nodes[number], self.facts[number] = node, node.facts
        # What a line with fees of its own asks depends on whom its promisor trusts, too.
        self._reprice({-1 - number, *(self.price_key[i] for i in self.outgoing[number])})
        self.improved.write(self.outgoing[number])

    def knows(self, name: str) -> bool:
        """Whether the node has an advert in force."""
        number = self.number.get(name)
        return number is not None and self.known[number]

    def forget_node(self, name: str) -> None:
        """Its advert has expired. Its lines are closed by whoever says so."""
        self.known[self.number[name]] = False
        self.dead += 1
        self._no_longer_accepted(self.nodes[self.number[name]])

    def _no_longer_accepted(self, node: Node) -> None:
        self.accepted.subtract(node.accepts)
        for registry in node.accepts:
            if not self.accepted[registry]:
                del self.accepted[registry]

    def put_line(self, line: Line) -> None:
        """A line between two nodes of the board, or what its promisor says of it now."""
        ends = self._ends(line)
        i = self._between(*ends)
        if i is None:
            self.add_lines((line,))
            return
        old, self.lines[i] = self.lines[i], line
        was, self.room[i] = self.room[i], line.available
        if old.fees != line.fees or old.registry_fees != line.registry_fees:
            self._reprice({i})
            self.price_key[i] = self._price_key(i, line)
        elif line.available <= was:
            return
        self.improved.write((i,))

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Lines that were not on the board before."""
        number, before = self.number, len(self.lines)
        for i, line in enumerate(lines, before):
            promisor, promisee = number[line.promisor], number[line.promisee]
            self.lines.append(line)
            self.room.append(line.available)
            self.promisor.append(promisor)
            self.promisee.append(promisee)
            self.incoming[promisee].append(i)
            self.outgoing[promisor].append(i)
            own = line.fees is not None or line.registry_fees is not None
            self.price_key.append(i if own else -1 - promisor)
        self.improved.write(range(before, len(self.lines)))

    def _price_key(self, i: int, line: Line) -> int:
        # Lines without fee sets of their own share one table, that of -1 - promisor.
        own = line.fees is not None or line.registry_fees is not None
        return i if own else -1 - self.promisor[i]

    def close_line(self, promisor: str, promisee: str) -> None:
        """A line that was closed, or whose advert has expired."""
        i = self.line_between(promisor, promisee)
        if i is not None:
            self.room[i] = CLOSED

    def line_between(self, promisor: str, promisee: str) -> int | None:
        """The number of a line, open or not."""
        one, other = self.number.get(promisor), self.number.get(promisee)
        return None if one is None or other is None else self._between(one, other)

    def numbered(self, promisor: int, promisee: int) -> int:
        """The line between two nodes by their numbers; there is one."""
        found = self._between(promisor, promisee)
        assert found is not None
        return found

    def _ends(self, line: Line) -> tuple[int, int]:
        return self.number[line.promisor], self.number[line.promisee]

    def _between(self, promisor: int, promisee: int) -> int | None:
        # No table of all pairs: it would take more memory than all the rest of a line.
        given, held = self.outgoing[promisor], self.incoming[promisee]
        if len(given) < len(held):
            return next((i for i in given if self.promisee[i] == promisee), None)
        return next((i for i in held if self.promisor[i] == promisor), None)

    def _reprice(self, keys: set[int]) -> None:
        self.repriced.write(keys)
        for prices in self._prices.values():
            prices.forget(keys)

    def distances(self, start: int, carries: Callable[[int], bool]) -> list[int]:
        """Promises that a chain from `start` to each node has at least; -1 = out of reach.

        `carries` says of a line, by its number, whether a chain may use it at all.
        """
        found = [-1] * len(self.nodes)
        found[start] = 0
        ring = [start]
        while ring:
            following = []
            for node in ring:
                for line in self.outgoing[node]:
                    promisee = self.promisee[line]
                    if found[promisee] < 0 and carries(line):
                        found[promisee] = found[node] + 1
                        following.append(promisee)
            ring = following
        return found

    def prices(self, policy: Policy, waived: Waived) -> "PriceList":
        """What everybody takes under a policy, kept for as long as nobody says otherwise."""
        key = (policy, waived & STEP_RULES)
        prices = self._prices.pop(key, None)
        if prices is None:
            if len(self._prices) >= MAX_PRICE_LISTS:
                del self._prices[next(iter(self._prices))]
            prices = PriceList(self, *key)
        self._prices[key] = prices
        return prices

    def trim_prices(self) -> None:
        """Forgets the tables used longest ago, where all together have become too long."""
        priced = self.priced
        while priced > MAX_PRICED_IN_ALL and len(self._prices) > 1:
            priced -= len(self._prices.pop(next(iter(self._prices))))

    @property
    def priced(self) -> int:
        """Entries of all tables."""
        return sum(map(len, self._prices.values()))

    @property
    def learned_bytes(self) -> int:
        """What searches have left here, about: prices, trees and distances."""
        forest = 0 if self.forest is None else self.forest.bytes + self.forest.hops_bytes
        return forest + self.priced * BYTES_OF_A_PRICE

    def forget_learned(self) -> None:
        """What searches have left here is made again when it is wanted."""
        self.forest = None
        self._prices.clear()


class PriceList:
    """Steps of every line under one policy, made when a search first asks for them."""

    def __init__(self, board: Board, policy: Policy, waived: Waived) -> None:
        self.board, self.policy, self.waived = board, policy, waived
        self._found: dict[tuple[int, Level], tuple[Step, ...]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def step(self, line: int, incoming: Level, level: Level) -> Step | None:
        """What the line's promisor takes, as an intermediary who holds `incoming`."""
        for step in self.steps(line, level):
            if step.incoming is incoming:
                return step
        return None

    def steps(self, line: int, level: Level) -> tuple[Step, ...]:
        """What the line's promisor takes, as an intermediary, for a promise of that level."""
        board = self.board
        key = (board.price_key[line], level)
        found = self._found.get(key)
        if found is None:
            if len(self._found) % PRICED_AT_ONCE == PRICED_AT_ONCE - 1:
                board.trim_prices()
            if len(self._found) >= MAX_PRICED:
                del self._found[next(iter(self._found))]  # the one made longest ago
            promisor = board.promisor[line]
            found = self._found[key] = steps_of(
                board.nodes[promisor],
                board.facts[promisor],
                board.lines[line],
                level,
                self.policy,
                self.waived,
            )
        return found

    def forget(self, keys: set[int]) -> None:
        """Somebody has changed his terms."""
        for key in keys:
            for level in Level:
                self._found.pop((key, level), None)
