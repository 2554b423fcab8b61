"""What a payment request tells people, as JSON: one form for its payee, its payer and the page."""

from typing import Any

from proto.request import PaymentRequest
from proto.request_parts import MandateTerms, Requester


def amounts_json(request: PaymentRequest) -> dict[str, Any]:
    """What its payer may choose: smallest units. `amount_min` = `amount` where that is nothing."""
    return {
        "amount": request.amount,
        "amount_min": request.least,
        "fees_by_payee": request.fees_by_payee,
    }


def parts_json(request: PaymentRequest) -> dict[str, Any]:
    """Who asks, for what, in which session. Ids, keys and hashes in hex, times in µs; "" and None
    where the request says nothing. All of it is the word of strangers: escape it where you show it.
    """
    return {
        "domain": request.domain,
        "order_hash": request.order_hash.hex(),
        "exchange": request.exchange.hex(),
        "refund_to": request.refund_to,
        "retry_of": request.retry_of.hex(),
        "under": request.under.hex(),
        "audience": request.audience.hex(),
        "session_nonce": request.session_nonce.hex(),
        "person": request.person.hex(),
        "requester": requester_json(request.requester),
        "mandate": mandate_json(request.mandate),
    }


def requester_json(requester: Requester | None) -> dict[str, str] | None:
    """Who asks in the payee's name; None: the payee itself."""
    if requester is None:
        return None
    return {
        "key": requester.key.hex(),
        "name": requester.name,
        "notify_url": requester.notify_url,
        "return_url": requester.return_url,
    }


def mandate_json(mandate: MandateTerms | None) -> dict[str, int] | None:
    """Caps of the standing approval that is asked for as well; None where none is."""
    if mandate is None:
        return None
    return {
        "per_payment": mandate.per_payment,
        "period_us": mandate.period_us,
        "per_period": mandate.per_period,
        "total": mandate.total,
        "until_us": mandate.until_us,
    }
