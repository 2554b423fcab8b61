"""Trees of lower bounds: what the fees between one payer and everybody else add at least.

A tree is made for one payer and all amounts from a floor on. Amounts only grow towards the payer,
so what a node adds to the floor it adds to every amount of the chain. What a promise does to the
deadline, whether a node is visited twice, and what the question avoids is left out: all that makes
chains dearer only. scipy's Dijkstra computes a tree over states (node, level of the promise held).

A tree stays true while lines lose capacity, fees rise and adverts expire. What improves is taken
in by `catch_up`, from the board's list of improved lines.
"""

from array import array
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, Final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pathfinder.board import CLOSED
from pathfinder.bounds import Way
from pathfinder.columns import PAIRS, Booleans, Columns, Pair, room_of, usable
from pathfinder.network import Policy
from pathfinder.setting import Setting
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.modes import mode_of
from proto.viability import Rule

# States of a node: it holds BARE, whatever came before; BARE, and not all before it were; the rest.
STATES: Final = 5
ANY_BARE, DIFFERED, SECURED, ATOMIC, PROXY = range(STATES)
STATE_OF: Final = (ANY_BARE, SECURED, ATOMIC, PROXY)  # by level
EXACT: Final = 2.0**53  # whole numbers up to here are floats without rounding
SLACK: Final = 1 - 2.0**-40  # sums beyond: an error of 2^-53 for each of at most 2^12 additions


def _changes() -> tuple[tuple[Pair, int, int], ...]:
    """(pair, state before, state after) of every way to go on."""
    found = []
    for pair in PAIRS:
        incoming, outgoing = pair
        if incoming is outgoing is Level.BARE:
            found += [(pair, ANY_BARE, ANY_BARE), (pair, DIFFERED, DIFFERED)]
        elif outgoing is Level.BARE:
            before = STATE_OF[incoming]
            found += [(pair, before, ANY_BARE), (pair, before, DIFFERED)]
        else:
            # From BARE: ANY_BARE is never more than DIFFERED, so it speaks for both.
            found.append((pair, STATE_OF[incoming], STATE_OF[outgoing]))
    return tuple(found)


CHANGES: Final = _changes()
AFTER: Final = {
    (incoming, before, outgoing): [
        after for pair, state, after in CHANGES if (*pair, state) == (incoming, outgoing, before)
    ]
    for (incoming, outgoing), before, _ in CHANGES
}
"""(level held, state, level given) -> states of whom it is given to."""
MAX_SUNK: Final = 2_000  # bounds that one catching up may lower: about what a new tree costs

WaysKey = tuple[int, Level, bool]
"""(node, level, must_differ)."""


class Tree:
    """Bounds for one payer and policy, from `floor` on. `least`[node × STATES + state]; -1 = none.

    Under the limits of one question: its levels, what it waives and whether it declines. `ways`:
    those that a search has asked for. `seen`: changes of the board that it has taken in.
    """

    def __init__(self, setting: Setting, columns: Columns, policy: Policy, floor: int) -> None:
        board = setting.board
        self.policy, self.floor = policy, floor
        self.seen = board.improved_until
        self.ways: dict[WaysKey, list[Way]] = {}
        self.way_count = 0  # in all of them
        carries = usable(room_of(board), floor, setting.waived)
        carries &= columns.promisor != setting.payer
        graph = _states(setting, columns, policy, floor, carries)
        first = _first_states(setting, policy)
        found = np.full(STATES * columns.nodes, np.inf)
        if first:
            # min_only: one tree from all of them together.
            found = dijkstra(graph, indices=first, min_only=True)[: len(found)]
        # Beyond 2^53 a sum of floats may have been rounded up.
        found = np.where(found < EXACT, found, np.floor(found * SLACK))
        none = found > MAX_AMOUNT
        self.least = array("q", np.where(none, -1, found).astype(np.int64).tobytes())

    def of(self, node: int, level: Level, must_differ: bool) -> int:
        """The bound; -1 = no way."""
        state = DIFFERED if must_differ else STATE_OF[level]
        return self.least[node * STATES + state]

    def catch_up(self, setting: Setting) -> bool:
        """Takes in what has improved since; False: too much, and the tree is of no use any more."""
        board = setting.board
        if self.seen == board.improved_until:
            return True
        if self.seen < board.improved_from:
            return False
        fresh = board.improved[self.seen - board.improved_from :]
        self.seen = board.improved_until
        self.least.extend([-1] * (STATES * len(board.nodes) - len(self.least)))
        return Improvement(self, setting).take(fresh)


class Improvement:
    """What better lines do to a tree: bounds sink behind them, and ways are looked for anew."""

    def __init__(self, tree: Tree, setting: Setting) -> None:
        self._tree, self._setting, self._board = tree, setting, setting.board
        self._prices = setting.board.prices(tree.policy, setting.waived)
        self._sunk: list[tuple[int, int, int]] = []

    def take(self, lines: Iterable[int]) -> bool:
        """Whether the bounds are true again; False: that would have taken too long."""
        for line in set(lines):
            self._take(line)
        taken = 0
        while self._sunk:
            least, node, state = heappop(self._sunk)
            if least > self._tree.least[node * STATES + state]:
                continue
            taken += 1
            if taken > MAX_SUNK:
                return False
            for line in self._board.outgoing[node]:
                self._pass_on(line, state)
        return True

    def _take(self, line: int) -> None:
        board, setting = self._board, self._setting
        promisor, promisee = board.promisor[line], board.promisee[line]
        if promisor == setting.payer:
            self._forget_ways(promisee)
            for level in Level:
                if board.room[line] != CLOSED and setting.first_level(level, self._tree.policy):
                    self._sink(0, promisee, STATE_OF[level])
            return
        for state in range(STATES):
            self._pass_on(line, state)

    def _pass_on(self, line: int, state: int) -> None:
        """What the promisor's bound for a state means for the promisee."""
        board, setting, tree = self._board, self._setting, self._tree
        promisor, promisee = board.promisor[line], board.promisee[line]
        self._forget_ways(promisee)
        least = tree.least[promisor * STATES + state]
        room = board.room[line]
        if promisor == setting.payer or least < 0 or not may_carry(setting, room, tree.floor):
            return
        for outgoing in Level:
            for step in self._prices.steps(line, outgoing):
                if not setting.takes(step):
                    continue
                fee = -(-tree.floor * (step.num - step.den) // step.den) + step.flat
                for after in AFTER.get((step.incoming, state, outgoing), ()):
                    self._sink(least + fee, promisee, after)

    def _sink(self, least: int, node: int, state: int) -> None:
        place = node * STATES + state
        known = self._tree.least[place]
        if (known < 0 or least < known) and least <= MAX_AMOUNT:
            self._tree.least[place] = least
            heappush(self._sunk, (least, node, state))

    def _forget_ways(self, node: int) -> None:
        for level in Level:
            for must_differ in (False, True):
                forgotten = self._tree.ways.pop((node, level, must_differ), ())
                self._tree.way_count -= len(forgotten)


def may_carry(setting: Setting, room: int, floor: int) -> bool:
    """V10 as a tree sees it, whatever one question has learned about the line."""
    return room != CLOSED and (room >= floor or Rule.V10 in setting.waived)


def _first_states(setting: Setting, policy: Policy) -> list[int]:
    """States that the payer's own first promise leads to."""
    board, found = setting.board, []
    for level in Level:
        if setting.first_level(level, policy):
            for line in board.outgoing[setting.payer]:
                if board.room[line] != CLOSED:
                    found.append(board.promisee[line] * STATES + STATE_OF[level])
    return sorted(found)


def _states(
    setting: Setting, columns: Columns, policy: Policy, floor: int, carries: Booleans
) -> Any:
    """The graph of states: (node, state) → (row, state) → (promisee, state).

    A row of its own between the two keeps it small: fees are of rows, and a row has many lines.
    """
    fees = columns.fees(setting.board, policy, setting.waived)
    levels, barred = setting.question.levels, setting.bars_modes_that_rely
    rows, offset = np.arange(columns.rows), STATES * columns.nodes
    sources, targets, weights = [], [], []
    for pair, before, after in CHANGES:
        mode = mode_of(*pair)
        assert mode is not None
        if not levels.issuperset(pair) or (barred and mode.relies_on_registry):
            continue
        weight = fees.least(pair, floor)
        taken = np.isfinite(weight)
        sources.append(columns.node_of_row[taken] * STATES + before)
        targets.append(offset + rows[taken] * STATES + after)
        weights.append(weight[taken])
    lines = np.flatnonzero(carries)
    given = offset + columns.row_of_line[lines] * STATES
    got = columns.promisee[lines] * STATES
    for state in range(STATES):
        sources.append(given + state)
        targets.append(got + state)
        weights.append(np.zeros(len(lines)))
    size = offset + STATES * columns.rows
    ends = (np.concatenate(sources), np.concatenate(targets))
    return coo_matrix((np.concatenate(weights), ends), shape=(size, size)).tocsr()
