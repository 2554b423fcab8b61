"""What one payment would cost now: a plan of the path finder, or a booking within this node."""

from dataclasses import replace
from typing import Protocol

from node.choosing_amount import NotChosen, choose, over_chosen, refusal_of
from node.pay_options import PayOptions
from node.people.exchanging import as_paid, why_not
from node.people.preparing import MAX_VALID_US, Prepared, fee_room, final_within_s, own_levels
from node.routing import NoRoute, RouteFound
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest


class Planner(Protocol):
    """What is asked for a route; nothing is promised by it (node.paying.Payer)."""

    async def plan(self, request: PaymentRequest, options: PayOptions) -> RouteFound | NoRoute:
        """The chains that an attempt would use now."""
        ...


async def priced(
    planner: Planner, blank: Prepared, amount: int | None, options: PayOptions, now_us: int
) -> Prepared:
    """`blank` with its cost, or with why it cannot be paid. `amount`: what the payer chose;
    `options`: what may be tried."""
    request = blank.request
    if now_us > request.expires_at_us:
        late_us = now_us - request.expires_at_us
        return replace(blank, because=Refusal(Reason.REQUEST_EXPIRED, late_us))
    if request.exchange:
        return await _with_goods(planner, blank, options, now_us)
    if blank.in_house and amount is None and request.fees_by_payee:
        amount = request.amount  # nobody takes a fee within this node
    try:
        choice = await choose(planner.plan, request, options, amount)
    except NotChosen:
        return replace(blank, because=Refusal(Reason.REQUEST_MISMATCH))
    wanted = replace(blank, amount=choice.amount)
    if blank.in_house:
        return _affordable(wanted)
    found = choice.found
    if found is None:
        found = await planner.plan(over_chosen(request, choice.amount), choice.options)
    return _affordable(_over(wanted, found))


async def _with_goods(
    planner: Planner, blank: Prepared, options: PayOptions, now_us: int
) -> Prepared:
    """Goods change hands in the same decision: money alone would be paid for nothing."""
    goods, request = blank.goods, blank.request
    assert goods is not None
    if blank.in_house:
        return replace(blank, because=Refusal(Reason.SELF_PAYMENT))  # it has to cross a line
    wanted = replace(blank, amount=goods.paying.amount)
    if because := why_not(goods, now_us):
        return replace(wanted, because=because)
    leg, narrowed = as_paid(goods, request, options, now_us)
    if request.fees_by_payee:
        narrowed = replace(narrowed, max_cost=min(narrowed.max_cost, request.amount))
    priced = _affordable(_over(wanted, await planner.plan(leg, narrowed)))
    if not priced.payable:
        return priced
    return replace(
        priced,
        final_within_s=goods.final_within_s(now_us),
        valid_until_us=min(now_us + MAX_VALID_US, goods.ends_by_us),
    )


def _over(wanted: Prepared, found: RouteFound | NoRoute) -> Prepared:
    """With the chains that were found."""
    if isinstance(found, NoRoute):
        return replace(wanted, because=refusal_of(found), no=found)
    fee = found.cost - wanted.amount
    return replace(
        wanted,
        fee=fee,
        fee_max=fee_room(wanted.request, wanted.amount, fee),
        levels=own_levels(found),
        final_within_s=final_within_s(found),
        policy=found.policy,
        parts=len(found.parts),
        found=found,
    )


def _affordable(priced: Prepared) -> Prepared:
    """Room for fees is given up before a payment is: what the account has left is the bound."""
    if priced.available is None or not priced.payable:
        return priced
    short = priced.amount + priced.fee - priced.available
    if short > 0:
        return replace(priced, because=Refusal(Reason.BALANCE_SHORT, short))
    return priced if priced.request.fees_by_payee else priced.within(priced.available)
