"""A board as numpy arrays: what lines cost at least, for many of them at once.

Only bounds from below come from here. What a promise costs exactly is computed from `steps`, and
which pairs a node takes is asked of the same rules, once for each kind of node.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pathfinder.core.board import CLOSED, Board, Waived
from pathfinder.core.steps import STEP_RULES, Standing, allowed
from pathfinder.core.timing import least_lock_us
from pathfinder.network import Policy
from proto.fees import FREE_REGISTRY, FeeSet, RegistryFee
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.money import SCALE
from proto.viability import Rule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Pair = tuple[Level, Level]
"""(level of the promise held, level of the promise given)."""

MODES: Final = tuple(sorted(Mode))
PAIRS: Final = tuple((i, o) for i in Level for o in Level if mode_of(i, o) is not None)
NUMBER_OF: Final = {pair: number for number, pair in enumerate(PAIRS)}
# Five numbers a row for each: all that one question may name, and the empty one.
MAX_POLICIES_KEPT: Final = 66
# Each float operation below errs by 2^-53 of its result at most, and there are fewer than thirty.
SLACK: Final = 1 - 2.0**-45
# Of sums beyond EXACT: an error of 2^-53 for each of at most 2^12 additions.
SUM_SLACK: Final = 1 - 2.0**-40
EXACT: Final = 2.0**53  # whole numbers up to here are floats without rounding
# Bits of a profile: how a node stands to a policy, then the modes that it prices.
TRUSTS, VERIFIES, WATCHES = 1, 2, 4
HOLDS: Final = {level: 8 << level for level in Level}
PRICED_SHIFT: Final = 3 + len(Level)
HELD_RATE, HELD_FLAT, GIVEN_RATE, GIVEN_FLAT = range(4)


class Columns:
    """Everybody's terms, in rows: one for each node, and one for each line that has fee sets of its
    own. `row_of_line`, `promisor`, `promisee`: by line. `node_of_row`: by row."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._seen = board.repriced.until
        self._row_of_node: list[int] = []
        self._row_of_key: dict[int, int] = {}  # by price key of a line with its own
        self._lines_of_rows: list[int] = []  # -1: the row of a node
        self.promisor = self.promisee = self.row_of_line = self.node_of_row = _no_ints()
        self._rate = self._flat = np.zeros((0, len(MODES)))
        self._priced = _no_ints()
        self._of_policies: dict[Policy, tuple[Ints, Floats]] = {}
        self._incoming: dict[int, Ints] = {}
        self.catch_up()

    @property
    def nodes(self) -> int:
        return len(self._row_of_node)

    @property
    def rows(self) -> int:
        return len(self._lines_of_rows)

    def catch_up(self) -> bool:
        """Takes in new nodes and lines and changed terms; False: too many, make it anew."""
        board = self._board
        changed = board.repriced.since(self._seen)
        if changed is None:
            return False
        self._seen = board.repriced.until
        fresh = range(self.nodes, len(board.nodes))
        known, lines = len(self.promisor), range(len(self.promisor), len(board.lines))
        if not (fresh or lines or changed):
            return True
        owners = [(node, -1) for node in fresh]
        rows_before = self.rows
        self._row_of_node += range(rows_before, rows_before + len(fresh))
        own = {*lines, *(key for key in changed if key >= 0)}
        own = {i for i in own if board.price_key[i] == i and i not in self._row_of_key}
        for line in sorted(own):
            self._row_of_key[line] = rows_before + len(owners)
            owners.append((board.promisor[line], line))
        self._lines_of_rows += [line for _, line in owners]
        self._lengthen([node for node, _ in owners], known)
        for line in {*lines, *(key for key in changed if key >= 0)}:
            self.row_of_line[line] = self._row_of(board.price_key[line])
        # A line may have named fee sets and taken them back since: then it has no row of its own.
        old = {self._row_of(key) for key in changed if key < 0 or key in self._row_of_key}
        self._fill(sorted({*old, *range(rows_before, self.rows)}))
        return True

    def _row_of(self, key: int) -> int:
        return self._row_of_node[-1 - key] if key < 0 else self._row_of_key[key]

    def _lengthen(self, nodes_of_rows: list[int], known_lines: int) -> None:
        board, more = self._board, len(nodes_of_rows)
        self.node_of_row = np.append(self.node_of_row, np.array(nodes_of_rows, np.int64))
        self._rate = np.append(self._rate, np.zeros((more, len(MODES))), axis=0)
        self._flat = np.append(self._flat, np.zeros((more, len(MODES))), axis=0)
        self._priced = np.append(self._priced, np.zeros(more, np.int64))
        for policy, (profiles, sides) in self._of_policies.items():
            self._of_policies[policy] = (
                np.append(profiles, np.zeros(more, np.int64)),
                np.append(sides, np.zeros((4, more)), axis=1),
            )
        self.promisor = np.append(self.promisor, board.promisor[known_lines:]).astype(np.int64)
        self.promisee = np.append(self.promisee, board.promisee[known_lines:]).astype(np.int64)
        lines = len(board.lines) - known_lines
        self.row_of_line = np.append(self.row_of_line, np.zeros(lines, np.int64))

    def _fill(self, rows: Iterable[int]) -> None:
        """The terms of these rows, as the board has them."""
        rows = list(rows)
        for row in rows:
            self._rate[row], self._flat[row], self._priced[row] = 0, 0, 0
            for mode, fee in self._fees(row).fees.items():
                self._rate[row, mode] = (fee.rate.nano - SCALE) / SCALE
                self._flat[row, mode] = _at_most(fee.flat)
                self._priced[row] |= 1 << mode
        for policy, (profiles, sides) in self._of_policies.items():
            self._fill_policy(policy, profiles, sides, rows)

    def _fill_policy(
        self, policy: Policy, profiles: Ints, sides: Floats, rows: Iterable[int]
    ) -> None:
        members, facts_of = frozenset(policy.members), self._board.facts
        nodes = self.node_of_row.tolist()
        for row in rows:
            facts = facts_of[nodes[row]]
            bits = facts.trusts(members) * TRUSTS | facts.can_verify(members) * VERIFIES
            bits |= facts.watches_registry * WATCHES | int(self._priced[row]) << PRICED_SHIFT
            for level, bit in HOLDS.items():
                bits |= (facts.hold_max_us >= least_lock_us(level, policy.lateness_us)) * bit
            profiles[row] = bits
            sides[:, row] = _sides(self._registry_fees(row), policy)

    def _fees(self, row: int) -> FeeSet:
        line = self._lines_of_rows[row]
        own = None if line < 0 else self._board.lines[line].fees
        return self._board.facts[self.node_of_row[row]].fees if own is None else own

    def _registry_fees(self, row: int) -> Mapping[str, RegistryFee]:
        line = self._lines_of_rows[row]
        own = None if line < 0 else self._board.lines[line].registry_fees
        return self._board.nodes[self.node_of_row[row]].registry_fees if own is None else own

    def least(
        self, policy: Policy, waived: Waived, pair: Pair, floor: int, rows: Ints | slice
    ) -> Floats:
        """What each of the rows adds to `floor` or more, at least, when it takes the pair.

        Whole numbers, or infinite where it does not take it.
        """
        if policy not in self._of_policies:
            if len(self._of_policies) >= MAX_POLICIES_KEPT:
                self._of_policies.clear()
            made = np.zeros(self.rows, np.int64), np.zeros((4, self.rows))
            self._of_policies[policy] = made
            self._fill_policy(policy, *made, range(self.rows))
        profiles, sides = self._of_policies[policy]
        mode = mode_of(*pair)
        assert mode is not None
        rate, flat = self._rate[rows, mode], self._flat[rows, mode]
        for level, side in zip(pair, (HELD_RATE, GIVEN_RATE), strict=True):
            if level is not Level.BARE:
                more = sides[side, rows]
                rate = rate + more + rate * more
                flat = flat + sides[side + 1, rows]
        takes = _pairs_of_profiles(waived & STEP_RULES, bool(policy.members))
        found = np.ceil(floor * rate * SLACK) + flat
        found[~takes[profiles[rows], NUMBER_OF[pair]]] = np.inf
        return found

    def incoming(self, node: int) -> Ints:
        """Numbers of the lines to a node."""
        lines, found = self._board.incoming[node], self._incoming.get(node)
        if found is None or len(found) != len(lines):
            found = self._incoming[node] = np.array(lines, np.int64)
        return found


def _no_ints() -> Ints:
    return np.zeros(0, np.int64)


def _at_most(flat: int) -> float:
    """As a float, which may have been rounded up beyond 2^53."""
    return flat if flat < EXACT else flat * SLACK


def _sides(fees: Mapping[str, RegistryFee], policy: Policy) -> tuple[float, float, float, float]:
    """Registry fees of one row: rate beyond 1 and flat of a promise held, and of one given."""
    if not any(member in fees for member in policy.members):
        return 0.0, 0.0, 0.0, 0.0
    held, given, held_flat, given_flat = 0.0, 0.0, 0, 0
    for member in policy.members:
        fee = fees.get(member, FREE_REGISTRY)
        more = (fee.in_rate.nano - SCALE) / SCALE
        held += more + held * more
        more = (fee.out_rate.nano - SCALE) / SCALE
        given += more + given * more
        held_flat, given_flat = held_flat + fee.in_flat, given_flat + fee.out_flat
    # A product of many: rounded down once more for each member.
    slack = SLACK ** len(policy.members)
    return held * slack, _at_most(held_flat), given * slack, _at_most(given_flat)


def never_above(sums: Floats) -> Floats:
    """Sums of whole numbers that are not above the true ones: beyond EXACT floats are rounded."""
    return np.where(sums < EXACT, sums, np.floor(sums * SUM_SLACK))


def room_of(board: Board) -> Ints:
    """What each line carries as advertised: a view, while which no line may be added."""
    return np.frombuffer(board.room, np.int64)


def usable(room: Ints, floor: int, waived: Waived) -> Booleans:
    """Lines that carry an amount of at least `floor` (V10)."""
    return room > CLOSED if Rule.V10 in waived else room >= floor


@lru_cache(maxsize=256)
def _pairs_of_profiles(waived: Waived, named: bool) -> Booleans:
    """[profile, number of the pair]: whether a node of that profile takes it (V1–V4, V6 to V9).

    `named`: the transaction names a policy.
    """
    profiles = np.arange(1 << (PRICED_SHIFT + len(MODES)))
    found = np.zeros((len(profiles), len(PAIRS)), np.bool_)
    for number, pair in enumerate(PAIRS):
        mode = mode_of(*pair)
        assert mode is not None
        # Of a profile a pair asks these five: far fewer cases than profiles.
        asked = [TRUSTS, VERIFIES, WATCHES, HOLDS[pair[1]], 1 << (PRICED_SHIFT + mode)]
        case = sum(((profiles & bit) > 0).astype(np.int64) << i for i, bit in enumerate(asked))
        takes = [
            allowed(*pair, Standing(trusts, verifies, watches, holds, priced, named), waived)
            for priced, holds, watches, verifies, trusts in product((False, True), repeat=5)
        ]
        found[:, number] = np.array(takes)[case]
    return found
