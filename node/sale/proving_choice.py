"""Offer, rules, reveals: whether both sides chose this agent, and whose keys are whose."""

from hashlib import sha256
from typing import Final

from node.core.sale.reading import words_in
from node.sale.contradiction import Paper, blaming, require
from proto.sale.choosing import Candidate, agreed, chosen
from proto.sale.contract import Party
from proto.sale.letters import Joined, Reveal, decode_words
from proto.sale.offer import Rule, SaleOffer, read_rule, rule_hash
from proto.sale.papers import SalePapers
from proto.sale.stakes import SaleRole

JOINING: Final = (SaleRole.SELLER, SaleRole.AGENT, SaleRole.ARBITER)


def proven_rules(papers: SalePapers, sale: bytes, offer: SaleOffer) -> tuple[Rule, ...]:
    """Rules of both sides in turn, each answering the one before. The first ones may be missing:
    the agent gets the last two."""
    with blaming(Paper.RULES):
        rules = tuple(map(read_rule, papers.rules))
    sides = (offer.buyer, offer.seller)
    for at, rule in enumerate(rules):
        require(rule.sale == sale, Paper.RULES, "one is of another sale than the offer")
        require(rule.side in sides, Paper.RULES, "one is by neither side")
        if at:
            follows = rule.answers == rule_hash(papers.rules[at - 1])
            turns = rule.side != rules[at - 1].side
            require(follows and turns, Paper.RULES, "one does not answer the one before")
        elif not rule.answers:
            require(rule.side == offer.buyer, Paper.RULES, "the first is not the buyer's")
    return rules


def proven_reveals(
    papers: SalePapers, sale: bytes, offer: SaleOffer, rules: tuple[Rule, ...]
) -> tuple[Reveal | None, Reveal | None]:
    """What buyer and seller have shown: salts that they had committed to, and their keys. The
    seller's is taken from her signed letter where it is there."""
    words: list[Reveal | None] = []
    for data in papers.reveals:
        with blaming(Paper.REVEALS):
            said = decode_words(data) if data else None
        body = said.body if said is not None else None
        fits = said is None or (isinstance(body, Reveal) and said.sale == sale)
        require(fits, Paper.REVEALS, "one is no reveal of this sale")
        words.append(body if isinstance(body, Reveal) else None)
    signed = papers.joins[0]
    if signed:
        with blaming(Paper.JOINS):
            letter = words_in(signed, offer.seller, offer.buyer)
        body = letter.body
        if isinstance(body, Reveal) and letter.sale == sale:
            same = words[1] in (None, body)
            require(same, Paper.REVEALS, "the seller's is not the one she signed")
            words[1] = body
    buyer, seller = words
    for reveal, node, card, role in (
        (buyer, offer.buyer, offer.buyer_card, SaleRole.BUYER),
        (seller, offer.seller, offer.seller_card, SaleRole.SELLER),
    ):
        if reveal is not None:
            _check_reveal(papers, rules, reveal, node)
            named = (reveal.party.role, reveal.party.card)
            require(named == (role, card), Paper.REVEALS, "one names another party than the offer")
    return buyer, seller


def _check_reveal(papers: SalePapers, rules: tuple[Rule, ...], reveal: Reveal, node: bytes) -> None:
    latest = [at for at, rule in enumerate(rules) if rule.side == node and at >= len(rules) - 2]
    require(bool(latest), Paper.REVEALS, "one belongs to no rule in the file")
    at = latest[-1]
    require(rule_hash(papers.rules[at]) == reveal.rule, Paper.REVEALS, "one is about another rule")
    opens = sha256(reveal.salt).digest() == rules[at].salt_hash
    require(opens, Paper.REVEALS, "a salt is not the one that was committed to")


def proven_agent(
    offer: SaleOffer, rules: tuple[Rule, ...], reveals: tuple[Reveal | None, Reveal | None]
) -> Candidate | None:
    """Whom rules and salts name; None where they do not (yet)."""
    buyer, seller = reveals
    if buyer is None and seller is None:
        return None
    candidates = agreed(offer, *rules[-2:]) if len(rules) > 1 else ()
    require(bool(candidates), Paper.RULES, "they agree on nobody, and yet salts were shown")
    if buyer is None or seller is None:
        return None
    return chosen(candidates, buyer.salt, seller.salt)


def proven_keys(
    papers: SalePapers,
    sale: bytes,
    offer: SaleOffer,
    agent: Candidate | None,
) -> dict[SaleRole, Party]:
    """Parties whose node has signed the letter that names its keys of this sale."""
    nodes = {SaleRole.SELLER: offer.seller}
    if agent is not None:
        nodes[SaleRole.AGENT] = agent.offer.agent
    if offer.arbiter is not None:
        nodes[SaleRole.ARBITER] = offer.arbiter
    found = {}
    for role, signed in zip(JOINING, papers.joins, strict=True):
        if not signed or (role is SaleRole.AGENT and agent is None):
            continue  # without the reveals it is open who the agent is
        require(role in nodes, Paper.JOINS, f"there is no {role.name.lower()} in this sale")
        with blaming(Paper.JOINS):
            letter = words_in(signed, nodes[role], offer.buyer)
        body = letter.body
        names = isinstance(body, Reveal | Joined) and body.party.role is role
        fits = names and letter.sale == sale
        require(fits, Paper.JOINS, f"the {role.name.lower()}'s is about something else")
        assert isinstance(body, Reveal | Joined)
        found[role] = body.party
    return found
