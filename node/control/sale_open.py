"""Verbs that begin a sale: the buyer's offer, and the rules by which both sides find an agent."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from node.control.contacts import exchange_of, find_card
from node.control.context import Context
from node.control.escrow_propose import require_service
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.own_accounts import balance_of
from node.control.sale_agents import accepted, read_wish, require_some
from node.control.sale_names import act, find_sale, person_json
from node.control.sale_view import figures_json, sale_json
from node.core.escrow.rows import Account
from node.core.sale.events import Entering, OpenSale
from node.sale.drafting import Accepts, draft_rule
from node.sale.entering import NoAccount, entering
from proto.limits import MAX_JOINING_US, MAX_LOCK_US, US
from proto.policy import RegistryPolicy
from proto.sale.offer import (
    MAX_ARBITRATION_CHARS,
    SALT_BYTES,
    SaleOffer,
    read_offer,
    sale_id,
    sign_offer,
)
from proto.sale.promise import house_fee_ceil
from proto.sale.stakes import PERMILLE, Pool, SaleRole, Stakes, Times
from proto.wire import WireFault

DAY_S: Final = 86_400
MAX_S: Final = MAX_LOCK_US // US
DEFAULT_TIMES_S: Final = {
    "agree": 3600,  # the contract, the house's promise and three signatures: software does it
    "lock": DAY_S,  # seller and agent are people, and the agent has to look
    "release": 7 * DAY_S,  # the buyer changes what he got, and the agent looks for the proof
    "window": 2 * DAY_S,  # in which the buyer can still challenge
    "refund": 2 * DAY_S,
    "slash": 7 * DAY_S,  # the arbiter is a person, too
    "vote": 3 * DAY_S,
}
DEFAULT_ARBITRATION: Final = (
    "The agent decides as a careful person would who wants to know whether the buyer now controls"
    " just the thing that is named here, and the seller does not."
)


async def open_sale(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The buyer offers; with `dry_run` it only says what that would be.

    `seller`, `arbiter`: cards or aliases; `deposit`: the right in which all stakes are, by name or
    brand id, of which this node has an account; amounts in its units; times in seconds.
    """
    dry_run = arguments.flag("dry_run", False)
    wish = read_wish(arguments)
    account = _account(context, arguments.text("deposit"))
    offer = _offer(context, account, arguments)
    arguments.done()
    if not dry_run:
        require_service(context)
    _check(context, offer)
    signed = sign_offer(context.identity.key, offer)
    try:
        read_offer(signed)
    except WireFault as fault:
        raise bad_argument("offer", str(fault)) from fault
    rule, looked = await accepted(context, offer, b"", wish)
    if dry_run:
        return await _preview(context, offer, rule, looked, account)
    require_some(wish, rule, looked)
    sale = sale_id(signed)
    taken = entering_in(context, signed, SaleRole.BUYER)
    first = draft_rule(context.identity.key, sale, (), taken.seed, rule)
    await act(context, partial(OpenSale, offer=signed, rule=first, entering=taken))
    return sale_json(context, find_sale(context, sale.hex()), whole=True)


def _account(context: Context, named: str) -> Account:
    """Ours of the deposit brand, that may transfer. ControlFailure."""
    rows = sorted(context.engine.memory.owned(Account), key=lambda row: row.key)
    found = [row for row in rows if named in (row.brand.name, row.brand.guid.hex())]
    brands = {row.brand.guid for row in found}
    if len(brands) > 1:
        cause = f"several rights are called {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give the id of its brand")
    usable = [row for row in found if row.terms]
    if not usable:
        raise ControlFailure(
            "NO_ACCOUNT",
            f"this node has no account of {named!r} from which it could give",
            "`pledgeway account open CARD RIGHT` opens one; `pledgeway account list` shows yours",
        )
    return usable[0]


def _offer(context: Context, account: Account, arguments: Arguments) -> SaleOffer:
    stakes, times = _stakes(arguments), _times(arguments)
    arbiter = arguments.maybe_text("arbiter")
    if arbiter is None:
        times["slash"] = 0
    now_us = context.clock.now_us()
    expires_us = arguments.number("expires_s", DAY_S, 1, MAX_JOINING_US // US) * US
    registry, seller = arguments.maybe_text("registry"), arguments.text("seller")
    offer = SaleOffer(
        salt=context.entropy(SALT_BYTES),
        buyer=context.identity.node,
        buyer_card=exchange_of(context).card,
        seller_card=find_card(context, seller, "seller"),
        thing=arguments.text("thing"),
        right=account.right,
        house_card=account.card,
        stakes=stakes,
        times=Times(**{f"{name}_us": seconds * US for name, seconds in times.items()}),
        policy=RegistryPolicy((), 0, 0),
        arbitration=arguments.text("arbitration", DEFAULT_ARBITRATION, MAX_ARBITRATION_CHARS),
        created_at_us=now_us,
        expires_at_us=now_us + expires_us,
        arbiter_card=find_card(context, arbiter, "arbiter") if arbiter is not None else "",
    )
    return _under(context, offer, registry)


def _stakes(arguments: Arguments) -> Stakes:
    price = arguments.number("price", least=1)
    stakes = Stakes(
        price=price,
        buyer_deposit=arguments.number("buyer_deposit", 0),
        seller_deposit=arguments.number("seller_deposit"),
        bond=arguments.number("bond", price),
        vote_bond=arguments.number("vote_bond", 0),
        refund_tip_permille=arguments.number("refund_tip_permille", 500, most=PERMILLE),
        slash_permille=arguments.number("slash_permille", 0, most=PERMILLE),
        slashed_bond_permille=arguments.number("slashed_bond_permille", PERMILLE, most=PERMILLE),
    )
    try:
        return Stakes.from_message(stakes.to_message())
    except WireFault as fault:
        raise bad_argument("bond" if stakes.bond < price else "price", str(fault)) from fault


def _times(arguments: Arguments) -> dict[str, int]:
    return {
        name: arguments.number(f"{name}_s", usual, 1, MAX_S)
        for name, usual in DEFAULT_TIMES_S.items()
    }


def _under(context: Context, offer: SaleOffer, named: str | None) -> SaleOffer:
    """With the registry that decides: a single one that this node accepts and under which the house
    locks the right. ControlFailure."""
    usable, right = context.engine.memory.settings.usable, offer.described
    fitting = [p for p in right.policies if len(p.members) == 1]
    if named is not None:
        policy = context.find_deciders(named)
        found = [p for p in fitting if p == policy or p.members == policy.members]
        accepted_here = frozenset(policy.members) <= usable
    else:
        found = [p for p in fitting if frozenset(p.members) <= usable]
        accepted_here = True
    if not accepted_here:
        raise ControlFailure(
            "NO_REGISTRY",
            f"this node does not accept the registry {named!r}, or has no record of it",
            "`pledgeway node registry add RECORD --accept`, if you trust it",
        )
    if not found:
        theirs = ", ".join(map(context.policy_name, fitting)) or "no single registry"
        raise ControlFailure(
            "NO_REGISTRY",
            f"no registry suits both: the house moves {right.brand.name!r} under {theirs}",
            "accept one of these: `pledgeway node registry add RECORD --accept`",
        )
    return replace(offer, policy=found[0])


def _check(context: Context, offer: SaleOffer) -> None:
    """What the house would refuse once everybody has come together. ControlFailure."""
    right, times = offer.described, offer.times
    fee = house_fee_ceil(right, offer.stakes.price)
    pool = Pool(offer.stakes, 0, fee, right.brand.unit, bool(offer.arbiter_card))
    if fault := pool.fault():
        lot = f"; its lot is {right.brand.unit}" if right.brand.unit > 1 else ""
        raise bad_argument("price", f"{fault}{lot}")
    spans = (times.agree_us, times.lock_us, times.release_us, times.window_us, times.refund_us)
    whole_us = sum(spans) + times.slash_us + 2 * times.vote_us
    if whole_us > right.longest_lock_us:
        raise ControlFailure(
            "LOCK_TOO_LONG",
            f"the house keeps {right.brand.name!r} for {right.longest_lock_us // US} s at most,"
            f" and this sale may last {whole_us // US} s",
            "shorter times (--release-within, --window, --refund-within, --vote-within), or let"
            " its operator say `pledgeway registrar brand change --longest-lock`",
        )


async def _preview(
    context: Context,
    offer: SaleOffer,
    rule: Accepts,
    looked: list[dict[str, Any]],
    account: Account,
) -> dict[str, Any]:
    """What the buyer would sign, with the figures of the dearest agent whom he accepts."""
    tip = max((one["tip"] for one in looked if one["fits"]), default=0)
    figures = figures_json(
        offer.described, offer.stakes, offer.times, tip, bool(offer.arbiter_card)
    )
    balance = await balance_json(context, account, figures["puts_in"][SaleRole.BUYER.name])
    # Their cards are what the owner has just given, or has given before.
    given = {node for node in (offer.seller, offer.arbiter, offer.house) if node is not None}
    cards = [
        (SaleRole.BUYER, offer.buyer_card),
        (SaleRole.SELLER, offer.seller_card),
        (SaleRole.ARBITER, offer.arbiter_card),
        (SaleRole.HOUSE, offer.house_card),
    ]
    return (
        figures
        | {
            "id": None,
            "role": SaleRole.BUYER.name,
            "phase": "NOT_OFFERED",
            "thing": offer.thing,
            "price": offer.stakes.price,
            "brand": offer.described.brand.name,
            "brand_id": offer.described.brand.guid.hex(),
            "lot": offer.described.brand.unit,
            "registry": context.policy_name(offer.policy),
            "arbitration": offer.arbitration,
            "expires_at_us": offer.expires_at_us,
            "parties": [
                {"role": r.name} | person_json(context, card, given) for r, card in cards if card
            ],
            "agents": looked,
            "highest_tip": rule.highest_tip,
            "least_score": rule.least_score,
            "serves": exchange_of(context).serves,
        }
        | balance
    )


async def balance_json(context: Context, account: Account, need: int) -> dict[str, Any]:
    """What we have at the house beside what we are to put in; None where it does not answer."""
    told = await balance_of(context, account)
    found = told.get("balance")
    return {
        "balance": found,
        "balance_why": told.get("why"),
        "enough": None if found is None else found >= need,
    }


def entering_in(context: Context, signed: bytes, role: SaleRole) -> Entering:
    """With what this node takes part. ControlFailure where it has no account of the deposit."""
    memory, identity = context.engine.memory, context.identity
    try:
        return entering(memory, identity, signed, role)
    except NoAccount as missing:
        raise ControlFailure(
            "NO_ACCOUNT",
            f"this node has no account of {str(missing)!r} from which it could give",
            "`pledgeway account open CARD RIGHT` opens one at the house",
        ) from missing
