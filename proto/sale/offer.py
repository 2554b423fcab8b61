"""What begins a sale: the buyer's offer, agents' offers, and whom each side accepts."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from proto.card import card_node, read_card
from proto.envelope import Envelope
from proto.escrow.rights import Right, read_right
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import (
    MAX_AMOUNT,
    MAX_DESCRIPTION_CHARS,
    MAX_JOINING_US,
    US,
)
from proto.money import BRAND_ID_BYTES
from proto.one_line import from_line, to_line
from proto.policy import RegistryPolicy, policy_fault
from proto.sale.signed import read_card_line, read_signed
from proto.sale.stakes import PERMILLE, Stakes, Times
from proto.v1 import sale_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical

OFFER_KIND: Final = "pledgeway/sale-offer/v1"
RULE_KIND: Final = "pledgeway/sale-rule/v1"
AGENT_KIND: Final = "pledgeway/agent-offer/v1"
AGENT_PREFIX: Final = "pledgeway-agent:"
OFFER_VERSION: Final = 1
SALE_ID_BYTES: Final = 16
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
# An agent is asked by one letter with an offer, two rules and two reveals, and all of that has to
# fit: else one side could write a rule with which no agent can be asked.
MAX_OFFER_BYTES: Final = 16_384  # 6,500 usually, and a page of text
MAX_RULE_BYTES: Final = 20_480  # of ten agents 17,000 usually
MAX_RULE_AGENTS: Final = 10
MAX_AGENT_OFFER_BYTES: Final = 8192  # 1,700 usually
MAX_AGENT_BRANDS: Final = 64
MAX_AGENT_LIFE_US: Final = 366 * 86_400 * US
MAX_ARBITRATION_CHARS: Final = 4096  # a page of text
OFFERS_KEPT: Final = 512  # read a dozen times each while their sale lives


@dataclass(frozen=True, slots=True)
class AgentOffer:
    """What an agent asks for. His tip for a price is flat plus a part of it, rounded up."""

    agent: NodeId
    card: str
    brands: tuple[bytes, ...]
    tip_flat: int
    tip_permille: int
    bond_max: int
    judges: str
    created_at_us: int
    expires_at_us: int

    def tip_ceil(self, price: int, lot: int) -> int:
        """Units for a sale at `price`, rounded up to the lot."""
        tip = self.tip_flat + -(-price * self.tip_permille // PERMILLE)
        return -(-tip // lot) * lot

    def takes(self, brand: bytes, bond: int, at_us: int) -> bool:
        """Whether he judges sales in this brand with this bond at that time."""
        open_now = self.created_at_us <= at_us <= self.expires_at_us
        return open_now and bond <= self.bond_max and (not self.brands or brand in self.brands)

    def encode(self) -> bytes:
        return canonical(
            pb.AgentOffer(
                agent=self.agent,
                card=self.card,
                brands=self.brands,
                tip_flat=self.tip_flat,
                tip_permille=self.tip_permille,
                bond_max=self.bond_max,
                judges=self.judges,
                created_at_us=self.created_at_us,
                expires_at_us=self.expires_at_us,
            )
        )


def sign_agent_offer(key: SigningKey, offer: AgentOffer) -> bytes:
    """The signed offer (an Envelope)."""
    return Envelope.seal(key, AGENT_KIND, offer.encode()).encode()


def agent_line(signed: bytes) -> str:
    """The offer as one line of text that can be mailed or pasted."""
    return to_line(AGENT_PREFIX, signed)


def from_agent_line(text: str) -> bytes:
    """The signed offer in a line. Raises WireFault."""
    signed = from_line(AGENT_PREFIX, text, "an agent's offer", MAX_AGENT_OFFER_BYTES)
    read_agent_offer(signed)
    return signed


def dated_card(text: str, at_us: int) -> NodeId:
    """Whose card it is, written as its owner did and valid at that time (µs). WireFault."""
    read_card_line(text)
    return read_card(text, at_us).node


@lru_cache(maxsize=OFFERS_KEPT)
def read_agent_offer(signed: bytes) -> AgentOffer:
    """Verifies and reads it. Raises WireFault."""
    m, signer = read_signed(signed, AGENT_KIND, pb.AgentOffer, MAX_AGENT_OFFER_BYTES)
    if signer != m.agent:
        raise WireFault("an agent's offer that he did not sign")
    if dated_card(m.card, m.created_at_us) != m.agent:
        raise WireFault("an agent's offer with the card of another")
    if len(m.judges) > MAX_DESCRIPTION_CHARS or not m.judges.isprintable():
        raise WireFault("an agent's offer with a too long or unprintable text")
    brands = tuple(m.brands)
    if len(brands) > MAX_AGENT_BRANDS or any(len(b) != BRAND_ID_BYTES for b in brands):
        raise WireFault("an agent's offer with too many brands, or what is none")
    if max(m.tip_flat, m.bond_max) > MAX_AMOUNT // 16 or m.tip_permille > PERMILLE:
        raise WireFault("an agent's offer with an impossible tip or bond")
    if not 0 < m.created_at_us <= m.expires_at_us <= m.created_at_us + MAX_AGENT_LIFE_US:
        raise WireFault("an agent's offer with impossible times")
    return AgentOffer(
        node_id(m.agent),
        m.card,
        brands,
        m.tip_flat,
        m.tip_permille,
        m.bond_max,
        m.judges,
        m.created_at_us,
        m.expires_at_us,
    )


@dataclass(frozen=True, slots=True)
class SaleOffer:
    """The buyer's. `right`: the signed description of the deposit brand; `house_card`: of its
    registrar. `expires_at_us`: nobody is bound where no contract was made by then; its T0 ends
    `times.agree_us` later at most."""

    salt: bytes
    buyer: NodeId
    buyer_card: str
    seller_card: str
    thing: str
    right: bytes
    house_card: str
    stakes: Stakes
    times: Times
    policy: RegistryPolicy
    arbitration: str
    created_at_us: int
    expires_at_us: int
    arbiter_card: str = ""

    @property
    def described(self) -> Right:
        """The deposit brand. It was verified when the offer came."""
        return read_right(self.right)

    @property
    def seller(self) -> NodeId:
        return card_node(self.seller_card)

    @property
    def house(self) -> NodeId:
        return card_node(self.house_card)

    @property
    def arbiter(self) -> NodeId | None:
        return card_node(self.arbiter_card) if self.arbiter_card else None

    def encode(self) -> bytes:
        return canonical(
            pb.SaleOffer(
                version=OFFER_VERSION,
                salt=self.salt,
                buyer=self.buyer,
                buyer_card=self.buyer_card,
                seller_card=self.seller_card,
                arbiter_card=self.arbiter_card,
                thing=self.thing,
                right=types_pb2.Envelope.FromString(self.right),
                house_card=self.house_card,
                stakes=self.stakes.to_message(),
                times=self.times.to_message(),
                policy=self.policy.to_message(),
                arbitration=self.arbitration,
                created_at_us=self.created_at_us,
                expires_at_us=self.expires_at_us,
            )
        )


def sign_offer(key: SigningKey, offer: SaleOffer) -> bytes:
    """The signed offer (an Envelope)."""
    return Envelope.seal(key, OFFER_KIND, offer.encode()).encode()


def sale_id(signed: bytes) -> bytes:
    """Names a sale, 16 bytes: nobody can make another offer of the same name."""
    return sha256(signed).digest()[:SALE_ID_BYTES]


@lru_cache(maxsize=OFFERS_KEPT)
def read_offer(signed: bytes) -> SaleOffer:
    """Verifies and reads it: signature, cards, the description of the brand. Raises WireFault."""
    m, signer = read_signed(signed, OFFER_KIND, pb.SaleOffer, MAX_OFFER_BYTES)
    if signer != m.buyer or m.version != OFFER_VERSION:
        raise WireFault("an offer that its buyer did not sign, or of an unknown version")
    if len(m.salt) != SALT_BYTES:
        raise WireFault("an offer with a salt of wrong length")
    if not 0 < m.created_at_us <= m.expires_at_us <= m.created_at_us + MAX_JOINING_US:
        raise WireFault("an offer with impossible times")
    at_us = m.created_at_us
    cards = [dated_card(c, at_us) for c in (m.buyer_card, m.seller_card, m.house_card)]
    arbiter = [dated_card(m.arbiter_card, at_us)] if m.arbiter_card else []
    everybody = [*cards, *arbiter]
    if cards[0] != m.buyer or len({*everybody}) != len(everybody):
        raise WireFault("an offer in which one node has two parts")
    if bool(arbiter) != (m.times.slash_us > 0):
        raise WireFault("an arbiter and the time for Ts come together")
    right = m.right.SerializeToString()
    if read_right(right).registrar != cards[2]:
        raise WireFault("a deposit brand of another registrar than the house")
    if m.stakes.vote_bond and not m.times.vote_us:
        raise WireFault("an offer in which nobody has time to vote for his bond")
    _check_texts(m)
    policy = RegistryPolicy.from_message(m.policy)
    if policy_fault(policy) or len(policy.members) != 1:
        raise WireFault("a sale needs one registry: a partial commit would show the key")
    return SaleOffer(
        salt=m.salt,
        buyer=node_id(m.buyer),
        buyer_card=m.buyer_card,
        seller_card=m.seller_card,
        thing=m.thing,
        right=right,
        house_card=m.house_card,
        stakes=Stakes.from_message(m.stakes),
        times=Times.from_message(m.times),
        policy=policy,
        arbitration=m.arbitration,
        created_at_us=m.created_at_us,
        expires_at_us=m.expires_at_us,
        arbiter_card=m.arbiter_card,
    )


def _check_texts(m: pb.SaleOffer) -> None:
    if not 1 <= len(m.thing) <= MAX_DESCRIPTION_CHARS or not m.thing.isprintable():
        raise WireFault("an offer without a thing, or with a too long or unprintable one")
    lines = m.arbitration.split("\n")
    if len(m.arbitration) > MAX_ARBITRATION_CHARS or not all(x.isprintable() for x in lines):
        raise WireFault("an offer with a too long or unprintable arbitration text")


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a side accepts: signed offers of agents, none above the highest tip. `answers`: hash of
    the signed rule that it answers, empty for the buyer's first. `salt_hash`: of 32 bytes that
    break a tie, shown once an agent is found."""

    sale: bytes
    side: NodeId
    answers: bytes
    agents: tuple[bytes, ...]
    highest_tip: int
    least_score: int
    salt_hash: bytes

    def encode(self) -> bytes:
        return canonical(
            pb.SaleRule(
                sale_id=self.sale,
                side=self.side,
                answers=self.answers,
                agents=[types_pb2.Envelope.FromString(a) for a in self.agents],
                highest_tip=self.highest_tip,
                least_score=self.least_score,
                salt_hash=self.salt_hash,
            )
        )


def sign_rule(key: SigningKey, rule: Rule) -> bytes:
    """The signed rule (an Envelope)."""
    return Envelope.seal(key, RULE_KIND, rule.encode()).encode()


def rule_hash(signed: bytes) -> bytes:
    """Names a rule: SHA-256 of the signed form."""
    return sha256(signed).digest()


@lru_cache(maxsize=OFFERS_KEPT)
def read_rule(signed: bytes) -> Rule:
    """Verifies and reads it, the agents' offers too. Raises WireFault."""
    m, signer = read_signed(signed, RULE_KIND, pb.SaleRule, MAX_RULE_BYTES)
    if signer != m.side:
        raise WireFault("a rule that its side did not sign")
    lengths = (len(m.sale_id), len(m.salt_hash))
    if lengths != (SALE_ID_BYTES, HASH_BYTES) or len(m.answers) not in (0, HASH_BYTES):
        raise WireFault("a rule with an id or a hash of wrong length")
    if len(m.agents) > MAX_RULE_AGENTS or m.highest_tip > MAX_AMOUNT:
        raise WireFault(f"a rule names at most {MAX_RULE_AGENTS} agents")
    agents = tuple(agent.SerializeToString() for agent in m.agents)
    named = [read_agent_offer(agent).agent for agent in agents]
    if len(set(named)) != len(named):
        raise WireFault("a rule that names an agent twice")
    side = node_id(m.side)
    return Rule(m.sale_id, side, m.answers, agents, m.highest_tip, m.least_score, m.salt_hash)
