"""The decision is there: everybody applies its certificate (escrow section 3, S6 and S7).

No deadline, and nothing can fail: what receives was vetted before. Seats and coordinator show the
certificate to the registrars beside each other, so that none of them is needed for it.
"""

from node.core.escrow.posting import answered, ask_registrar, post
from node.core.escrow.reading import (
    deal_of,
    deal_seats,
    hold_of,
    proposal_of,
    registrar_card,
    terms_of,
)
from node.core.escrow.rows import Deal, DealPhase, Letter, LetterKind, Seat, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.escrow.sitting import account_of, move_seat
from node.core.rows import Transaction, replace
from node.core.view import Step
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.escrow.letters import Decided, Fix, decode_letter
from proto.escrow.ops import Op, Refund, Settle
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId


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
    """Of one that is decided."""
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
        if leg.registrar is None:
            continue
        card = registrar_card(proposal, leg.registrar)
        ops = _collecting(step, seat, leg.no, certificate, receives=leg.to_seat == seat.seat)
        if seat.seat in (leg.from_seat, leg.to_seat) and ops:
            ask_registrar(step, seat.deal, card, ops, Batch.COLLECT, seat.seat, leg.no)
            waiting += 1
    step.put(replace(seat, waiting=waiting))


def _collecting(
    step: Step, seat: Seat, no: int, certificate: Certificate, *, receives: bool
) -> tuple[Op, ...]:
    settle = Settle(certificate)
    if receives:
        capability = account_of(step, seat, no).capability
        return (settle, Refund(capability, hold_of(seat.seed, no))) if seat.held[no - 1] else ()
    if isinstance(certificate, CommitCertificate) or not seat.given[no - 1]:
        return ()  # the receiver and the coordinator show it; there is nothing for us to collect
    return (settle,)


def letter_taken(step: Step, letter: Letter) -> None:
    """A letter or a batch has its answer."""
    answered(step, letter)
    if letter.kind is LetterKind.BATCH and letter.step is Batch.COLLECT:
        for seat in deal_seats(step, letter.deal):
            if seat.seat == letter.seat and seat.waiting > 0:
                step.put(replace(seat, waiting=seat.waiting - 1))
        return
    deal = deal_of(step, letter.deal)
    if deal is None or deal.phase not in (DealPhase.SETTLING, DealPhase.RETURNING):
        return
    if letter.kind is LetterKind.LETTER and isinstance(decode_letter(letter.payload).body, Fix):
        _tell_behind(step, deal, letter)
    elif tells_the_end(letter) and deal.waiting > 0:
        deal = replace(deal, waiting=deal.waiting - 1)
        step.put(deal)
        _close_deal(step, deal)


def _tell_behind(step: Step, deal: Deal, fix: Letter) -> None:
    """The terms have reached a seat after the decision. If the certificate came before them, it
    said nothing to a seat that had no terms, and would be asked for at the deadline alone."""
    if fix.receiver == step.settings.node:
        return
    certificate = _certificate(step.the_transaction(deal.commit))
    if post(step, deal.id, fix.card, Decided(certificate)):
        step.put(replace(deal, waiting=deal.waiting + 1))


def tells_the_end(letter: Letter) -> bool:
    """Whether it brings a decision: such a letter is said for ever."""
    if letter.kind is LetterKind.BATCH:
        return letter.step in (Batch.SETTLE, Batch.COLLECT)
    return isinstance(decode_letter(letter.payload).body, Decided)
