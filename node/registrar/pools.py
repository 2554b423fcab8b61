"""Promising a pool, and putting stakes into it (escrow section 8). Pure.

Of each op the checks come first; after the marked line nothing can go wrong.
"""

from dataclasses import replace
from typing import Final

from node.registrar.legs import PREPARE_MARGIN_US
from node.registrar.pool_money import count, gain, room
from node.registrar.pool_rows import Pool, PoolDecision, PoolState, Said, Tally
from node.registrar.rows import ANY, Account, Brand, Hold, account_id
from node.registrar.rows import Leg as LegRow
from node.registrar.rows import Terms as TermsRow
from node.registrar.step import Step, refuse
from node.registrar.titles import E, K, reserved, vetted
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.legs import Leg as LegTerm
from proto.escrow.legs import LegPromise
from proto.escrow.ops import LegPhase, OpResult
from proto.escrow.rights import Right, registrar_fee_ceil
from proto.limits import GUARD_US, MAX_AMOUNT
from proto.sale.contract import (
    Contract,
    check_decision,
    check_lock,
    lock_order,
    pool_account,
    pool_hold,
    pool_id,
    read_contract,
    stake_legs,
)
from proto.sale.ops import OpenPool, Stake
from proto.sale.promise import pool_promise
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.wire import WireFault

# Promised to one opener and not filled; each keeps some 20 KB until its sale ends or its time is
# over. An agent who is busy has some under way at a time, and the buyer is as a rule who opens.
MAX_OPEN_POOLS: Final = 64
# T1s of one pool, one after the other: each needs the abort of the one before, and leaves rows.
MAX_LOCKS: Final = 16


def open_pool(step: Step, op: OpenPool) -> OpResult:
    """The house's promise how it will split this sale's stakes. The same contract, the same one."""
    try:
        contract = read_contract(op.contract)
    except WireFault:
        refuse(E.BAD_CONTRACT)
    if contract.house != step.house.node:
        refuse(E.BAD_CONTRACT)
    role = contract.role_of(step.sender)
    if role not in STAKERS:
        refuse(E.NOT_A_PARTY)
    brand = step.find(Brand, (contract.brand,))
    if brand is None:
        refuse(E.WRONG_BRAND)
    opener = contract.account_of(role)
    key = pool_id(op.contract)
    known = step.find(Pool, (key,))
    if known is not None:
        if known.agreement != op.agreement:
            refuse(E.REPEATED_OTHERWISE)
        return OpResult(brand=known.brand, account=known.account, promise=known.promise)
    agreed = _check_agreement(contract, key, op.agreement)
    _check_times(step, contract, brand.right)
    _check_figures(step, contract, brand.right)
    for party in STAKERS:
        _check_account(step, contract, party)
    decisions = {Decision.AGREE: op.agreement} | contract.decisions
    if any(step.find(PoolDecision, (commit_id(d),)) is not None for d in decisions.values()):
        refuse(E.REPEATED_OTHERWISE)
    # Else whoever has nothing here fills the disk with contracts, under one name after another.
    short = contract.pool.stake(role) - step.get(Account, opener).balance
    if short > 0:
        refuse(E.INSUFFICIENT_FUNDS, short)
    tally = step.find(Tally, (opener,))
    if tally is not None and tally.count >= MAX_OPEN_POOLS:
        refuse(E.QUOTA, MAX_OPEN_POOLS)
    # ---- from here on it succeeds
    step.known = True
    promise = step.house.vouch(pool_promise(contract, op.contract, op.agreement))
    over_us = contract.locked_until_us + agreed.policy.lateness_us + GUARD_US
    step.put(
        Pool(
            id=key,
            brand=contract.brand,
            account=pool_account(key),
            opener=opener,
            contract=op.contract,
            agreement=op.agreement,
            promise=promise,
            state=PoolState.OPEN,
            since_us=step.now_us,
            due_us=over_us,
        )
    )
    for decision, descriptor in decisions.items():
        wanted = decision is Decision.AGREE  # of the others once the pool is filled
        step.put(_decision(key, decision, descriptor, wanted))
    count(step, opener, 1)
    return OpResult(brand=contract.brand, account=pool_account(key), promise=promise)


def _decision(pool: bytes, decision: Decision, descriptor: bytes, wanted: bool) -> PoolDecision:
    final_us = decode_descriptor(descriptor).limit_us + GUARD_US
    return PoolDecision(commit_id(descriptor), pool, decision, descriptor, final_us, wanted)


def _check_agreement(contract: Contract, pool: bytes, agreement: bytes) -> Descriptor:
    try:
        agreed = check_decision(
            contract.sale, contract.parties, Decision.AGREE, agreement, bound=pool
        )
    except WireFault:
        refuse(E.BAD_DESCRIPTOR)
    if agreed.deadline_us != contract.agreed_until_us or agreed.policy != contract.policy:
        refuse(E.BAD_DESCRIPTOR)
    return agreed


def _check_times(step: Step, contract: Contract, right: Right) -> None:
    """Its registry is one of the brand's, there is still time to agree, and it ends in time."""
    if contract.policy not in right.policies:
        refuse(E.POLICY_NOT_ACCEPTED)
    lead_us = contract.agreed_until_us - step.now_us
    if lead_us < PREPARE_MARGIN_US:
        refuse(E.TOO_LATE, PREPARE_MARGIN_US - lead_us)
    whole_us = contract.votes_open_until_us - step.now_us
    if whole_us > right.longest_lock_us:
        refuse(E.LOCK_TOO_LONG, whole_us - right.longest_lock_us)
    votes_us = contract.votes_open_until_us - contract.votes_sealed_until_us
    if contract.pool.stakes.vote_bond and not votes_us:
        refuse(E.BAD_CONTRACT)  # bonds of votes for which there is no time


def _check_figures(step: Step, contract: Contract, right: Right) -> None:
    if contract.pool.lot != right.brand.unit:
        refuse(E.BAD_LOT, right.brand.unit)
    fee = registrar_fee_ceil(right.fee, contract.pool.stakes.price)
    if contract.pool.house_fee < fee:
        refuse(E.BAD_CONTRACT, fee)
    if contract.role_of(step.house.node) is not None:
        refuse(E.BAD_CONTRACT)  # nobody keeps the pool in which he has a stake


def _check_account(step: Step, contract: Contract, role: SaleRole) -> None:
    """That `role` has an account here which may give its stake and receive what comes of it.

    Nothing is kept for it yet: others name it in their contracts as they like. It keeps its room
    when it stakes, before which nothing can be in the pool.
    """
    party = contract.party(role)
    if party.account != account_id(contract.brand, party.node):
        refuse(E.BAD_CONTRACT)
    account = step.find(Account, (party.account,))
    if account is None or account.frozen or not vetted(step, contract.brand, party.node):
        refuse(E.NOT_VETTED, int(role))
    most = account.balance + account.reserved + gain(contract, role)
    if account.ceiling and most > account.ceiling:
        refuse(E.ABOVE_CEILING, most - account.ceiling)


# ---------------------------------------------------------------- stakes


def stake(step: Step, op: Stake) -> OpResult:
    """Puts all of the source into limbo, towards the pool, until T1 is decided."""
    pool = step.find(Pool, (op.pool,))
    if pool is None:
        refuse(E.NOT_YET)  # its opening may still be on its way
    contract = read_contract(pool.contract)
    role = contract.role_of(step.sender)
    if role not in STAKERS:
        refuse(E.NOT_A_PARTY)
    decided, leg = _lock_and_leg(op, pool, contract, role)
    commit, source = commit_id(op.descriptor), step.hold(op.source)
    known = step.find(LegRow, (commit, leg.no))
    into = pool_hold(pool.id, leg.no)
    if known is not None:
        if known.phase is LegPhase.PREPARED and known.source_hold == source.hash:
            return OpResult(source.hash, known.amount, known.brand, known.source, known.promise)
        refuse(E.FENCED)
    _check_lock_is_free(step, pool, commit)
    terms = _check_source(step, op, source, leg, commit)
    right = step.brand(leg.brand).right
    lock_us = decided.deadline_us - step.now_us
    if decided.policy not in right.policies:
        refuse(E.POLICY_NOT_ACCEPTED)
    if lock_us > right.longest_lock_us:
        refuse(E.LOCK_TOO_LONG, lock_us - right.longest_lock_us)
    if lock_us < PREPARE_MARGIN_US:
        refuse(E.TOO_LATE, PREPARE_MARGIN_US - lock_us)
    giver = step.get(Account, source.account)
    held = giver.reserved - reserved(source.room) + room(contract, role)
    if held > MAX_AMOUNT:
        refuse(E.QUOTA, MAX_AMOUNT)
    if giver.ceiling and giver.balance + held > giver.ceiling:
        refuse(E.ABOVE_CEILING, giver.balance + held - giver.ceiling)
    # ---- from here on it succeeds
    step.put(replace(giver, reserved=held))
    step.put(replace(source, amount=0, room=0, locks=source.locks + 1))
    _expect(step, pool, into, leg.amount)
    if step.find(PoolDecision, (commit,)) is None:
        step.put(_decision(pool.id, Decision.LOCK, op.descriptor, False))
        step.put(replace(pool, lock=commit, locks=pool.locks + 1))
    promise = LegPromise(commit, leg, leg.amount, 0, into, step.house.node)
    row = LegRow(
        commit=commit,
        no=leg.no,
        phase=LegPhase.PREPARED,
        source=source.account,
        destination=pool.account,
        source_hold=source.hash,
        destination_hold=into,
        brand=leg.brand,
        amount=leg.amount,
        terms=terms.id,
        descriptor=op.descriptor,
        final_after_us=decided.limit_us + GUARD_US,
        since_us=step.now_us,
        promise=step.house.sign(promise),
    )
    step.put(row)
    return OpResult(source.hash, row.amount, row.brand, row.source, row.promise)


def _lock_and_leg(
    op: Stake, pool: Pool, contract: Contract, role: SaleRole
) -> tuple[Descriptor, LegTerm]:
    """T1, and the sender's leg in it; both just as the contract has them."""
    try:
        decided = check_lock(contract, op.descriptor)
    except WireFault:
        refuse(E.BAD_DESCRIPTOR)
    leg = stake_legs(contract, pool.id)[STAKERS.index(role)]
    try:
        terms = (op.leg.term, op.order.term)
    except WireFault:
        refuse(E.BAD_LEG)
    if terms != (leg, lock_order(pool.id, pool.agreement)):
        refuse(E.BAD_LEG, leg.amount)
    if not op.leg.opens(decided.terms_root) or not op.order.opens(decided.terms_root):
        refuse(E.BAD_LEG)
    return decided, leg


def _check_lock_is_free(step: Step, pool: Pool, commit: bytes) -> None:
    """At most one T1 may ever commit into a pool: another one counts only once a certificate says
    that the one before is aborted, and so all its stakes are back."""
    if pool.state is not PoolState.OPEN:
        refuse(E.FENCED)
    row = step.find(PoolDecision, (commit,))
    if row is not None:
        if row.pool != pool.id:
            refuse(E.BAD_LEG)
        if row.said is not Said.NOTHING:
            refuse(E.FENCED)
        return
    if pool.lock and step.get(PoolDecision, pool.lock).said is not Said.ABORTED:
        refuse(E.LOCKED)
    if step.get(PoolDecision, commit_id(pool.agreement)).said is Said.ABORTED:
        refuse(E.FENCED)
    if pool.locks >= MAX_LOCKS:
        refuse(E.QUOTA, MAX_LOCKS)


def _check_source(step: Step, op: Stake, source: Hold, leg: LegTerm, commit: bytes) -> TermsRow:
    """Terms that may be used now, and a hold that contains just the stake."""
    terms = step.get(TermsRow, step.capability(op.terms, K.TERMS).terms)
    if terms.revoked or not terms.open_at(step.now_us):
        refuse(E.NOT_ALLOWED)
    if source.gone:
        refuse(E.GONE, source.result)
    if source.account != leg.carrier.source:  # type: ignore[union-attr]
        refuse(E.BAD_LEG)
    if terms.brand != leg.brand:
        refuse(E.WRONG_BRAND)
    giver = step.get(Account, source.account)
    if giver.frozen or source.only_for not in (b"", commit):
        refuse(E.NOT_ALLOWED)
    if not vetted(step, leg.brand, giver.owner):
        refuse(E.NOT_VETTED)
    if source.locks:
        refuse(E.LOCKED)
    if terms.cap and source.amount > terms.cap:
        refuse(E.NOT_ALLOWED, terms.cap)
    if source.amount != leg.amount:
        refuse(E.BAD_LEG, leg.amount)
    return terms


def _expect(step: Step, pool: Pool, into: bytes, amount: int) -> None:
    """The hold that this leg goes to; no capability opens it."""
    hold = step.find(Hold, (into,))
    if hold is None:
        kept = step.find(Account, (pool.account,))
        kept = kept or Account(pool.account, pool.brand, pool.id)
        step.put(replace(kept, holds=kept.holds + 1))
        hold = Hold(into, pool.account, 0, ANY)
    step.put(replace(hold, expected=hold.expected + amount, locks=hold.locks + 1))
