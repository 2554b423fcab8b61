"""Titles under a decision: prepare, settle, cancel (escrow section 4, rules 3 to 5).

What a certificate says of the pool of a sale is done with it (`pool_course`).

A prepared leg lies in the registrar's limbo: no owner and no contract can touch it, a certificate
alone ends it. Of each op the checks come first; after the marked line nothing can go wrong.
"""

from dataclasses import replace
from typing import Final

from node.registrar.pool_course import settled
from node.registrar.pool_rows import Pool, PoolDecision
from node.registrar.rows import Account, Act, Entry, Hold, Leg
from node.registrar.rows import Leg as LegRow
from node.registrar.step import Step, refuse
from node.registrar.titles import E, earn, ends, priced, reserved
from proto.certificate import CertificateInvalid, CommitCertificate
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.escrow.legs import Leg as LegTerm
from proto.escrow.legs import LegPromise, RightCarrier
from proto.escrow.ops import Cancel, LegPhase, LegState, OpResult, Prepare, Settle
from proto.escrow.terms import Opening
from proto.limits import GUARD_US, MAX_AMOUNT, MAX_LOCK_US, MIN_LEAD_US, US
from proto.wire import WireFault

# The promise travels to its receiver, who signs while now < D - 2 * MIN_LEAD.
PREPARE_MARGIN_US: Final = 3 * MIN_LEAD_US
# After D nothing is prepared, so nothing need be fenced; by so much a clock may be set back.
FENCE_US: Final = 86_400 * US


def read_leg(step: Step, descriptor: bytes, opening: Opening) -> tuple[Descriptor, LegTerm]:
    """What is to move under which decision, where that concerns this registrar."""
    try:
        decided = decode_descriptor(descriptor)
    except DescriptorInvalid:
        refuse(E.BAD_DESCRIPTOR)
    if not opening.opens(decided.terms_root):
        refuse(E.BAD_LEG)
    try:
        leg = opening.term
    except WireFault:
        refuse(E.BAD_LEG)
    if not isinstance(leg, LegTerm) or not isinstance(leg.carrier, RightCarrier):
        refuse(E.BAD_LEG)
    if leg.carrier.registrar != step.house.node:
        refuse(E.BAD_LEG)
    return decided, leg


def prepare(step: Step, op: Prepare) -> OpResult:
    commit = commit_id(op.descriptor)
    decided, leg = read_leg(step, op.descriptor, op.leg)
    source, destination = step.hold(op.source), step.hold(op.destination)
    known = step.find(LegRow, (commit, leg.no))
    if known is not None:
        holds = (source.hash, destination.hash)
        if known.phase is LegPhase.PREPARED and holds == (
            known.source_hold,
            known.destination_hold,
        ):
            return OpResult(source.hash, known.amount, known.brand, known.source, known.promise)
        refuse(E.FENCED)
    terms, source, destination = ends(step, op.terms, op.source, op.destination)
    right = step.brand(terms.brand).right
    lock_us = decided.deadline_us - step.now_us
    carrier = leg.carrier
    assert isinstance(carrier, RightCarrier)
    if decided.policy not in right.policies:
        refuse(E.POLICY_NOT_ACCEPTED)
    if lock_us > right.longest_lock_us:
        refuse(E.LOCK_TOO_LONG, lock_us - right.longest_lock_us)
    if lock_us < PREPARE_MARGIN_US:
        refuse(E.TOO_LATE, PREPARE_MARGIN_US - lock_us)
    if source.only_for not in (b"", commit) or destination.only_for not in (b"", commit):
        refuse(E.NOT_ALLOWED)
    accounts = (carrier.source, carrier.destination)
    if leg.brand != terms.brand or accounts != (source.account, destination.account):
        refuse(E.BAD_LEG)
    if leg.amount != source.amount:
        refuse(E.BAD_LEG, source.amount)
    if leg.amount % right.brand.unit:
        refuse(E.BAD_LOT, right.brand.unit)
    net, fee = priced(terms, source)
    if net <= 0 or fee > leg.fee_max:
        refuse(E.BAD_LEG, fee)
    if net > destination.free:
        refuse(E.ABOVE_CEILING, net - destination.free)
    giver = step.get(Account, source.account)
    held = giver.reserved - reserved(source.room) + leg.amount  # a leg may bring it all back
    if held > MAX_AMOUNT:
        refuse(E.QUOTA, MAX_AMOUNT)
    # ---- from here on it succeeds
    promise = step.house.sign(LegPromise(commit, leg, net, fee, destination.hash, step.house.node))
    final_us = decided.limit_us + GUARD_US
    row = LegRow(
        commit=commit,
        no=leg.no,
        phase=LegPhase.PREPARED,
        source=source.account,
        destination=destination.account,
        source_hold=source.hash,
        destination_hold=destination.hash,
        brand=terms.brand,
        amount=leg.amount,
        fee=fee,
        terms=terms.id,
        descriptor=op.descriptor,
        final_after_us=final_us,
        since_us=step.now_us,
        promise=promise,
    )
    step.put(replace(giver, reserved=held))
    step.put(replace(source, amount=0, room=0, locks=source.locks + 1))
    expected = destination.expected + net
    step.put(replace(destination, expected=expected, locks=destination.locks + 1))
    step.put(row)
    return OpResult(source.hash, leg.amount, terms.brand, source.account, promise)


def cancel(step: Step, op: Cancel) -> OpResult:
    commit = commit_id(op.descriptor)
    decided, leg = read_leg(step, op.descriptor, op.leg)
    source = step.hold(op.source)
    assert isinstance(leg.carrier, RightCarrier)
    if leg.carrier.source != source.account:
        refuse(E.BAD_LEG)  # a stranger's leg is not ours to fence
    known = step.find(LegRow, (commit, leg.no))
    if known is not None and known.phase is not LegPhase.FENCED:
        refuse(E.LOCKED if known.phase is LegPhase.PREPARED else E.FENCED)
    if decided.deadline_us > step.now_us + MAX_LOCK_US:
        refuse(E.LOCK_TOO_LONG, decided.deadline_us - step.now_us - MAX_LOCK_US)
    # ---- from here on it succeeds
    if known is None and decided.deadline_us > step.now_us - FENCE_US:
        final_us = decided.limit_us + GUARD_US
        step.put(
            LegRow(
                commit=commit,
                no=leg.no,
                phase=LegPhase.FENCED,
                source=source.account,
                source_hold=source.hash,
                brand=leg.brand,
                amount=leg.amount,
                final_after_us=final_us,
                since_us=step.now_us,
            )
        )
    return OpResult(source.hash, legs=(LegState(commit, leg.no, LegPhase.FENCED),))


def settle(step: Step, op: Settle) -> OpResult:
    """Certificates may come from anybody, in any order, years later, and more than once."""
    shown = op.certificate
    commit = shown.commit_id
    legs = [leg for leg in step.legs_of(commit) if leg.phase is not LegPhase.FENCED]
    of_pool = step.find(PoolDecision, (commit,))
    if legs or of_pool is not None:  # else it is no concern of ours, and not worth a verification
        try:
            decided = step.house.judge(shown, step.now_us)
        except CertificateInvalid:
            refuse(E.BAD_CERTIFICATE)
        # ---- from here on it succeeds
        proof = shown if isinstance(shown, CommitCertificate) else None
        account = step.get(Pool, of_pool.pool).account if of_pool is not None else b""
        stakes = []
        for leg in legs:
            pooled = leg.destination == account
            _apply(step, leg, proof, decided, pooled)
            if step.get(LegRow, *leg.key) is not leg:
                now = replace(step.get(LegRow, *leg.key), certificate=shown.encode())
                step.put(now)
                if pooled and now.phase is not LegPhase.CLAIMED:
                    stakes.append(now)
        if of_pool is not None:
            settled(step, of_pool, shown, decided, stakes)
    states = (LegState(leg.commit, leg.no, leg.phase) for leg in step.legs_of(commit))
    return OpResult(legs=tuple(states))


def _apply(
    step: Step, leg: Leg, commit: CommitCertificate | None, decided: Descriptor, pooled: bool
) -> None:
    if leg.phase is LegPhase.PREPARED:
        _free(step, leg, delivered=commit is not None)
    elif (
        leg.phase is LegPhase.RETURNED
        and commit is not None
        and step.house.dominates(commit, decided.deadline_us)
    ):
        _deliver_late(step, leg, pooled)


def _free(step: Step, leg: Leg, delivered: bool) -> None:
    """The decision that everybody waited for."""
    net = leg.amount - leg.fee
    source, destination = step.get(Hold, leg.source_hold), step.get(Hold, leg.destination_hold)
    giver = step.get(Account, leg.source)
    back = 0 if delivered else leg.amount
    freed = giver.reserved - leg.amount
    step.put(replace(giver, balance=giver.balance + back, reserved=freed))
    step.put(replace(source, locks=source.locks - 1))
    arrived = net if delivered else 0
    step.put(
        replace(
            destination,
            amount=destination.amount + arrived,
            expected=destination.expected - net,
            locks=destination.locks - 1,
        )
    )
    if delivered:
        earn(step, leg.brand, leg.fee)
        step.entries.append(_entry(step, leg, Act.LEG))
    step.put(replace(leg, phase=LegPhase.DELIVERED if delivered else LegPhase.RETURNED))


def _deliver_late(step: Step, leg: Leg, pooled: bool) -> None:
    """A commit that dominates over the abort which returned it: delivered while the giver still has
    it, else a claim against whoever signed both. It goes to the account: the hold may be gone.

    `pooled`: a stake in a sale is a claim at once, for a pool is filled by all stakes or by none.
    """
    giver = step.get(Account, leg.source)
    if pooled or giver.balance < leg.amount:
        step.put(replace(leg, phase=LegPhase.CLAIMED))
        return
    step.put(replace(giver, balance=giver.balance - leg.amount))
    taker = step.get(Account, leg.destination)
    step.put(replace(taker, balance=taker.balance + leg.amount - leg.fee))
    earn(step, leg.brand, leg.fee)
    step.entries.append(_entry(step, leg, Act.LATE_LEG))
    step.put(replace(leg, phase=LegPhase.DELIVERED))


def _entry(step: Step, leg: Leg, act: Act) -> Entry:
    parties = (leg.source, leg.destination, leg.amount, leg.fee)
    return Entry(step.now_us, act, leg.brand, *parties, leg.terms, leg.commit, leg.no)
