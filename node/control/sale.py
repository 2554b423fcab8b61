"""Verbs of sales under way: look, follow, sign, decline, attest, vote, close."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import trio

from node.control import sale_bid, sale_handover, sale_open
from node.control.contacts import contacts
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.sale_names import NAMES, act, all_sales, find_sale, require_phase
from node.control.sale_view import sale_json
from node.core.rows import Transaction
from node.core.sale.events import (
    Attest,
    CastVote,
    CloseSale,
    DeclineDecision,
    SignDecision,
)
from node.core.sale.reading import descriptor_of, descriptors_of, known_of
from node.core.sale.rows import Sale, SalePhase
from node.sale.drafting import draft_vote
from proto.descriptor import commit_id
from proto.sale.contract import may_decline
from proto.sale.handover import from_control_line
from proto.sale.stakes import Decision, Outcome, SaleRole
from proto.wire import WireFault

MAX_LISTED: Final = 1000
SIGNED: Final = ("RELEASE", "REFUND", "SLASH", "CHALLENGE")
DECLINED: Final = ("RELEASE", "DELIVERED", "CHALLENGE")
_RUNS_OUT: Final = "all have agreed; nothing is locked so far, and it runs out by itself"
_LOCKED: Final = "the stakes are locked, and what becomes of them certificates say alone"
_OVER: Final = "it is over already"
NOT_CLOSED: Final = {
    SalePhase.AGREEING: _RUNS_OUT,
    SalePhase.AGREED: _RUNS_OUT,
    SalePhase.LOCKED: _LOCKED,
    SalePhase.SPLIT: _LOCKED,
    SalePhase.ENDED: _OVER,
    SalePhase.CLOSED: _OVER,
    SalePhase.RETURNED: _OVER,
}
"""Why nobody can close a sale any more."""
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def _told(context: Context, sale: Sale) -> dict[str, Any]:
    return sale_json(context, find_sale(context, sale.id.hex()), whole=True)


async def list_sales(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Sales that this node has a part in, the newest first. `live`: those that are not over;
    `role`: only with this part in them; `mine`: only where it is our move."""
    limit = arguments.number("limit", 50, 1, MAX_LISTED)
    live, mine = arguments.flag("live", False), arguments.flag("mine", False)
    roles = arguments.texts("roles")
    arguments.done()
    shown, met = list[dict[str, Any]](), contacts(context)
    for sale in all_sales(context):
        if (live and sale.phase.final) or (roles is not None and sale.role.name not in roles):
            continue
        one = sale_json(context, sale, met=met)
        if mine and not any(move["mine"] and not move["by_itself"] for move in one["moves"]):
            continue
        shown.append(one)
        if len(shown) == limit:
            break
        await trio.lowlevel.checkpoint()  # each has documents that are verified when first read
    return {"sales": shown}


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    """One of them, whole."""
    sale = find_sale(context, arguments.text("id"))
    arguments.done()
    return sale_json(context, sale, whole=True)


async def follow(context: Context, arguments: Arguments, send: Send) -> None:
    """One of them, whole, at every change until it is over."""
    found = find_sale(context, arguments.text("id"))
    arguments.done()
    last: dict[str, Any] = {}
    while True:
        sale = find_sale(context, found.id.hex())
        commits = [commit_id(data) for data in descriptors_of(sale).values()]
        changed = context.engine.next_change(
            sale.key, *((Transaction.table, commit, b"") for commit in commits)
        )
        shown = sale_json(context, sale, whole=True)
        if shown != last:
            await send(last := shown)
        if sale.phase.final:
            return
        await changed.wait()


# ---------------------------------------------------------------- once the stakes are in the pool


async def attest(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The agent says "delivered". `proof`: the line that he has found in the public place; without
    it only with `on_my_word`."""
    named, line = arguments.text("id"), arguments.maybe_text("proof")
    word = arguments.flag("on_my_word", False)
    arguments.done()
    if (line is None) is not word:
        raise bad_argument("proof", "either the proof that was found, or on_my_word")
    sale = find_sale(context, named, SaleRole.AGENT)
    require_phase(sale, SalePhase.LOCKED)
    try:
        proof = b"" if line is None else from_control_line(line)
    except WireFault as fault:
        raise bad_argument("proof", str(fault)) from fault
    await act(context, partial(Attest, sale=sale.id, proof=proof))
    return _told(context, sale)


async def sign(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Signs `decision`: RELEASE, REFUND, SLASH, or CHALLENGE."""
    named, decision = arguments.text("id"), _decision(arguments, SIGNED)
    arguments.done()
    sale = find_sale(context, named)
    require_phase(sale, SalePhase.LOCKED, SalePhase.SPLIT)
    _require_open(context, sale, decision)
    await act(context, partial(SignDecision, sale=sale.id, decision=decision))
    return _told(context, sale)


def _require_open(context: Context, sale: Sale, decision: Decision) -> None:
    """ControlFailure where nobody signs it any more, or not yet, or never: by its name, since "the
    sale has gone on" would leave its owner to guess."""
    see = f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is"
    known, name = known_of(context.engine.memory, sale), decision.name.lower()
    if decision in known:
        outcome = known[decision].name.lower()
        raise ControlFailure("SALE_STATE", f"the {name} is decided already: {outcome}", see)
    if not descriptor_of(sale, decision):
        cause = "this sale has no arbiter, and without one no bond is forfeited"
        raise ControlFailure("NO_ARBITER", cause, see)
    if decision is Decision.REFUND and Decision.RELEASE not in known:
        cause = "a refund is signed once the release (T2) has come to nothing, and that is open"
        raise ControlFailure("SALE_STATE", cause, f"{see}; the seller may concede before")
    if decision is Decision.REFUND and known[Decision.RELEASE] is Outcome.COMMITTED:
        raise ControlFailure("SALE_STATE", "the sale is released, and the price paid out", see)


def _decision(arguments: Arguments, names: tuple[str, ...]) -> Decision:
    named = arguments.text("decision")
    if named not in names:
        raise bad_argument("decision", f"one of {', '.join(names)}")
    return Decision[named]


async def decline(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Ends `decision` early, for good: the seller RELEASE, the agent DELIVERED, the buyer
    CHALLENGE."""
    named, decision = arguments.text("id"), _decision(arguments, DECLINED)
    arguments.done()
    sale = find_sale(context, named)
    if may_decline(sale.role) is not decision:
        whose = next(role for role in SaleRole if may_decline(role) is decision)
        raise ControlFailure(
            "SALE_NOT_YOURS",
            f"that is for the {NAMES[whose]} to do, and this node is the {NAMES[sale.role]}",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is",
        )
    require_phase(sale, SalePhase.LOCKED, SalePhase.SPLIT)
    await act(context, partial(DeclineDecision, sale=sale.id))
    return _told(context, sale)


async def vote(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Buyer or seller says whether the agent did well."""
    named, success = arguments.text("id"), arguments.flag("success")
    arguments.done()
    sale = find_sale(context, named, SaleRole.BUYER, SaleRole.SELLER)
    require_phase(sale, SalePhase.SPLIT)
    if sale.vote:
        raise ControlFailure(
            "VOTED", "this node has voted already", "a vote cannot be changed once it is sealed"
        )
    memory, key = context.engine.memory, context.identity.key
    signed = draft_vote(key, memory, sale, success, context.entropy)
    await act(context, partial(CastVote, sale=sale.id, vote=signed))
    return _told(context, sale)


async def close(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Not any more: while nobody is bound it is over at once; while stakes gather it is a plea."""
    sale = find_sale(context, arguments.text("id"))
    arguments.done()
    if cause := NOT_CLOSED.get(sale.phase):
        see = f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is"
        raise ControlFailure("SALE_STATE", cause, see)
    await act(context, partial(CloseSale, sale=sale.id))
    return _told(context, sale)


VERBS: Final = {
    "sale.open": sale_open.open_sale,
    "sale.bid": sale_bid.bid,
    "sale.take": sale_bid.take,
    "sale.list": list_sales,
    "sale.show": show,
    "sale.give": sale_handover.give,
    "sale.credential": sale_handover.credential,
    "sale.pass_on": sale_handover.pass_on,
    "sale.refuse": sale_handover.refuse_credential,
    "sale.reveal": sale_handover.reveal,
    "sale.control": sale_handover.control,
    "sale.attest": attest,
    "sale.sign": sign,
    "sale.decline": decline,
    "sale.vote": vote,
    "sale.close": close,
}
"""By name, for the table of all."""
TALES: Final = {"sale.follow": follow}
