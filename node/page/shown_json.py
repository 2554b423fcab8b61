"""What programs are told of requests, of their cost, and of standing approvals."""

from base64 import b64encode
from typing import Any

from node.core.people.mandates import left_of
from node.core.people.rows import Confirmation, Credential, Mandate
from node.page.shown import step_of
from node.people.preparing import Prepared
from node.texts import said
from proto.request import PaymentRequest


def confirmation_json(row: Confirmation, request: PaymentRequest) -> dict[str, Any]:
    """One request that was brought to a person. Texts are as strangers wrote them."""
    requester = request.requester
    return {
        "id": row.id.hex(),
        "phase": row.phase.name,
        "final": row.phase.final,
        "because": row.because,
        "payee": request.payee.hex(),
        "payee_alias": request.payee_alias,
        "domain": request.domain,
        "requester": None if requester is None else requester.name,
        "requester_key": None if requester is None else requester.key.hex(),
        "amount": row.amount or request.amount,
        "amount_min": request.amount_min,
        "brand": request.brand.name,
        "brand_id": request.brand.guid.hex(),
        "description": request.description,
        "debited": row.debited,
        "reserved": row.reserved,
        "attempt": row.attempt,
        "received_at_us": row.received_at_us,
        "expires_at_us": row.expires_at_us,
        "ended_at_us": row.ended_at_us,
        "mandate": row.mandate.hex(),
    }


def prepared_json(prepared: Prepared, person: bytes, rp_id: str) -> dict[str, Any]:
    """What it would cost now, and the bytes to be signed; None where it cannot be approved."""
    no = prepared.because
    brand = prepared.request.brand.name
    words = said(no.reason.name, no.figure, brand) if no is not None else None
    approval = prepared.approval(person, rp_id).encode() if prepared.payable else None
    return {
        "payable": prepared.payable,
        "code": "" if no is None else no.reason.name,
        "why": "" if words is None else words.message,
        "next_step": "" if words is None or no is None else step_of(no.reason, words.next_step),
        "fee": prepared.fee,
        "fee_max": prepared.fee_max,
        "total": prepared.total,
        "available": prepared.available,
        "levels": sorted(level.name for level in prepared.levels),
        "risk": prepared.risk,
        "final_within_s": prepared.final_within_s,
        "in_house": prepared.in_house,
        "cautions": [{"code": c.care.value, "text": c.text} for c in prepared.cautions],
        "approval": None if approval is None else b64encode(approval).decode(),
    }


def mandate_json(row: Mandate, now_us: int) -> dict[str, Any]:
    """A standing approval, and what one payment may take of it now."""
    ended = bool(row.revoked_at_us) or now_us > row.until_us
    return {
        "id": row.id.hex(),
        "payee": row.payee.hex(),
        "name": row.name,
        "text": row.text,
        "brand": row.brand.name,
        "per_payment": row.per_payment,
        "period_us": row.period_us,
        "per_period": row.per_period,
        "total": row.total,
        "spent": row.spent,
        "payments": row.payments,
        "left": 0 if ended else left_of(row, now_us),
        "until_us": row.until_us,
        "granted_at_us": row.granted_at_us,
        "revoked_at_us": row.revoked_at_us,
        "live": not ended,
    }


def resting_json(way: Credential) -> dict[str, Any]:
    """A passkey that came by a recovery code and approves nothing before `rests_until_us`."""
    return {
        "label": way.label,
        "created_at_us": way.created_at_us,
        "rests_until_us": way.rests_until_us,
    }
