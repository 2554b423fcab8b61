"""What each party of a sale ends with in every branch, and what the deposit rule says of it.

Pure arithmetic on units of the deposit brand; shown to everybody before he signs (escrow 8).
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.sale.stakes import (
    PERMILLE,
    STAKERS,
    BondBranch,
    Branch,
    Pool,
    SaleRole,
    least_deposit_ceil,
)

CAUGHT_PERMILLE: Final = (900, 700)
"""Likelihoods of being caught (q) for which the deposit rule is shown: escrow section 8."""


@unique
class Case(Enum):
    """A way in which a sale may end; or, if ADDED, what comes on top of one."""

    RELEASED = "released: it is sold"
    REFUNDED = "refunded after a challenge"
    REFUND_PLAIN = "refunded, as it was never attested"
    NOT_LOCKED = "not locked in time: all goes back"
    BOND_SLASHED = "on top, the agent's bond is forfeited"
    NO_BUYER_VOTE = "on top, the buyer does not vote"
    NO_SELLER_VOTE = "on top, the seller does not vote"


ADDED: Final = frozenset({Case.BOND_SLASHED, Case.NO_BUYER_VOTE, Case.NO_SELLER_VOTE})
"""They come on top of any case in which the stakes were in the pool."""

SHOWN: Final = (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT, SaleRole.HOUSE)
_BRANCHES: Final = {
    Branch.RELEASED: Case.RELEASED,
    Branch.REFUNDED: Case.REFUNDED,
    Branch.REFUND_PLAIN: Case.REFUND_PLAIN,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """`changes`: units that each of SHOWN has more or less than before the sale. Their sum is 0;
    the thing itself is not in it."""

    case: Case
    changes: dict[SaleRole, int]

    @property
    def added(self) -> bool:
        """Whether it comes on top of another."""
        return self.case in ADDED


def outcome_table(pool: Pool) -> tuple[Ending, ...]:
    """Every way in which a sale with these figures may end. Votes' bonds come back, and the
    agent's bond too where an arbiter may have it forfeited: what else may become of them is in
    rows of their own."""
    none = dict.fromkeys(SHOWN, 0)
    stakes = {role: pool.stake(role) for role in STAKERS}
    votes = {SaleRole.BUYER: pool.stakes.vote_bond, SaleRole.SELLER: pool.stakes.vote_bond}
    bond = {SaleRole.AGENT: pool.stakes.bond if pool.arbitrated else 0}
    endings = []
    for branch, case in _BRANCHES.items():
        paid = pool.split(branch)
        changes = {
            role: paid.get(role, 0) + votes.get(role, 0) + bond.get(role, 0) - stakes.get(role, 0)
            for role in SHOWN
        }
        endings.append(Ending(case, changes))
    endings.append(Ending(Case.NOT_LOCKED, none))
    if pool.arbitrated:
        slashed = none | pool.split_bond(BondBranch.SLASHED)
        slashed[SaleRole.AGENT] -= pool.stakes.bond
        endings.append(Ending(Case.BOND_SLASHED, slashed))
    if vote := pool.stakes.vote_bond:
        for role, case in (
            (SaleRole.BUYER, Case.NO_BUYER_VOTE),
            (SaleRole.SELLER, Case.NO_SELLER_VOTE),
        ):
            endings.append(Ending(case, none | {role: -vote, SaleRole.AGENT: vote}))
    return tuple(endings)


@dataclass(frozen=True, slots=True)
class DepositRule:
    """For one deposit: `least`, by likelihood of being caught in permille; `pays_not_from`: the
    least likelihood from which on cheating does not pay with this deposit."""

    deposit: int
    least: tuple[tuple[int, int], ...]
    pays_not_from: int


def deposit_rule(price: int, deposit: int) -> DepositRule:
    """The deposit rule with somebody's own figures, in units and permille (escrow section 8)."""
    least = tuple((q, least_deposit_ceil(price, q)) for q in CAUGHT_PERMILLE)
    # deposit >= price * (1 - q) / q, solved for q, rounded up.
    return DepositRule(deposit, least, -(-price * PERMILLE // (price + deposit)))
