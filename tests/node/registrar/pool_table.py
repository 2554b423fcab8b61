"""A registrar in memory with the three parties of a sale, and the sale."""

from dataclasses import dataclass, field
from typing import Any

from node.registrar.pool_course import tend
from node.registrar.pool_rows import Pool, PoolDecision, PoolState
from node.registrar.rows import Account
from proto.certificate import Certificate
from proto.descriptor import commit_id
from proto.escrow.ops import Offer, Settle
from proto.escrow.rights import Right
from proto.keys import SigningKey
from proto.sale.contract import read_contract
from proto.sale.ops import OpenPool, OpenVote, SealVote, Stake
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.sale.votes import Vote, vote_hash
from tests.node.registrar.world import HOUSE_KEY, World, cap
from tests.sale_table import Locked, SaleTable

BUYER, SELLER, AGENT, ARBITER = (r for r in SaleRole if r is not SaleRole.HOUSE)
FUNDS = 5000  # of each party, before anything


@dataclass
class PoolTable:
    """`options` are those of the SaleTable. Each party has FUNDS."""

    options: dict[str, Any] = field(default_factory=dict)
    brand: dict[str, Any] = field(default_factory=dict)
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.right: Right = self.world.brand(
            supply=100_000, longest_lock_us=86_400_000_000, **self.brand
        )
        self.sale = SaleTable(self.right, **self.options)
        for role in STAKERS:
            self.world.owns(self.key(role), self.right, role.name, FUNDS)

    def key(self, role: SaleRole) -> SigningKey:
        return self.sale.node(role)

    # ---------------------------------------------------------------- what the parties do

    def open_op(self, sale: SaleTable | None = None) -> OpenPool:
        table = sale or self.sale
        return OpenPool(table.signed, table.agreement)

    def open(self) -> None:
        self.world.do(self.key(BUYER), self.open_op())

    def stake_ops(self, role: SaleRole, lock: Locked, tag: str = "") -> tuple[Offer, Stake]:
        """Takes the stake out of the account, and puts it towards the pool."""
        label = f"{role.name} stakes {lock.commit.hex()} {tag}"
        amount = self.sale.figures.stake(role)
        return (
            Offer(cap(role.name), amount, cap(label), lock.commit),
            self.stake_op(role, lock, label),
        )

    def stake_op(self, role: SaleRole, lock: Locked, label: str) -> Stake:
        index = STAKERS.index(role)
        openings = (lock.openings[index], lock.openings[-1])
        terms = cap(role.name + "/terms")
        return Stake(terms, cap(label), self.sale.pool, lock.descriptor, *openings)

    def stake(self, lock: Locked, *roles: SaleRole) -> None:
        for role in roles or STAKERS:
            self.world.do(self.key(role), *self.stake_ops(role, lock))

    def show(self, certificate: Certificate) -> None:
        """From anybody: here the agent."""
        self.world.do(self.key(AGENT), Settle(certificate))

    def fill(self) -> Locked:
        """All stakes are in the pool."""
        self.open()
        lock = self.sale.lock()
        self.stake(lock)
        self.show(self.sale.committed(Decision.LOCK, lock=lock))
        assert self.pool.state is PoolState.FILLED
        return lock

    def seal(self, role: SaleRole, vote: Vote) -> SealVote:
        return SealVote(self.sale.pool, vote_hash(vote))

    def reveal(self, role: SaleRole, vote: Vote) -> OpenVote:
        return OpenVote(self.sale.pool, self.sale.signed_vote(role, vote))

    def tend(self) -> None:
        """What time alone brings."""
        self.world.act(lambda step: tend(step, self.sale.pool))

    # ---------------------------------------------------------------- looking

    @property
    def pool(self) -> Pool:
        found = self.world.view.find(Pool, (self.sale.pool,))
        assert isinstance(found, Pool)
        return found

    def decision(self, decision: Decision) -> PoolDecision:
        key = commit_id(self.sale.descriptor(decision))
        found = self.world.view.find(PoolDecision, (key,))
        assert isinstance(found, PoolDecision)
        return found

    def balance(self, role: SaleRole) -> int:
        who = HOUSE_KEY if role is SaleRole.HOUSE else self.key(role)
        return self.world.balance(self.right, who)

    def won(self) -> dict[SaleRole, int]:
        """What each has more than at the beginning; the house: fees."""
        began = self.right.supply - len(STAKERS) * FUNDS
        gains = {role: self.balance(role) - FUNDS for role in STAKERS}
        return gains | {SaleRole.HOUSE: self.balance(SaleRole.HOUSE) - began}

    def in_pool(self) -> int:
        found = self.world.view.find(Account, (self.pool.account,))
        return found.balance if found else 0

    def sound(self) -> None:
        """K3; and what accounts keep free is what the sale may still bring them."""
        self.world.conserved()
        pool, figures = self.pool, read_contract(self.sale.signed).pool
        if pool.state in (PoolState.DONE, PoolState.VOID):
            assert self.in_pool() == 0
            for role in STAKERS:
                assert self.world.account(self.right, self.key(role)).reserved == 0
        if pool.state is PoolState.FILLED:
            left = figures.total
            left -= 0 if not pool.votes_over else figures.vote_bonds
            bond = figures.stakes.bond if figures.arbitrated else 0
            left -= bond if pool.bond_branch else 0
            left -= figures.total - figures.vote_bonds - bond if pool.branch else 0
            assert self.in_pool() == left
