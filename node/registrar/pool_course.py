"""The course of a pool: from certificates, in whatever order they come, to who is paid what. Pure.

Certificates are kept as they are shown, and as soon as they prove a branch it is paid, in the same
transaction. A later certificate never moves anything again: one that dominates over what was paid
is kept as evidence, and the pool marked for the operator.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from node.registrar.pool_money import (
    VOTES_NO,
    count,
    ended_if_paid,
    gain,
    known_of,
    main_room,
    pay,
    role_of_leg,
    room,
    want,
)
from node.registrar.pool_rows import NEVER_US, Pool, PoolDecision, PoolState, Said
from node.registrar.pool_votes import close_votes, vote_times
from node.registrar.rows import Account, Hold, Leg
from node.registrar.step import Step
from proto.certificate import Certificate, CommitCertificate
from proto.descriptor import Descriptor, commit_id
from proto.escrow.ops import LegPhase
from proto.limits import US
from proto.sale.contract import DECIDED, Contract, pool_hold, read_contract
from proto.sale.stakes import (
    STAKERS,
    BondBranch,
    Branch,
    Decision,
    Known,
    Outcome,
    bond_branch_of,
    branch_of,
    deciding,
)

# A T1 that nobody decides holds its pool up; so often its end is looked for.
AGAIN_US: Final = 60 * US


def settled(
    step: Step, row: PoolDecision, shown: Certificate, decided: Descriptor, ended: Sequence[Leg]
) -> None:
    """A verified certificate of a pool's decision. `ended`: legs of T1 into the pool that it has
    just delivered or returned."""
    pool = step.get(Pool, row.pool)
    contract = read_contract(pool.contract)
    for leg in ended:
        giver = step.get(Account, leg.source)
        delivered = leg.phase is LegPhase.DELIVERED
        more = leg.amount if delivered else -gain(contract, role_of_leg(leg.no))
        step.put(replace(giver, reserved=giver.reserved + more))
    commit = shown if isinstance(shown, CommitCertificate) else None
    if row.said is Said.NOTHING:
        said = Said.ABORTED if commit is None else Said.COMMITTED
        step.put(replace(row, said=said, certificate=shown.encode(), wanted=False))
    elif commit is not None and row.said is Said.ABORTED and not row.contrary:
        if not step.house.dominates(commit, decided.deadline_us):
            return
        _overturn(step, pool, contract, row, commit)
    advance(step, row.pool)


def _overturn(
    step: Step, pool: Pool, contract: Contract, row: PoolDecision, commit: CommitCertificate
) -> None:
    """A commit that dominates over the abort that was shown first. It counts where nothing hangs on
    the abort so far; else what was done stays done, and people have to see to it."""
    before = known_of(step, pool, contract)
    after = before | {row.decision: Outcome.COMMITTED}  # type: ignore[operator]
    match row.decision:
        case Decision.LOCK:
            contradicts = True  # stakes went back, and K is public
        case Decision.AGREE:
            contradicts = False  # nobody staked anything that did not come back
        case Decision.SLASH:
            contradicts = pool.bond_branch not in (0, bond_branch_of(after))
        case _:
            contradicts = pool.branch not in (0, branch_of(after))
    if contradicts or row.decision in (Decision.LOCK, Decision.AGREE):
        step.put(replace(row, contrary=commit.encode()))
    else:
        shown = commit.encode()
        kept = {"certificate": shown, "contrary": row.certificate, "wanted": False}
        step.put(replace(row, said=Said.COMMITTED, **kept))  # type: ignore[arg-type]
    if contradicts:
        step.put(replace(pool, claimed=True))


def advance(step: Step, key: bytes) -> None:
    """Whatever follows from what is known by now."""
    pool = step.get(Pool, key)
    contract = read_contract(pool.contract)
    if pool.state is PoolState.OPEN:
        if _filled(step, pool):
            pool = _fill(step, pool, contract)
        elif _agreement_failed(step, pool) and not _locked(step, pool):
            _void(step, pool, contract)
            return
    if pool.state is not PoolState.FILLED:
        return
    known = known_of(step, pool, contract)
    branch, bond = branch_of(known), bond_branch_of(known)
    if not pool.branch and branch is not None:
        pool = _pay_branch(step, pool, contract, known, branch)
    if contract.pool.arbitrated and not pool.bond_branch and bond is not None:
        pool = _pay_bond(step, pool, contract, bond)
    step.put(ended_if_paid(step, pool, contract))


def _lock_said(step: Step, pool: Pool) -> Said:
    return step.get(PoolDecision, pool.lock).said if pool.lock else Said.ABORTED


def _locked(step: Step, pool: Pool) -> bool:
    """Whether a T1 may still fill it, or has partly."""
    return _lock_said(step, pool) is not Said.ABORTED


def _agreement_failed(step: Step, pool: Pool) -> bool:
    return step.get(PoolDecision, commit_id(pool.agreement)).said is Said.ABORTED


def _stakes(step: Step, pool: Pool) -> list[Leg]:
    """Legs of the last T1 that have come into the pool."""
    legs = step.legs_of(pool.lock) if pool.lock else []
    return [
        leg for leg in legs if leg.destination == pool.account and leg.phase is LegPhase.DELIVERED
    ]


def _filled(step: Step, pool: Pool) -> bool:
    return _lock_said(step, pool) is Said.COMMITTED and len(_stakes(step, pool)) == len(STAKERS)


def _empty_holds(step: Step, pool: Pool) -> int:
    """Ends the holds of T1's legs; what lay in them."""
    arrived, ended = 0, 0
    for no in range(1, len(STAKERS) + 1):
        hold = step.find(Hold, (pool_hold(pool.id, no),))
        if hold is not None and not hold.gone:
            arrived, ended = arrived + hold.amount, ended + 1
            gone = replace(hold, amount=0, room=0, result=hold.amount, gone_at_us=step.now_us)
            step.put(gone)
    account = step.find(Account, (pool.account,))
    if account is not None:
        left = account.holds - ended
        step.put(replace(account, balance=account.balance + arrived, holds=left))
    return arrived


def _fill(step: Step, pool: Pool, contract: Contract) -> Pool:
    _empty_holds(step, pool)
    count(step, pool.opener, -1)
    want(step, contract, dict.fromkeys(Decision, True))
    agreement = step.get(PoolDecision, commit_id(pool.agreement))
    step.put(replace(agreement, wanted=False))  # whatever it says, all three have signed T1
    filled = replace(pool, state=PoolState.FILLED, due_us=NEVER_US)
    step.put(filled)
    return filled


def _void(step: Step, pool: Pool, contract: Contract) -> None:
    """It will never be filled. A stake that came alone, since somebody signed T1 without all
    promises in hand, goes back to its giver."""
    stakes = _stakes(step, pool)
    _empty_holds(step, pool)
    for leg in stakes:
        role = role_of_leg(leg.no)
        back, free = {role: leg.amount}, {role: room(contract, role)}
        pay(step, pool, contract, back, free, pool.lock, VOTES_NO)
    count(step, pool.opener, -1)
    agreement = step.get(PoolDecision, commit_id(pool.agreement))
    step.put(replace(agreement, wanted=False))
    void = {"state": PoolState.VOID, "due_us": NEVER_US, "ended_us": step.now_us}
    step.put(replace(pool, **void))  # type: ignore[arg-type]


def _pay_branch(step: Step, pool: Pool, contract: Contract, known: Known, branch: Branch) -> Pool:
    said = deciding(known)
    commit = pool.lock if said is Decision.LOCK else commit_id(contract.decisions[said])
    rooms = {role: main_room(contract, role) for role in STAKERS}
    pay(step, pool, contract, contract.pool.split(branch), rooms, commit, int(branch))
    want(step, contract, dict.fromkeys(DECIDED, False))
    paid = replace(pool, branch=int(branch), deciding=commit, paid_us=step.now_us)
    return replace(paid, due_us=vote_times(paid, contract)[1])


def _pay_bond(step: Step, pool: Pool, contract: Contract, bond: BondBranch) -> Pool:
    rooms = {role: contract.pool.most_bond(role) for role in STAKERS}
    commit = commit_id(contract.decisions[Decision.SLASH])
    pay(step, pool, contract, contract.pool.split_bond(bond), rooms, commit, int(bond))
    return replace(pool, bond_branch=int(bond))


def tend(step: Step, key: bytes) -> None:
    """What time alone brings: the end of voting, and the end of a pool that was never filled."""
    pool = step.find(Pool, (key,))
    if pool is None or pool.due_us > step.now_us:
        return
    contract = read_contract(pool.contract)
    if pool.state is PoolState.OPEN and _lock_said(step, pool) is Said.NOTHING:
        step.put(replace(pool, due_us=step.now_us + AGAIN_US))
    elif pool.state is PoolState.OPEN:
        _void(step, pool, contract)
    elif pool.state is PoolState.FILLED and pool.branch and not pool.votes_over:
        close_votes(step, pool, contract)
    else:
        step.put(replace(pool, due_us=NEVER_US))
