"""Before a run: a deposit brand, accounts with enough in them, agents' offers, and the things."""

from dataclasses import dataclass, replace
from random import Random

from node.command.sim.cast import NOW_US
from node.command.sim.escrow.setting import COORDINATORS_LOCK_S, pay_out
from node.command.sim.sale.plan import (
    AGENT,
    ARBITER,
    BUYER,
    DECIDER,
    HOUSE,
    OFFER_US,
    SELLER,
    SLASH_US,
    TIMES,
    Course,
)
from node.command.sim.sale.thing import Thing
from node.command.sim.sale.world import SaleWorld
from node.core.escrow.rows import Account
from node.core.sale.events import KeepAgent
from node.core.sale.rows import KnownAgent
from node.registrar.rows import account_id
from node.sale.entering import AgentRule
from proto.escrow.rights import canonical_json, unique_brand_id
from proto.policy import RegistryPolicy
from proto.sale.offer import AgentOffer, SaleOffer, sale_id, sign_agent_offer, sign_offer
from proto.sale.stakes import SaleRole

KIND = "deposit"
STOCK = 40_000  # of each, for every sale: more than any stake
STAKERS = (BUYER, SELLER, AGENT)
BOND_MAX = 10**9
AGENT_LIFE_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class OneSale:
    """What one sale is about. `agent`: the signed offer of the agent."""

    number: int
    id: bytes
    signed: bytes
    offer: SaleOffer
    agent: bytes
    thing: Thing


@dataclass(slots=True)
class Setting:
    """`brand`: GUID of the deposits; `funds`: units that everybody has at first, by name."""

    brand: bytes
    funds: dict[str, int]
    sales: list[OneSale]

    def account(self, world: SaleWorld, name: str) -> bytes:
        """The id of somebody's account at the house."""
        return account_id(self.brand, world.people[name].id)


async def set_up(world: SaleWorld, course: Course) -> Setting:
    """Everything that the sales need to begin."""
    house = world.host_of(HOUSE)
    attributes = {"of": "credit"}
    funds = STOCK * course.sales
    await house.ask(
        "registrar.brand.create",
        name="deposits", type=KIND, attributes=[["of", "credit"]], lot=1,
        supply=len(STAKERS) * funds, fee_flat=course.figures.fee, treasury_only=False,
        longest_lock_s=COORDINATORS_LOCK_S,
    )  # fmt: skip
    brand = unique_brand_id(house.id, KIND, canonical_json(dict(attributes)))
    for name in STAKERS:
        await world.host_of(name).ask("account.open", card=house.card, brand=brand.hex())
        await pay_out(world, HOUSE, brand, name, funds)
    agent = await _advertise(world, course)
    random = Random(f"pledgeway sale offers {course.seed}")
    sales = [_offer(world, course, n, agent, random) for n in range(1, course.sales + 1)]
    return Setting(brand, dict.fromkeys(STAKERS, funds), sales)


async def _advertise(world: SaleWorld, course: Course) -> bytes:
    """The agent's offer; where he does not take his time, a rule takes cases for him."""
    host = world.host_of(AGENT)
    now_us = NOW_US - 1
    offer = AgentOffer(
        *(host.id, host.card, (), course.figures.tip, 0, BOND_MAX, "names and games"),
        created_at_us=now_us,
        expires_at_us=now_us + AGENT_LIFE_US,
    )
    signed = sign_agent_offer(host.identity.key, offer)
    slow = next(p.slow for p in course.parties if p.role is SaleRole.AGENT)
    row = KnownAgent(host.id, signed, now_us, True, AgentRule(take=not slow).to_json())
    await host.want(lambda at_us: KeepAgent(at_us, row))
    return signed


def _offer(world: SaleWorld, course: Course, number: int, agent: bytes, random: Random) -> OneSale:
    buyer = world.host_of(BUYER)
    memory, now_us = buyer.context.engine.memory, buyer.clock.now_us()
    right = next(row.right for row in memory.owned(Account))
    times = replace(TIMES, slash_us=SLASH_US if course.arbitrated else 0)
    offer = SaleOffer(
        salt=random.randbytes(16),
        buyer=buyer.id,
        buyer_card=buyer.card,
        seller_card=world.people[SELLER].card,
        thing=f"lamp{number}.example",
        right=right,
        house_card=world.people[HOUSE].card,
        stakes=course.figures.stakes,
        times=times,
        policy=RegistryPolicy((world.registries[DECIDER].id,), 1, 1),
        arbitration="what a careful buyer would see",
        created_at_us=now_us,
        expires_at_us=now_us + OFFER_US,
        arbiter_card=world.people[ARBITER].card if course.arbitrated else "",
    )
    signed = sign_offer(buyer.identity.key, offer)
    thing = Thing(f"lamp{number}", f"lamp{number} at first".encode(), controller=SELLER)
    return OneSale(number, sale_id(signed), signed, offer, agent, thing)
