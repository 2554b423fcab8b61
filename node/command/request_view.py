"""How a payment request is shown to people: one's own, and one that a stranger has sent."""

from collections.abc import Sequence
from typing import Any, Final

from node.command.display import Json, amount, facts, moment, say, short, span
from node.request_shown import amounts_json, parts_json
from proto.limits import MAX_AMOUNT
from proto.request import PaymentRequest, from_text, payee_signed, read_request, request_hash

KEY_CHARS: Final = 16  # of a key, where its owner is named beside it


def foreign_json(text: str, now_us: int) -> dict[str, Any]:
    """Everything that the text of a request says, and who signed it: no node is asked. Raises
    WireFault where its payee did not sign it, or it is none."""
    signed, countersigner = payee_signed(from_text(text))
    request = read_request(signed, now_us)
    return {
        "id": request.request_id.hex(),
        "request_hash": request_hash(signed).hex(),
        "phase": "EXPIRED" if now_us > request.expires_at_us else "NOT EXPIRED",
        "payee": request.payee.hex(),
        "payee_alias": request.payee_alias,
        "brand": request.brand.name,
        "brand_id": request.brand.guid.hex(),
        "unit": request.brand.unit,
        **amounts_json(request),
        "description": request.description,
        "created_at_us": request.created_at_us,
        "expires_at_us": request.expires_at_us,
        "latest_deadline_us": request.latest_deadline_us,
        "payee_margin_us": request.payee_margin_us,
        "last_levels": sorted(level.name for level in request.last_levels),
        "registries": [
            "+".join(short(member.hex()) for member in policy.members)
            for policy in request.policies
        ],
        "attempts": len(request.decline_hashes),
        **parts_json(request),
        "countersigned_by": countersigner.hex(),
        "signed_by_all": _is_whole(request, countersigner),
        "text": "".join(text.split()),
    }


def _is_whole(request: PaymentRequest, countersigner: bytes) -> bool:
    """As `proto.request.read_asked` has it."""
    named = b"" if request.requester is None else request.requester.key
    return countersigner == named or (not countersigner and named == request.payee)


def amount_of(one: Json) -> str:
    """The amount of a request or payment with its unit; of a request, what may be chosen."""
    least, most, brand = one.get("amount_min"), one.get("amount"), one.get("brand")
    if not isinstance(least, int) or not isinstance(most, int) or least == most:
        return amount(most, brand)
    if one.get("fees_by_payee"):
        return f"{amount(most, brand)} in all, {amount(least, brand)} have to arrive"
    unit = one.get("unit") or least
    if least <= unit and most > MAX_AMOUNT - unit:
        return f"any amount of {brand}"
    return f"{least} to {amount(most, brand)}"


def came_of(one: Json) -> str:
    """What a request has brought, once it is paid; before, what it asks for."""
    received = one.get("received") if one.get("phase") == "PAID" else None
    return amount(received, one.get("brand")) if received else amount_of(one)


def state_of(one: Json) -> str:
    """Where a request stands."""
    waits = one.get("manual") and one.get("phase") == "OPEN"
    return f"{one.get('phase')}, to be confirmed" if waits else str(one.get("phase"))


def show_with_text(one: Json) -> None:
    """One request with everything that is known of it."""
    show_request(one)
    if one.get("text"):
        say(str(one["text"]))


def show_request(one: Json) -> None:
    """One request with everything but its text; what it does not say is left out."""
    registries = one.get("registries")
    facts(
        (
            ("request", one.get("id")),
            ("payee", _payee(one)),
            ("amount", amount_of(one)),
            ("state", state_of(one)),
            ("received", _received(one)),
            ("created", moment(one["created_at_us"]) if one.get("created_at_us") else None),
            ("expires", moment(one.get("expires_at_us"))),
            ("description", one.get("description") or None),
            ("last levels", ", ".join(one.get("last_levels") or ()) or "any"),
            ("registries", None if registries is None else ", ".join(registries) or "none"),
            *_parts(one),
        )
    )


def _received(one: Json) -> str | None:
    return amount(one["received"], one.get("brand")) if one.get("received") else None


def _payee(one: Json) -> str | None:
    """Who signed. The name is the payee's own word, so that the key stands beside it."""
    if not one.get("payee"):
        return None
    return f"{one.get('payee_alias') or '(no name)'}, who signed it, key {one['payee']}"


def _parts(one: Json) -> Sequence[tuple[str, object]]:
    """What people read beside the amount; not in lists, and left out where it says nothing."""
    domain = one.get("domain")
    return (
        ("domain", f"{domain}, as the payee says: not looked up" if domain else None),
        ("order hash", one.get("order_hash") or None),
        ("goods", one.get("exchange") or None),
        ("refunds", one.get("refund_to") or None),
        ("retry of", one.get("retry_of") or None),
        ("paid under", one.get("under") or None),
        ("audience", _audience(one)),
        ("session", one.get("session_nonce") or None),
        ("for person", one.get("person") or None),
        ("asked by", _requester(one)),
        ("tells", (one.get("requester") or {}).get("notify_url") or None),
        ("leads to", (one.get("requester") or {}).get("return_url") or None),
        ("mandate", _mandate(one)),
        ("request hash", one.get("request_hash")),
    )


def _audience(one: Json) -> str | None:
    return f"only node {one['audience']} may pay it" if one.get("audience") else None


def _requester(one: Json) -> str | None:
    requester = one.get("requester")
    if not requester:
        by = one.get("countersigned_by")
        return f"key {by}, whom the payee does not name: it cannot be paid" if by else None
    asked = f"{requester.get('name') or '(no name)'}, key {requester.get('key')}"
    if "signed_by_all" not in one:
        return asked
    if one["signed_by_all"]:
        return f"{asked}, who signed it too"
    return f"{asked}, who did NOT sign it: it cannot be paid"


def _mandate(one: Json) -> str | None:
    mandate = one.get("mandate")
    if not mandate:
        return None
    brand = one.get("brand")
    return (
        f"asks for a standing approval: at most {amount(mandate['per_payment'], brand)} at once,"
        f" {amount(mandate['per_period'], brand)} in {span(mandate['period_us'] // 1_000_000)},"
        f" {amount(mandate['total'], brand)} in all, until {moment(mandate['until_us'])}"
    )
