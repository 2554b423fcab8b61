"""Votes on agents, the list that they make, and who offers to judge (escrow section 8). Pure.

Votes are double-blind: hashes first, opened together. Of each op the checks come first; after the
marked line nothing can go wrong.
"""

from dataclasses import replace
from typing import Final

from node.registrar.pool_money import VOTES_NO, count, ended_if_paid, pay
from node.registrar.pool_rows import (
    AGENTS,
    NEVER_US,
    WITHOUT_MEANS,
    Listed,
    Pool,
    PoolVote,
    Rated,
    Standing,
    Tally,
)
from node.registrar.rows import Account, Brand, account_id
from node.registrar.step import Step, refuse
from proto.escrow.ops import OpResult, RegistrarError
from proto.sale.contract import Contract, read_contract
from proto.sale.offer import read_agent_offer
from proto.sale.ops import Advertise, OpenVote, SealVote
from proto.sale.stakes import STAKERS, Branch, SaleRole
from proto.sale.votes import Rating, rating_head, read_vote, vote_hash
from proto.wire import WireFault

E: Final = RegistrarError
VOTERS: Final = (SaleRole.BUYER, SaleRole.SELLER)
MAX_LISTED: Final = 4096  # agents: some 8 MB, and more than anybody chooses among
# Of those who own nothing in the brands that they name: anybody can invent such, and the others
# find room beside them.
MAX_WITHOUT_MEANS: Final = 1024


def vote_times(pool: Pool, contract: Contract) -> tuple[int, int]:
    """Until when votes are sealed, and until when they are opened, µs.

    As the contract says; where a registry was away for so long that less than half of the time
    would be left since the sale's end is known here, as much later as it takes.
    """
    span_us = contract.votes_open_until_us - contract.votes_sealed_until_us
    sealed_us = max(contract.votes_sealed_until_us, pool.paid_us + span_us // 2)
    return sealed_us, sealed_us + span_us


def _voting(step: Step, key: bytes) -> tuple[Pool, Contract]:
    """A pool that its sender votes about."""
    pool = step.find(Pool, (key,))
    if pool is None:
        refuse(E.NOT_YET)
    contract = read_contract(pool.contract)
    if contract.role_of(step.sender) not in VOTERS:
        refuse(E.NOT_A_PARTY)
    if not pool.branch:
        refuse(E.NOT_YET if not pool.ended_us else E.GONE)
    return pool, contract


def seal_vote(step: Step, op: SealVote) -> OpResult:
    """Keeps the hash of a party's vote; it cannot be changed any more."""
    pool, contract = _voting(step, op.pool)
    known = step.find(PoolVote, (pool.id, step.sender))
    if known is not None:
        if known.hash != op.hash:
            refuse(E.REPEATED_OTHERWISE)
        return OpResult(brand=pool.brand, account=pool.account)
    late_us = step.now_us - vote_times(pool, contract)[0]
    if pool.votes_over or late_us >= 0:
        refuse(E.TOO_LATE, late_us)
    # ---- from here on it succeeds
    step.known = True
    step.put(PoolVote(pool.id, step.sender, op.hash))
    return OpResult(brand=pool.brand, account=pool.account)


def open_vote(step: Step, op: OpenVote) -> OpResult:
    """Shows the vote that was sealed. With both of them open, voting is over."""
    pool, contract = _voting(step, op.pool)
    votes = _votes(step, pool, contract)
    mine = next(vote for role, vote in votes if contract.party(role).node == step.sender)
    try:
        vote = read_vote(op.vote)
    except WireFault:
        refuse(E.BAD_VOTE)
    if mine is None or vote_hash(vote) != mine.hash:
        refuse(E.BAD_VOTE)
    agent, price = contract.party(SaleRole.AGENT).node, contract.pool.stakes.price
    about = (vote.house, vote.pool, vote.brand, vote.agent, vote.voter, vote.value, vote.deciding)
    sold = (step.house.node, pool.id, pool.brand, agent, step.sender, price, pool.deciding)
    if about != sold:
        refuse(E.BAD_VOTE)
    if mine.signed:
        return OpResult(brand=pool.brand, account=pool.account)
    sealed_us, open_us = vote_times(pool, contract)
    if pool.votes_over or step.now_us >= open_us:
        refuse(E.TOO_LATE, step.now_us - open_us)
    if step.now_us < sealed_us and not all(vote for _, vote in votes):
        refuse(E.NOT_YET, sealed_us - step.now_us)
    # ---- from here on it succeeds
    step.known = True
    step.put(replace(mine, signed=op.vote))
    if all(vote and vote.signed for _, vote in _votes(step, pool, contract)):
        close_votes(step, pool, contract)
    return OpResult(brand=pool.brand, account=pool.account)


def _votes(step: Step, pool: Pool, contract: Contract) -> list[tuple[SaleRole, PoolVote | None]]:
    keys = [(role, (pool.id, contract.party(role).node)) for role in VOTERS]
    return [(role, step.find(PoolVote, key)) for role, key in keys]


def close_votes(step: Step, pool: Pool, contract: Contract) -> None:
    """Votes' bonds go back to those who opened theirs, the others' to the agent; and the sale is
    entered in his list."""
    votes = _votes(step, pool, contract)
    paid = dict.fromkeys(STAKERS, 0)
    for role, vote in votes:
        paid[role if vote and vote.signed else SaleRole.AGENT] += contract.pool.stakes.vote_bond
    rooms = {role: contract.pool.most_votes(role) for role in STAKERS}
    pay(step, pool, contract, paid, rooms, pool.deciding, VOTES_NO)
    _rate(step, pool, contract, tuple(v.signed for _, v in votes if v and v.signed))
    step.put(ended_if_paid(step, replace(pool, votes_over=True, due_us=NEVER_US), contract))


def _rate(step: Step, pool: Pool, contract: Contract, votes: tuple[bytes, ...]) -> None:
    agent = contract.party(SaleRole.AGENT).node
    last = step.find(Standing, (pool.brand, agent)) or Standing(pool.brand, agent)
    rating = Rating(
        house=step.house.node,
        brand=pool.brand,
        agent=agent,
        sequence=last.sequence + 1,
        previous=last.head,
        pool=pool.id,
        value=contract.pool.stakes.price,
        branch=Branch(pool.branch),
        deciding=pool.deciding,
        votes=votes,
        at_us=step.now_us,
    )
    step.put(Rated(pool.brand, agent, rating.sequence, step.house.rate(rating)))
    step.put(replace(last, sequence=rating.sequence, head=rating_head(rating)))


def advertise(step: Step, op: Advertise) -> OpResult:
    """Lists the sender's offer in place of an older one."""
    try:
        offer = read_agent_offer(op.offer)
    except WireFault:
        refuse(E.MALFORMED)
    if offer.agent != step.sender:
        refuse(E.NOT_ALLOWED)
    if step.now_us > offer.expires_at_us:
        refuse(E.STALE, step.now_us - offer.expires_at_us)
    if offer.brands and not any(step.find(Brand, (guid,)) for guid in offer.brands):
        refuse(E.WRONG_BRAND)
    known = step.find(Listed, (offer.agent,))
    if known is not None and read_agent_offer(known.signed).created_at_us > offer.created_at_us:
        refuse(E.REPEATED_OTHERWISE)
    owned = (step.find(Account, (account_id(guid, step.sender),)) for guid in offer.brands)
    means = any(account is not None and account.balance > 0 for account in owned)
    subject, most = (AGENTS, MAX_LISTED) if means else (WITHOUT_MEANS, MAX_WITHOUT_MEANS)
    tally = step.find(Tally, (subject,))
    counted = known is not None and known.subject == subject
    if not counted and tally is not None and tally.count >= most:
        refuse(E.QUOTA, most)
    # ---- from here on it succeeds
    if not counted:
        count(step, subject, 1)
        if known is not None:
            count(step, known.subject, -1)
    brands = b"".join(sorted(offer.brands))
    step.put(Listed(offer.agent, op.offer, brands, subject, offer.expires_at_us))
    return OpResult()


def forget_agent(step: Step, agent: bytes) -> None:
    """An offer that has expired makes room for others."""
    known = step.find(Listed, (agent,))
    if known is not None and known.expires_us < step.now_us:
        step.remove(known)
        count(step, known.subject, -1)
