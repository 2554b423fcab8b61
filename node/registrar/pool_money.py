"""How units leave the pool of a sale: to its parties, each part once, with a trail. Pure.

Whoever stakes keeps room in his account for the most that the sale may bring him, from the stake on
until each part is paid; so no ceiling can stand in the way of what was promised (K4).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from node.registrar.pool_rows import NEVER_US, Pool, PoolDecision, PoolState, Said, Tally
from node.registrar.rows import Account, Act, Entry
from node.registrar.step import Step
from proto.descriptor import commit_id
from proto.sale.contract import Contract
from proto.sale.stakes import STAKERS, Decision, Known, Outcome, SaleRole

VOTES_NO: Final = 0  # of an audit entry that pays votes' bonds, or a stake back: no branch does


def room(contract: Contract, role: SaleRole) -> int:
    """What `role`'s account keeps free from its stake on: that may come back, or `most` come."""
    return max(contract.pool.most(role), contract.pool.stake(role))


def gain(contract: Contract, role: SaleRole) -> int:
    """Of `room`, what is more than the stake."""
    return room(contract, role) - contract.pool.stake(role)


def main_room(contract: Contract, role: SaleRole) -> int:
    """Of `room`, what is kept for the main branch."""
    pool = contract.pool
    return room(contract, role) - pool.most_bond(role) - pool.most_votes(role)


def pay(
    step: Step,
    pool: Pool,
    contract: Contract,
    paid: Mapping[SaleRole, int],
    rooms: Mapping[SaleRole, int],
    commit: bytes,
    no: int,
) -> None:
    """Out of the pool to each; `rooms` is what their accounts need not keep free any longer.
    `commit` (a commit_id) and `no` go into the trail."""
    for role in SaleRole:
        amount, free = paid.get(role, 0), rooms.get(role, 0)
        if not amount and not free:
            continue
        house = role is SaleRole.HOUSE
        to = step.house.treasury(pool.brand) if house else contract.account_of(role)
        taker = step.get(Account, to)
        held = taker.reserved - free
        step.put(replace(taker, balance=taker.balance + amount, reserved=held))
        if amount:
            source = step.get(Account, pool.account)
            step.put(replace(source, balance=source.balance - amount))
            who = (pool.account, to, amount)
            step.entries.append(
                Entry(step.now_us, Act.POOL, pool.brand, *who, commit=commit, no=no)
            )


def known_of(step: Step, pool: Pool, contract: Contract) -> Known:
    """What has been shown of each decision. T1 counts once all stakes are in the pool."""
    known = {}
    for decision, descriptor in contract.decisions.items():
        said = step.get(PoolDecision, commit_id(descriptor)).said
        if said is not Said.NOTHING:
            committed = said is Said.COMMITTED
            known[decision] = Outcome.COMMITTED if committed else Outcome.ABORTED
    if pool.state in (PoolState.FILLED, PoolState.DONE):
        known[Decision.LOCK] = Outcome.COMMITTED
    return known


def ended_if_paid(step: Step, pool: Pool, contract: Contract) -> Pool:
    """The pool, DONE where nothing is left to pay."""
    bond_paid = pool.bond_branch or not contract.pool.arbitrated
    if not (pool.branch and bond_paid and pool.votes_over):
        return pool
    return replace(pool, state=PoolState.DONE, due_us=NEVER_US, ended_us=step.now_us)


def want(step: Step, contract: Contract, wanted: Mapping[Decision, bool]) -> None:
    """About which decisions the registry is to be asked from now on."""
    for decision, descriptor in contract.decisions.items():
        row = step.get(PoolDecision, commit_id(descriptor))
        asked = wanted.get(decision, row.wanted) and row.said is Said.NOTHING
        if asked != row.wanted:
            step.put(replace(row, wanted=asked))


def count(step: Step, subject: bytes, more: int) -> None:
    """Changes a tally; one that comes to nothing goes."""
    tally = step.find(Tally, (subject,)) or Tally(subject)
    counted = replace(tally, count=max(0, tally.count + more))
    if counted.count:
        step.put(counted)
    else:
        step.remove(tally)


def role_of_leg(no: int) -> SaleRole:
    """Whose stake leg `no` of T1 is."""
    return STAKERS[no - 1]
