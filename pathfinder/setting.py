"""What all passes of one question share."""

from collections.abc import Mapping
from copy import copy

from pathfinder.board import Board, Waived
from pathfinder.network import NO_POLICY, Policy
from pathfinder.question import RouteQuestion
from proto.limits import MAX_HOPS
from proto.viability import PayeeTerms, Rule


class Setting:
    """A question put to a board. Policies are sorted by name, the empty one first. Read only.

    `distances`: promises from the payer to each node at least. `available`: line -> what it
    carries, where that is not what its promisor advertises; -1 = to be avoided. `one_of_several`:
    other chains share the transaction, so an all-BARE one may stand under its policy (V4).
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
        self.available = self._learned()
        # Amounts only grow towards the payer: a line too small for the last one is of no use.
        self.distances = board.distances(self.payer, lambda i: self.carries(i, question.amount))

    def narrowed(self, question: RouteQuestion, available: Mapping[int, int]) -> "Setting":
        """The same board and policies for a harder question: lines carry no more than before.

        The distances stay: they are too small at worst, which costs labels and no chain.
        """
        other = copy(self)
        other.question = question
        other.available = {**self.available, **available}
        return other

    def room(self, line: int) -> int:
        """What the line carries; -1 = to be avoided."""
        available = self.available.get(line)
        return self.board.lines[line].available if available is None else available

    def carries(self, line: int, amount: int) -> bool:
        """V10, and the lines that the question avoids."""
        available = self.room(line)
        return amount <= available or (Rule.V10 in self.waived and available >= 0)

    def _learned(self) -> dict[int, int]:
        question, found = self.question, {}
        if not (question.avoid_lines or question.avoid_nodes or question.capacity_overrides):
            return {}
        avoided = question.avoid_nodes - {question.payer, question.payee}
        for i, line in enumerate(self.board.lines):
            ends = (line.promisor, line.promisee)
            if ends in question.avoid_lines or not avoided.isdisjoint(ends):
                found[i] = -1
            elif ends in question.capacity_overrides:
                found[i] = question.capacity_overrides[ends]
        return found

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
