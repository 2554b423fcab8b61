"""Coming in: agent and arbiter are asked and take the case; the buyer hears of it (escrow 8)."""

from hashlib import sha256
from typing import Final

from node.core.effects import Answer, DraftContract
from node.core.escrow.rows import Account
from node.core.rows import replace
from node.core.sale.course import P, close, move, tell
from node.core.sale.events import Entering, EnterSale, SaleLetterCame
from node.core.sale.reading import (
    JUDGES,
    SIDES,
    card_of,
    offer_of,
    own_party,
    party_in,
    role_of,
    sale_of,
    words_in,
)
from node.core.sale.rows import Sale
from node.core.view import Step, View
from proto.limits import MAX_JOINING_US, US
from proto.reason import Reason, Refusal
from proto.sale.choosing import agreed, chosen
from proto.sale.contract import SIGNERS, Party
from proto.sale.letters import Asked, Joined, Reveal, decode_words
from proto.sale.offer import SaleOffer, read_offer, read_rule, rule_hash, sale_id
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Decision, SaleRole
from proto.wire import WireFault

# A contract is made in milliseconds by the same process; after a crash it is asked for again.
DRAFT_AGAIN_US: Final = 2 * US
ROLES_JOINING: Final = (SaleRole.SELLER, *JUDGES)
"""Whose letters the buyer keeps, in the order of Sale.joins."""


def take_part(sale: Sale, entering: Entering) -> Sale:
    """The row with what this node takes part with."""
    return replace(
        sale,
        seed=entering.seed,
        box=entering.box,
        slot=entering.slot,
        options=entering.options,
    )


def account_fault(step: Step, sale: Sale) -> Refusal | None:
    """A part with a stake needs an account of the deposit brand that may transfer."""
    if sale.role is SaleRole.ARBITER:
        return None
    offer = offer_of(sale)
    row = step.row((Account.table, sale.slot[:32], sale.slot[32:]))
    fits = isinstance(row, Account) and row.brand.guid == offer.described.brand.guid
    if not fits or not isinstance(row, Account) or not row.terms or row.registrar != offer.house:
        return Refusal(Reason.ACCOUNT_UNKNOWN)
    if not frozenset(offer.policy.members) <= step.settings.usable:
        return Refusal(Reason.POLICY_REFUSED)
    return None


def party_fits(sale: Sale, role: SaleRole, card: str, party: Party) -> bool:
    """Whether what somebody signs with is of his part, under his card, with keys of Ts only where
    there is an arbiter."""
    arbitrated = bool(offer_of(sale).arbiter_card)
    signs = arbitrated and role in SIGNERS[Decision.SLASH][0]
    slashes = bool(party.keys_for(Decision.SLASH))
    return (party.role, party.card) == (role, card) and slashes == signs


def reveal_fits(sale: Sale, role: SaleRole, body: Reveal) -> bool:
    """Whether it opens the last rule of that side, so that nobody chose the agent alone, and names
    its own keys."""
    offer = offer_of(sale)
    card = offer.buyer_card if role is SaleRole.BUYER else offer.seller_card
    node = offer.buyer if role is SaleRole.BUYER else offer.seller
    rule = next((r for r in sale.rules[-2:] if read_rule(r).side == node), b"")
    if not rule or rule_hash(rule) != body.rule:
        return False
    if sha256(body.salt).digest() != read_rule(rule).salt_hash:
        return False
    return party_fits(sale, role, card, body.party)


def on_asked(step: Step, event: SaleLetterCame, body: Asked) -> None:
    """We are to judge. How we were chosen is found again from what both sides have signed."""
    try:
        offer = read_offer(body.offer)
        draft = _draft(step, event, body, offer)
    except WireFault:
        return
    left_us = offer.expires_at_us - step.now_us
    if draft is None or sale_of(step, draft.id) is not None or not 0 <= left_us <= MAX_JOINING_US:
        return
    # From here on it must succeed.
    step.put(draft)
    if event.entering is not None:
        sale = take_part(draft, event.entering)
        if account_fault(step, sale) is None:
            _enter(step, sale)


def _draft(step: Step, event: SaleLetterCame, body: Asked, offer: SaleOffer) -> Sale | None:
    """The row as it would be; None where we were not chosen, or the buyer does not ask."""
    sale, me = sale_id(body.offer), step.settings.node
    if event.words.sale != sale or event.sender != offer.buyer:
        return None
    older, newer = map(read_rule, body.rules)
    sides = {older.side, newer.side}
    follows = newer.answers == rule_hash(body.rules[0])
    if sides != {offer.buyer, offer.seller} or {older.sale, newer.sale} != {sale} or not follows:
        return None
    candidates = agreed(offer, older, newer)
    reveals = (decode_words(body.reveals[0]), words_in(body.reveals[1], offer.seller, offer.buyer))
    buyer, seller = (words.body for words in reveals)
    if not candidates or not isinstance(buyer, Reveal) or not isinstance(seller, Reveal):
        return None
    found = chosen(candidates, buyer.salt, seller.salt)
    role = SaleRole.AGENT if found.offer.agent == me else SaleRole.ARBITER
    if role is SaleRole.ARBITER and offer.arbiter != me:
        return None
    row = Sale(
        id=sale,
        role=role,
        phase=P.ASKED,
        offer=body.offer,
        created_at_us=step.now_us,
        due_at_us=offer.expires_at_us,
        rules=body.rules,
        reveals=(body.reveals[0], b""),
        joins=(body.reveals[1], b"", b""),
        agent=found.offer.agent,
        tip=found.tip,
    )
    shown = ((SaleRole.BUYER, buyer), (SaleRole.SELLER, seller))
    return row if all(reveal_fits(row, *one) for one in shown) else None


def enter_sale(step: Step, event: EnterSale) -> Answer:
    """The agent or the arbiter takes the case. Nothing of his is locked by it yet."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role in SIDES:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    if sale.phase is not P.ASKED or sale.seed:
        return Answer(Refusal(Reason.SALE_STATE))
    expires_at_us = offer_of(sale).expires_at_us
    if step.now_us > expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - expires_at_us))
    sale = take_part(sale, event.entering)
    refusal = account_fault(step, sale)
    if refusal is not None:
        return Answer(refusal)
    # From here on it must succeed.
    _enter(step, sale)
    return Answer()


def _enter(step: Step, sale: Sale) -> None:
    sale = move(step, sale, P.JOINED)
    tell(step, sale, SaleRole.BUYER, Joined(own_party(step, sale)))


def on_joined(step: Step, event: SaleLetterCame, body: Joined) -> None:
    """At the buyer: agent or arbiter takes the case. With the last of them the contract is made."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.role is not SaleRole.BUYER or sale.phase is not P.ASKED:
        return
    role = role_of(sale, event.sender)
    if role not in JUDGES:
        return
    at = ROLES_JOINING.index(role)
    if sale.joins[at]:
        return
    if not party_fits(sale, role, card_of(sale, role), body.party):
        close(step, sale, SaleReason.TERMS_MISMATCH, role)
        return
    # From here on it must succeed.
    sale = replace(sale, joins=(*sale.joins[:at], event.signed, *sale.joins[at + 1 :]))
    step.put(sale)
    missing = [r for r, j in zip(ROLES_JOINING, sale.joins, strict=True) if not j]
    if not any(card_of(sale, r) for r in missing):
        sale = move(step, sale, P.JOINED)
        ask_for_contract(step, sale)


def ask_for_contract(step: Step, sale: Sale) -> None:
    """It is signed outside. A crash before it is there asks again."""
    due_at_us = min(step.now_us + DRAFT_AGAIN_US, offer_of(sale).expires_at_us)
    step.put(replace(sale, due_at_us=max(due_at_us, step.now_us + 1)))
    step.effects.append(DraftContract(sale.id))


def all_parties(view: View | Step, sale: Sale) -> tuple[Party, ...]:
    """At the buyer, once all have joined: what everybody signs with, in the order of parts."""
    joined = [party_in(signed) for signed in sale.joins if signed]
    return tuple(sorted((own_party(view, sale), *joined), key=lambda party: party.role))
