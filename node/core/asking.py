"""What the registry is asked about a transaction, and when (protocol sections 5 and 7)."""

from node.core.effects import AskRegistries
from node.core.proving import ask_for_proof, wanted_proof
from node.core.rows import Ask, Direction, Promise, Role, Shown, Transaction, replace
from node.core.view import Step
from proto.descriptor import decode_descriptor
from proto.limits import GUARD_US, MIN_LEAD_US, US, WATCH_INTERVAL_US
from proto.modes import mode_of

FIRST_RETRY_US = US // 4  # an answer takes milliseconds; a lost one costs a quarter second
MAX_RETRY_US = 30 * US  # a registry that is down for long is not hammered by every open promise


def plan_asking(step: Step, commit: bytes) -> None:
    """Sets what is to be asked and when, from the rows alone: recovery finds the same plan.

    Nothing is asked about an all-BARE transaction, or one that holds nothing, unless we have a part
    in an exchange; about a decided one no more than its certificate in newer signatures, if it was
    refused, and its log proofs.
    """
    transaction = step.the_transaction(commit)
    ask, at_us = _wanted(step, transaction)
    # What is being asked already keeps its pace: every other message would hurry it otherwise.
    keeps = ask is Ask.NOTHING or at_us >= transaction.ask_at_us or transaction.asks > 0
    if ask is transaction.ask and keeps:
        return
    transaction = replace(transaction, ask=ask, ask_at_us=at_us, asks=0)
    step.put(transaction)
    if ask is not Ask.NOTHING and at_us <= step.now_us:
        ask_now(step, transaction)


def ask_now(step: Step, transaction: Transaction) -> None:
    """Asks, and notes when to ask again should no answer come. A crash here repeats the question.

    While the deadline is near the pace stays quick: a watcher or a gateway has seconds.
    """
    if transaction.ask is Ask.PROOF:
        ask_for_proof(step, transaction)
        return
    too_late = shows_key_too_late(step, transaction) or _is_late_witness(step, transaction)
    if transaction.ask is Ask.SUBMIT and too_late:
        transaction = replace(transaction, ask=Ask.QUERY)
    wait_us = min(FIRST_RETRY_US << min(transaction.asks, 10), MAX_RETRY_US)
    if step.now_us <= transaction.limit_us + 2 * GUARD_US:
        wait_us = min(wait_us, WATCH_INTERVAL_US)
    step.put(replace(transaction, ask_at_us=step.now_us + wait_us, asks=transaction.asks + 1))
    step.effects.append(AskRegistries(transaction.commit, transaction.ask))


def _wanted(step: Step, transaction: Transaction) -> tuple[Ask, int]:
    if transaction.decided:
        if refused(step, transaction.commit):
            return Ask.RENEW, step.now_us
        return wanted_proof(step, transaction)
    if not decode_descriptor(transaction.descriptor).policy.members:
        return Ask.NOTHING, 0
    pending = [p for p in step.promises_of(transaction.commit) if p.pending]
    if shows_key_too_late(step, transaction):
        return Ask.QUERY, step.now_us
    if transaction.role is Role.SEAT and transaction.commit_evidence:
        # Before any decline: what everybody signed for may not be taken back by one of them.
        return Ask.SUBMIT, step.now_us
    if transaction.decline_preimage:
        return Ask.DECLINE, step.now_us
    if transaction.commit_evidence and _needs_stamp(step, transaction, pending):
        return Ask.SUBMIT, step.now_us
    if transaction.commit_evidence and is_witness(step, transaction):
        late = _is_late_witness(step, transaction)
        return (Ask.QUERY, transaction.limit_us) if late else (Ask.SUBMIT, step.now_us)
    horizon_us = transaction.limit_us + GUARD_US
    given = [p for p in pending if p.direction is Direction.OUT]
    if transaction.watched and given:
        # Late leak: a decision in time is there at L, and the incoming promise lives 4 s longer.
        return Ask.QUERY, transaction.limit_us
    if transaction.role is Role.SEAT or any(p.level.late_ok for p in given):
        # Of an exchange rights hang on it too, which are no promises of this node.
        return Ask.QUERY, horizon_us
    if any(p.level.late_ok or p.level.needs_stamp for p in pending):
        # The promisor asks at the horizon and passes the answer on; we ask only if it is silent.
        return Ask.QUERY, horizon_us + WATCH_INTERVAL_US
    return Ask.NOTHING, 0


def is_witness(step: Step, transaction: Transaction) -> bool:
    """Whether we pay for a person, who is to have a receipt that needs nobody to be believed.

    Where a bare commit was enough for every promise, no registry has heard of it; the payer, who
    hears of it last, then tells the registry (escrow section 10: a certificate ends EXECUTING).
    """
    if transaction.role is not Role.PAYER:
        return False
    payment = step.payment(transaction.owner)
    return payment is not None and bool(payment.confirmation)


def _is_late_witness(step: Step, transaction: Transaction) -> bool:
    """Past the deadline a registry can only abort what it has not heard of; that is asked, not
    brought about."""
    late = step.now_us >= transaction.deadline_us - MIN_LEAD_US
    return late and is_witness(step, transaction)


def refused(step: Step, commit: bytes) -> list[Promise]:
    """Promises that wait though their promisor was shown a certificate, which it would not have."""
    return [p for p in step.promises_of(commit) if p.pending and p.shown is Shown.REFUSED]


def shows_key_too_late(step: Step, transaction: Transaction) -> bool:
    """Whether a commit that publishes a preimage must not be shown to a registry any more: it may
    not commit in time, and then the preimage would be known for nothing (escrow section 8). What
    was shown before may have been taken, so that it is asked about."""
    descriptor = decode_descriptor(transaction.descriptor)
    late = step.now_us >= transaction.deadline_us - MIN_LEAD_US
    return late and bool(descriptor.hashlocks) and bool(transaction.commit_evidence)


def _needs_stamp(step: Step, transaction: Transaction, pending: list[Promise]) -> bool:
    """Whether a bare commit is to be stamped by this node.

    By the payee for a stamped last level, and for SECURED so that it can be redeemed late; by a
    node in mode SECURED or GATEWAY at once, beside presenting upstream (V6).
    """
    held = [p for p in pending if p.direction is Direction.IN]
    if transaction.role is Role.PAYEE:
        return any(p.level.needs_stamp or p.level.late_ok for p in held)
    for promise in held:
        partner = step.promise(promise.partner, promise.partner_id)
        mode = mode_of(promise.level, partner.level) if partner else None
        if mode is not None and mode.relies_on_registry:
            return True
    return False
