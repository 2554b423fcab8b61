"""The trees that searches on one board share: which one guides a question, and how many are kept.

Trees are kept for amounts from a floor on, so that payments of about the same size share one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pathfinder.board import Board, Waived
from pathfinder.bounds import NO_WAY, Least, Way, ways_of
from pathfinder.columns import Columns
from pathfinder.network import Policy
from pathfinder.setting import Setting
from pathfinder.steps import STEP_RULES
from pathfinder.trees import STATES, Tree
from proto.levels import Level
from proto.viability import Rule

FLOOR_BITS: Final = 4  # leading bits of an amount that its floor keeps: at most an eighth below it
MAX_FOREST_BYTES: Final = 384 * 1024 * 1024  # trees and ways of one board
BYTES_OF_A_WAY: Final = 168  # a tuple of four, two numbers of it its own
BYTES_OF_A_STATE: Final = 8


class Kind(NamedTuple):
    """Whom a tree is for, and under which limits of his question."""

    payer: int
    policy: Policy
    levels: frozenset[Level]
    first_levels: frozenset[Level]
    declines: bool
    waived: Waived
    floor: int


def floor_of(amount: int) -> int:
    """The greatest number that is no more than the amount and has few leading bits."""
    shift = max(0, amount.bit_length() - FLOOR_BITS)
    return amount >> shift << shift


class Forest:
    """Trees of one board, the one that was used longest ago first."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._columns: Columns | None = None
        self._trees: dict[Kind, Tree] = {}
        self._hops: dict[tuple[int, int], list[int]] = {}
        self.bytes = 0
        self.grown = 0  # trees made so far

    def tree(self, setting: Setting, policy: Policy) -> Tree:
        """Bounds for the amount of the question or more."""
        question = setting.question
        kind = Kind(
            setting.payer,
            policy,
            question.levels,
            question.first_levels,
            setting.bars_modes_that_rely,
            setting.waived & (STEP_RULES | {Rule.V10}),
            floor_of(question.amount),
        )
        tree = self._trees.pop(kind, None)
        if tree is None or not tree.catch_up(setting):
            tree = self._grow(setting, policy, kind.floor)
        self._trees[kind] = tree
        return tree

    def _grow(self, setting: Setting, policy: Policy, floor: int) -> Tree:
        self.trim()
        self.grown += 1
        if self._columns is None or self._columns.version != self._board.terms_version:
            self._columns = Columns(self._board)
        return Tree(setting, self._columns, policy, floor)

    def trim(self) -> None:
        """Keeps within the memory that a board may use."""
        each = STATES * BYTES_OF_A_STATE * len(self._board.nodes)
        used = sum(each + t.way_count * BYTES_OF_A_WAY for t in self._trees.values())
        while self._trees and used > MAX_FOREST_BYTES:
            oldest = self._trees.pop(next(iter(self._trees)))
            used -= each + oldest.way_count * BYTES_OF_A_WAY


class TreeBounds:
    """The trees that guide one search, one for each policy, made when it first asks."""

    def __init__(self, setting: Setting, forest: Forest) -> None:
        self._setting, self._forest = setting, forest
        self._trees = [forest.tree(setting, policy) for policy in setting.policies]

    def least(self, policy: int, node: int, level: Level, must_differ: bool) -> Least:
        extra = self._trees[policy].of(node, level, must_differ)
        return (extra, 1) if extra >= 0 else NO_WAY

    def ways(self, policy: int, node: int, level: Level, must_differ: bool) -> Sequence[Way]:
        tree = self._trees[policy]
        key = (node, level, must_differ)
        found = tree.ways.get(key)
        if found is None:

            def least(promisor: int, level: Level, must_differ: bool) -> Least:
                extra = tree.of(promisor, level, must_differ)
                return (extra, 1) if extra >= 0 else NO_WAY

            found = ways_of(self._setting, policy, node, level, must_differ, tree.floor, least)
            tree.ways[key] = found
            tree.way_count += len(found)
        return found
