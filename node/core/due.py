"""Which row waits for which time. Timers are derived, so a restart has them all again."""

from node.core.asking import ask_now
from node.core.ending import acknowledge, expire
from node.core.escrow.due import escrow_due_us, on_escrow_due
from node.core.people.dispatch import on_people_due, people_due_us
from node.core.rows import (
    Ask,
    Confirmation,
    Deal,
    Direction,
    Letter,
    Notice,
    Promise,
    PromisePhase,
    Row,
    Sale,
    Seat,
    Shown,
    Transaction,
)
from node.core.sale.due import on_sale_due, sale_due_us
from node.core.view import Step
from proto.limits import GRACE_US, US

# A payment that goes well is claimed sooner than this, even on a node with all hands full, and a
# claim says more than Accepted: a quarter of all messages is never sent. What takes longer is
# acknowledged, long before the promisor could want to know.
ACCEPT_DELAY_US = US


def due_us(row: Row) -> int | None:
    """When this row is to be looked at again (absolute µs); None = it waits for no clock.

    Once for each time that a row is written: a SECURED promise may be due without any change,
    because its abort certificate is still missing, and that certificate ends it when it comes.
    """
    if isinstance(row, Promise):
        if row.phase > PromisePhase.ACCEPTED:
            return None
        if row.direction is Direction.IN and row.phase is PromisePhase.OFFERED:
            return row.made_at_us + ACCEPT_DELAY_US
        if not row.level.has_expiry or (
            row.direction is Direction.IN and row.shown is not Shown.NOTHING
        ):
            return None
        return row.expires_at_us + GRACE_US + 1
    if isinstance(row, Transaction) and row.ask is not Ask.NOTHING:
        return row.ask_at_us
    if isinstance(row, Deal | Letter | Seat):
        return escrow_due_us(row)
    if isinstance(row, Sale):
        return sale_due_us(row)
    if isinstance(row, Confirmation | Notice):
        return people_due_us(row)
    return None


def on_due(step: Step, row: Row | None) -> None:
    """The time has come; what happened meanwhile decides whether it still matters."""
    match row:
        case Promise() if row.direction is Direction.IN and row.phase is PromisePhase.OFFERED:
            acknowledge(step, row)
            acknowledged = step.promise(row.promisor, row.id)
            assert acknowledged is not None
            expire(step, acknowledged)
        case Promise():
            expire(step, row)
        case Transaction() if row.ask is not Ask.NOTHING and row.ask_at_us <= step.now_us:
            ask_now(step, row)
        case Deal() | Letter() | Seat():
            on_escrow_due(step, row)
        case Sale():
            on_sale_due(step, row)
        case Confirmation() | Notice():
            on_people_due(step, row)
        case _:
            pass
