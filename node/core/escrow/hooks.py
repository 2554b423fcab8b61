"""Where the rest of the core tells the exchange's part of it what has happened."""

from node.core.escrow.giving import payment_failed
from node.core.escrow.reading import deal_seats, money_id
from node.core.escrow.rows import Deal, Seat, SeatPhase
from node.core.escrow.settling import decided
from node.core.escrow.signing import covered
from node.core.rows import Payment, PaymentPhase, Request, Transaction
from node.core.sale.rows import Sale
from node.core.sale.settling import sale_decided
from node.core.view import Step, View
from proto.descriptor import commit_id
from proto.limits import MAX_SEATS


def on_covered(step: Step, request: Request) -> None:
    """The pending promises of a bound request sum up to its amount."""
    covered(step, request)


def on_uncovered(step: Step, request: Request) -> None:
    """They did, and one of them has ended before any decision: a seat that has not signed will
    not, until they do again. It looks at the promises when it would sign, and keeps no sum."""


def on_payment_ended(step: Step, payment: Payment) -> None:
    """A bound payment is final, or was given up."""
    if payment.phase is not PaymentPhase.ABORTED:
        return
    transaction = step.transaction(commit_id(payment.bound))
    if transaction is None or transaction.decided:
        return
    for seat in deal_seats(step, transaction.owner):
        if seat.phase not in (SeatPhase.FIXED, SeatPhase.SIGNED):
            continue
        for no in range(1, len(seat.given) + 1):
            if money_id(seat.id, no) == payment.id:
                payment_failed(step, seat, no, payment)


def on_decided(step: Step, transaction: Transaction) -> None:
    """A transaction in which we have a part has its certificate."""
    decided(step, transaction)
    sale_decided(step, transaction)


def is_over(view: View, transaction: Transaction) -> bool:
    """Whether nothing of its exchange is remembered here any more."""
    deal = transaction.owner
    if view.row((Deal.table, deal, b"")) is not None:
        return False
    if view.row((Sale.table, deal, b"")) is not None:
        return False
    return all(view.row((Seat.table, deal, bytes((at,)))) is None for at in range(MAX_SEATS))
