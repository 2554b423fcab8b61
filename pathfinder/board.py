"""The arrays that a search runs on, and the cache of what every line asks under each policy."""

from collections.abc import Callable, Iterable
from typing import Final

from pathfinder.network import Line, Node, Policy
from pathfinder.steps import STEP_RULES, Step, steps_of
from proto.levels import Level
from proto.viability import Rule

MAX_PRICE_LISTS: Final = 256  # policies in use at one time, each with a table for every line used

Waived = frozenset[Rule]


class Board:
    """One brand at one version of the graph. Node numbers follow the order of names, so that
    comparing numbers compares names. Valid for `since_us` ≤ now < `until_us`.
    """

    def __init__(
        self, nodes: Iterable[Node], lines: Iterable[Line], *, since_us: int, until_us: int
    ) -> None:
        self.since_us, self.until_us = since_us, until_us
        self.nodes = sorted(nodes, key=lambda node: node.name)
        self.facts = [node.facts for node in self.nodes]
        self.number = {node.name: i for i, node in enumerate(self.nodes)}
        self.lines = sorted(lines, key=lambda line: (line.promisor, line.promisee))
        self.promisor = [self.number[line.promisor] for line in self.lines]
        self.incoming: list[list[int]] = [[] for _ in self.nodes]
        self.outgoing: list[list[int]] = [[] for _ in self.nodes]
        self.promisee = [self.number[line.promisee] for line in self.lines]
        for i in range(len(self.lines)):
            self.incoming[self.promisee[i]].append(i)
            self.outgoing[self.promisor[i]].append(i)
        # Lines without fee sets of their own share one table, that of -1 - promisor.
        self.price_key = [
            -1 - self.promisor[i] if line.fees is None and line.registry_fees is None else i
            for i, line in enumerate(self.lines)
        ]
        self._prices: dict[tuple[Policy, Waived], PriceList] = {}

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
        """What everybody takes under a policy, kept for as long as this board is in use."""
        key = (policy, waived & STEP_RULES)
        if key not in self._prices:
            if len(self._prices) >= MAX_PRICE_LISTS:
                self._prices.clear()
            self._prices[key] = PriceList(self, *key)
        return self._prices[key]


class PriceList:
    """Steps of every line under one policy, made when a search first asks for them."""

    def __init__(self, board: Board, policy: Policy, waived: Waived) -> None:
        self.board, self.policy, self.waived = board, policy, waived
        self._found: dict[tuple[int, Level], tuple[Step, ...]] = {}

    def steps(self, line: int, level: Level) -> tuple[Step, ...]:
        """What the line's promisor takes, as an intermediary, for a promise of that level."""
        board = self.board
        key = (board.price_key[line], level)
        found = self._found.get(key)
        if found is None:
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
