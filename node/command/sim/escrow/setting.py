"""Before a run: rights are issued, accounts opened, and whoever is to give something has it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.command.sim.escrow.cases import MONEY, CaseLeg
from node.command.sim.escrow.plan import Deal
from node.command.sim.escrow.world import ExchangeWorld
from node.escrow.library import library_bytes
from node.registrar.owner import pay_out as give_from_treasury
from node.registrar.rows import account_id
from proto.escrow.rights import canonical_json, unique_brand_id

STOCK: Final = 2  # times the amount of a leg are issued, where there is more than one of it
COORDINATORS_LOCK_S: Final = 3600


@dataclass(slots=True)
class Setting:
    """Brands (GUID) by deal and leg."""

    brands: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def of(self, deal: Deal) -> Mapping[int, str]:
        """A deal's brands in hex, by leg."""
        found = {no: guid for (number, no), guid in self.brands.items() if number == deal.number}
        return {no: guid.hex() for no, guid in found.items()}

    def values(self, world: ExchangeWorld, deal: Deal) -> dict[str, str | int]:
        """What the template's seats and wildcards stand for."""
        case = deal.what
        seats = zip(case.seats, deal.people, strict=True)
        nodes = {seat: world.people[name].id.hex() for seat, name in seats}
        return {**case.values(deal.number, self.of(deal)), **nodes}


def template_of(deal: Deal) -> bytes:
    """The text of its template."""
    return deal.what.template or library_bytes(deal.case)


async def set_up(world: ExchangeWorld, deals: tuple[Deal, ...]) -> Setting:
    """Everything that the deals need to begin."""
    setting = Setting()
    for deal in deals:
        for no, leg in enumerate(deal.what.legs, 1):
            if leg.kind != MONEY:
                setting.brands[deal.number, no] = await _issue(world, deal, no, leg)
    return setting


async def _issue(world: ExchangeWorld, deal: Deal, no: int, leg: CaseLeg) -> bytes:
    keeper = world.people[deal.keepers[no - 1]]
    attributes = leg.attributes(deal.number)
    guid = unique_brand_id(keeper.id, leg.kind, canonical_json(dict(attributes)))
    await keeper.ask(
        "registrar.brand.create",
        name=f"{leg.kind[:20]} {deal.number}.{no}",
        type=leg.kind,
        attributes=[[key, str(value)] for key, value in attributes.items()],
        lot=leg.lot,
        supply=leg.amount if leg.amount == 1 else STOCK * leg.amount,
        fee_flat=leg.flat,
        treasury_only=deal.guarded,
        longest_lock_s=COORDINATORS_LOCK_S,
    )
    named = guid.hex()
    giver, taker = world.people[deal.seat(leg.giver)], world.people[deal.seat(leg.taker)]
    for host in dict.fromkeys((giver.name, taker.name, *((keeper.name,) if deal.guarded else ()))):
        await world.people[host].ask("account.open", card=keeper.card, brand=named)
    if deal.initiator not in (giver.name, taker.name):
        asked = json.dumps(dict(attributes), sort_keys=True, separators=(",", ":"))
        learner = world.people[deal.initiator]
        await learner.ask("rights.learn", card=keeper.card, type=leg.kind, attributes=asked)
    if giver is not keeper:
        stock = leg.amount if leg.amount == 1 else STOCK * leg.amount
        await pay_out(world, keeper.name, guid, giver.name, stock)
    return guid


async def pay_out(world: ExchangeWorld, keeper: str, guid: bytes, to: str, amount: int) -> None:
    """From the treasury of a brand."""
    registrar = world.people[keeper].context.registrar
    assert registrar is not None
    key = account_id(guid, world.people[to].id)
    await registrar.desk.act(lambda step: give_from_treasury(step, key, amount))
