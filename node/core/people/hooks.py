"""Where the rest of the core tells the accounts of people what has happened to a payment."""

from node.core.events import StartAttempt
from node.core.keyed import replace
from node.core.people.booking import (
    debit,
    entry_text,
    part_of,
    received,
    release_reserve,
)
from node.core.people.confirming import confirmation_of, end_confirmation, move, request_in
from node.core.people.rows import (
    LINES,
    Confirmation,
    ConfirmationPhase,
    Entry,
    EntryKind,
)
from node.core.rows import Payment, PaymentPhase, Promise
from node.core.view import Step
from proto.approval import read_approval, read_approved
from proto.policy import EMPTY_POLICY
from proto.reason import Reason, Refusal
from proto.request import read_request

_PHASE = {
    PaymentPhase.ROUTING: ConfirmationPhase.ABORTED,
    PaymentPhase.PROMISED: ConfirmationPhase.EXECUTING,
}


def on_payment_moved(step: Step, payment: Payment) -> None:
    """A payment that a person approved has gone on, in the same transaction."""
    confirmation = confirmation_of(step, payment.confirmation)
    assert confirmation is not None
    if payment.phase is PaymentPhase.COMMITTED:
        _free_surplus(step, confirmation, payment)
        end_confirmation(step, payment.confirmation, ConfirmationPhase.COMMITTED)
    elif payment.phase is PaymentPhase.ABORTED:
        release_reserve(step, confirmation)
        why = payment.because.reason.name if payment.because else ""
        end_confirmation(step, payment.confirmation, ConfirmationPhase.EXPIRED, why)
    else:
        move(step, replace(confirmation, attempt=payment.attempt), _PHASE[payment.phase])


def check_attempt(step: Step, payment: Payment, event: StartAttempt) -> Refusal | None:
    """Whether the person's approval covers this attempt: its cost, its time, its number, the level
    of its own promises, and who decides. Whoever planned the route is not believed."""
    confirmation = confirmation_of(step, payment.confirmation)
    assert confirmation is not None
    approval = read_approval(read_approved(confirmation.approved).approval)
    cost = sum(first.amount for first in event.firsts)
    if cost > confirmation.reserved:
        return Refusal(Reason.COST_ABOVE_MAX, cost - confirmation.reserved)
    if step.now_us > approval.valid_until_us:
        return Refusal(Reason.REQUEST_EXPIRED, step.now_us - approval.valid_until_us)
    fits = (
        event.attempt <= approval.attempts_max
        and all(first.level in approval.first_levels for first in event.firsts)
        and (not approval.policies or event.descriptor.policy in (EMPTY_POLICY, *approval.policies))
    )
    return None if fits else Refusal(Reason.APPROVAL_MISMATCH)


def on_given_booked(step: Step, promise: Promise) -> None:
    """A first promise became debt: so much of what was held is an entry now."""
    payment = step.payment(promise.owner)
    if payment is None or not payment.confirmation:
        return
    confirmation = confirmation_of(step, payment.confirmation)
    assert confirmation is not None
    request = request_in(confirmation)
    debit(
        step,
        confirmation,
        Entry(
            reference=confirmation.id,
            part=part_of(promise),
            giver=confirmation.person,
            taker=LINES,
            brand=confirmation.brand,
            amount=promise.amount,
            kind=EntryKind.PAID,
            at_us=step.now_us,
            name=request.payee_alias,
            text=entry_text(request.description),
        ),
    )


def on_first_ended(step: Step, payment: Payment) -> None:
    """A first promise of a payment that is committed already ended otherwise: one of several
    parts was not claimed in time, and what was held for it is free."""
    if payment.confirmation and payment.phase is PaymentPhase.COMMITTED:
        confirmation = confirmation_of(step, payment.confirmation)
        assert confirmation is not None
        _free_surplus(step, confirmation, payment)


def _free_surplus(step: Step, confirmation: Confirmation, payment: Payment) -> None:
    pending = sum(p.amount for p in step.promises_for(payment) if p.pending)
    release_reserve(step, confirmation, min(pending, confirmation.reserved))


def on_held_booked(step: Step, promise: Promise) -> None:
    """A promise that we held became debt of a neighbour: whose request it was for is credited."""
    request = step.request(promise.owner)
    if request is None or not request.person:
        return
    text = read_request(request.signed, request.created_at_us, own=True).description
    part = part_of(promise)
    received(step, request.id, part, request.person, promise.amount, request.brand, text)
