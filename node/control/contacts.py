"""Whom the owner can name: cards that he has given this node, by alias or id."""

from collections.abc import Collection
from typing import Final

from node.control.context import SHOWN_DIGITS, Context
from node.control.failure import ControlFailure, bad_argument
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Account, Deal, KnownRight
from node.core.sale.rows import Sale
from node.escrow.exchange import Exchange
from proto.card import CARD_PREFIX, NodeCard, read_card
from proto.keys import NodeId
from proto.sale.offer import read_offer
from proto.sale.stakes import SaleRole
from proto.wire import WireFault

ME: Final = "me"
DEALS_REMEMBERED: Final = 200  # the newest: as many proposals as stay read (proto.escrow.proposal)
LEAST_DIGITS: Final = 4  # of an id: fewer would soon mean two


def exchange_of(context: Context) -> Exchange:
    """The daemon's part in exchanges. ControlFailure where it has none."""
    if context.exchange is None:
        raise ControlFailure(
            "NO_SERVICE",
            "this node is run by several processes, which take part in no exchange",
            "run it as one, without --shared",
        )
    return context.exchange


def card_of(context: Context, text: str, name: str) -> NodeCard:
    """A card that somebody typed, with a service address in it. `name`: of the argument."""
    try:
        card = read_card(text, context.clock.now_us())
    except WireFault as fault:
        raise bad_argument(name, str(fault)) from fault
    if not card.service:
        raise ControlFailure(
            "NO_SERVICE",
            f"the card of {card.alias} names no address for exchanges",
            "its owner sets [escrow] listen in config.toml, and gives you a new card",
        )
    return card


def contacts(context: Context) -> dict[NodeId, str]:
    """Cards that the owner has given: of registrars, and of whoever sat in his own proposals or
    was offered to sell to him.

    Not those that came in proposals of others: a stranger calls himself what he likes, and would
    be found under the name of somebody else.
    """
    memory, own = context.engine.memory, context.identity.node
    given = {row.card: row.learned_at_us for row in memory.owned(KnownRight)}
    given |= {row.card: row.opened_at_us for row in memory.owned(Account)}
    deals = sorted(memory.owned(Deal), key=lambda deal: -deal.created_at_us)
    for proposal in map(proposal_of, deals[:DEALS_REMEMBERED]):
        if proposal.initiator == own:
            for card in (*(card for _, card in proposal.seats), *proposal.coordinators):
                given[card] = max(given.get(card, 0), proposal.created_at_us)
    for sale in memory.owned(Sale):
        if sale.role is SaleRole.BUYER:
            offer = read_offer(sale.offer)
            for card in filter(None, (offer.seller_card, offer.arbiter_card)):
                given[card] = max(given.get(card, 0), sale.created_at_us)
    now_us, found = context.clock.now_us(), dict[NodeId, str]()
    for _, text in sorted((at_us, text) for text, at_us in given.items()):
        try:
            read = read_card(text, now_us)
        except WireFault:
            continue  # its certificates have run out: its owner has a newer one
        if read.node != own and read.service:
            found[read.node] = text
    return found


def find_card(context: Context, named: str, name: str) -> str:
    """The card's text: of "me", of a card typed in full, or of somebody known by alias or by the
    beginning of his id. `name`: of the argument."""
    if named == ME:
        return exchange_of(context).card
    if named.startswith(CARD_PREFIX):
        card_of(context, named, name)
        return named
    own = context.identity.node.hex()
    if named == context.alias or (len(named) >= LEAST_DIGITS and own.startswith(named.lower())):
        return exchange_of(context).card
    known = contacts(context)
    found = {node: text for node, text in known.items() if _is_called(context, node, text, named)}
    # A neighbour of that name whom we have no card of may be the one that is meant.
    others = [
        n.peer for n in context.lines if context.alias_of(n.peer) == named and n.peer not in found
    ]
    if len({*found, *others}) > 1:
        raise ControlFailure(
            "AMBIGUOUS",
            f"{name}: several nodes are called {named!r}",
            "give the card, or more digits of its id",
        )
    if not found:
        raise ControlFailure(
            "NO_CARD",
            f"{name}: no card of {named!r} is known here",
            "ask its owner for the output of `pledgeway node card`, and name that file",
        )
    return next(iter(found.values()))


def _is_called(context: Context, node: NodeId, text: str, named: str) -> bool:
    if len(named) >= LEAST_DIGITS and node.hex().startswith(named.lower()):
        return True
    return named in (read_card(text, context.clock.now_us()).alias, context.alias_of(node))


def how_known(context: Context, node: bytes, met: Collection[bytes]) -> str:
    """Why its name can be relied on: "you", "neighbour", "card" (one of `met`: the owner gave its
    card), or ""."""
    if node == context.identity.node:
        return "you"
    if any(line.peer == node for line in context.lines):
        return "neighbour"
    return "card" if node in met else ""


def shown_id(node: bytes) -> str:
    """Its first digits, where people have to tell it from others."""
    return node.hex()[:SHOWN_DIGITS]
