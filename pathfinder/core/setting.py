"""What all passes of one question share."""

from collections.abc import Mapping
from copy import copy
from typing import Final

from pathfinder.core.board import CLOSED, Board, Waived
from pathfinder.core.steps import payer_gives
from pathfinder.network import NO_POLICY, Policy
from pathfinder.question import RouteQuestion
from proto.levels import Level
from proto.limits import MAX_HOPS
from proto.modes import Mode
from proto.viability import PayeeTerms, Rule

MAX_UNUSED: Final = 8  # policies that nobody accepts: an explanation of more tells nobody anything
MIN_TREE_LINES: Final = 1_000  # in a smaller network trees gain less than numpy takes to load


class Setting:
    """A question put to a board. Policies are sorted by name, the empty one first. Read only.

    `available`: line -> what it carries, where that is not what its promisor advertises; CLOSED =
    to be avoided. `one_of_several`: other chains share the transaction, so an all-BARE one may
    stand under its policy (V4). `modes`: those that the question lets anybody be in.
    """

    def __init__(
        self,
        board: Board,
        question: RouteQuestion,
        policies: tuple[Policy, ...],
        waived: Waived = frozenset(),
        *,
        one_of_several: bool = False,
    ) -> None:
        self.board, self.question, self.policies, self.waived = board, question, policies, waived
        self.payer = board.number[question.payer]
        self.payee = board.number[question.payee]
        self.one_of_several = one_of_several
        self.max_hops = MAX_HOPS if Rule.V11 in waived else question.max_hops
        self.modes = self._modes()
        self.available = self._learned()

    def narrowed(self, question: RouteQuestion, available: Mapping[int, int]) -> "Setting":
        """The same board and policies for a harder question: lines carry no more than before."""
        other = copy(self)
        other.question = question
        other.available = {**self.available, **available}
        return other

    @property
    def has_trees(self) -> bool:
        """Whether trees of fees may guide a search here; PlainBounds else."""
        return len(self.board.lines) >= MIN_TREE_LINES

    def room(self, line: int) -> int:
        """What the line carries; CLOSED = to be avoided."""
        available = self.available.get(line)
        return self.board.room[line] if available is None else available

    def carries(self, line: int, amount: int) -> bool:
        """V10, and the lines that the question avoids."""
        available = self.room(line)
        return amount <= available or (Rule.V10 in self.waived and available >= 0)

    def _modes(self) -> frozenset[Mode]:
        """Those that any intermediary may be put in: V12, and one alone is not over the risk."""
        question = self.question
        declines = question.declines and Rule.V12 not in self.waived
        most = Mode.BARE.risk if question.max_risk is None else question.max_risk
        return frozenset(
            mode
            for mode in Mode
            if mode.risk <= most and not (declines and mode.relies_on_registry)
        )

    def _learned(self) -> dict[int, int]:
        question, board, found = self.question, self.board, {}
        for ends, room in question.capacity_overrides.items():
            line = board.line_between(*ends)
            if line is not None and board.room[line] != CLOSED:
                found[line] = room
        for ends in question.avoid_lines:
            line = board.line_between(*ends)
            if line is not None:
                found[line] = CLOSED
        for name in question.avoid_nodes - {question.payer, question.payee}:
            if name in board.number:
                # As an intermediary it would give a promise, so barring those is enough.
                found.update(dict.fromkeys(board.outgoing[board.number[name]], CLOSED))
        return found

    def may_carry(self, line: int, floor: int) -> bool:
        """V10 as bounds see it, which do not know what one question has learned about a line."""
        room = self.board.room[line]
        return room != CLOSED and (room >= floor or Rule.V10 in self.waived)

    def takes(self, incoming: Level, mode: Mode) -> bool:
        """Whether the question lets an intermediary hold that level, in that mode."""
        return mode in self.modes and incoming in self.question.levels

    def must_differ(self, policy: Policy) -> bool:
        """V4: whether a chain under this policy needs a promise that is not BARE."""
        return bool(policy.members) and not self.one_of_several

    def first_level(self, level: Level, policy: Policy) -> bool:
        """Whether the payer may give a first promise of that level."""
        if level not in self.question.first_levels:
            return False
        return payer_gives(level, self.board.facts[self.payer], policy, self.waived)

    def terms(self, policy: Policy) -> PayeeTerms:
        """What the payee takes under one policy."""
        question = self.question
        return PayeeTerms(
            last_levels=question.last_levels,
            policy_accepted=(
                None if question.accepted is None else policy.terms in question.accepted
            ),
            margin_us=question.payee_margin_us,
            latest_deadline=question.latest_deadline,
        )


def policies_to_try(candidates: tuple[Policy, ...], question: RouteQuestion) -> tuple[Policy, ...]:
    """The policies that a descriptor could name, in the order of names: the empty one first.

    Rules N3 and N4: the empty policy has no decline hash, nor has one without a complement.
    """
    if question.declines:
        return tuple(policy for policy in candidates if policy.allows_decline)
    return (NO_POLICY, *candidates)


def of_use(policies: tuple[Policy, ...], board: Board, waived: Waived) -> tuple[Policy, ...]:
    """Those under which somebody can promise: of the promises of a chain that are not BARE, the
    first is of one who accepts the policy (V1, V2). Anybody may advertise a registry, and each
    costs a search as much as one that is in use.

    Where V1 is waived, for an explanation, a few that nobody accepts are kept.
    """
    accepted, left = board.accepted, MAX_UNUSED if Rule.V1 in waived else 0
    found = []
    for policy in policies:
        used = all(member in accepted for member in policy.members)
        if used or left > 0:
            found.append(policy)
            left -= not used
    return tuple(found)
