"""The table of escrow section 8, written a second time: who gets what when (pure).

By this a run is judged; nothing of `proto.sale.stakes`' own arithmetic is used here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from proto.sale.stakes import Branch, Decision, SaleRole, Stakes
from proto.statement import Outcome

B, S, A, H = SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT, SaleRole.HOUSE
D = Decision
Decided = Mapping[Decision, Outcome]
"""What the registry has really decided so far."""


@dataclass(frozen=True, slots=True)
class Table:
    """All figures, in units of a brand whose lot is 1."""

    stakes: Stakes
    tip: int
    fee: int
    arbitrated: bool

    def stake(self, role: SaleRole) -> int:
        """What each puts in."""
        s = self.stakes
        return {
            B: s.price + s.buyer_deposit + self.tip + s.vote_bond,
            S: s.seller_deposit + s.vote_bond,
            A: s.bond,
        }.get(role, 0)

    @property
    def total(self) -> int:
        return sum(map(self.stake, (B, S, A)))

    def paid(self, branch: Branch) -> dict[SaleRole, int]:
        """What a branch pays."""
        s, bond = self.stakes, 0 if self.arbitrated else self.stakes.bond
        if branch is Branch.RELEASED:
            return {
                B: s.buyer_deposit,
                S: s.price + s.seller_deposit - self.fee,
                A: self.tip + bond,
                H: self.fee,
            }
        kept = self.tip * s.refund_tip_permille // 1000 if branch is Branch.REFUNDED else 0
        taken = s.seller_deposit * s.slash_permille // 1000
        return {
            B: s.price + s.buyer_deposit + self.tip - kept + taken,
            S: s.seller_deposit - taken,
            A: bond + kept,
            H: 0,
        }

    def bond_paid(self, slashed: bool) -> dict[SaleRole, int]:
        """What Ts pays."""
        if not self.arbitrated:
            return {}
        if not slashed:
            return {A: self.stakes.bond}
        buyers = self.stakes.bond * self.stakes.slashed_bond_permille // 1000
        return {B: buyers, S: self.stakes.bond - buyers}


def branch_of(said: Decided) -> Branch | None:
    """Read off the table: T2; else T3; else by default T2's split if Ta and not Tc."""
    aborted = Outcome.NOT_COMMITTED
    if said.get(D.LOCK) is not Outcome.COMMITTED:
        return None
    if said.get(D.RELEASE) is Outcome.COMMITTED:
        return Branch.RELEASED
    if said.get(D.RELEASE) is not aborted or D.REFUND not in said or D.DELIVERED not in said:
        return None
    if said[D.DELIVERED] is aborted:
        return Branch.REFUND_PLAIN
    if said[D.REFUND] is Outcome.COMMITTED:
        return Branch.REFUNDED
    if D.CHALLENGE not in said:
        return None
    return Branch.RELEASED if said[D.CHALLENGE] is aborted else Branch.REFUNDED
