"""The arrays that a search runs on, and the cache of what every line asks under each policy."""

from collections.abc import Callable, Iterable
from typing import Final

from pathfinder.network import Line, Node, Policy
from pathfinder.steps import Step, steps_of
from proto.levels import Level
from proto.viability import Rule

MAX_PRICE_LISTS: Final = 256  # policies in use at one time, each with a table for every line used

Waived = frozenset[Rule]
PriceList = dict[int, tuple[tuple[Step, ...], ...]]


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
        self._price_key = [
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

    def prices(self, policy: Policy, waived: Waived) -> PriceList:
        """Line -> level of its promise -> steps of its promisor. Filled by `steps`."""
        key = (policy, waived)
        if key not in self._prices:
            if len(self._prices) >= MAX_PRICE_LISTS:
                self._prices.clear()
            self._prices[key] = {}
        return self._prices[key]

    def steps(
        self, prices: PriceList, line: int, policy: Policy, waived: Waived
    ) -> tuple[tuple[Step, ...], ...]:
        """For each level (by its number) that this line's promise may have: what its promisor
        takes for it, as an intermediary.
        """
        key = self._price_key[line]
        found = prices.get(key)
        if found is None:
            node = self.nodes[self.promisor[line]]
            facts = self.facts[self.promisor[line]]
            found = tuple(
                steps_of(node, facts, self.lines[line], level, policy, waived)
                for level in sorted(Level)
            )
            prices[key] = found
        return found
