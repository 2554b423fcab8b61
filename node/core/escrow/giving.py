"""A seat of ours gives: a hold prepared at a registrar, or a payment under the descriptor (S2)."""

import json
from typing import Final

from node.core.effects import DrivePayment
from node.core.escrow.posting import ask_registrar, post
from node.core.escrow.reading import (
    may_coordinate,
    money_id,
    placed,
    proposal_of,
    registrar_card,
    says_where,
    seat_of,
    source_of,
    terms_of,
)
from node.core.escrow.rows import Seat, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.escrow.sitting import account_of
from node.core.rows import Payment, PaymentPhase, replace
from node.core.view import Step
from proto.descriptor import decode_descriptor
from proto.escrow.args import ResultOf
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.letters import Give, Given, LegAccept
from proto.escrow.ops import Offer, Prepare
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MIN_LEAD_US
from proto.reason import Reason
from proto.request import PaymentRequest, read_request, request_hash
from proto.wire import WireFault

ASKED: Final = b"asked"
"""A leg that is being given: its registrar, or the path finder, has been asked."""

OFFERED: Final = b"offered:"
"""A hold that the coordinator is to prepare; its capability follows."""

_GIVING: Final = frozenset({SeatPhase.FIXED, SeatPhase.SIGNED})

_WHY: Final = {
    Reason.NO_ROUTE: EscrowReason.NO_ROUTE,
    Reason.COST_ABOVE_MAX: EscrowReason.FUNDS_SHORT,
}


def on_give(step: Step, sender: NodeId, deal: bytes, body: Give) -> None:
    """Everything that is received has been vetted: lock what this seat gives.

    Nobody needs to be trusted with this letter: where it leads our right elsewhere than the terms
    say, the registrar refuses, and a payment goes to the payee of the terms or nowhere. But the
    first word counts, and so it is none of a stranger's, who could only spoil it.
    """
    seat = seat_of(step, deal, body.seat)
    if seat is None or seat.commit != body.commit or seat.phase not in _GIVING:
        return
    if not may_coordinate(proposal_of(seat), sender):
        return
    deadline_us = decode_descriptor(seat.descriptor).deadline_us
    legs = terms_of(seat).legs
    for accept in body.legs:
        leg = legs.get(accept.no)
        if leg is None or leg.from_seat != seat.seat or not says_where(leg, accept):
            continue
        if leg.registrar is not None and not accept.hold:
            continue  # there is nowhere for it to go
        if seat.given[leg.no - 1]:
            report_given(step, seat, leg)
        elif seat.because is EscrowReason.NONE and step.now_us < deadline_us - 2 * MIN_LEAD_US:
            seat = replace(seat, given=placed(seat.given, leg.no - 1, ASKED))
            step.put(seat)
            _give(step, seat, leg, accept)


def _give(step: Step, seat: Seat, leg: Leg, accept: LegAccept) -> None:
    """A crash after this change asks again."""
    if isinstance(leg.carrier, MoneyCarrier):
        _pay(step, seat, leg, leg.carrier, accept.request)
        return
    account = account_of(step, seat, leg.no)
    source = source_of(seat.seed, leg.no)
    offer = Offer(account.capability, leg.amount, source, seat.commit)
    assert leg.registrar is not None
    card = registrar_card(proposal_of(seat), leg.registrar)
    if not account.terms:
        ask_registrar(step, seat.deal, card, (offer,), Batch.GIVE, seat.seat, leg.no)
        return
    prepare = Prepare(
        account.terms,
        ResultOf(0),
        accept.hold,
        seat.descriptor,
        terms_of(seat).by_leg[leg.no],
    )
    ask_registrar(step, seat.deal, card, (offer, prepare), Batch.GIVE, seat.seat, leg.no)


def _pay(step: Step, seat: Seat, leg: Leg, carrier: MoneyCarrier, signed: bytes) -> None:
    """A payment of this leg, under the descriptor of the exchange."""
    try:
        request = read_request(signed, step.now_us)
    except WireFault:
        request = None
    if request is None or not _request_fits(seat, leg, carrier, request):
        cannot_give(step, seat, leg.no, EscrowReason.TERMS_MISMATCH)
        return
    payment = Payment(
        id=money_id(seat.id, leg.no),
        request_hash=request_hash(signed),
        request=signed,
        amount=leg.amount,
        brand=request.brand,
        payee=carrier.payee,
        phase=PaymentPhase.ROUTING,
        created_at_us=step.now_us,
        options=json.dumps(json.loads(seat.options).get("pay", {})),
        bound=seat.descriptor,
        confirmation=seat.confirmation,
    )
    step.put(payment)
    step.effects.append(DrivePayment(payment.id))


def _request_fits(seat: Seat, leg: Leg, carrier: MoneyCarrier, request: PaymentRequest) -> bool:
    descriptor = decode_descriptor(seat.descriptor)
    return (
        (request.payee, request.brand.guid, request.amount)
        == (carrier.payee, leg.brand, leg.amount)
        and not request.leaves_choice
        and request.policies == (descriptor.policy,)
        and request.last_levels == frozenset({Level.ATOMIC})
        and request.latest_deadline_us >= descriptor.deadline_us
    )


def given(step: Step, seat: Seat, no: int, promise: bytes) -> None:
    """The registrar has promised it, or holds it for the coordinator (OFFERED)."""
    seat = replace(seat, given=placed(seat.given, no - 1, promise))
    step.put(seat)
    report_given(step, seat, terms_of(seat).legs[no])


def cannot_give(step: Step, seat: Seat, no: int, why: EscrowReason) -> None:
    """The coordinator is told, so that nobody waits for the deadline."""
    post(step, seat.deal, seat.coordinator, Given(seat.commit, seat.seat, no, why=why))


def report_given(step: Step, seat: Seat, leg: Leg) -> None:
    """What has become of a leg of ours, as far as there is anything to say."""
    kept = seat.given[leg.no - 1]
    if leg.registrar is None or kept in (b"", ASKED):
        return
    if kept.startswith(OFFERED):
        words = Given(seat.commit, seat.seat, leg.no, hold=kept.removeprefix(OFFERED))
    else:
        words = Given(seat.commit, seat.seat, leg.no, kept)
    post(step, seat.deal, seat.coordinator, words)


def payment_failed(step: Step, seat: Seat, no: int, payment: Payment) -> None:
    """A money leg of ours has no way, at least not in time."""
    reason = payment.because.reason if payment.because is not None else None
    why = _WHY.get(reason, EscrowReason.PAYMENT_FAILED) if reason else EscrowReason.PAYMENT_FAILED
    cannot_give(step, seat, no, why)
