"""How a chain may go on from one node, the most promising way first, by a tree of bounds."""

from operator import itemgetter
from typing import Final

import numpy as np

from pathfinder.board import CLOSED
from pathfinder.bounds import Way
from pathfinder.columns import EXACT, NUMBER_OF, SLACK, Columns
from pathfinder.network import Policy
from pathfinder.setting import Setting
from pathfinder.trees import Tree, takes_pair
from proto.levels import Level

MANY_LINES: Final = 40  # from here on numpy is quicker than looking at one after the other
_EXTRA: Final = itemgetter(0)


def _one_by_one(
    setting: Setting, tree: Tree, policy: Policy, node: int, level: Level, must_differ: bool
) -> list[Way]:
    board, floor, found = setting.board, tree.floor, list[Way]()
    prices = board.prices(policy, setting.waived)
    for line in board.incoming[node]:
        promisor = board.promisor[line]
        if promisor == setting.payer:
            if board.room[line] != CLOSED and setting.first_level(level, policy):
                found.append((0, line, None))
            continue
        if not setting.may_carry(line, floor):
            continue
        for step in prices.steps(line, level):
            incoming = step.incoming
            extra = tree.of(promisor, incoming, must_differ and incoming is Level.BARE)
            if extra >= 0 and setting.takes(incoming, step.mode):
                fee = -(-floor * (step.num - step.den) // step.den) + step.flat
                found.append((fee + extra, line, incoming))
    found.sort(key=_EXTRA)
    return found


def ways_of(
    setting: Setting,
    columns: Columns,
    tree: Tree,
    policy: Policy,
    node: int,
    level: Level,
    must_differ: bool,
) -> list[Way]:
    """All ways from `node`, which wants to hold a promise of that level.

    Lines that carry less than the tree's floor are left out.
    """
    if len(setting.board.incoming[node]) < MANY_LINES:
        return _one_by_one(setting, tree, policy, node, level, must_differ)
    board, grain = setting.board, tree.grain
    lines = columns.incoming(node)
    promisors, rows = columns.promisor[lines], columns.row_of_line[lines]
    bounds = np.frombuffer(tree.least, np.int64)
    extras, places, levels = [], [], []
    for incoming in Level:
        pair = (incoming, level)
        if pair not in NUMBER_OF or not takes_pair(setting, pair):
            continue
        differed = must_differ and incoming is Level.BARE
        state = grain.differed if differed else grain.held[incoming]
        onwards = bounds[promisors * grain.states + state]
        fees = columns.least(policy, setting.waived, pair, tree.floor, rows)
        possible = np.flatnonzero(np.isfinite(fees) & (onwards >= 0) & (promisors != setting.payer))
        extras.append(fees[possible] + onwards[possible])
        places.append(possible)
        levels += [incoming] * len(possible)
    del bounds  # the tree cannot grow while somebody looks at it
    found: list[Way] = []
    own = lines[promisors == setting.payer].tolist()
    if own and setting.first_level(level, policy):
        found = [(0, line, None) for line in own if board.room[line] != CLOSED]
    if not levels:
        return found
    extra = np.concatenate(extras)
    # Beyond 2^53 a sum of floats may have been rounded up.
    extra = np.where(extra < EXACT, extra, np.floor(extra * SLACK))
    numbers, costs = lines[np.concatenate(places)].tolist(), extra.tolist()
    for place in np.argsort(extra, kind="stable").tolist():
        line = numbers[place]
        if setting.may_carry(line, tree.floor):
            found.append((int(costs[place]), line, levels[place]))
    return found
