"""What the rows of an exchange wait for. Derived, so that a restart has it all again."""

from typing import Final

from node.core.escrow.coordinating import COLLECTING, first_missing
from node.core.escrow.giving_up import give_up
from node.core.escrow.posting import UNSETTLED_AFTER_US, answered, say_again
from node.core.escrow.proposing import fail
from node.core.escrow.reading import deal_of, deal_seats, party_of, proposal_of
from node.core.escrow.rows import Deal, DealPhase, Letter, Seat
from node.core.escrow.settling import letter_taken, shown_to_operators, tells_the_end
from node.core.escrow.sitting import due_seat_us, expire_seat
from node.core.escrow.taking_over import take_back
from node.core.rows import Incident, IncidentKind
from node.core.sale.dispatch import sale_matters_until_us
from node.core.sale.reading import sale_of
from node.core.view import Step
from proto.descriptor import decode_descriptor
from proto.escrow.reasons import EscrowReason
from proto.limits import GUARD_US, US

UNDECIDED_AFTER_US: Final = 600 * US  # beyond A: escrow section 7

REFUSED_US: Final = 60 * US  # why a proposal is not kept: whoever made it waits, and it expires
LATE_US: Final = 3600 * US  # a letter of an exchange that is over by now is not said any more

EscrowRow = Deal | Letter | Seat


def escrow_due_us(row: EscrowRow) -> int | None:
    """When this row is to be looked at again (absolute µs); None = it waits for no clock."""
    match row:
        case Letter():
            return None if row.answered else row.next_at_us
        case Seat():
            return due_seat_us(row)
        case Deal(phase=DealPhase.PROPOSED | DealPhase.HANDED):
            return row.due_at_us
        case Deal(phase=phase) if phase in COLLECTING:
            return row.due_at_us
        case Deal(phase=DealPhase.DECIDING):
            limit_us = decode_descriptor(row.descriptor).limit_us
            return limit_us + GUARD_US + UNDECIDED_AFTER_US
        case _:
            return None


def on_escrow_due(step: Step, row: EscrowRow) -> None:
    """The time has come; what happened meanwhile decides whether it still matters."""
    at_us = escrow_due_us(row)
    if at_us is None or step.now_us < at_us:
        return
    match row:
        case Letter():
            _again(step, row)
        case Seat():
            expire_seat(step, row)
        case Deal(phase=DealPhase.PROPOSED):
            fail(step, row, EscrowReason.EXPIRED, _absent(row))
        case Deal(phase=DealPhase.HANDED):
            take_back(step, row)
        case Deal(phase=DealPhase.DECIDING):
            _undecided(step, row)
        case Deal():
            give_up(step, row, EscrowReason.SILENT, first_missing(row))


def _absent(deal: Deal) -> str:
    """The first seat that has not joined."""
    seats = [seat for seat, _ in proposal_of(deal).seats]
    return next(seat for seat, join in zip(seats, deal.joins, strict=True) if not join)


def _again(step: Step, letter: Letter) -> None:
    """Says it once more, while it can still matter to whom it goes."""
    if not tells_the_end(letter):
        if step.now_us < _matters_until_us(step, letter):
            say_again(step, letter)
        else:
            answered(step, letter)
        return
    if _is_others(step, letter) and step.now_us >= letter.created_at_us + LATE_US:
        letter_taken(step, letter)
        return
    say_again(step, letter)
    if step.now_us - letter.created_at_us >= UNSETTLED_AFTER_US:
        _note(
            step,
            Incident(
                subject=letter.id,
                kind=IncidentKind.UNSETTLED,
                at_us=step.now_us,
                peer=letter.receiver,
                detail="does not answer what it was told of a decision; it is told again",
                evidence=shown_to_operators(letter),
            ),
        )


def _is_others(step: Step, letter: Letter) -> bool:
    """Whether it belongs to what we only coordinate, for others. Its parties and registrars ask the
    registry themselves, and some of them may never have been there."""
    deal = deal_of(step, letter.deal)
    if deal is None or proposal_of(deal).initiator == step.settings.node:
        return False
    return not any(seat.seed for seat in deal_seats(step, letter.deal))


def _matters_until_us(step: Step, letter: Letter) -> int:
    """Until then its receiver may be anywhere on the way to the end of the exchange."""
    sale = sale_of(step, letter.deal)
    if sale is not None:
        return sale_matters_until_us(sale) + LATE_US
    row = deal_of(step, letter.deal) or next(iter(deal_seats(step, letter.deal)), None)
    if row is None:
        return letter.created_at_us + REFUSED_US
    if row.descriptor:
        return decode_descriptor(row.descriptor).limit_us + LATE_US
    proposal = proposal_of(row)
    return proposal.expires_at_us + proposal.within_us + LATE_US


def _undecided(step: Step, deal: Deal) -> None:
    """Nothing is lost, and everything locked: who runs the registry has to be asked.

    The deal is not written: it would be due again at once, for as long as nobody answers."""
    first = proposal_of(deal).seats[0][0]
    _note(
        step,
        Incident(
            subject=deal.commit,
            kind=IncidentKind.UNDECIDED,
            at_us=step.now_us,
            peer=party_of(proposal_of(deal), first) or step.settings.node,
            detail="no final answer of the registry long after the deadline",
            evidence=deal.descriptor,
        ),
    )


def _note(step: Step, incident: Incident) -> None:
    if step.row(incident.key) is None:
        step.put(incident)
