"""Which agent two rules agree on: pure, so that all find the same one (escrow section 8)."""

from dataclasses import dataclass
from hashlib import sha256

from proto.keys import NodeId
from proto.sale.offer import AgentOffer, Rule, SaleOffer, read_agent_offer


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent whom both sides accept, by the same signed offer."""

    signed: bytes
    offer: AgentOffer
    tip: int


def agreed(offer: SaleOffer, one: Rule, other: Rule) -> tuple[Candidate, ...]:
    """The intersection of two rules, of the lowest tip among them, in the order of node ids.

    An agent counts who is in both lists by the same offer, is no party of the sale, takes its
    brand and bond, and asks for no more than either side would pay. Empty: they do not agree.
    """
    right = offer.described
    highest = min(one.highest_tip, other.highest_tip)
    parties = (offer.buyer, offer.seller, offer.arbiter, offer.house)
    found = []
    for signed in one.agents:
        if signed not in other.agents:
            continue
        agent = read_agent_offer(signed)
        tip = agent.tip_ceil(offer.stakes.price, right.brand.unit)
        takes = agent.takes(right.brand.guid, offer.stakes.bond, offer.expires_at_us)
        if takes and tip <= highest and agent.agent not in parties:
            found.append(Candidate(signed, agent, tip))
    lowest = min((candidate.tip for candidate in found), default=0)
    found = [candidate for candidate in found if candidate.tip == lowest]
    return tuple(sorted(found, key=lambda candidate: candidate.offer.agent))


def chosen(candidates: tuple[Candidate, ...], buyer_salt: bytes, seller_salt: bytes) -> Candidate:
    """Who it is among those of the lowest tip: neither side could know before both had shown what
    they had committed to (commit and reveal). `candidates` has at least one."""
    assert candidates

    def draw(agent: NodeId) -> bytes:
        return sha256(b"pledgeway/agent-draw/v1\0" + buyer_salt + seller_salt + agent).digest()

    return min(candidates, key=lambda candidate: draw(candidate.offer.agent))


def choice_of(offer: bytes, older: bytes, newer: bytes) -> bytes:
    """What the contract says of how the agent was chosen, 32 bytes: the signed offer, and the last
    signed rule of both sides."""
    parts = (offer, older, newer)
    return sha256(b"".join(sha256(part).digest() for part in parts)).digest()
