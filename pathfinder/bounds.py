"""What a chain still costs between the payer and a node, at least: the guide of a search.

Two kinds. `PlainBounds` knows how many promises it takes, and nothing of fees: enough in a small
network. `trees.TreeBounds` knows what the fees are at least.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from pathfinder.board import CLOSED
from pathfinder.setting import Setting
from proto.levels import Level

Way = tuple[int, int, Level | None]
"""How a label may go on: (what the fees up to the payer add at least, line, level of the promise
that its promisor wants to hold). Level None: the promisor is the payer."""

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

    def ways(self, policy: int, node: int, level: Level, must_differ: bool) -> Sequence[Way]:
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
        self._ways: dict[tuple[int, int, Level], list[Way]] = {}

    def least(self, policy: int, node: int, level: Level, must_differ: bool) -> Least:
        return 0, self._far[node]

    def ways(self, policy: int, node: int, level: Level, must_differ: bool) -> Sequence[Way]:
        key = (policy, node, level)
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = list(self._find(policy, node, level))
        return found

    def _find(self, policy: int, node: int, level: Level) -> Iterator[Way]:
        setting, board = self._setting, self._setting.board
        prices = board.prices(setting.policies[policy], setting.waived)
        for line in board.incoming[node]:
            promisor = board.promisor[line]
            if board.room[line] == CLOSED or self._far[promisor] < 0:
                continue
            if promisor == setting.payer:
                if setting.first_level(level, setting.policies[policy]):
                    yield (0, line, None)
                continue
            for step in prices.steps(line, level):
                if setting.takes(step.incoming, step.mode):
                    yield (0, line, step.incoming)

    def spend(self, labels: int) -> None:
        """Nothing is kept."""
