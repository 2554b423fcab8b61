"""Standing approvals: caps within each other, and an end at once (escrow section 10)."""

from node.core.effects import Answer
from node.core.keyed import replace
from node.core.people.booking import entry_text
from node.core.people.events import ApproveRequest, RevokeMandate
from node.core.people.rows import Confirmation, Mandate
from node.core.view import Step
from proto.reason import Reason, Refusal


def mandate_of(step: Step, mandate: bytes) -> Mandate | None:
    """By the request_hash of the request that granted it."""
    row = step.row((Mandate.table, mandate, b""))
    return row if isinstance(row, Mandate) else None


def grant(step: Step, row: Confirmation, event: ApproveRequest) -> None:
    """The approval of a request that asks for more of its kind. Its own payment was approved by
    itself, and counts in no cap."""
    terms, request = event.request.mandate, event.request
    assert terms is not None
    step.put(
        Mandate(
            id=row.request_hash,
            person=row.person,
            payee=request.payee,
            requester=b"" if request.requester is None else request.requester.key,
            brand=row.brand,
            name=request.payee_alias,
            text=entry_text(request.description),
            per_payment=terms.per_payment,
            period_us=terms.period_us,
            per_period=terms.per_period,
            total=terms.total,
            until_us=terms.until_us,
            granted_at_us=step.now_us,
            confirmation=row.id,
            period_from_us=step.now_us,
        )
    )


def check_mandate(step: Step, row: Confirmation, event: ApproveRequest) -> Refusal | None:
    """Whether a standing approval of this person covers it: its payee, its requester, its brand,
    and every cap, fees included."""
    mandate = mandate_of(step, event.mandate)
    if mandate is None or mandate.person != event.person or event.request.under != mandate.id:
        return Refusal(Reason.MANDATE_ENDED)
    if mandate.revoked_at_us or step.now_us > mandate.until_us:
        return Refusal(Reason.MANDATE_ENDED)
    key = b"" if event.request.requester is None else event.request.requester.key
    asks = (event.request.payee, key, row.brand.guid)
    if asks != (mandate.payee, mandate.requester, mandate.brand.guid):
        return Refusal(Reason.MANDATE_ENDED)
    if event.request.mandate is not None:
        return Refusal(Reason.MANDATE_ENDED)  # no standing approval grants another one
    over = event.approval.total_debit_max - left_of(mandate, step.now_us)
    return Refusal(Reason.MANDATE_EXCEEDED, over) if over > 0 else None


def left_of(mandate: Mandate, now_us: int) -> int:
    """The most that one payment may be debited by it at this moment, within every cap."""
    now = _in_period(mandate, now_us)
    return min(now.per_payment, now.per_period - now.in_period, now.total - now.spent)


def _in_period(mandate: Mandate, now_us: int) -> Mandate:
    """As it stands in the period of this moment. Periods follow each other from the grant on."""
    periods = max(0, now_us - mandate.period_from_us) // mandate.period_us
    if not periods:
        return mandate
    begins_us = mandate.period_from_us + periods * mandate.period_us
    return replace(mandate, period_from_us=begins_us, in_period=0)


def draw_on(step: Step, mandate: bytes, debit_max: int) -> None:
    """Counts what was approved by it; what is not needed comes back with the reserve."""
    row = mandate_of(step, mandate)
    assert row is not None
    row = _in_period(row, step.now_us)
    step.put(
        replace(
            row,
            in_period=row.in_period + debit_max,
            spent=row.spent + debit_max,
            payments=row.payments + 1,
        )
    )


def revoke_mandate(step: Step, event: RevokeMandate) -> Answer:
    """From this change on nothing is approved by it; what is approved already goes on."""
    row = mandate_of(step, event.mandate)
    if row is None or row.person != event.person:
        return Answer(Refusal(Reason.MANDATE_ENDED))
    if not row.revoked_at_us:
        step.put(replace(row, revoked_at_us=step.now_us))
    return Answer()
