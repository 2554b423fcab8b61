"""What a board keeps of prices stays within its bounds; the tables used longest ago go."""

from itertools import pairwise

import pytest

from pathfinder.core import board as room
from pathfinder.core.board import Board
from pathfinder.network import NO_POLICY, Line, Node, Policy
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.modes import Mode


def chain(nodes: int) -> Board:
    free = FeeSet({mode: Fee() for mode in Mode})
    names = [f"n{i:02}" for i in range(nodes)]
    lines = [Line(one, other, "USD", 1) for one, other in pairwise(names)]
    return Board([Node(name, fees=free) for name in names], lines)


def test_all_tables_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_PRICED_IN_ALL", 60)
    monkeypatch.setattr(room, "PRICED_AT_ONCE", 5)
    board = chain(11)
    for i in range(20):
        prices = board.prices(Policy.single(f"R{i}"), frozenset())
        for line in range(10):
            for level in Level:
                prices.steps(line, level)
        assert len(prices) == 40
        assert board.priced <= 60 + 5


def test_of_too_many_tables_the_one_used_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_PRICE_LISTS", 2)
    board = chain(3)
    bare = board.prices(NO_POLICY, frozenset())
    other = board.prices(Policy.single("R"), frozenset())
    assert board.prices(NO_POLICY, frozenset()) is bare
    board.prices(Policy.single("S"), frozenset())
    assert board.prices(NO_POLICY, frozenset()) is bare
    assert board.prices(Policy.single("R"), frozenset()) is not other
