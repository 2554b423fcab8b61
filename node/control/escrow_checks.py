"""Whether legs of ours in an exchange could move now: lines, accounts and their content, routes."""

from typing import Any

from node.control import network
from node.control.contacts import shown_id
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.control.own_accounts import balance_of, no_account
from node.core.escrow.rows import Account
from node.leg_route import END_LEVELS, LEG_LEVELS
from proto.escrow.legs import Leg
from proto.escrow.proposal import Proposal


def require_lines(context: Context, proposal: Proposal, seat: str) -> None:
    """ControlFailure where a money leg of the seat is of a brand in which we have no line."""
    brands = {line.brand.guid for line in context.lines}
    for leg in proposal.legs:
        concerned = leg.registrar is None and seat in (leg.from_seat, leg.to_seat)
        if concerned and leg.brand not in brands:
            raise ControlFailure(
                "LINE_UNKNOWN",
                f"leg {leg.no} is money of a brand in which this node has no line",
                "`pledgeway line offer CARD` opens one",
                leg.no,
            )


def legs_of_ours(context: Context, proposal: Proposal) -> list[Leg]:
    """Legs that a seat of ours gives or receives."""
    own = context.identity.node
    mine = {seat for seat, card in proposal.cards().items() if card.node == own}
    return [leg for leg in proposal.legs if not mine.isdisjoint((leg.from_seat, leg.to_seat))]


def _account(context: Context, leg: Leg) -> Account | None:
    row = context.engine.memory.row((Account.table, leg.registrar or b"", leg.brand))
    return row if isinstance(row, Account) else None


def require_accounts(context: Context, proposal: Proposal) -> None:
    """ControlFailure where a seat of ours lacks an account."""
    for leg in legs_of_ours(context, proposal):
        if leg.registrar is not None and _account(context, leg) is None:
            raise no_account(context, leg, proposal)


async def checked(
    context: Context, proposal: Proposal, leg: Leg, max_cost: int | None
) -> dict[str, Any]:
    """Whether a leg of ours could move now: `ok`, None where that cannot be known from here."""
    gives = proposal.cards()[leg.from_seat].node == context.identity.node
    shown: dict[str, Any] = {"leg": leg.no, "gives": gives, "ok": None, "cost": None, "says": ""}
    if leg.registrar is not None:
        account = _account(context, leg)
        if account is None:
            no = no_account(context, leg, proposal)
            return shown | {"ok": False, "says": f"{no.message}: {no.next_step}"}
        if not gives:
            return shown | {"ok": True, "says": f"account {shown_id(account.account)} receives it"}
        return shown | await _holds_enough(context, account, leg.amount)
    if not gives:
        return shown | {"says": "whoever pays has to find a route"}
    return shown | await _affordable(context, proposal, leg, max_cost)


async def _holds_enough(context: Context, account: Account, amount: int) -> dict[str, Any]:
    found = await balance_of(context, account)
    if found["balance"] is None:
        return {"says": f"its registrar does not say what is in the account: {found['why']}"}
    says = f"account {shown_id(account.account)} holds {found['balance']}"
    return {"ok": found["balance"] >= amount, "says": says}


async def _affordable(
    context: Context, proposal: Proposal, leg: Leg, max_cost: int | None
) -> dict[str, Any]:
    """A chain for a payment of ours, first and last promise ATOMIC, by what is known now."""
    payee = proposal.cards()[leg.to_seat].node
    brands = {line.brand.guid: line.brand.name for line in context.lines}
    if leg.brand not in brands:
        step = "`pledgeway line offer` opens one"
        return {"ok": False, "says": f"this node has no line in that brand: {step}"}
    asked = {
        "to": payee.hex(),
        "amount": leg.amount,
        "brand": brands[leg.brand],
        "levels": sorted(level.name for level in LEG_LEVELS),
        "first_levels": [level.name for level in END_LEVELS],
        "last_levels": [level.name for level in END_LEVELS],
    }
    try:
        found = (await network.route(context, Arguments(asked)))["answer"]
    except ControlFailure as no:
        return {"ok": False, "says": no.message or no.code}
    if not found["found"]:
        why = "".join(f": {reason['text']}" for reason in list(found.get("reasons", ()))[:1])
        return {"ok": False, "says": f"no chain of promises reaches the payee now{why}"}
    cost = int(found["cost"])
    if max_cost is not None and cost > max_cost:
        return {"ok": False, "cost": cost, "says": f"costs {cost}, and {max_cost} are allowed"}
    return {"ok": True, "cost": cost, "says": f"costs {cost}, fees included, by the best chain now"}
