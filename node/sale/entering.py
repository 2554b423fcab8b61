"""With what this node takes part in a sale: fresh keys, its box, its account at the house."""

import json
from dataclasses import asdict, dataclass, fields

from node.core.escrow.rows import Account
from node.core.sale.events import Entering
from node.core.sale.rows import KnownAgent
from node.memory import Memory
from node.sale.vault import Vault
from proto.sale.letters import Asked
from proto.sale.offer import SaleOffer, read_agent_offer, read_offer, read_rule, sale_id
from proto.sale.stakes import SaleRole
from proto.wire import WireFault
from runtime.identity import Identity


class NoAccount(LookupError):
    """This node has no account of the deposit brand that may transfer."""


@dataclass(frozen=True, slots=True)
class AgentRule:
    """Which cases an agent takes without being asked: `take` any that its offer covers and that
    have at most `price_max` (0: any price) at stake."""

    take: bool = False
    price_max: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "AgentRule":
        """What another version wrote more is left out."""
        said = json.loads(text)
        return cls(**{f.name: said[f.name] for f in fields(cls) if f.name in said})


def own_slot(memory: Memory, offer: SaleOffer) -> bytes:
    """Registrar and slot of this node's account of the deposit brand. NoAccount."""
    brand = offer.described.brand.guid
    for row in memory.owned(Account):
        if row.brand.guid == brand and row.registrar == offer.house and row.terms:
            return row.registrar + row.slot
    raise NoAccount(offer.described.brand.name)


def entering(memory: Memory, identity: Identity, signed_offer: bytes, role: SaleRole) -> Entering:
    """What this node takes part with. NoAccount."""
    offer, sale = read_offer(signed_offer), sale_id(signed_offer)
    slot = b"" if role is SaleRole.ARBITER else own_slot(memory, offer)
    vault = Vault(identity.key)
    return Entering(vault.seed(sale, role), vault.box(sale, role).public, slot)


def entering_asked(
    memory: Memory, identity: Identity, asked: Asked, now_us: int
) -> Entering | None:
    """With what an agent takes a case by itself; None where its rule leaves that to its owner."""
    row = memory.row((KnownAgent.table, identity.node, b""))
    if not isinstance(row, KnownAgent) or not row.own:
        return None
    rule = AgentRule.from_json(row.rule)
    try:
        offer = read_offer(asked.offer)
        named = [read_agent_offer(a) for said in asked.rules for a in read_rule(said).agents]
    except WireFault:
        return None
    mine = read_agent_offer(row.offer)
    covered = mine.takes(offer.described.brand.guid, offer.stakes.bond, now_us)
    dear = bool(rule.price_max) and offer.stakes.price > rule.price_max
    if not rule.take or not covered or dear or offer.arbiter == identity.node:
        return None
    # An offer that he has replaced stays signed until it runs out: at a lower tip than his present
    # one he decides himself.
    price, lot = offer.stakes.price, offer.described.brand.unit
    tips = [one.tip_ceil(price, lot) for one in named if one.agent == identity.node]
    if min(tips, default=0) < mine.tip_ceil(price, lot):
        return None
    try:
        return entering(memory, identity, asked.offer, SaleRole.AGENT)
    except NoAccount:
        return None  # the owner may open one and take the case by hand
