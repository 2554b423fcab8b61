"""What a chain still costs between the payer and a node, at least: the guide of a search.

Two kinds. `PlainBounds` knows how many promises it takes, and nothing of fees: enough in a small
network. `trees.TreeBounds` knows what the fees are at least.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Final, Protocol

from pathfinder.board import CLOSED
from pathfinder.setting import Setting
from pathfinder.steps import Step
from proto.levels import Level

Way = tuple[int, int, Step | None]
"""How a label may go on: (what the fees up to the payer add at least, line, what the promisor
takes). Step None: the promisor is the payer."""

Least = tuple[int, int]
"""(What fees add between the payer and a node at least, promises at least); (…, -1): no way."""

NO_WAY: Final[Least] = (0, -1)
_PROMISING: Final = itemgetter(0)


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


LeastOf = Callable[[int, Level, bool], int]
"""(node, level, must_differ) -> what fees add at least, under one policy; -1 = no way."""


def ways_of(
    setting: Setting,
    policy: int,
    node: int,
    level: Level,
    must_differ: bool,
    floor: int,
    least: LeastOf,
) -> list[Way]:
    """All ways from one node, for amounts of at least `floor`, whatever lines carry."""
    found = list(_ways(setting, policy, node, level, must_differ, floor, least))
    found.sort(key=_PROMISING)
    return found


def _ways(
    setting: Setting,
    policy: int,
    node: int,
    level: Level,
    must_differ: bool,
    floor: int,
    least: LeastOf,
) -> Iterator[Way]:
    board = setting.board
    prices = board.prices(setting.policies[policy], setting.waived)
    for line in board.incoming[node]:
        promisor = board.promisor[line]
        if board.room[line] == CLOSED:
            continue
        if promisor == setting.payer:
            if setting.first_level(level, setting.policies[policy]):
                yield (0, line, None)
            continue
        for step in prices.steps(line, level):
            if not setting.takes(step):
                continue
            incoming = step.incoming
            extra = least(promisor, incoming, must_differ and incoming is Level.BARE)
            if extra >= 0:
                fee = -(-floor * (step.num - step.den) // step.den) + step.flat
                yield (fee + extra, line, step)


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
            floor = self._setting.question.amount

            def least(promisor: int, _: Level, __: bool) -> int:
                return 0 if self._far[promisor] >= 0 else -1

            found = ways_of(self._setting, policy, node, level, False, floor, least)
            self._ways[key] = found
        return found
