"""Goods in the same decision: a person's approval takes a seat in an exchange (escrow section 6).

What is approved is the request, which names the proposal by its hash: every leg of it is fixed. The
seat gives one leg of money, over exactly what was approved, and nothing else.
"""

from node.core.escrow.reading import money_id, proposal_of, seat_of
from node.core.escrow.rows import Seat, SeatPhase
from node.core.people.booking import release_reserve
from node.core.people.confirming import confirmation_of, end_confirmation
from node.core.people.events import ApproveRequest
from node.core.people.rows import ConfirmationPhase
from node.core.rows import Payment
from node.core.view import Step
from proto.escrow.legs import MoneyCarrier
from proto.escrow.proposal import proposal_hash
from proto.reason import Reason, Refusal


def check_exchange(step: Step, event: ApproveRequest) -> Refusal | None:
    """Whether the seat gives what was approved, to whom it was approved, and gives nothing else."""
    join, request = event.join, event.request
    if not request.exchange and join is None:
        return None
    if join is None or event.mandate:
        return Refusal(Reason.EXCHANGE_REFUSED)
    seat = seat_of(step, join.deal, join.seat)
    if seat is None:
        return Refusal(Reason.EXCHANGE_UNKNOWN)
    # The whole hash: a deal's id is the first half of it.
    if proposal_hash(seat.proposal) != request.exchange:
        return Refusal(Reason.EXCHANGE_REFUSED)
    if seat.phase is not SeatPhase.INVITED or seat.confirmation:
        return Refusal(Reason.EXCHANGE_STATE)
    given = [leg for leg in proposal_of(seat).legs if leg.from_seat == seat.seat]
    carrier = given[0].carrier if len(given) == 1 else None
    if not isinstance(carrier, MoneyCarrier):
        return Refusal(Reason.EXCHANGE_REFUSED)
    if carrier.payee == step.settings.node:
        return Refusal(Reason.SELF_PAYMENT)  # a leg of money crosses a line
    says = (carrier.payee, given[0].brand, given[0].amount)
    if says != (request.payee, request.brand.guid, event.approval.amount):
        return Refusal(Reason.REQUEST_MISMATCH)
    return None


def on_seat_ended(step: Step, seat: Seat) -> None:
    """Where the exchange came to nothing before a payment was begun, nothing else ends what was
    held for it. A payment that was begun ends by itself, by the same certificate."""
    row = confirmation_of(step, seat.confirmation)
    if row is None or row.phase.final or seat.phase is SeatPhase.DELIVERED:
        return
    legs = range(1, len(seat.given) + 1)
    if any(step.row((Payment.table, money_id(seat.id, no), b"")) for no in legs):
        return
    release_reserve(step, row)
    why = Reason.EXPIRED_AHEAD if seat.phase is SeatPhase.WITHDRAWN else Reason.ABORTED_AHEAD
    end_confirmation(step, row.id, ConfirmationPhase.EXPIRED, why.name)
