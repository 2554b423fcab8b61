"""The decision is there: everybody applies its certificate (escrow section 3, S6 and S7).

No deadline, and nothing can fail: what receives was vetted before. Seats and coordinator show the
certificate to the registrars beside each other, so that none of them is needed for it.
"""

from typing import Final

from node.core.escrow.giving import ASKED
from node.core.escrow.posting import answered, ask_registrar, post
from node.core.escrow.reading import (
    deal_of,
    deal_seats,
    hold_of,
    money_id,
    proposal_of,
    registrar_card,
    source_of,
    terms_of,
)
from node.core.escrow.rows import Deal, DealPhase, Letter, LetterKind, Seat, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.escrow.sitting import account_of, move_seat
from node.core.money_leg import end_leg
from node.core.rows import Transaction, replace
from node.core.view import Step
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.escrow.batch import read_batch
from proto.escrow.legs import Leg
from proto.escrow.letters import Decided, Fix, Invite, Withdraw, decode_letter
from proto.escrow.ops import Refund, Settle
from proto.escrow.proposal import Proposal
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId

_TOLD: Final = frozenset(
    {DealPhase.SETTLING, DealPhase.RETURNING, DealPhase.CLOSED, DealPhase.FAILED}
)
"""Where the parties of a deal have been sent its end: a certificate, or that nothing came of it."""


def decided(step: Step, transaction: Transaction) -> None:
    """A transaction in which we have a part has its certificate."""
    certificate = _certificate(transaction)
    deal = deal_of(step, transaction.owner)
    if deal is not None and deal.commit == transaction.commit:
        _settle_deal(step, deal, certificate)
    for seat in deal_seats(step, transaction.owner):
        if seat.commit == transaction.commit and not seat.phase.final:
            _settle_seat(step, seat, certificate)


def _certificate(transaction: Transaction) -> Certificate:
    if transaction.commit_certificate:
        return CommitCertificate.decode(transaction.commit_certificate)
    return AbortCertificate.decode(transaction.abort_certificate)


def _settle_deal(step: Step, deal: Deal, certificate: Certificate) -> None:
    committed = isinstance(certificate, CommitCertificate)
    if deal.phase.final or deal.phase in (DealPhase.SETTLING, DealPhase.RETURNING):
        return
    if deal.phase is DealPhase.HANDED:
        step.put(replace(deal, phase=DealPhase.CLOSED, ended_at_us=step.now_us))
        return
    phase = DealPhase.SETTLING if committed else DealPhase.RETURNING
    because = deal.because
    if not committed and because is EscrowReason.NONE:
        because = EscrowReason.SILENT
    proposal, waiting = proposal_of(deal), 0
    for registrar in _registrars(deal):
        settle = Settle(certificate)
        card = registrar_card(proposal, registrar)
        ask_registrar(step, deal.id, card, (settle,), Batch.SETTLE)
        waiting += 1
    ours = {seat.seat for seat in deal_seats(step, deal.id)}
    for seat, card in proposal.seats:
        if seat not in ours:
            post(step, deal.id, card, Decided(certificate))
            waiting += 1
    deal = replace(deal, phase=phase, because=because, waiting=waiting)
    step.put(deal)
    _close_deal(step, deal)


def _registrars(deal: Deal) -> list[NodeId]:
    """Those that may hold something of it."""
    found = (leg.registrar for leg in terms_of(deal).legs.values())
    return list(dict.fromkeys(r for r in found if r is not None))


def _close_deal(step: Step, deal: Deal) -> None:
    if deal.waiting == 0:
        step.put(replace(deal, phase=DealPhase.CLOSED, ended_at_us=step.now_us))


def _settle_seat(step: Step, seat: Seat, certificate: Certificate) -> None:
    """Our holds are emptied into our accounts; a registrar that has not heard the certificate yet
    hears it in the same batch."""
    committed = isinstance(certificate, CommitCertificate)
    phase = SeatPhase.DELIVERED if committed else SeatPhase.RETURNED
    seat = move_seat(step, seat, phase, seat.because)
    proposal, waiting = proposal_of(seat), 0
    for leg in terms_of(seat).legs.values():
        mine = seat.seat in (leg.from_seat, leg.to_seat)
        if leg.registrar is not None and mine and _is_made(seat, leg):
            _collect(step, seat, proposal, leg, certificate)
            waiting += 1
        request = step.request(money_id(seat.id, leg.no))
        if request is not None and not committed:
            end_leg(step, request)  # though nobody had promised anything for it
    step.put(replace(seat, waiting=waiting))


def collect_late(step: Step, seat: Seat, no: int) -> None:
    """A registrar has made a hold for us, and says so after the decision: it is emptied, too."""
    transaction = step.the_transaction(seat.commit)
    leg = terms_of(seat).legs[no]
    _collect(step, seat, proposal_of(seat), leg, _certificate(transaction))
    step.put(replace(seat, waiting=seat.waiting + 1))


def _is_made(seat: Seat, leg: Leg) -> bool:
    """Whether our hold for this leg is known to exist. One that was asked for and not answered is
    emptied when its answer comes: until then the registrar may know nothing of it."""
    if leg.to_seat == seat.seat:
        return bool(seat.held[leg.no - 1])
    return seat.given[leg.no - 1] not in (b"", ASKED)


def _collect(
    step: Step, seat: Seat, proposal: Proposal, leg: Leg, certificate: Certificate
) -> None:
    """What arrived goes into the account; so does what we offered and nobody has prepared. And the
    hold ends: an account has room for so many."""
    receives = leg.to_seat == seat.seat
    hold = hold_of(seat.seed, leg.no) if receives else source_of(seat.seed, leg.no)
    refund = Refund(account_of(step, seat, leg.no).capability, hold)
    assert leg.registrar is not None
    card = registrar_card(proposal, leg.registrar)
    ops = (Settle(certificate), refund)
    ask_registrar(step, seat.deal, card, ops, Batch.COLLECT, seat.seat, leg.no)


def letter_taken(step: Step, letter: Letter) -> None:
    """A letter or a batch has its answer."""
    answered(step, letter)
    if letter.kind is LetterKind.BATCH and letter.step is Batch.COLLECT:
        for seat in deal_seats(step, letter.deal):
            if seat.seat == letter.seat and seat.waiting > 0:
                step.put(replace(seat, waiting=seat.waiting - 1))
        return
    deal = deal_of(step, letter.deal)
    if deal is None or deal.phase not in _TOLD:
        return
    body = decode_letter(letter.payload).body if letter.kind is LetterKind.LETTER else None
    if isinstance(body, Invite) and deal.phase is DealPhase.FAILED:
        # Its end may have come before it, too, when there was no seat that it could end.
        post(step, deal.id, letter.card, Withdraw(deal.id, body.seat, deal.because))
    elif isinstance(body, Fix):
        _tell_behind(step, deal, letter)
    elif tells_the_end(letter) and deal.waiting > 0:
        deal = replace(deal, waiting=deal.waiting - 1)
        step.put(deal)
        _close_deal(step, deal)


def _tell_behind(step: Step, deal: Deal, fix: Letter) -> None:
    """The terms have reached a seat after the decision. If the certificate came before them, it
    said nothing to a seat that had no terms, and would be asked for at the deadline alone.

    Their receipt may be the last answer of all, and the deal closed before it: it stays so."""
    if fix.receiver == step.settings.node:
        return
    certificate = _certificate(step.the_transaction(deal.commit))
    told = post(step, deal.id, fix.card, Decided(certificate))
    if told and deal.phase is not DealPhase.CLOSED:
        step.put(replace(deal, waiting=deal.waiting + 1))


def shown_to_operators(letter: Letter) -> bytes:
    """What proves that it ought to be taken: of a batch its certificate alone, since it names our
    account and our hold by their capabilities too, which nobody else may see."""
    if letter.kind is LetterKind.LETTER:
        return letter.payload
    settles = (op for op in read_batch(letter.payload).ops if isinstance(op, Settle))
    return b"".join(op.certificate.encode() for op in settles)


def tells_the_end(letter: Letter) -> bool:
    """Whether it brings a decision: such a letter is said for ever."""
    if letter.kind is LetterKind.BATCH:
        return letter.step in (Batch.SETTLE, Batch.COLLECT)
    return isinstance(decode_letter(letter.payload).body, Decided)
