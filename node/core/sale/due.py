"""What a sale waits for. Derived from its row, so that a restart has it all again."""

from typing import Final

from node.core.rows import replace
from node.core.sale.course import P, close, move
from node.core.sale.deciding import held_until_us, release_if_due
from node.core.sale.entering import ask_for_contract
from node.core.sale.reading import contract_of, offer_of
from node.core.sale.rows import Sale
from node.core.sale.settling import end_if_over, poll
from node.core.view import Step
from proto.sale.reasons import SaleReason
from proto.sale.stakes import SaleRole

_WAITING: Final = frozenset({P.OFFERED, P.CHOSEN, P.ASKED, P.JOINED})


def sale_due_us(sale: Sale) -> int | None:
    """When this row is to be looked at again (absolute µs); None = it waits for no clock.

    In AGREEING it waits for T0's certificate, which its transaction sees to.
    """
    if sale.phase.final or sale.phase is P.AGREEING:
        return None
    return sale.due_at_us


def on_sale_due(step: Step, sale: Sale) -> None:
    """The time has come; what happened meanwhile decides whether it still matters."""
    at_us = sale_due_us(sale)
    if at_us is None or step.now_us < at_us:
        return
    match sale.phase:
        case P.JOINED if (
            sale.role is SaleRole.BUYER and not sale.contract and _is_early(step, sale)
        ):
            ask_for_contract(step, sale)
        case phase if phase in _WAITING:
            _expire(step, sale)
        case P.AGREED:
            move(step, sale, P.RETURNED, sale.because or SaleReason.NOT_LOCKED)
        case P.LOCKING:
            poll(step, sale)
        case P.LOCKED | P.SPLIT:
            sale = release_if_due(step, poll(step, sale))
            step.put(replace(sale, due_at_us=_next_us(sale, step.now_us)))
            end_if_over(step, sale)
        case _:
            raise AssertionError(sale.phase)


def _is_early(step: Step, sale: Sale) -> bool:
    return step.now_us < offer_of(sale).expires_at_us


def _expire(step: Step, sale: Sale) -> None:
    """Nobody is bound, and nobody waits any more: each sees it by his own clock."""
    looking = sale.phase is P.OFFERED
    close(step, sale, SaleReason.NO_AGENT if looking else SaleReason.EXPIRED)


def _next_us(sale: Sale, now_us: int) -> int:
    """The next poll, or what comes before it: a share that was held back, the end of the votes."""
    wanted = [sale.due_at_us]
    if sale.phase is P.SPLIT:
        wanted.append(contract_of(sale).votes_open_until_us)
    if sale.role is SaleRole.AGENT and sale.attested_at_us:
        wanted.append(held_until_us(sale))
    return min(at_us for at_us in wanted if at_us > now_us)
