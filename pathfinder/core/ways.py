"""How a chain may go on from one node, the most promising way first, by a tree of bounds."""

from array import array
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pathfinder.core.board import CLOSED
from pathfinder.core.bounds import BY_PAYER, Ways
from pathfinder.core.columns import (
    NUMBER_OF,
    Columns,
    Floats,
    Ints,
    never_above,
    room_of,
    usable,
)
from pathfinder.core.setting import Setting
from pathfinder.core.trees import Tree, takes_pair
from pathfinder.network import Policy
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.viability import Rule

MANY_LINES: Final = 40  # from here on numpy is quicker than looking at one after the other
_EXTRA: Final = itemgetter(0)


def _one_by_one(
    setting: Setting,
    tree: Tree,
    policy: Policy,
    node: int,
    level: Level,
    must_differ: bool,
    limit: int,
) -> Ways:
    # Everything that calls a function for each line is spelled out: here a search spends its time.
    board, floor, found = setting.board, tree.floor, list[tuple[int, int, int]]()
    promisors, room, payer = board.promisor, board.room, setting.payer
    least, states, held = tree.least, tree.grain.states, list(tree.grain.held)
    if must_differ:
        held[Level.BARE] = tree.grain.differed
    enough = floor if Rule.V10 not in setting.waived else CLOSED + 1
    one_state = states == 1
    steps = board.prices(policy, setting.waived).steps
    levels, modes = setting.question.levels, setting.modes
    for line in board.incoming[node]:
        promisor = promisors[line]
        if promisor == payer:
            if room[line] != CLOSED and setting.first_level(level, policy):
                found.append((0, line, BY_PAYER))
            continue
        if room[line] < enough:
            continue
        # Where what is left of the way costs too much anyway, nobody asks for its prices.
        if one_state and not 0 <= least[promisor] <= limit:
            continue
        for step in steps(line, level):
            incoming = step.incoming
            extra = least[promisor * states + held[incoming]]
            if extra < 0 or incoming not in levels or step.mode not in modes:
                continue
            extra += -(-floor * (step.num - step.den) // step.den) + step.flat
            if extra <= limit:
                found.append((extra, line, incoming))
    found.sort(key=_EXTRA)
    extras = array("q", [extra for extra, _, _ in found])
    lines = array("i", [line for _, line, _ in found])
    return Ways(extras, lines, bytes([by for _, _, by in found]))


def ways_of(
    setting: Setting,
    columns: Columns,
    tree: Tree,
    policy: Policy,
    node: int,
    level: Level,
    must_differ: bool,
    limit: int,
) -> tuple[Ways, int]:
    """Ways from `node`, which wants to hold a promise of that level, and up to which fees these
    are all of them: `limit` at least, which is no more than MAX_AMOUNT.

    Lines that carry less than the tree's floor are left out.
    """
    if len(setting.board.incoming[node]) < MANY_LINES:
        return _one_by_one(setting, tree, policy, node, level, must_differ, limit), limit
    grain, lines = tree.grain, columns.incoming(node)
    promisors, rows = columns.promisor[lines], columns.row_of_line[lines]
    carries = usable(room_of(setting.board)[lines], tree.floor, setting.waived)
    carries &= promisors != setting.payer
    bounds = np.frombuffer(tree.least, np.int64)
    own = _own(setting, policy, level, lines[promisors == setting.payer])
    extras, found, held = [np.zeros(len(own))], [own], [BY_PAYER] * len(own)
    for incoming in Level:
        pair = (incoming, level)
        if pair not in NUMBER_OF or not takes_pair(setting, pair):
            continue
        differed = must_differ and incoming is Level.BARE
        state = grain.differed if differed else grain.held[incoming]
        onwards = bounds[promisors * grain.states + state]
        fees = columns.least(policy, setting.waived, pair, tree.floor, rows)
        possible = carries & np.isfinite(fees) & (onwards >= 0)
        extras.append(fees[possible] + onwards[possible])
        found.append(lines[possible])
        held += [incoming] * len(found[-1])
    del bounds  # the tree cannot grow while somebody looks at it
    ways = _sorted(np.concatenate(extras), np.concatenate(found), np.array(held, np.uint8))
    return ways, MAX_AMOUNT


def _own(setting: Setting, policy: Policy, level: Level, lines: Ints) -> Ints:
    """Of the payer's own lines those over which he may give a promise of that level."""
    if not len(lines) or not setting.first_level(level, policy):
        return lines[:0]
    return lines[[setting.board.room[line] != CLOSED for line in lines.tolist()]]


def _sorted(extras: Floats, lines: Ints, held: NDArray[np.uint8]) -> Ways:
    extras = never_above(extras)
    # What exceeds every amount is no way; a conversion of it would overflow.
    order = np.argsort(extras, kind="stable")
    order = order[extras[order] < MAX_AMOUNT]
    return Ways(
        array("q", extras[order].astype(np.int64).tobytes()),
        array("i", lines[order].astype(np.int32).tobytes()),
        held[order].tobytes(),
    )
