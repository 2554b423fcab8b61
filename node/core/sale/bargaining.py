"""The two sides find their agent: rules in turn, then salts and keys (escrow 8, choosing Ned)."""

from hashlib import sha256
from typing import Final

from node.core.effects import Answer
from node.core.rows import replace
from node.core.sale.course import P, close, move, tell
from node.core.sale.entering import account_fault, reveal_fits, take_part
from node.core.sale.events import BidRule, OpenSale, SaleLetterCame
from node.core.sale.inviting import invite
from node.core.sale.reading import (
    SIDES,
    offer_of,
    own_party,
    reveal_in,
    role_of,
    sale_of,
    salt_of,
)
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.limits import MAX_JOINING_US
from proto.reason import Reason, Refusal
from proto.sale.choosing import agreed, chosen
from proto.sale.letters import Offered, Reveal, Ruled, SaleWords, encode_words
from proto.sale.offer import read_offer, read_rule, rule_hash, sale_id
from proto.sale.reasons import SaleReason
from proto.sale.stakes import SaleRole
from proto.wire import WireFault

MAX_RULES: Final = 16  # eight bids of each side; who wants more talks to the other


def open_sale(step: Step, event: OpenSale) -> Answer:
    """The buyer offers. Nothing is locked, and nobody bound."""
    offer, sale = read_offer(event.offer), sale_id(event.offer)
    if sale_of(step, sale) is not None:
        return Answer(Refusal(Reason.REPEATED_OTHERWISE))
    if step.now_us > offer.expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - offer.expires_at_us))
    assert offer.buyer == step.settings.node
    row = Sale(
        id=sale,
        role=SaleRole.BUYER,
        phase=P.OFFERED,
        offer=event.offer,
        created_at_us=step.now_us,
        due_at_us=offer.expires_at_us,
        rules=(event.rule,),
    )
    row = take_part(row, event.entering)
    refusal = account_fault(step, row) or _rule_fault(step, row, (), event.rule)
    if refusal is not None:
        return Answer(refusal)
    # From here on it must succeed.
    step.put(row)
    tell(step, row, SaleRole.SELLER, Offered(event.offer, event.rule))
    return Answer()


def on_offered(step: Step, event: SaleLetterCame, body: Offered) -> None:
    """Somebody wants to buy from us. What does not hold is not kept."""
    try:
        offer, rule = read_offer(body.offer), read_rule(body.rule)
    except WireFault:
        return
    sale = sale_id(body.offer)
    ours = (event.sender, step.settings.node) == (offer.buyer, offer.seller)
    first = (rule.sale, rule.side, rule.answers) == (sale, offer.buyer, b"")
    left_us = offer.expires_at_us - step.now_us
    if event.words.sale != sale or not ours or not first or sale_of(step, sale) is not None:
        return
    if not 0 <= left_us <= MAX_JOINING_US:
        return
    # From here on it must succeed.
    step.put(
        Sale(
            id=sale,
            role=SaleRole.SELLER,
            phase=P.OFFERED,
            offer=body.offer,
            created_at_us=step.now_us,
            due_at_us=offer.expires_at_us,
            rules=(body.rule,),
        )
    )


def whose_turn(sale: Sale) -> SaleRole:
    """Which side may name a rule while an agent is looked for: they take turns."""
    return SIDES[len(sale.rules) % 2]


def bid(step: Step, event: BidRule) -> Answer:
    """Our side answers the other's rule: wider than before, or there is no use in it."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.phase is not P.OFFERED or len(sale.rules) >= MAX_RULES:
        return Answer(Refusal(Reason.SALE_STATE))
    if whose_turn(sale) is not sale.role:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    expires_at_us = offer_of(sale).expires_at_us
    if step.now_us > expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - expires_at_us))
    if not sale.seed:
        if event.entering is None:
            return Answer(Refusal(Reason.SALE_INVALID))
        sale = take_part(sale, event.entering)
    refusal = account_fault(step, sale) or _rule_fault(step, sale, sale.rules, event.rule)
    if refusal is not None:
        return Answer(refusal)
    # From here on it must succeed.
    sale = replace(sale, rules=(*sale.rules, event.rule))
    step.put(sale)
    tell(step, sale, _other(sale), Ruled(event.rule))
    _found(step, sale)
    return Answer()


def _rule_fault(step: Step, sale: Sale, before: tuple[bytes, ...], signed: bytes) -> Refusal | None:
    """A rule of ours, made outside: it must follow the last, and commit to the salt of its turn."""
    rule = read_rule(signed)
    answers = rule_hash(before[-1]) if before else b""
    salted = sha256(salt_of(sale.seed, len(before))).digest()
    said = (rule.sale, rule.side, rule.answers, rule.salt_hash)
    if said != (sale.id, step.settings.node, answers, salted):
        return Refusal(Reason.SALE_INVALID)
    return None


def on_ruled(step: Step, event: SaleLetterCame, body: Ruled) -> None:
    """The other side answers ours."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.phase is not P.OFFERED or len(sale.rules) >= MAX_RULES:
        return
    whose = role_of(sale, event.sender)
    if whose is not whose_turn(sale) or whose is sale.role:
        return
    try:
        rule = read_rule(body.rule)
    except WireFault:
        return
    said = (rule.sale, rule.side, rule.answers)
    if said != (sale.id, event.sender, rule_hash(sale.rules[-1])):
        return
    # From here on it must succeed.
    sale = replace(sale, rules=(*sale.rules, body.rule))
    step.put(sale)
    _found(step, sale)


def _found(step: Step, sale: Sale) -> None:
    """Whether the last two rules agree: then each side shows what it had committed to."""
    offer = offer_of(sale)
    if not agreed(offer, *map(read_rule, sale.rules[-2:])):
        return
    sale = move(step, sale, P.CHOSEN)
    at = len(sale.rules) - (1 if whose_turn(sale) is not sale.role else 2)
    reveal = Reveal(rule_hash(sale.rules[at]), salt_of(sale.seed, at), own_party(step, sale))
    _keep_reveal(step, sale, sale.role, reveal)
    tell(step, sale, _other(sale), reveal)


def _keep_reveal(step: Step, sale: Sale, role: SaleRole, reveal: Reveal) -> Sale:
    words = encode_words(SaleWords(sale.id, reveal))
    reveals = (words, sale.reveals[1]) if role is SaleRole.BUYER else (sale.reveals[0], words)
    sale = replace(sale, reveals=reveals)
    step.put(sale)
    return sale


def on_reveal(step: Step, event: SaleLetterCame, body: Reveal) -> None:
    """The other side's salt and keys. One that is not what it committed to ends the sale."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.phase is not P.CHOSEN:
        return
    role = role_of(sale, event.sender)
    if role not in SIDES or role is sale.role or sale.reveals[SIDES.index(role)]:
        return
    if not reveal_fits(sale, role, body):
        close(step, sale, SaleReason.TERMS_MISMATCH, role)
        return
    # From here on it must succeed.
    sale = _keep_reveal(step, sale, role, body)
    if role is SaleRole.SELLER:
        sale = replace(sale, joins=(event.signed, *sale.joins[1:]))
    agent, tip = agent_of(sale)
    sale = move(step, replace(sale, agent=agent, tip=tip), P.ASKED)
    if sale.role is SaleRole.BUYER:
        invite(step, sale)


def agent_of(sale: Sale) -> tuple[bytes, int]:
    """Whom rules and salts name, and his tip. Everybody who has them finds the same."""
    candidates = agreed(offer_of(sale), *map(read_rule, sale.rules[-2:]))
    buyer, seller = map(reveal_in, sale.reveals)
    found = chosen(candidates, buyer.salt, seller.salt)
    return found.offer.agent, found.tip


def _other(sale: Sale) -> SaleRole:
    return SaleRole.SELLER if sale.role is SaleRole.BUYER else SaleRole.BUYER
