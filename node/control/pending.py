"""Verbs of the node's owner as a payer who is asked: look, take, approve, deny, and mandates.

What is approved is exactly what was shown: `pending.show` gives the words of an approval, and
`pending.approve` signs those by the node's key and no others.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from node.control.beginning import Beginning
from node.control.context import Context, store
from node.control.failure import Arguments, ControlFailure, bad_argument, refuse
from node.control.goods import goods_json, keys_of
from node.control.payments import payment_json, route_shown
from node.control.reasons import named_reason
from node.control.receipts import payment_of
from node.control.settled import answering
from node.core.people.rows import OWNER, Confirmation, KnownDomain, KnownRequester, Mandate
from node.dictating import route_json
from node.pay_options import PayOptions
from node.people.preparing import Prepared
from proto.approval import MAX_APPROVAL_BYTES, read_approval, sign_approval
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.reason import Reason, Refusal
from proto.request import from_text
from proto.wire import WireFault

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
MAX_LISTED: Final = 200  # some 2 KB each, of the answer's megabyte
SEE_LIST: Final = "see `pledgeway pending list`"


def confirmation_json(context: Context, row: Confirmation) -> dict[str, Any]:
    """A request that waits or waited for its person, as every answer shows it. All texts in it are
    the words of others."""
    request = context.confirmations.request_of(row)
    known = context.engine.memory.row((KnownDomain.table, bytes(row.payee), b""))
    proven = isinstance(known, KnownDomain) and known.domain == request.domain and known.holds
    mandate = request.mandate
    return {
        "id": row.id.hex(),
        "phase": row.phase.name,
        "owned": row.owned,
        "payee": row.payee.hex(),
        "payee_alias": request.payee_alias,
        "domain": request.domain or None,
        "domain_proven": bool(request.domain) and proven,
        "requester": _requester_json(context, row),
        "brand": row.brand.name,
        "asked": request.amount,
        "least": request.least,
        "fees_by_payee": request.fees_by_payee,
        "description": request.description,
        "order_hash": request.order_hash.hex() or None,
        "refund_to": request.refund_to or None,
        "retry_of": request.retry_of.hex() or None,
        "goods": request.exchange.hex() or None,
        "grants": None if mandate is None else _terms_json(mandate),
        "received_at_us": row.received_at_us,
        "expires_at_us": row.expires_at_us,
        "amount": row.amount,
        "debit_max": row.debit_max,
        "debited": row.debited,
        "attempt": row.attempt,
        "mandate": row.mandate.hex() or None,
        "because": row.because or None,
        "ended_at_us": row.ended_at_us,
    }


def _requester_json(context: Context, row: Confirmation) -> dict[str, Any] | None:
    """Who brought it; `name` is the operator's own for a key that he has entered, else None."""
    if not row.requester:
        return None
    known = context.engine.memory.row((KnownRequester.table, row.requester, b""))
    entered = isinstance(known, KnownRequester) and not known.ended_at_us
    name = known.name if isinstance(known, KnownRequester) and entered else None
    return {"key": row.requester.hex(), "name": name}


def _terms_json(terms: Any) -> dict[str, int]:
    names = ("per_payment", "period_us", "per_period", "total", "until_us")
    return {name: getattr(terms, name) for name in names}


def prepared_json(context: Context, prepared: Prepared) -> dict[str, Any]:
    """What it would cost now and what it risks; `approval`: the words to approve, base64."""
    because, brand = prepared.because, prepared.request.brand
    reasons = () if prepared.no is None else prepared.no.reasons
    shown: dict[str, Any] = {
        "amount": prepared.amount,
        "fee": prepared.fee,
        "fee_max": prepared.fee_max,
        "total": prepared.total,
        "in_house": prepared.in_house,
        "levels": sorted(level.name for level in prepared.levels),
        "risk": prepared.risk,
        "final_within_s": prepared.final_within_s,
        "valid_until_us": prepared.valid_until_us,
        "cautions": [{"code": c.care.value, "text": c.text} for c in prepared.cautions],
        "payable": prepared.payable,
        "because": because and {"reason": because.reason.name, "figure": because.figure},
        "reasons": [named_reason(context, reason, brand) for reason in reasons],
        "in_return": None if prepared.goods is None else goods_json(context, prepared.goods),
        "approval": None,
    }
    if prepared.payable:
        shown["approval"] = b64encode(prepared.approval(OWNER).encode()).decode()
    if prepared.found is not None:
        shown |= route_shown(context, route_json(prepared.found))
    return shown


def _find(context: Context, named: str) -> Confirmation:
    """By the beginning of its id: what waits for the owner or is his, then what is over."""
    beginning = Beginning.of(named)
    confirmations = context.confirmations
    live = [*confirmations.pending_of(OWNER), *confirmations.live_of(OWNER)]
    found = [c for c in live if beginning and beginning.begins(c.id)]
    if not found and beginning is not None:
        with answering():
            old = confirmations.journal.asked(OWNER, limit=MAX_LISTED).confirmations
        found = [c for c in old if beginning.begins(c.id)]
    if not found:
        raise ControlFailure("NOT_FOUND", f"no request for you is called {named!r}", SEE_LIST)
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"{len(found)} requests match {named!r}", "give more digits of its id"
        )
    return found[0]


async def list_pending(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What waits for the owner or for whoever has its link, and what he has approved; `all`: what
    is over, too."""
    everything = arguments.flag("all", False)
    arguments.done()
    rows = [*context.confirmations.pending_of(OWNER), *context.confirmations.live_of(OWNER)]
    if everything:
        known = {row.id for row in rows}
        with answering():
            old = context.confirmations.journal.asked(OWNER, limit=MAX_LISTED).confirmations
        rows += [row for row in old if row.id not in known]
    return {
        "requests": [confirmation_json(context, row) for row in rows[:MAX_LISTED]],
        "more": len(rows) > MAX_LISTED,
    }


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A request, and while it waits what paying it would cost now. Nobody becomes its payer by
    looking: it may be meant for one who has its link."""
    row = _find(context, arguments.text("id"))
    amount = arguments.maybe_number("amount", 1)
    max_fee = arguments.maybe_number("max_fee", 0, MAX_AMOUNT)
    levels = arguments.texts("levels")
    arguments.done()
    shown = confirmation_json(context, row)
    if not row.phase.waiting:
        return shown | _payment_shown(context, row)
    options = PayOptions(first_levels=_levels(levels))
    prepared = await context.confirmations.prepare(row, OWNER, amount, options)
    return shown | {"plan": prepared_json(context, _with_fee(prepared, max_fee))}


def _with_fee(prepared: Prepared, max_fee: int | None) -> Prepared:
    """With the fees that the payer allows, in place of the room that is usual."""
    if max_fee is None or not prepared.payable or prepared.request.fees_by_payee:
        return prepared
    if (over := prepared.fee - max_fee) > 0:
        return replace(prepared, because=Refusal(Reason.COST_ABOVE_MAX, over))
    return replace(prepared, fee_max=min(max_fee, MAX_AMOUNT - prepared.amount))


def _levels(named: list[str] | None) -> frozenset[Level]:
    try:
        return frozenset(Level[name.upper()] for name in named) if named else frozenset(Level)
    except KeyError as error:
        choices = ", ".join(level.name for level in Level)
        raise bad_argument("levels", f"levels are {choices}") from error


def _payment_shown(context: Context, row: Confirmation) -> dict[str, Any]:
    """Of one that was approved: the payment that it became, if it crosses a line."""
    if not row.approved or row.settlement:
        return {"payment": None}
    if not row.seat:
        return {"payment": payment_json(context, context.settled.payment(row.id))}
    payment = payment_of(context, row)
    shown = None if payment is None else payment_json(context, payment)
    return {"payment": shown} | _goods_shown(context, row)


def _goods_shown(context: Context, row: Confirmation) -> dict[str, Any]:
    """What was to come in return, while the exchange is kept."""
    if not row.seat:
        return {}
    goods = context.confirmations.goods_of(row, row.person)
    return {"in_return": None if isinstance(goods, Refusal) else goods_json(context, goods)}


async def take(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A request that the owner has as a text comes into his list."""
    text = arguments.text("request")
    arguments.done()
    try:
        identity, refusal = await store(context.confirmations.take(OWNER, from_text(text)))
    except WireFault as fault:
        raise bad_argument("request", str(fault)) from fault
    refuse(refusal)
    return confirmation_json(context, _find(context, identity.hex()))


async def approve(context: Context, arguments: Arguments, send: Send) -> None:
    """Pays as `pending.show` has said, and tells every change until the end.

    `approval`: its words; asked again with the same it only tells how it stands.
    """
    row = _find(context, arguments.text("id"))
    encoded = arguments.text("approval", most=2 * MAX_APPROVAL_BYTES)
    arguments.done()
    confirmations = context.confirmations
    try:
        approval = read_approval(b64decode(encoded, validate=True))
    except (WireFault, NotBase64) as error:
        raise bad_argument("approval", "not the words that `pending.show` gave") from error
    if approval.person != OWNER or approval.rp_id:
        raise ControlFailure(Reason.APPROVAL_MISMATCH.name)
    if row.phase.waiting:
        refuse(await store(confirmations.present(row.id, OWNER)))
    approved = sign_approval(context.identity.key, approval)
    refuse(await store(confirmations.approve(row.id, OWNER, approved)))
    await _follow(context, row.id, send)


async def _follow(context: Context, identity: bytes, send: Send) -> None:
    told: dict[str, Any] = {}
    while True:
        row = context.confirmations.find(identity)
        assert row is not None
        shown = confirmation_json(context, row) | _payment_shown(context, row)
        changed = context.engine.next_change(*keys_of(context, row))
        if shown != told:
            await send(told := shown)
        if row.phase.final:
            return
        await changed.wait()


async def deny(context: Context, arguments: Arguments) -> dict[str, Any]:
    """As if it had never been requested; whoever asked is told that it was denied."""
    row = _find(context, arguments.text("id"))
    arguments.done()
    if row.phase.waiting and not row.owned:
        refuse(await store(context.confirmations.present(row.id, OWNER)))
    refuse(await store(context.confirmations.deny(row.id, OWNER)))
    return confirmation_json(context, _find(context, row.id.hex()))


def mandate_json(row: Mandate) -> dict[str, Any]:
    """A standing approval as every answer shows it, amounts in smallest units."""
    return {
        "id": row.id.hex(),
        "payee": row.payee.hex(),
        "payee_alias": row.name,
        "requester": row.requester.hex() or None,
        "text": row.text,
        "brand": row.brand.name,
        **_terms_json(row),
        "spent": row.spent,
        "payments": row.payments,
        "granted_at_us": row.granted_at_us,
        "revoked_at_us": row.revoked_at_us,
    }


async def list_mandates(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The owner's standing approvals, revoked ones too."""
    arguments.done()
    rows = context.confirmations.mandates_of(OWNER)[:MAX_LISTED]
    return {"mandates": [mandate_json(row) for row in rows]}


async def revoke(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Ends a standing approval at once."""
    named = arguments.text("id")
    arguments.done()
    beginning = Beginning.of(named)
    rows = context.confirmations.mandates_of(OWNER)
    found = [row for row in rows if beginning and beginning.begins(row.id)]
    if len(found) != 1:
        code = "AMBIGUOUS" if found else "NOT_FOUND"
        text = f"{len(found) or 'no'} standing approvals begin with {named!r}"
        raise ControlFailure(code, text, "see `pledgeway pending mandates`")
    refuse(await store(context.confirmations.revoke(found[0].id, OWNER)))
    row = context.engine.memory.row(found[0].key)
    assert isinstance(row, Mandate)
    return mandate_json(row)


VERBS: Final = {
    "pending.list": list_pending,
    "pending.show": show,
    "pending.take": take,
    "pending.deny": deny,
    "pending.mandates": list_mandates,
    "pending.revoke": revoke,
}
TALES: Final = {"pending.approve": approve}
