"""Verbs by which the others come in: rules that answer rules, and a case that is taken."""

from functools import partial
from typing import Any, Final

from node.control.context import Context
from node.control.escrow_propose import require_service
from node.control.failure import Arguments, ControlFailure
from node.control.sale_agents import accepted, read_wish, require_some
from node.control.sale_names import act, find_sale, require_phase
from node.control.sale_open import balance_json, entering_in
from node.control.sale_view import rule_json, sale_json
from node.core.escrow.rows import Account
from node.core.sale.bargaining import whose_turn
from node.core.sale.events import BidRule, Entering, EnterSale
from node.core.sale.reading import offer_of
from node.core.sale.rows import Sale, SalePhase
from node.sale.drafting import draft_rule
from proto.card import standing_card
from proto.sale.choosing import agreed
from proto.sale.offer import read_rule
from proto.sale.stakes import SaleRole

SEED_BYTES: Final = 32


def _taken(context: Context, sale: Sale, dry_run: bool) -> Entering | None:
    """With what this node takes part from now on; None where it does already, or where it only
    looks and has no account yet."""
    if sale.seed:
        return None
    try:
        return entering_in(context, sale.offer, sale.role)
    except ControlFailure:
        if dry_run:
            return None
        raise


async def bid(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Whom our side accepts as agent, in answer to the other side's last rule; with `dry_run` only
    whom that would be, and on whom both would then agree."""
    named, dry_run = arguments.text("id"), arguments.flag("dry_run", False)
    wish = read_wish(arguments)
    arguments.done()
    sale = find_sale(context, named, SaleRole.BUYER, SaleRole.SELLER)
    require_phase(sale, SalePhase.OFFERED)
    offer = offer_of(sale)
    turn = whose_turn(sale) is sale.role
    theirs = sale.rules[-1] if turn else (sale.rules[-2] if len(sale.rules) > 1 else b"")
    rule, looked = await accepted(context, offer, theirs, wish)
    taken = _taken(context, sale, dry_run)
    seed = taken.seed if taken is not None else sale.seed or bytes(SEED_BYTES)
    signed = draft_rule(context.identity.key, sale.id, sale.rules, seed, rule)
    found = agreed(offer, read_rule(theirs), read_rule(signed)) if theirs else ()
    told = {
        "agents": looked,
        "highest_tip": rule.highest_tip,
        "least_score": rule.least_score,
        "your_turn": turn,
        "agreeing": [
            {
                "agent": one.offer.agent.hex(),
                "alias": standing_card(one.offer.card).alias,
                "tip": one.tip,
            }
            for one in found
        ],
        "theirs": rule_json(context, sale, theirs, offer) if theirs else None,
    }
    if dry_run:
        balance = await _own_balance(context, sale, taken)
        return sale_json(context, sale, whole=True) | told | balance
    if not turn:
        raise ControlFailure(
            "SALE_NOT_YOURS",
            "it is the other side's turn to say whom it accepts",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says until when",
        )
    require_some(wish, rule, looked)
    await act(context, partial(BidRule, sale=sale.id, rule=signed, entering=taken))
    return sale_json(context, _again(context, sale), whole=True) | told


async def take(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The agent or the arbiter takes the case; with `dry_run` only says what that would be."""
    named, dry_run = arguments.text("id"), arguments.flag("dry_run", False)
    arguments.done()
    sale = find_sale(context, named, SaleRole.AGENT, SaleRole.ARBITER)
    require_phase(sale, SalePhase.ASKED)
    require_service(context)
    taken = _taken(context, sale, dry_run)
    if dry_run:
        balance = await _own_balance(context, sale, taken)
        return sale_json(context, sale, whole=True) | balance
    assert taken is not None
    await act(context, partial(EnterSale, sale=sale.id, entering=taken))
    return sale_json(context, _again(context, sale), whole=True)


async def _own_balance(context: Context, sale: Sale, taken: Entering | None) -> dict[str, Any]:
    """The same, for a sale that has come; nothing for an arbiter, who puts nothing in."""
    if sale.role is SaleRole.ARBITER:
        return {}
    slot = taken.slot if taken is not None else sale.slot
    row = context.engine.memory.row((Account.table, slot[:32], slot[32:]))
    if not isinstance(row, Account):
        why = "this node has no account of it: `pledgeway account open CARD RIGHT` opens one"
        return {"balance": None, "balance_why": why, "enough": False}
    puts_in = sale_json(context, sale, whole=True)["puts_in"]
    return await balance_json(context, row, puts_in[sale.role.name])


def _again(context: Context, sale: Sale) -> Sale:
    return find_sale(context, sale.id.hex())
