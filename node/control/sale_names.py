"""Which sale the owner means, what part this node has in it, and who the others are."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from node.control.contacts import how_known
from node.control.context import Context
from node.control.failure import ControlFailure
from node.core.events import Event
from node.core.sale.reading import card_of, contract_of
from node.core.sale.rows import KnownAgent, Sale, SalePhase
from proto.card import standing_card
from proto.sale.contract import Party
from proto.sale.stakes import SaleRole

SEE_SALES: Final = "see `pledgeway sale list`"
NAMES: Final = {
    SaleRole.HOUSE: "house",
    SaleRole.BUYER: "buyer",
    SaleRole.SELLER: "seller",
    SaleRole.AGENT: "agent",
    SaleRole.ARBITER: "arbiter",
}
# Reasons that other parts of a node share, said of sales.
SAYS: Final[Mapping[str, tuple[str, str]]] = {
    "TIME_SHORT": (
        "too little time is left for that before it is decided",
        "`pledgeway sale show` says what happens then",
    ),
    "REQUEST_EXPIRED": ("the time for that is over", "`pledgeway sale show` says what happens now"),
    "POLICY_REFUSED": (
        "this node does not accept the registry that would decide",
        "`pledgeway node registry add RECORD --accept`, if you trust it",
    ),
    "ACCOUNT_UNKNOWN": (
        "this node has no account of the deposit from which it could give",
        "`pledgeway account open CARD RIGHT` opens one at the house",
    ),
}


async def act(context: Context, make: Callable[[int], Event]) -> None:
    """An event of the owner about a sale; its refusal, in words of sales, or the disk's is a
    ControlFailure."""
    try:
        await context.do(make)
    except ControlFailure as failure:
        if failure.message or failure.code not in SAYS:
            raise
        raise ControlFailure(failure.code, *SAYS[failure.code], failure.figure) from failure


def all_sales(context: Context) -> list[Sale]:
    """Those in which this node has a part, the newest first."""
    rows = context.engine.memory.owned(Sale)
    return sorted(rows, key=lambda row: (-row.created_at_us, row.id))


def find_sale(context: Context, named: str, *roles: SaleRole) -> Sale:
    """The sale whose id begins so. With `roles`: only where this node has one of these parts.
    ControlFailure."""
    found = [row for row in all_sales(context) if named and row.id.hex().startswith(named.lower())]
    if not found:
        raise ControlFailure("NOT_FOUND", f"no sale begins with {named!r}", SEE_SALES)
    if len(found) > 1:
        cause = f"{len(found)} sales begin with {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give more digits of its id")
    sale = found[0]
    if roles and sale.role not in roles:
        wanted = " or ".join(f"the {NAMES[role]}" for role in roles)
        raise ControlFailure(
            "SALE_NOT_YOURS",
            f"that is for {wanted} to do, and this node is the {NAMES[sale.role]}",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is",
        )
    return sale


def require_phase(sale: Sale, *phases: SalePhase) -> None:
    """ControlFailure where the sale is at another point."""
    if sale.phase not in phases:
        wanted = " or ".join(phase.name for phase in phases)
        raise ControlFailure(
            "SALE_STATE",
            f"that is done while a sale is {wanted}, and this one is {sale.phase.name}",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is",
        )


def party_of(sale: Sale, role: SaleRole) -> Party:
    """What a party signs with, out of the contract. ControlFailure before there is one."""
    if not sale.contract:
        raise ControlFailure(
            "SALE_STATE",
            "there is no contract of it yet, so nothing is handed over",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says whose move it is",
        )
    return contract_of(sale).party(role)


def person_json(context: Context, text: str, met: Collection[bytes]) -> dict[str, Any]:
    """Somebody by his card. `alias` is what he calls himself; `known`: why that can be believed
    ("you", "neighbour", "card", "agent" where the owner took his offer, or "" for no reason)."""
    card = standing_card(text)
    known = how_known(context, card.node, met)
    if not known and card.node in known_agent_ids(context):
        known = "agent"
    return {
        "node": card.node.hex(),
        "alias": card.alias,
        "known": known,
        "ours": card.node == context.identity.node,
    }


def known_agent_ids(context: Context) -> Collection[bytes]:
    """Agents whose offers the owner has taken himself, or got from a house that he named."""
    return {row.agent for row in context.engine.memory.owned(KnownAgent)}


def parties_json(context: Context, sale: Sale, met: Collection[bytes]) -> list[dict[str, Any]]:
    """Everybody who is known to take part by now, the house last. `met`: whose cards the owner has
    given (node.control.contacts)."""
    roles = (*list(SaleRole)[1:], SaleRole.HOUSE)
    return [
        {"role": role.name} | person_json(context, card, met)
        for role in roles
        if (card := card_of(sale, role))
    ]
