"""What lies in the pool of a sale, and who gets how much of it in every branch (escrow section 8).

Pure arithmetic on whole units of the deposit brand. The house that keeps the pool and all parties
use just this; each branch sums to the pool, whatever the figures are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from proto.limits import MAX_AMOUNT, MAX_LOCK_US, MIN_LEAD_US
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault

PERMILLE: Final = 1000
# Of each time in a sale: in less nobody's commit would reach the registry, so that a buyer who is
# paid back unless somebody acts would have the thing for nothing.
LEAST_SPAN_US: Final = 2 * MIN_LEAD_US


@unique
class SaleRole(IntEnum):
    """Who takes part. HOUSE keeps the pool and is no party."""

    HOUSE = 0
    BUYER = 1
    SELLER = 2
    AGENT = 3
    ARBITER = 4


STAKERS: Final = (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT)
"""Whoever puts something into the pool, in the order of the legs of T1 (numbered from 1 on)."""


@unique
class Decision(IntEnum):
    """The chain of binary decisions: T0, T1, T2, T3, Ta, Tc, Ts."""

    AGREE = 0
    LOCK = 1
    RELEASE = 2
    REFUND = 3
    DELIVERED = 4
    CHALLENGE = 5
    SLASH = 6


@unique
class Outcome(IntEnum):
    """What the registry said of one of them."""

    ABORTED = 0
    COMMITTED = 1


@unique
class Branch(IntEnum):
    """How a sale ends whose stakes are in the pool, without the agent's bond where Ts settles it.

    REFUND_PLAIN: the agent never said "delivered", and gets no tip.
    """

    RELEASED = 1
    REFUNDED = 2
    REFUND_PLAIN = 3


@unique
class BondBranch(IntEnum):
    """What Ts says of the agent's bond."""

    RETURNED = 11
    SLASHED = 12


@dataclass(frozen=True, slots=True)
class Stakes:
    """Units. `refund_tip_permille`: of the tip that the agent keeps in a refund after Ta (τ₃);
    `slash_permille`: of the seller's deposit that goes to the buyer then (s);
    `slashed_bond_permille`: of a slashed bond that goes to the buyer, the rest to the seller."""

    price: int
    buyer_deposit: int
    seller_deposit: int
    bond: int
    vote_bond: int = 0
    refund_tip_permille: int = 500
    slash_permille: int = 0
    slashed_bond_permille: int = PERMILLE

    def to_message(self) -> pb.SaleStakes:
        return pb.SaleStakes(
            price=self.price,
            buyer_deposit=self.buyer_deposit,
            seller_deposit=self.seller_deposit,
            bond=self.bond,
            vote_bond=self.vote_bond,
            refund_tip_permille=self.refund_tip_permille,
            slash_permille=self.slash_permille,
            slashed_bond_permille=self.slashed_bond_permille,
        )

    @classmethod
    def from_message(cls, m: pb.SaleStakes) -> "Stakes":
        """Raises WireFault where they cannot be meant."""
        amounts = (m.price, m.buyer_deposit, m.seller_deposit, m.bond, m.vote_bond)
        # An eighth each, so that no sum of them leaves the range of an amount.
        if not m.price or max(amounts) > MAX_AMOUNT // 8:
            raise WireFault("stakes without a price, or beyond what anybody can have")
        parts = (m.refund_tip_permille, m.slash_permille, m.slashed_bond_permille)
        if max(parts) > PERMILLE:
            raise WireFault("a part of a stake that is more than all of it")
        if m.bond < m.price:
            raise WireFault("the agent's bond is less than the price: he sees the secret")
        return cls(*amounts, *parts)


@dataclass(frozen=True, slots=True)
class Times:
    """µs, each counted from the end of the one before; see proto/v1/sale.proto."""

    agree_us: int
    lock_us: int
    release_us: int
    window_us: int
    refund_us: int
    slash_us: int
    vote_us: int

    def to_message(self) -> pb.SaleTimes:
        return pb.SaleTimes(
            agree_us=self.agree_us,
            lock_us=self.lock_us,
            release_us=self.release_us,
            window_us=self.window_us,
            refund_us=self.refund_us,
            slash_us=self.slash_us,
            vote_us=self.vote_us,
        )

    @classmethod
    def from_message(cls, m: pb.SaleTimes) -> "Times":
        """Raises WireFault."""
        spans = (m.agree_us, m.lock_us, m.release_us, m.window_us, m.refund_us)
        later = (m.slash_us, m.vote_us)
        if min(later) < 0 or sum((*spans, *later)) > MAX_LOCK_US:
            raise WireFault("a sale with impossible times")
        if min(*spans, *filter(None, later)) < LEAST_SPAN_US:
            raise WireFault("a sale in which nobody has time to act")
        return cls(*spans, *later)


@dataclass(frozen=True, slots=True)
class Pool:
    """All figures of one pool. `tip` is the chosen agent's; `house_fee` is taken from the price
    where it is released; `lot`: parts are rounded down to it; `arbitrated`: Ts settles the bond."""

    stakes: Stakes
    tip: int
    house_fee: int
    lot: int
    arbitrated: bool

    def stake(self, role: SaleRole) -> int:
        """What `role` puts in: its leg of T1."""
        s = self.stakes
        match role:
            case SaleRole.BUYER:
                return s.price + s.buyer_deposit + self.tip + s.vote_bond
            case SaleRole.SELLER:
                return s.seller_deposit + s.vote_bond
            case SaleRole.AGENT:
                return s.bond
            case _:
                return 0

    @property
    def total(self) -> int:
        """Everything in the pool, votes' bonds included."""
        return sum(self.stake(role) for role in STAKERS)

    @property
    def vote_bonds(self) -> int:
        return 2 * self.stakes.vote_bond

    @property
    def refund_tip(self) -> int:
        """τ₃, rounded down."""
        return self._part_floor(self.tip, self.stakes.refund_tip_permille)

    @property
    def slash(self) -> int:
        """s·d_S, rounded down."""
        return self._part_floor(self.stakes.seller_deposit, self.stakes.slash_permille)

    def _part_floor(self, amount: int, permille: int) -> int:
        part = amount * permille // PERMILLE
        return part - part % self.lot

    def fault(self) -> str:
        """What is wrong with the figures together, for a log; empty where nothing is."""
        s = self.stakes
        amounts = (s.price, s.buyer_deposit, s.seller_deposit, s.bond, s.vote_bond)
        if any(amount % self.lot for amount in (*amounts, self.tip, self.house_fee)):
            return "an amount that is no multiple of the lot"
        if self.house_fee > s.price + s.seller_deposit or self.tip > MAX_AMOUNT // 8:
            return "a fee or a tip beyond the price"
        if not self.stake(SaleRole.SELLER):
            return "the seller has nothing at stake"
        return ""

    def split(self, branch: Branch) -> dict[SaleRole, int]:
        """Who gets how much, votes' bonds aside, and the agent's where Ts settles it. The sum is
        the pool without those."""
        s = self.stakes
        bond = 0 if self.arbitrated else s.bond
        if branch is Branch.RELEASED:
            return {
                SaleRole.BUYER: s.buyer_deposit,
                SaleRole.SELLER: s.price + s.seller_deposit - self.house_fee,
                SaleRole.AGENT: self.tip + bond,
                SaleRole.HOUSE: self.house_fee,
            }
        tip = self.refund_tip if branch is Branch.REFUNDED else 0
        return {
            SaleRole.BUYER: s.price + s.buyer_deposit + self.tip - tip + self.slash,
            SaleRole.SELLER: s.seller_deposit - self.slash,
            SaleRole.AGENT: bond + tip,
            SaleRole.HOUSE: 0,
        }

    def split_bond(self, branch: BondBranch) -> dict[SaleRole, int]:
        """Who gets the agent's bond, where Ts settles it."""
        assert self.arbitrated
        bond = self.stakes.bond
        if branch is BondBranch.RETURNED:
            return {SaleRole.AGENT: bond}
        buyer = self._part_floor(bond, self.stakes.slashed_bond_permille)
        return {SaleRole.BUYER: buyer, SaleRole.SELLER: bond - buyer}

    def most(self, role: SaleRole) -> int:
        """The most that any course of the sale pays to `role`: an account keeps room for it."""
        return self.most_main(role) + self.most_bond(role) + self.most_votes(role)

    def most_main(self, role: SaleRole) -> int:
        """Of `most`, what a branch may pay."""
        return max(self.split(branch).get(role, 0) for branch in Branch)

    def most_bond(self, role: SaleRole) -> int:
        """Of `most`, what Ts may pay."""
        if not self.arbitrated:
            return 0
        return max(self.split_bond(branch).get(role, 0) for branch in BondBranch)

    def most_votes(self, role: SaleRole) -> int:
        """Of `most`, what the end of voting may pay: one's own bond, or to the agent both."""
        match role:
            case SaleRole.BUYER | SaleRole.SELLER:
                return self.stakes.vote_bond
            case SaleRole.AGENT:
                return self.vote_bonds
            case _:
                return 0


Known = Mapping[Decision, Outcome]
"""Decisions that are certified so far."""


def branch_of(known: Known) -> Branch | None:
    """The branch that these certificates prove; None as long as they prove none. It never changes
    with more of them: the commit of T2 or the aborts of T2 and T3 exclude each other.

    T4 is no decision: it is what holds once T3 is aborted.
    """
    if known.get(Decision.LOCK) is not Outcome.COMMITTED:
        return None
    release, refund = known.get(Decision.RELEASE), known.get(Decision.REFUND)
    if release is Outcome.COMMITTED:
        return Branch.RELEASED
    if release is None or refund is None:
        return None
    delivered, challenge = known.get(Decision.DELIVERED), known.get(Decision.CHALLENGE)
    if delivered is None:
        return None
    if delivered is Outcome.ABORTED:
        return Branch.REFUND_PLAIN
    if refund is Outcome.COMMITTED:
        return Branch.REFUNDED
    if challenge is None:
        return None
    return Branch.RELEASED if challenge is Outcome.ABORTED else Branch.REFUNDED


def deciding(known: Known) -> Decision:
    """The decision to which votes about a sale with a branch are bound."""
    if known.get(Decision.RELEASE) is Outcome.COMMITTED:
        return Decision.RELEASE
    if known.get(Decision.REFUND) is Outcome.COMMITTED:
        return Decision.REFUND
    return Decision.LOCK  # T4 follows from what is missing: the lock is what did happen


def bond_branch_of(known: Known) -> BondBranch | None:
    """What Ts says; None as long as it is not decided."""
    match known.get(Decision.SLASH):
        case Outcome.COMMITTED:
            return BondBranch.SLASHED
        case Outcome.ABORTED:
            return BondBranch.RETURNED
        case _:
            return None


def least_deposit_ceil(price: int, caught_permille: int) -> int:
    """The deposit rule: cheating that is detected with probability q does not pay iff
    deposit >= price * (1 - q) / q. `caught_permille`: q in 1..1000."""
    assert 1 <= caught_permille <= PERMILLE
    return -(-price * (PERMILLE - caught_permille) // caught_permille)
