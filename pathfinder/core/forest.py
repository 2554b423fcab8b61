"""The trees that searches on one board share: which one guides a question, and how many are kept.

Trees are kept for amounts from a floor on, so that payments of about the same size share one.
"""

from typing import Final, NamedTuple

from pathfinder.core.board import Board, Waived
from pathfinder.core.bounds import NO_WAY, Least, Ways
from pathfinder.core.columns import Columns
from pathfinder.core.hops import Hops
from pathfinder.core.setting import Setting
from pathfinder.core.steps import STEP_RULES
from pathfinder.core.trees import COARSE, FINE, HALF_FINE, Grain, Tree
from pathfinder.core.ways import ways_of
from pathfinder.network import Policy
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.modes import Mode
from proto.viability import Rule

FLOOR_BITS: Final = 2  # leading bits of an amount that its floor keeps: two floors an octave
MAX_FINE_NODES: Final = 20_000  # a fine tree of more takes longer than a payer waits
MAX_FOREST_BYTES: Final = 320 * 1024 * 1024  # trees and ways of one board
MAX_HOPS_KEPT: Final = 256  # payers and floors; each takes a list of all nodes
BYTES_OF_A_WAY: Final = 13  # as arrays
BYTES_OF_A_STATE: Final = 8


class Kind(NamedTuple):
    """Whom a tree is for, and under which limits of his question."""

    payer: int
    policies: tuple[Policy, ...]
    levels: frozenset[Level]
    first_levels: frozenset[Level]
    modes: frozenset[Mode]
    waived: Waived
    floor: int
    states: int


def floor_of(amount: int) -> int:
    """The greatest number that is no more than the amount and has few leading bits."""
    shift = max(0, amount.bit_length() - FLOOR_BITS)
    return amount >> shift << shift


class Forest:
    """Trees of one board, the one that was used longest ago first. Made for that board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._columns: Columns | None = None
        self._trees: dict[Kind, Tree] = {}
        self._hops: dict[tuple[int, int, bool], Hops] = {}
        self.grown = 0  # trees made so far

    @staticmethod
    def of(board: Board) -> "Forest":
        """The one of this board."""
        if board.forest is None:
            board.forest = Forest(board)
        return board.forest

    @property
    def fine(self) -> Grain:
        """How fine trees of this board are."""
        return FINE if len(self._board.nodes) <= MAX_FINE_NODES else HALF_FINE

    def has_fine(self, setting: Setting) -> bool:
        """Whether fine trees for this kind of question were made before."""
        return all(self._kind(setting, (p,), self.fine) in self._trees for p in setting.policies)

    def spent(self, setting: Setting) -> int:
        """Labels that searches of this kind have taken under a coarse tree."""
        coarse = self._trees.get(self._kind(setting, setting.policies, COARSE))
        return 0 if coarse is None else coarse.spent

    def tree(self, setting: Setting, policies: tuple[Policy, ...], grain: Grain) -> Tree:
        """Bounds for the amount of the question or more."""
        kind = self._kind(setting, policies, grain)
        tree = self._trees.pop(kind, None)
        if tree is None or not tree.catch_up(setting):
            self._trim()
            self.grown += 1
            tree = Tree(setting, self.columns(), policies, kind.floor, grain)
        self._trees[kind] = tree
        return tree

    def hops(self, setting: Setting) -> Hops:
        """Bounds of the number of promises, for the amount of the question or more."""
        key = (setting.payer, floor_of(setting.question.amount), Rule.V10 in setting.waived)
        found = self._hops.get(key)
        if found is None or not found.catch_up(setting):
            if len(self._hops) >= MAX_HOPS_KEPT:
                del self._hops[next(iter(self._hops))]
            found = self._hops[key] = Hops(setting, self.columns(), key[1])
        return found

    def _kind(self, setting: Setting, policies: tuple[Policy, ...], grain: Grain) -> Kind:
        question = setting.question
        return Kind(
            setting.payer,
            policies,
            question.levels,
            question.first_levels,
            setting.modes,
            setting.waived & (STEP_RULES | {Rule.V10}),
            floor_of(question.amount),
            grain.states,
        )

    def columns(self) -> Columns:
        """Everybody's terms as they are now."""
        if self._columns is None or not self._columns.catch_up():
            self._columns = Columns(self._board)
        return self._columns

    @property
    def bytes(self) -> int:
        """What its trees take, about."""
        return sum(map(_bytes, self._trees.values()))

    @property
    def hops_bytes(self) -> int:
        """What distances take, about."""
        return len(self._hops) * len(self._board.nodes) * BYTES_OF_A_STATE

    def _trim(self) -> None:
        used = self.bytes
        while self._trees and used > MAX_FOREST_BYTES:
            used -= _bytes(self._trees.pop(next(iter(self._trees))))


def _bytes(tree: Tree) -> int:
    return len(tree.least) * BYTES_OF_A_STATE + tree.way_count * BYTES_OF_A_WAY


class TreeBounds:
    """The trees that guide one search: a fine one for each policy, or a coarse one for all."""

    def __init__(self, setting: Setting, *, fine: bool) -> None:
        self._setting = setting
        forest = Forest.of(setting.board)
        policies = setting.policies
        self._far = forest.hops(setting).far
        self._columns = forest.columns()
        self._of: list[Tree] = []
        self._trees: list[Tree] = []
        if self._far[setting.payee] < 0:
            return  # no lines lead there: no fees have to be known
        if fine:
            self._trees = self._of = [forest.tree(setting, (p,), forest.fine) for p in policies]
        elif policies:
            self._trees = [forest.tree(setting, policies, COARSE)]
            self._of = self._trees * len(policies)

    def least(self, policy: int, node: int, level: Level, must_differ: bool) -> Least:
        far = self._far[node]
        if far < 0:
            return NO_WAY
        extra = self._of[policy].of(node, level, must_differ)
        return (extra, far) if extra >= 0 else NO_WAY

    def ways(self, policy: int, node: int, level: Level, must_differ: bool, most: int) -> Ways:
        tree = self._of[policy]
        key = (self._setting.policies[policy], node, level, must_differ)
        found, known = tree.ways.get(key, (None, 0))
        if found is None or known < most:
            if found is not None:
                tree.way_count -= len(found.lines)
                most = MAX_AMOUNT  # asked for more a second time: all of them, once and for ever
            found, known = ways_of(self._setting, self._columns, tree, *key, most)
            tree.ways[key] = found, known
            tree.way_count += len(found.lines)
        return found

    def spend(self, labels: int) -> None:
        for tree in self._trees:
            tree.spent += labels
