"""A board as numpy arrays: what lines cost at least, for all of them at once.

Only bounds from below come from here. What a promise costs exactly is computed from `steps`, and
which pairs a node takes is asked of the same rules, once for each kind of node.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pathfinder.board import CLOSED, Board, Waived
from pathfinder.network import Policy
from pathfinder.steps import STEP_RULES, cured_pair
from proto.fees import FREE_REGISTRY, Fee, FeeSet, RegistryFee
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.money import SCALE
from proto.viability import NodeFacts, Rule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Side = tuple[Floats, Floats] | None
"""Excess and flat of the registry fees of each row; None: all free."""
Pair = tuple[Level, Level]
"""(level of the promise held, level of the promise given)."""

MODES: Final = tuple(sorted(Mode))
PAIRS: Final = tuple((i, o) for i in Level for o in Level if mode_of(i, o) is not None)
# Each float operation below errs by 2^-53 of its result at most, and there are fewer than twenty.
MAX_POLICIES_KEPT: Final = 64  # five numbers a row for each
SLACK: Final = 1 - 2.0**-45


@dataclass(frozen=True, slots=True)
class Fees:
    """What the rows of `Columns` take under one policy: pair -> (excess, flat).

    A row asks at least ceil(amount × excess) + flat beyond what it gives; infinite where it does
    not take the pair.
    """

    of: Mapping[Pair, tuple[Floats, Floats]]

    def least(self, pair: Pair, amount: int) -> Floats:
        """What each row adds to `amount` or more, at least; whole numbers, or infinite."""
        excess, flat = self.of[pair]
        return np.ceil(amount * excess * SLACK) + flat


class Columns:
    """Everybody's terms as they were at `version`.

    Rows: first one for each node, then one for each line that has fee sets of its own.
    """

    def __init__(self, board: Board) -> None:
        self.version = board.terms_version
        self.nodes, self.lines = len(board.nodes), len(board.lines)
        own = [i for i, key in enumerate(board.price_key) if key >= 0]
        self.rows = self.nodes + len(own)
        self.promisor: Ints = np.array(board.promisor, np.int64)
        self.promisee: Ints = np.array(board.promisee, np.int64)
        self.row_of_line: Ints = self.promisor.copy()
        self.row_of_line[own] = np.arange(self.nodes, self.rows)
        self.node_of_row: Ints = np.concatenate([np.arange(self.nodes), self.promisor[own]])
        self._excess, self._flat, self._priced = _tables(_fee_sets(board, own))
        self._registry_fees = _registry_fees(board, own)
        self._of_policies: dict[Policy, tuple[Ints, Side, Side]] = {}

    def fees(self, board: Board, policy: Policy, waived: Waived) -> Fees:
        """Made anew for each policy; the board must be the one of the same version."""
        assert board.terms_version == self.version
        allowed = _pairs_of_profiles(waived & STEP_RULES, bool(policy.members))
        if policy not in self._of_policies:
            if len(self._of_policies) >= MAX_POLICIES_KEPT:
                self._of_policies.clear()
            sides = _sides(self._registry_fees, policy)
            self._of_policies[policy] = (self._profiles(board, policy), *sides)
        profiles, held, given = self._of_policies[policy]
        found = {}
        for number, (incoming, outgoing) in enumerate(PAIRS):
            mode = mode_of(incoming, outgoing)
            assert mode is not None
            excess, flat = self._excess[:, mode].copy(), self._flat[:, mode].copy()
            for side, level in ((held, incoming), (given, outgoing)):
                if level is not Level.BARE and side is not None:
                    excess += side[0] + excess * side[0]
                    flat += side[1]
            flat[~allowed[profiles, number]] = np.inf
            found[incoming, outgoing] = (excess, flat)
        return Fees(found)

    def _profiles(self, board: Board, policy: Policy) -> Ints:
        """Of each row: whom it trusts, whether it watches, what it prices; as bits."""
        members = frozenset(policy.members)
        of_nodes = np.fromiter(
            (
                facts.trusts(members) | facts.can_verify(members) << 1 | facts.watches_registry << 2
                for facts in board.facts
            ),
            np.int64,
            self.nodes,
        )
        found: Ints = of_nodes[self.node_of_row] | self._priced << 3
        return found


def room_of(board: Board) -> Ints:
    """What each line carries as advertised."""
    return np.array(board.room, np.int64)


def _fee_sets(board: Board, own: Sequence[int]) -> list[FeeSet]:
    found = [facts.fees for facts in board.facts]
    for i in own:
        fees = board.lines[i].fees
        found.append(board.facts[board.promisor[i]].fees if fees is None else fees)
    return found


def _registry_fees(board: Board, own: Sequence[int]) -> list[Mapping[str, RegistryFee]]:
    found = [node.registry_fees for node in board.nodes]
    for i in own:
        fees = board.lines[i].registry_fees
        found.append(board.nodes[board.promisor[i]].registry_fees if fees is None else fees)
    return found


def _tables(fee_sets: Sequence[FeeSet]) -> tuple[Floats, Floats, Ints]:
    """Rate beyond 1, flat, and which modes are priced; one that is not is free, where waived."""
    nano = np.zeros((len(fee_sets), len(MODES)))
    flat = np.zeros((len(fee_sets), len(MODES)))
    priced = np.zeros(len(fee_sets), np.int64)
    for row, fees in enumerate(fee_sets):
        for mode, fee in fees.fees.items():
            nano[row, mode] = fee.rate.nano - SCALE
            flat[row, mode] = fee.flat
            priced[row] |= 1 << mode
    # A flat fee beyond 2^53 may have been rounded up to a float.
    return nano / SCALE, np.where(flat < 2.0**53, flat, np.floor(flat * SLACK)), priced


def _sides(fees: Sequence[Mapping[str, RegistryFee]], policy: Policy) -> tuple[Side, Side]:
    """For a promise held, and for one given."""
    rows = [row for row, known in enumerate(fees) if any(m in known for m in policy.members)]
    if not rows:
        return None, None
    sides = np.zeros((4, len(fees)))
    for row in rows:
        into, out, into_flat, out_flat = 1.0, 1.0, 0, 0
        for member in policy.members:
            fee = fees[row].get(member, FREE_REGISTRY)
            into *= fee.in_rate.nano / SCALE
            out *= fee.out_rate.nano / SCALE
            into_flat += fee.in_flat
            out_flat += fee.out_flat
        # Rounded down once more: a rate is a product here, so its excess may come out too great.
        sides[:, row] = (
            max(0.0, into - 1 - 1e-14 * into),
            into_flat,
            max(0.0, out - 1 - 1e-14 * out),
            out_flat,
        )
    return (sides[0], sides[1]), (sides[2], sides[3])


@lru_cache(maxsize=256)
def _pairs_of_profiles(waived: Waived, named: bool) -> Booleans:
    """[profile, number of the pair]: whether a node of that profile takes it (V1–V4, V6, V7, V9).

    `named`: the transaction names a policy.
    """
    members = frozenset({"R"} if named else ())
    found = np.zeros((1 << (3 + len(MODES)), len(PAIRS)), np.bool_)
    for profile in range(len(found)):
        priced = {mode: Fee() for mode in MODES if profile >> (3 + mode) & 1}
        facts = NodeFacts(
            accepts=frozenset({"R"} if profile & 1 else ()),
            knows=None if profile & 2 else frozenset(),
            watches_registry=bool(profile & 4),
            fees=FeeSet(MappingProxyType(priced)),
        )
        for number, (incoming, outgoing) in enumerate(PAIRS):
            cured = cured_pair(incoming, outgoing, facts, frozenset[Any](members), waived)
            found[profile, number] = cured is not None
    return found


def usable(room: Ints, floor: int, waived: Waived) -> Booleans:
    """Lines that carry an amount of at least `floor` (V10)."""
    return room > CLOSED if Rule.V10 in waived else room >= floor
