"""Where the rest of the core tells the exchange's part of it what has happened."""

from node.core.rows import Payment, Request, Transaction
from node.core.view import Step, View


def on_covered(step: Step, request: Request) -> None:
    """The pending promises of a bound request sum up to its amount."""


def on_uncovered(step: Step, request: Request) -> None:
    """They did, and one of them has ended before any decision."""


def on_payment_ended(step: Step, payment: Payment) -> None:
    """A bound payment is final, or was given up."""


def on_decided(step: Step, transaction: Transaction) -> None:
    """A transaction in which we have a part has its certificate."""


def is_over(view: View, commit: bytes, now_us: int) -> bool:
    """Whether nothing of the exchange under this commit_id is needed here any more."""
    return False
