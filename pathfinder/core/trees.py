"""Trees of lower bounds: what the fees between one payer and everybody else add at least.

A tree is made for one payer and all amounts from a floor on. Amounts only grow towards the payer,
so what a node adds to the floor it adds to every amount of the chain. What a promise does to the
deadline, whether a node is visited twice, and what the question avoids is left out: all that makes
chains dearer only. scipy's Dijkstra computes a tree over states (node, what it holds).

How much a state says is the tree's grain. A coarse tree takes every node for its cheapest pair
under any policy. A fine one is of one policy and tells apart which level a node holds; a half fine
one only whether a certificate redeems it at any time, which decides about cheap modes: it leaves a
third more labels to look at, and is made in a third of the time.

A tree stays true while lines lose capacity, fees rise and adverts expire. What improves is taken
in by `catch_up`, from the board's list of improved lines.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pathfinder.core.board import CLOSED
from pathfinder.core.bounds import Ways
from pathfinder.core.columns import (
    PAIRS,
    Booleans,
    Columns,
    Floats,
    Pair,
    never_above,
    room_of,
    usable,
)
from pathfinder.core.setting import Setting
from pathfinder.network import Policy
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.modes import mode_of

MAX_SUNK: Final = 2_000  # bounds that one catching up may lower: about what a new tree costs

WaysKey = tuple[Policy, int, Level, bool]
"""(policy, node, level, must_differ)."""


@dataclass(frozen=True, slots=True)
class Grain:
    """What is told apart. `held`: level -> state of a node that holds it; `differed`: of one that
    holds BARE after some promise that was not. `changes`: (pair, state before, state after)."""

    states: int
    held: tuple[int, int, int, int]
    differed: int
    changes: tuple[tuple[Pair, int, int], ...]

    def after(self, incoming: Level, state: int, outgoing: Level) -> list[int]:
        """States of whom a node in `state` gives to; none where it does not hold `incoming`."""
        pair = (incoming, outgoing)
        return [after for p, before, after in self.changes if (p, before) == (pair, state)]


def _grain(states: int, held: tuple[int, int, int, int], differed: int) -> Grain:
    changes = []
    for pair in PAIRS:
        incoming, outgoing = pair
        changes.append((pair, held[incoming], held[outgoing]))
        if outgoing is Level.BARE and differed != held[outgoing]:
            before = differed if incoming is Level.BARE else held[incoming]
            changes.append((pair, before, differed))
    return Grain(states, held, differed, tuple(changes))


# By level: BARE, SECURED, ATOMIC, PROXY. A fine one tells BARE after other promises apart, too:
# from it the payer may be reached without breaking V4.
FINE: Final = _grain(5, (0, 2, 3, 4), 1)
HALF_FINE: Final = _grain(2, (0, 1, 1, 0), 0)
COARSE: Final = _grain(1, (0, 0, 0, 0), 0)


class Tree:
    """Bounds for one payer, from `floor` on, under any of `policies`.

    Under the limits of one question besides: its levels, what it waives and whether it declines.
    `least`[node × states + state]; -1 = none. `ways`: those that a search has asked for. `seen`:
    changes of the board that it has taken in.
    """

    def __init__(
        self,
        setting: Setting,
        columns: Columns,
        policies: tuple[Policy, ...],
        floor: int,
        grain: Grain,
    ) -> None:
        board = setting.board
        self.policies, self.floor, self.grain = policies, floor, grain
        self.seen = board.improved.until
        self.ways: dict[WaysKey, tuple[Ways, int]] = {}  # and up to which fees they are all
        self.way_count = 0  # in all of them
        self.spent = 0  # labels taken under its guidance
        carries = usable(room_of(board), floor, setting.waived)
        carries &= columns.promisor != setting.payer
        fees = _least_fees(setting, columns, policies, floor, grain)
        first = self._first_states(setting)
        found = np.full(grain.states * columns.nodes, np.inf)
        found[first] = 0  # all that there is where nobody may go between
        if first and fees:
            # min_only: one tree from all of them together.
            graph = _states(columns, fees, carries, grain)
            found = dijkstra(graph, indices=first, min_only=True)[: len(found)]
        found = never_above(found)
        none = found > MAX_AMOUNT
        self.least = array("q", np.where(none, -1, found).astype(np.int64).tobytes())

    def of(self, node: int, level: Level, must_differ: bool) -> int:
        """The bound; -1 = no way."""
        grain = self.grain
        state = grain.differed if must_differ else grain.held[level]
        return self.least[node * grain.states + state]

    def _first_states(self, setting: Setting) -> list[int]:
        """States that the payer's own first promise leads to."""
        board, found = setting.board, set()
        for level in self.first_levels(setting):
            for line in board.outgoing[setting.payer]:
                if board.room[line] != CLOSED:
                    found.add(board.promisee[line] * self.grain.states + self.grain.held[level])
        return sorted(found)

    def first_levels(self, setting: Setting) -> list[Level]:
        """Those that the payer may give first, under some policy."""
        return [lv for lv in Level if any(setting.first_level(lv, p) for p in self.policies)]

    def catch_up(self, setting: Setting) -> bool:
        """Takes in what has improved since; False: too much, and the tree is of no use any more."""
        board = setting.board
        fresh = board.improved.since(self.seen)
        if fresh is None:
            return False
        self.seen = board.improved.until
        self.least.extend([-1] * (self.grain.states * len(board.nodes) - len(self.least)))
        return not fresh or Improvement(self, setting).take(fresh)


class Improvement:
    """What better lines do to a tree: bounds sink behind them, and ways are looked for anew."""

    def __init__(self, tree: Tree, setting: Setting) -> None:
        self._tree, self._setting, self._board = tree, setting, setting.board
        self._grain, self._states = tree.grain, tree.grain.states
        self._prices = [setting.board.prices(p, setting.waived) for p in tree.policies]
        self._sunk: list[tuple[int, int, int]] = []

    def take(self, lines: Iterable[int]) -> bool:
        """Whether the bounds are true again; False: that would have taken too long."""
        for line in set(lines):
            self._take(line)
        taken = 0
        while self._sunk:
            least, node, state = heappop(self._sunk)
            if least > self._tree.least[node * self._states + state]:
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
            if board.room[line] != CLOSED:
                for level in self._tree.first_levels(setting):
                    self._sink(0, promisee, self._grain.held[level])
            return
        for state in range(self._states):
            self._pass_on(line, state)

    def _pass_on(self, line: int, state: int) -> None:
        """What the promisor's bound for a state means for the promisee."""
        board, setting, tree = self._board, self._setting, self._tree
        promisor, promisee = board.promisor[line], board.promisee[line]
        self._forget_ways(promisee)
        least = tree.least[promisor * self._states + state]
        if promisor == setting.payer or least < 0 or not setting.may_carry(line, tree.floor):
            return
        for outgoing in Level:
            for prices in self._prices:
                for step in prices.steps(line, outgoing):
                    after = self._grain.after(step.incoming, state, outgoing)
                    if after and setting.takes(step.incoming, step.mode):
                        fee = -(-tree.floor * (step.num - step.den) // step.den) + step.flat
                        for reached in after:
                            self._sink(least + fee, promisee, reached)

    def _sink(self, least: int, node: int, state: int) -> None:
        place = node * self._states + state
        known = self._tree.least[place]
        if (known < 0 or least < known) and least <= MAX_AMOUNT:
            self._tree.least[place] = least
            heappush(self._sunk, (least, node, state))

    def _forget_ways(self, node: int) -> None:
        for key in product(self._tree.policies, (node,), Level, (False, True)):
            if (forgotten := self._tree.ways.pop(key, None)) is not None:
                self._tree.way_count -= len(forgotten[0].lines)


def takes_pair(setting: Setting, pair: Pair) -> bool:
    """Whether the question allows it, whoever the intermediary is."""
    mode = mode_of(*pair)
    assert mode is not None
    return pair[1] in setting.question.levels and setting.takes(pair[0], mode)


def _least_fees(
    setting: Setting,
    columns: Columns,
    policies: tuple[Policy, ...],
    floor: int,
    grain: Grain,
) -> dict[tuple[int, int], Floats]:
    """(state before, state after) -> what each row adds to the floor at least, or infinite."""
    found: dict[tuple[int, int], Floats] = {}
    for policy in policies:
        for pair, before, after in grain.changes:
            if takes_pair(setting, pair):
                weight = columns.least(policy, setting.waived, pair, floor, slice(None))
                known = found.get((before, after))
                found[before, after] = weight if known is None else np.minimum(known, weight)
    return found


def _states(
    columns: Columns, fees: dict[tuple[int, int], Floats], carries: Booleans, grain: Grain
) -> Any:
    """The graph of states: (node, state) → (row, state) → (promisee, state).

    A row of its own between the two keeps it small: fees are of rows, and a row has many lines.
    """
    states, offset = grain.states, grain.states * columns.nodes
    rows = np.arange(columns.rows)
    sources, targets, weights = [], [], []
    for (before, after), weight in fees.items():
        taken = np.isfinite(weight)
        sources.append(columns.node_of_row[taken] * states + before)
        targets.append(offset + rows[taken] * states + after)
        weights.append(weight[taken])
    lines = np.flatnonzero(carries)
    given = offset + columns.row_of_line[lines] * states
    got = columns.promisee[lines] * states
    for state in range(states):
        sources.append(given + state)
        targets.append(got + state)
        weights.append(np.zeros(len(lines)))
    size = offset + states * columns.rows
    ends = (np.concatenate(sources), np.concatenate(targets))
    return coo_matrix((np.concatenate(weights), ends), shape=(size, size)).tocsr()
