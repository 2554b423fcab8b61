"""A registrar has answered a batch of ours: what that means to the seat or the deal."""

from typing import Final

from node.core.escrow.coordinating import take_promise
from node.core.escrow.events import RegistrarSaid
from node.core.escrow.fixing import report_accepted
from node.core.escrow.giving import OFFERED, cannot_give, given
from node.core.escrow.giving_up import give_up
from node.core.escrow.posting import FIRST_RETRY_US, post
from node.core.escrow.reading import (
    deal_of,
    hold_of,
    kept_accept,
    placed,
    seat_of,
    source_of,
    terms_of,
)
from node.core.escrow.rows import DealPhase, Letter, Seat, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.escrow.settling import collect_late, letter_taken, shown_to_operators
from node.core.escrow.signing import sign_if_satisfied
from node.core.rows import Incident, IncidentKind, replace
from node.core.sale.dispatch import on_house_said
from node.core.view import Step
from proto.descriptor import decode_descriptor
from proto.escrow.letters import LegAccept, Withdraw
from proto.escrow.ops import RegistrarError
from proto.escrow.reasons import EscrowReason

# An answer that says "ask again": the hold that the batch speaks of has not arrived there yet, the
# registrar has too much to do, or it does not know yet by which key its registry signs now.
AGAIN: Final = frozenset(
    {RegistrarError.NOT_YET, RegistrarError.QUOTA, RegistrarError.BAD_CERTIFICATE}
)
# Of a batch that empties a hold: it was emptied before.
DONE: Final = frozenset({RegistrarError.GONE})


def on_registrar_said(step: Step, event: RegistrarSaid) -> None:
    """Once for each batch: a repeated answer changes nothing."""
    letter = step.row((Letter.table, event.letter, b""))
    if not isinstance(letter, Letter) or letter.answered:
        return
    if event.refused in AGAIN and not _is_in_vain(step, letter):
        _hurry(step, letter, event)
        return  # its row says when
    letter_taken(step, letter)
    refused = event.refused
    on_house_said(step, letter, event)
    match letter.step:
        case Batch.ACCEPT:
            _accepted(step, letter, refused)
        case Batch.GIVE if letter.seat:
            _given(step, letter, event)
        case Batch.GIVE:
            _prepared(step, letter, event)
        case Batch.SETTLE | Batch.COLLECT if refused and refused not in DONE:
            _unsettled(step, letter, refused)
        case _:
            pass


def _hurry(step: Step, letter: Letter, event: RegistrarSaid) -> None:
    """One that says how long it is "not yet" is asked again just then: the back-off of a letter may
    be longer than the time in which votes are opened. Never quicker than a lost answer: who always
    says "in a moment" would keep us busy."""
    if event.refused != RegistrarError.NOT_YET or not event.figure:
        return
    at_us = step.now_us + max(event.figure, FIRST_RETRY_US)
    if at_us < letter.next_at_us:
        step.put(replace(letter, next_at_us=at_us))


def _is_in_vain(step: Step, letter: Letter) -> bool:
    """What has not been prepared by D never will be: the hold into which it was to go may be one
    that nobody ever makes."""
    of = seat_of(step, letter.deal, letter.seat) if letter.seat else deal_of(step, letter.deal)
    if letter.step is not Batch.GIVE or of is None:
        return False
    return step.now_us >= decode_descriptor(of.descriptor).deadline_us


def _came_late(step: Step, letter: Letter, refused: int) -> None:
    """The hold was made, and it has been decided meanwhile."""
    seat = seat_of(step, letter.deal, letter.seat)
    decided = (SeatPhase.DELIVERED, SeatPhase.RETURNED)
    if seat is not None and seat.phase in decided and not refused:
        collect_late(step, seat, letter.no)


def _live(step: Step, letter: Letter) -> Seat | None:
    seat = seat_of(step, letter.deal, letter.seat)
    if seat is None or seat.phase not in (SeatPhase.FIXED, SeatPhase.SIGNED):
        return None
    return seat


def _accepted(step: Step, letter: Letter, refused: int) -> None:
    seat = _live(step, letter)
    if seat is None:
        _came_late(step, letter, refused)
        return
    if refused:
        # Nobody has locked anything yet, and now nobody will.
        step.put(replace(seat, because=EscrowReason.REGISTRAR_REFUSED))
        words = Withdraw(seat.deal, seat.seat, EscrowReason.REGISTRAR_REFUSED)
        post(step, seat.deal, seat.coordinator, words)
        return
    kept = kept_accept(LegAccept(letter.no, hold=hold_of(seat.seed, letter.no)))
    seat = replace(seat, held=placed(seat.held, letter.no - 1, kept))
    step.put(seat)
    report_accepted(step, seat, terms_of(seat))
    sign_if_satisfied(step, seat.deal, seat.seat)


def _given(step: Step, letter: Letter, event: RegistrarSaid) -> None:
    seat = _live(step, letter)
    if seat is None:
        _came_late(step, letter, event.refused)
        return
    if event.refused:
        short = event.refused == RegistrarError.INSUFFICIENT_FUNDS
        why = EscrowReason.FUNDS_SHORT if short else EscrowReason.REGISTRAR_REFUSED
        cannot_give(step, seat, letter.no, why)
    else:
        offered = OFFERED + source_of(seat.seed, letter.no)
        given(step, seat, letter.no, event.promise or offered)


def _prepared(step: Step, letter: Letter, event: RegistrarSaid) -> None:
    """What we prepared for a giver that may not."""
    deal = deal_of(step, letter.deal)
    if deal is None or deal.phase is not DealPhase.PREPARING:
        return
    leg = terms_of(deal).legs[letter.no]
    if event.refused:
        give_up(step, deal, EscrowReason.REGISTRAR_REFUSED, leg.from_seat)
    elif not deal.promises[leg.no - 1]:
        take_promise(step, deal, leg, event.promise)


def _unsettled(step: Step, letter: Letter, refused: int) -> None:
    """It does not take a certificate that we have verified: its operator has to look, and ours."""
    incident = Incident(
        subject=letter.id,
        kind=IncidentKind.UNSETTLED,
        at_us=step.now_us,
        peer=letter.receiver,
        detail=f"answers a certificate with {RegistrarError(refused).name}",
        evidence=shown_to_operators(letter),
    )
    if step.row(incident.key) is None:
        step.put(incident)
