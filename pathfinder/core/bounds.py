"""What a chain still costs between the payer and a node, at least: the guide of a search.

Two kinds. `PlainBounds` knows how many promises it takes, and nothing of fees: enough in a small
network. `trees.TreeBounds` knows what the fees are at least.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from pathfinder.core.board import CLOSED
from pathfinder.core.setting import Setting
from proto.levels import Level


class Ways(NamedTuple):
    """How a label may go on, way by way: what the fees up to the payer add at least, the number of
    the line, and the level of the promise that its promisor wants to hold (or BY_PAYER)."""

    extras: Sequence[int]
    lines: Sequence[int]
    held: Sequence[int]


BY_PAYER: Final = len(Level)
"""Instead of a level: the promisor is the payer, who holds nothing."""

Least = tuple[int, int]
"""(What fees add between the payer and a node at least, promises at least); (…, -1): no way."""

NO_WAY: Final[Least] = (0, -1)


class Bounds(Protocol):
    """Bounds for one setting; `policy` is the number of a policy in it."""

    def least(self, policy: int, node: int, level: Level, must_differ: bool) -> Least:
        """Of a chain by which `node` comes to hold a promise of that level.

        `must_differ`: with at least one promise that is not BARE.
        """
        ...

    def ways(self, policy: int, node: int, level: Level, must_differ: bool) -> Ways:
        """How a chain from `node`, which wants to hold a promise of that level, may go on.

        The most promising first. A way may turn out to be barred when it is gone.
        """
        ...

    def spend(self, labels: int) -> None:
        """So many labels were taken under these bounds."""
        ...


class PlainBounds:
    """How many promises it takes at least; fees are taken for nothing. For one search."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        amount = setting.question.amount
        # Amounts only grow towards the payer: a line too small for the last one is of no use.
        self._far = setting.board.distances(setting.payer, lambda i: setting.carries(i, amount))
        self._ways: dict[tuple[int, int, Level], Ways] = {}

    def least(self, policy: int, node: int, level: Level, must_differ: bool) -> Least:
        return 0, self._far[node]

    def ways(self, policy: int, node: int, level: Level, must_differ: bool) -> Ways:
        key = (policy, node, level)
        found = self._ways.get(key)
        if found is None:
            ways = list(self._find(policy, node, level))
            lines, held = [line for line, _ in ways], [level for _, level in ways]
            found = self._ways[key] = Ways(bytes(len(ways)), lines, held)
        return found

    def _find(self, policy: int, node: int, level: Level) -> Iterator[tuple[int, int]]:
        setting, board = self._setting, self._setting.board
        prices = board.prices(setting.policies[policy], setting.waived)
        for line in board.incoming[node]:
            promisor = board.promisor[line]
            if board.room[line] == CLOSED or self._far[promisor] < 0:
                continue
            if promisor == setting.payer:
                if setting.first_level(level, setting.policies[policy]):
                    yield line, BY_PAYER
                continue
            for step in prices.steps(line, level):
                if setting.takes(step.incoming, step.mode):
                    yield line, step.incoming

    def spend(self, labels: int) -> None:
        """Nothing is kept."""
