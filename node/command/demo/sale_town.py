"""The town of the sales, ready for the first offer: deposits, accounts, agents, names."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from node.command.demo.name_holder import NameOffice, start_office
from node.command.demo.sale_cast import (
    AGENTS,
    BALANCE,
    BEA,
    BOND_MAX,
    FEE,
    HOUSE,
    NILS,
    PEOPLE,
    TIPS,
    Case,
)
from node.command.processes.control import Json
from node.command.processes.town import House, Town, together
from node.command.processes.typist import Typist

PASSWORD_BYTES: Final = 18  # 144 bits: nobody guesses it, and no file holds it by chance


@dataclass(slots=True)
class Market:
    """`deposits`: id of the brand by scene; `passwords`: by name, what its holder knows now, and
    `secrets`: all that there ever were."""

    town: Town
    typist: Typist
    office: NameOffice
    deposits: dict[str, str]
    passwords: dict[str, str]
    secrets: list[str] = field(default_factory=list)

    def house(self, name: str) -> House:
        return self.town.houses[name]

    async def typed(self, name: str, *words: str, fed: bytes = b"") -> Json:
        """What the owner of a node is answered who types this. CommandFailed."""
        return await self.typist.ask(self.house(name).daemon.directory, *words, fed=fed)

    def drawn(self) -> str:
        """A new password, which nobody has used before."""
        made = secrets.token_urlsafe(PASSWORD_BYTES)
        self.secrets.append(made)
        return made


async def furnish(town: Town, typist: Typist, cases: Sequence[Case], log: Path) -> Market:
    """Rights, accounts with what everybody begins with, and agents whom everybody knows.

    `log`: of the registrar of names. TownFault, Refused, RpcError."""
    first = {case.thing: secrets.token_urlsafe(PASSWORD_BYTES) for case in cases}
    office = start_office(town.processes, first, log)
    market = Market(town, typist, office, {}, dict(first), list(first.values()))
    await together(town, [partial(_deposit, market, case) for case in cases])
    await _agents(market)
    return market


async def _deposit(market: Market, case: Case) -> None:
    house = market.house(HOUSE)
    names = {case.buyer, case.seller, BEA, *case.agents[0], *case.agents[1]}
    brand = await house.control.ask(
        "registrar.brand.create",
        name=case.deposit,
        type="deposit",
        supply=BALANCE * len(names),
        fee_flat=FEE,
        longest_lock_s=3600,
    )
    market.deposits[case.scene] = guid = brand["brand"]
    for name in (one for one in PEOPLE if one in names):
        owner = market.house(name)
        await owner.control.ask("account.open", card=house.card, brand=guid)
        given = {"brand": guid, "for": owner.card, "balance": BALANCE}
        await house.control.ask("registrar.account.create", **given)


async def _agents(market: Market) -> None:
    """Each makes his offer, and everybody else learns it: from his own line, as people would."""
    for name in AGENTS:
        offered = await market.typed(
            name, "agent", "offer", "--tip", str(TIPS[name]), "--bond-max", str(BOND_MAX),
            "--judges", "names",
        )  # fmt: skip
        if name == NILS:  # whose node takes every case that comes
            await market.typed(name, "agent", "run", "--accept", "--once")
        learn = ("agent", "learn", offered["line"])
        jobs = [partial(_typed, market, other, *learn) for other in PEOPLE if other != name]
        await together(market.town, jobs)


async def _typed(market: Market, name: str, *words: str) -> None:
    await market.typed(name, *words)
