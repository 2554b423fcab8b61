"""The payer: one live attempt at a time, and an end that is never in doubt (protocol section 8)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from node.core.asking import plan_asking
from node.core.caps import Load, check_caps, load_of
from node.core.effects import Answer
from node.core.escrow import hooks
from node.core.escrow.opening import open_seat
from node.core.events import (
    AbandonPayment,
    CreatePayment,
    FirstPromise,
    GiveUpPayment,
    StartAttempt,
)
from node.core.people import hooks as people
from node.core.promise import hold
from node.core.rows import (
    Direction,
    LinePhase,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Role,
    Transaction,
    replace,
)
from node.core.view import Step
from proto.descriptor import commit_id
from proto.levels import Level
from proto.limits import BOUND_LEAD_US
from proto.messages import Abandon
from proto.messages import Promise as PromiseMessage
from proto.reason import Reason, Refusal
from proto.schedule import lock_of

PAYMENT_TRANSITIONS: Final = MappingProxyType(
    {
        PaymentPhase.ROUTING: frozenset({PaymentPhase.PROMISED, PaymentPhase.ABORTED}),
        # Back to ROUTING only when every first promise has ended unredeemed: here double payment
        # dies.
        PaymentPhase.PROMISED: frozenset({PaymentPhase.COMMITTED, PaymentPhase.ROUTING}),
        PaymentPhase.COMMITTED: frozenset[PaymentPhase](),
        PaymentPhase.ABORTED: frozenset[PaymentPhase](),
    }
)

_WHY: Final = MappingProxyType(
    {
        PromisePhase.EXPIRED: Reason.EXPIRED_AHEAD,
        PromisePhase.ABORTED: Reason.ABORTED_AHEAD,
        PromisePhase.RELEASED: Reason.REFUSED_AHEAD,
        PromisePhase.REFUSED: Reason.REFUSED_AHEAD,
    }
)


def _move(step: Step, payment: Payment, phase: PaymentPhase) -> None:
    """Moves a payment along the table; what else changes is in `payment` already."""
    assert phase in PAYMENT_TRANSITIONS[payment.phase], (payment.phase, phase)
    ended_at_us = step.now_us if phase.final else 0
    moved = replace(payment, phase=phase, ended_at_us=ended_at_us)
    step.put(moved)
    if moved.bound and phase.final:
        hooks.on_payment_ended(step, moved)
    if moved.confirmation:
        people.on_payment_moved(step, moved)


def create_payment(step: Step, event: CreatePayment) -> Answer:
    """Books the intention. A request that is being paid or was paid is refused here."""
    if step.payment(event.payment) is not None:
        return Answer(Refusal(Reason.REPEATED_OTHERWISE))
    for payment in step.view.payments_of(event.request_hash):
        if payment.phase is PaymentPhase.COMMITTED:
            return Answer(Refusal(Reason.PAYMENT_DONE))
        if not payment.phase.final:
            return Answer(Refusal(Reason.PAYMENT_LIVE))
    request = event.request
    if request.payee == step.settings.node:
        return Answer(Refusal(Reason.SELF_PAYMENT))
    if request.exchange and not event.bound:
        return Answer(Refusal(Reason.EXCHANGE_REFUSED))  # money alone, for goods that would stay
    if step.now_us > request.expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - request.expires_at_us))
    if request.audience not in (b"", step.settings.node):
        return Answer(Refusal(Reason.ANOTHER_PAYER))
    if refusal := _check_chosen(event):
        return Answer(refusal)
    step.put(
        Payment(
            id=event.payment,
            request_hash=event.request_hash,
            request=event.signed,
            amount=event.amount or request.amount,
            brand=request.brand,
            payee=request.payee,
            phase=PaymentPhase.ROUTING,
            created_at_us=step.now_us,
            options=event.options,
            bound=event.bound,
            confirmation=event.confirmation,
        )
    )
    return Answer()


def _check_chosen(event: CreatePayment) -> Refusal | None:
    """An amount that the request takes; where it leaves a choice one was made, and no exchange
    is behind it: what moves in one is fixed."""
    request = event.request
    if request.leaves_choice and (event.bound or not event.amount):
        return Refusal(Reason.REQUEST_MISMATCH)
    if event.amount and not request.takes_amount(event.amount):
        return Refusal(Reason.REQUEST_MISMATCH)
    return None


def start_attempt(step: Step, event: StartAttempt) -> Answer:
    """The first promises of all chains, in one change; from its commit on they bind."""
    payment = step.payment(event.payment)
    if payment is None or payment.phase is not PaymentPhase.ROUTING:
        return Answer(Refusal(Reason.PAYMENT_LIVE))
    if event.attempt != payment.attempt + 1:
        return Answer(Refusal(Reason.PAYMENT_LIVE))
    assert event.firsts  # a route has a first promise
    if payment.confirmation and (refusal := people.check_attempt(step, payment, event)):
        return Answer(refusal)
    if refusal := _check_bound(step, payment, event):
        return Answer(refusal)
    asked: dict[bytes, Load] = {}
    for first in event.firsts:
        if refusal := _check_first(step, event, first, asked):
            return Answer(refusal)
        if step.the_line(first.line).brand != payment.brand:
            return Answer(Refusal(Reason.BRAND_OTHERWISE))  # its name is the payee's writing
        asked[first.line] = asked.get(first.line, Load()).plus(_load(step, event, first))
    # From here on it must succeed.
    commit = commit_id(event.descriptor_bytes)
    if payment.bound:
        open_seat(step, event.descriptor_bytes, event.descriptor)
    else:
        assert step.transaction(commit) is None  # a fresh salt for every attempt
        step.put(
            Transaction(
                commit=commit,
                descriptor=event.descriptor_bytes,
                role=Role.PAYER,
                deadline_us=event.descriptor.deadline_us,
                limit_us=event.descriptor.limit_us,
                owner=payment.id,
            )
        )
    for first in event.firsts:
        _promise_first(step, event, first, commit)
    payment = replace(
        payment,
        attempt=event.attempt,
        commit=commit,
        cost=event.cost,
        route=event.route,
        because=None,
    )
    _move(step, payment, PaymentPhase.PROMISED)
    plan_asking(step, commit)
    return Answer()


def _check_bound(step: Step, payment: Payment, event: StartAttempt) -> Refusal | None:
    """A leg of an exchange: under its own descriptor, undecided, with time left, and stamped."""
    if not payment.bound:
        return None
    if event.descriptor_bytes != payment.bound:
        return Refusal(Reason.REQUEST_MISMATCH)
    known = step.transaction(commit_id(event.descriptor_bytes))
    if known is not None and known.role not in (Role.HOP, Role.SEAT):
        return Refusal(Reason.LOOP)
    if known is not None and known.decided:
        return Refusal(Reason.DEADLINE_PASSED)
    late_us = step.now_us - (event.descriptor.deadline_us - BOUND_LEAD_US)
    if late_us > 0:
        return Refusal(Reason.TIME_SHORT, late_us)
    if any(first.level is not Level.ATOMIC for first in event.firsts):
        # Else a bare commit, or silence, would end what only the registry may end.
        return Refusal(Reason.LAST_LEVEL_REFUSED)
    return None


def _load(step: Step, event: StartAttempt, first: FirstPromise) -> Load:
    return load_of(
        first.amount, first.level, first.expires_at_us, event.descriptor.limit_us, step.now_us
    )


def _check_first(
    step: Step, event: StartAttempt, first: FirstPromise, asked: Mapping[bytes, Load]
) -> Refusal | None:
    """The payer's own rules: V1, V8 and V10 on its promise, and its caps.

    `asked`: what the chains before this one add, by line.
    """
    line = step.line(first.line)
    if line is None:
        return Refusal(Reason.LINE_UNKNOWN)
    if line.phase is not LinePhase.OPEN:
        return Refusal(Reason.LINE_CLOSED)
    if first.amount == 0:
        return Refusal(Reason.AMOUNT_ZERO)
    if first.amount % line.brand.unit:
        return Refusal(Reason.BELOW_UNIT, line.brand.unit)
    before = asked.get(line.id, Load())
    if (short := first.amount + before.amount - line.available_out) > 0:
        return Refusal(Reason.CREDIT_SHORT, short)
    members = frozenset(event.descriptor.policy.members)
    if first.level.late_ok and not (members and members <= step.settings.usable):
        return Refusal(Reason.REGISTRY_NOT_ACCEPTED)
    if first.level is Level.PROXY:
        return Refusal(Reason.PROXY_NOT_ALLOWED)  # V2: nobody before us asks for it
    expiry = first.expires_at_us if first.level.has_expiry else None
    if expiry is not None and expiry <= step.now_us:
        return Refusal(Reason.EXPIRY_PASSED, step.now_us - expiry)
    lock = lock_of(first.level, expiry, event.descriptor.limit_us) - step.now_us
    if (excess := lock - step.settings.hold_max_us) > 0:
        return Refusal(Reason.HOLD_TOO_LONG, excess)
    others = [a.count for n, a in asked.items() if step.the_line(n).peer == line.peer]
    load = before.plus(_load(step, event, first))
    load = Load(1 + sum(others), load.amount, load.value_s)  # numbers are the neighbour's
    if refusal := check_caps(step, line, Direction.OUT, load):
        return refusal
    if not step.view.connected(line.peer):
        return Refusal(Reason.NEXT_HOP_DOWN)
    return None


def _promise_first(step: Step, event: StartAttempt, first: FirstPromise, commit: bytes) -> None:
    line = step.the_line(first.line)
    hold(
        step,
        Promise(
            promisor=step.settings.node,
            id=first.promise,
            direction=Direction.OUT,
            line=first.line,
            peer=line.peer,
            commit=commit,
            amount=first.amount,
            level=first.level,
            expires_at_us=first.expires_at_us if first.level.has_expiry else 0,
            phase=PromisePhase.OFFERED,
            made_at_us=step.now_us,
            owner=event.payment,
        ),
    )
    step.send(
        line.peer,
        PromiseMessage(
            first.promise,
            first.line,
            event.descriptor_bytes,
            first.amount,
            first.level,
            first.expires_at_us if first.level.has_expiry else 0,
            first.packet,
            event.admitted,
        ),
    )


def _payment_of(step: Step, promise: Promise) -> Payment | None:
    """The payment whose first promise this is; None for every other promise."""
    if promise.direction is not Direction.OUT or not promise.owner:
        return None
    payment = step.payment(promise.owner)
    return payment if payment and payment.commit == promise.commit else None


def after_first_redeemed(step: Step, promise: Promise) -> None:
    """A first promise became debt: the payment is committed, and this cannot change any more."""
    payment = _payment_of(step, promise)
    if payment is not None and payment.phase is PaymentPhase.PROMISED:
        _move(step, replace(payment, because=None), PaymentPhase.COMMITTED)


def after_first_ended(step: Step, promise: Promise) -> None:
    """A first promise ended unredeemed; when all have, another attempt may begin."""
    payment = _payment_of(step, promise)
    if payment is None:
        return
    if payment.phase is not PaymentPhase.PROMISED:
        people.on_first_ended(step, payment)
        return
    # Of several chains the first one that ended says why: the others are released after it.
    because = payment.because or promise.because or Refusal(_WHY[promise.phase])
    pending = [p for p in step.promises_for(payment) if p.pending]
    if not pending:
        _move(step, replace(payment, because=because), PaymentPhase.ROUTING)
    elif payment.because is None:
        # The payee cannot have the whole amount any more: what is left need not wait for a clock.
        step.put(replace(payment, because=because))
        _abandon_all(step, pending)


def give_up(step: Step, event: GiveUpPayment) -> Answer:
    """No further attempt. Only between attempts: what is promised ends by its evidence alone."""
    payment = step.payment(event.payment)
    if payment is None:
        return Answer(Refusal(Reason.REQUEST_UNKNOWN))
    if payment.phase is PaymentPhase.ABORTED:
        return Answer()
    if payment.phase is not PaymentPhase.ROUTING:
        return Answer(Refusal(Reason.PAYMENT_LIVE))
    route = event.route or payment.route
    ended = replace(payment, because=event.because, route=route)
    _move(step, ended, PaymentPhase.ABORTED)
    return Answer()


def abandon(step: Step, event: AbandonPayment) -> Answer:
    """Tells the payee that the payer no longer wants it. Frees nothing by itself."""
    payment = step.payment(event.payment)
    if payment is None:
        return Answer(Refusal(Reason.REQUEST_UNKNOWN))
    if payment.phase.final:
        return Answer(Refusal(Reason.PAYMENT_DONE))
    _abandon_all(step, [p for p in step.promises_for(payment) if p.pending])
    return Answer()


def _abandon_all(step: Step, promises: list[Promise]) -> None:
    for promise in promises:
        assert promise.direction is Direction.OUT  # a payer holds nothing under its own commit
        step.send(promise.peer, Abandon(promise.id))
