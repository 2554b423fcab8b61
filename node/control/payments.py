"""Verbs of the payer: plan, pay, look, abandon, and take the evidence away."""

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from heapq import nlargest
from typing import Any, Final

from node.choosing_amount import (
    Choice,
    Find,
    NotChosen,
    choose,
    over_chosen,
    refusal_of,
)
from node.control.avoided import take_avoided
from node.control.context import Context, store
from node.control.evidence_file import certificate_file, evidence_kind
from node.control.failure import Arguments, ControlFailure, bad_argument, refuse
from node.control.reasons import named_lines, named_reason, named_tried
from node.core.events import AbandonPayment
from node.core.rows import (
    Ask,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Transaction,
)
from node.dictating import route_json
from node.learning import tried_of
from node.pay_options import DEFAULT_ATTEMPTS, MAX_ATTEMPTS, MAX_RISK, PayOptions
from node.request_shown import amounts_json
from node.routing import NoRoute
from proto.descriptor import transaction_uuid
from proto.levels import Level
from proto.limits import GRACE_US, GUARD_US, MAX_AMOUNT, MAX_HOPS, MAX_PARTS
from proto.policy import RegistryPolicy
from proto.request import PaymentRequest, from_text, read_asked, read_request, request_hash
from proto.wire import WireFault

MAX_LISTED: Final = 1000
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def _read(context: Context, text: str) -> tuple[bytes, PaymentRequest]:
    """(what the payee signed, the request), whether or not its requester's signature is around
    it. Where one has to be, it is."""
    try:
        return read_asked(from_text(text), context.clock.now_us())
    except WireFault as fault:
        raise bad_argument("request", str(fault)) from fault


def _check_time(context: Context, request: PaymentRequest) -> None:
    if (late_us := context.clock.now_us() - request.expires_at_us) > 0:
        raise ControlFailure("REQUEST_EXPIRED", figure=late_us)


async def choose_amount(
    find: Find, request: PaymentRequest, options: PayOptions, wanted: int | None
) -> Choice:
    """As node.choosing_amount has it; raises AMOUNT_NEEDED and AMOUNT_OUTSIDE."""
    try:
        return await choose(find, request, options, wanted)
    except NotChosen as error:
        step = "name the amount: `pledgeway pay REQUEST --amount N`"
        raise ControlFailure(str(error.fault), str(error), step) from error


def pay_options(context: Context, arguments: Arguments) -> PayOptions:
    """What a payer may ask of chains. Raises BAD_ARGUMENT, NOT_FOUND."""
    levels = arguments.texts("levels")
    try:
        chosen = frozenset(Level[name.upper()] for name in levels) if levels else frozenset(Level)
    except KeyError as error:
        choices = ", ".join(level.name for level in Level)
        raise bad_argument("levels", f"levels are {choices}") from error
    named = [context.find_deciders(n) for n in arguments.texts("registries") or ()]
    avoided = take_avoided(context, arguments)
    return PayOptions(
        max_cost=arguments.number("max_cost", MAX_AMOUNT),
        levels=chosen,
        registries=frozenset(p.members[0] for p in named if len(p.members) == 1),
        max_hops=arguments.number("max_hops", MAX_HOPS, 1, MAX_HOPS),
        attempts=arguments.number("attempts", DEFAULT_ATTEMPTS, 1, MAX_ATTEMPTS),
        parts=arguments.maybe_number("parts", 1, MAX_PARTS),
        policies=frozenset(p for p in named if len(p.members) > 1),
        max_risk=arguments.maybe_number("max_risk", 0, MAX_RISK),
        avoid_nodes=avoided.nodes,
        avoid_lines=avoided.lines,
    )


def route_shown(context: Context, route: Mapping[str, Any]) -> dict[str, Any]:
    """A kept route with names instead of ids. `hops` and `modes` are the largest part's."""
    return {
        "registry": _policy_shown(context, route),
        **_chain_shown(context, route),
        "despite": named_lines(context, route.get("despite", ())),
        "parts": [
            {"amount": part["amount"], "cost": part["cost"], **_chain_shown(context, part)}
            for part in route.get("parts", [])
        ],
    }


def _policy_shown(context: Context, route: Mapping[str, Any]) -> str | None:
    """The owner's name for it, where he gave one; None on an all-BARE route."""
    members = tuple(bytes.fromhex(m) for m in route.get("policy", []))
    if not members:
        return None
    # Absent in what a node wrote before payments could be under several registries.
    qc, qa, f, delta_us = route.get("quorums", (1, 1, 0, 0))
    return context.policy_name(RegistryPolicy(members, qc, qa, f, delta_us))


def _chain_shown(context: Context, chain: Mapping[str, Any]) -> dict[str, Any]:
    name = context.alias_of
    return {
        "hops": [
            {
                "from": name(bytes.fromhex(h["from"])),
                "to": name(bytes.fromhex(h["to"])),
                "level": h["level"],
                "amount": h["amount"],
            }
            for h in chain.get("hops", [])
        ],
        "modes": {name(bytes.fromhex(n)): m for n, m in chain.get("modes", {}).items()},
    }


async def plan(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What a payment would cost now, and along which chains; nothing is promised. `amount`: what
    is to arrive, where the request leaves that open; `kept`: what the payer keeps of a sum that
    was to be sent in all."""
    _, request = _read(context, arguments.text("request"))
    wanted = arguments.maybe_number("amount", 1)
    options = pay_options(context, arguments)
    arguments.done()
    _check_time(context, request)
    if request.audience not in (b"", context.identity.key.node_id):
        raise ControlFailure("ANOTHER_PAYER")
    choice = await choose_amount(context.payer.plan, request, options, wanted)
    over = over_chosen(request, choice.amount)
    found = choice.found
    if not isinstance(found, NoRoute):
        found = await context.payer.plan(over, choice.options, compared=True)
    about = {
        "amount": choice.amount,
        "asked": amounts_json(request),
        "brand": request.brand.name,
        "payee": request.payee.hex(),
        "payee_alias": request.payee_alias,
        "description": request.description,
    }
    reasons = [named_reason(context, r, request.brand) for r in found.reasons]
    if isinstance(found, NoRoute):
        work = {"skipped": list(found.skipped), "labels": found.labels}
        return {"found": False, "exact": found.exact, "reasons": reasons} | work | about
    locks = [lock for part in found.parts for lock in part.schedule.locks]
    return (
        {
            "found": True,
            "exact": found.exact,
            "cost": found.cost,
            "fee": found.cost - choice.amount,
            "kept": request.amount - found.cost if request.fees_by_payee else 0,
            "deadline_s": found.deadline / 1e6,
            "held_at_most_s": max(locks) / 1e6,
            "reasons": reasons,
        }
        | route_shown(context, route_json(found))
        | about
    )


def payment_json(context: Context, payment: Payment) -> dict[str, Any]:
    """One payment as every answer shows it; what it waits for, if it does."""
    request = read_request(payment.request, payment.created_at_us)
    route = json.loads(payment.route) if payment.route else {}
    done = payment.phase is PaymentPhase.COMMITTED
    because = payment.because
    shown: dict[str, Any] = {
        "id": payment.id.hex(),
        "request_id": request.request_id.hex(),
        "payee": payment.payee.hex(),
        "payee_alias": request.payee_alias,
        "description": request.description,
        "amount": payment.amount,
        "brand": payment.brand.name,
        "cost": payment.cost,
        "fee": max(0, payment.cost - payment.amount),
        "paid": payment.cost - _unclaimed(context, payment) if done else 0,
        "phase": payment.phase.name,
        "attempt": payment.attempt,
        "commit_id": payment.commit.hex(),
        "uuid": str(transaction_uuid(payment.commit)) if payment.commit else None,
        "because": {"reason": because.reason.name, "figure": because.figure} if because else None,
        "created_at_us": payment.created_at_us,
        "ended_at_us": payment.ended_at_us,
    }
    shown |= route_shown(context, route)
    if "reasons" in route:
        shown["exact"] = route.get("exact", True)
        shown["reasons"] = [named_reason(context, r, payment.brand) for r in route["reasons"]]
        shown["skipped"] = route.get("skipped", [])
    if "tried" in route:
        shown["tried"] = named_tried(context, route["tried"])
    transaction = _transaction(context, payment)
    shown["evidence"] = evidence_kind(transaction)
    shown["waits_for"] = _waits_for(context, payment, transaction)
    return shown


def _unclaimed(context: Context, payment: Payment) -> int:
    """What a committed payment did not cost: parts that the payee could not claim in time."""
    # Of the last attempt: those of a leg of an exchange share their commit_id.
    lasts = (first for _, first in tried_of(context.engine.memory, payment))
    return sum(p.amount for p in lasts if p.phase.final and p.phase is not PromisePhase.REDEEMED)


def _transaction(context: Context, payment: Payment) -> Transaction | None:
    return context.settled.transaction(payment.commit)


def _waits_for(
    context: Context, payment: Payment, transaction: Transaction | None
) -> dict[str, Any] | None:
    """Since when, until when at the latest, and which evidence would end it."""
    if payment.phase is PaymentPhase.ROUTING:
        return {"what": "a route", "since_us": payment.created_at_us, "until_us": None,
                "evidence": "none is needed: nothing is promised"}  # fmt: skip
    if payment.phase is not PaymentPhase.PROMISED or transaction is None:
        return None
    firsts = [
        p for p in context.engine.memory.promises_of(payment.commit)
        if p.owner == payment.id and p.pending
    ]  # fmt: skip
    if not firsts:
        return None
    # Of several parts the one that nobody has acknowledged is what all wait for.
    first = min(firsts, key=lambda p: p.phase)
    more = f"; {len(firsts)} parts are pending" if len(firsts) > 1 else ""
    return {
        "what": _wait_text(context, first, transaction) + more,
        "since_us": first.made_at_us,
        "until_us": max(_latest_end_us(p, transaction) for p in firsts),
        "evidence": _ending_evidence(max(firsts, key=lambda p: p.level.late_ok).level),
    }


def _wait_text(context: Context, first: Promise, transaction: Transaction) -> str:
    peer = context.alias_of(first.peer)
    if first.phase is PromisePhase.OFFERED:
        return f"{peer} to acknowledge the promise"
    if transaction.ask is Ask.QUERY and transaction.asks:
        return "the registry's decision: the deadline has passed without one"
    return f"the payee's commit, or a release, by way of {peer}"


def _latest_end_us(promise: Promise, transaction: Transaction) -> int:
    horizon_us = transaction.limit_us + GUARD_US
    if promise.level is Level.ATOMIC:
        return horizon_us
    end_us = promise.expires_at_us + GRACE_US
    return max(end_us, horizon_us) if promise.level is Level.SECURED else end_us


def _ending_evidence(level: Level) -> str:
    if level is Level.ATOMIC:
        return "a commit certificate, an abort certificate, or a release"
    if level is Level.SECURED:
        return "a commit, an abort certificate with the expiry passed, or a release"
    return "a commit, or our own clock passing the expiry"


async def pay(context: Context, arguments: Arguments, send: Send) -> None:
    """Pays, and tells every change until the end. Asking again for the same request follows the
    payment that is there: a request is never paid twice."""
    signed, request = _read(context, arguments.text("request"))
    wanted = arguments.maybe_number("amount", 1)
    options = pay_options(context, arguments)
    arguments.done()
    choice = await _choice(context, signed, request, options, wanted)
    amount = choice.amount if request.leaves_choice else 0
    payment, refusal = await store(
        context.payer.create(signed, request, choice.options, amount=amount)
    )
    if refusal is not None and (not payment or refusal.reason.name == "PAYMENT_DONE"):
        raise ControlFailure(refusal.reason.name, figure=refusal.figure)
    await follow(context, payment, send)


async def _choice(
    context: Context,
    signed: bytes,
    request: PaymentRequest,
    options: PayOptions,
    wanted: int | None,
) -> Choice:
    """What is to be paid; of a request that is being paid, or was, what that is."""
    for payment in context.engine.memory.payments_of(request_hash(signed)):
        if payment.phase is not PaymentPhase.ABORTED:
            return Choice(payment.amount, options)
    if not request.leaves_choice:
        return await choose_amount(context.payer.plan, request, options, wanted)
    _check_time(context, request)
    find = partial(context.payer.plan_patiently, since_us=context.clock.now_us())
    choice = await choose_amount(find, request, options, wanted)
    if isinstance(choice.found, NoRoute):
        # Else a line that opens meanwhile would carry the least that the payee takes, no more.
        refuse(refusal_of(choice.found))
    return choice


async def follow(context: Context, payment: bytes, send: Send) -> None:
    key = (Payment.table, payment, b"")
    told: dict[str, Any] = {}
    while True:
        row = context.settled.payment(payment)
        firsts = [p.key for p in context.engine.memory.promises_of(row.commit)]
        changed = context.engine.next_change(key, (Transaction.table, row.commit, b""), *firsts)
        shown = payment_json(context, row)
        if shown != told:
            await send(told := shown)
        if row.phase.final:
            return
        await changed.wait()


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    payment = context.find_payment(arguments.text("id"))
    arguments.done()
    return payment_json(context, payment)


async def list_payments(context: Context, arguments: Arguments) -> dict[str, Any]:
    limit = arguments.number("limit", 50, 1, MAX_LISTED)
    arguments.done()
    payments = context.engine.memory.owned(Payment)
    if len(payments) < limit:
        payments += context.settled.newest_payments(limit - len(payments))
    newest = nlargest(limit, payments, key=lambda p: p.created_at_us)
    return {"payments": [payment_json(context, p) for p in newest]}


async def abandon(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Tells the payee that the payer no longer wants it; what is promised ends by evidence."""
    payment = context.find_payment(arguments.text("id"))
    arguments.done()
    await context.do(partial(AbandonPayment, payment=payment.id))
    return payment_json(context, context.find_payment(payment.id.hex()))


async def evidence(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The certificate of a payment with the records that certify its signers' keys, as a file."""
    payment = context.find_payment(arguments.text("id"))
    arguments.done()
    transaction = _transaction(context, payment)
    kind = evidence_kind(transaction)
    if transaction is None or kind in (None, "commit"):
        raise ControlFailure(
            "NOT_FOUND",
            "there is no certificate of this payment: no registry has decided about it",
            "a chain of BARE promises has no registry; ask `pledgeway payment show` what it has",
        )
    file = certificate_file(context, transaction)
    return {"file": b64encode(file).decode(), "kind": kind}
