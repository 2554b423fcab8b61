"""Who proposes and who joins: what people type, and what they do when it goes wrong."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any, Final

import trio

from node.command.sim.escrow.host import ExchangeHost
from node.command.sim.escrow.plan import Deal, Manner
from node.command.sim.escrow.setting import Setting, template_of
from node.command.sim.escrow.world import ExchangeWorld
from node.command.sim.world.host import ProcessDied
from node.control.own_accounts import asked_of
from node.core.escrow.rows import Account
from node.engine import StoreUnavailable
from node.escrow.standing import unbounded
from node.escrow.templates import read_template
from proto.card import read_card
from proto.escrow.batch import OpBatch
from proto.escrow.ops import Offer
from runtime.control import ControlFailure

PATIENCE_S: Final = 0.5  # until somebody tries again what did not go through
LOOKS_S: Final = (0.1, 2.0)  # until somebody looks at what he was offered
SLOW_S: Final = (2.0, 6.0)
LEAVES_S: Final = (0.2, 12.0)
GIVES_UP_S: Final = 90.0  # an invitation that has not come by then comes to nothing
ALWAYS: Final = frozenset({"EXCHANGE_STATE", "NOT_FOUND"})  # not yet, or not any more
PASSING: Final = frozenset({"STORE_FULL", "STORE_LOST", "UNREACHABLE", "BUSY"})


@dataclass
class Part:
    """One proposal as its initiator sees it. `id`: empty until there is one."""

    deal: Deal
    id: str = ""
    said: str = ""  # the last clean no


@dataclass
class People:
    """Everybody who has a part in something. Owned by trio."""

    world: ExchangeWorld
    setting: Setting
    nursery: trio.Nursery
    random: Random
    parts: list[Part] = field(default_factory=list)

    async def stand(self, deals: tuple[Deal, ...]) -> None:
        """Rules of those who do not want to be asked each time."""
        for deal in deals:
            for seat, name, manner in zip(deal.what.seats, deal.people, deal.manners, strict=True):
                if manner is Manner.STANDING:
                    text = template_of(deal)
                    rule = json.loads(unbounded(read_template(text), seat).to_json())
                    stand = partial(self.world.people[name].ask, "escrow.stand")
                    await stand(rule=rule, template=text.decode())

    def begin(self, deal: Deal) -> None:
        """Its initiator proposes, and everybody else looks for it."""
        part = Part(deal)
        self.parts.append(part)
        self.nursery.start_soon(self._propose, part, Random(self.random.random()))
        for seat, name, manner in zip(deal.what.seats, deal.people, deal.manners, strict=True):
            self.nursery.start_soon(
                self._sit, part, seat, name, manner, Random(self.random.random())
            )

    async def _propose(self, part: Part, random: Random) -> None:
        deal, host = part.deal, self.world.people[part.deal.initiator]
        cards = [self.world.people[name].card for name in dict.fromkeys(deal.people)]
        told = await self._persist(
            host,
            partial(
                host.ask,
                "escrow.propose",
                template=template_of(deal).decode(),
                values=self.setting.values(self.world, deal),
                cards=[card for card in cards if card != host.card],
                coordinators=[self.world.people[name].card for name in deal.coordinators],
                registries=list(deal.registries),
                within_s=deal.within_s,
                join_s=deal.join_s,
            ),
            part,
        )
        if told is None:
            return
        part.id = str(told["id"])
        if deal.cancels:
            await trio.sleep(random.uniform(*LEAVES_S))
            await self._persist(host, partial(host.ask, "escrow.leave", id=part.id), None)

    async def _sit(self, part: Part, seat: str, name: str, manner: Manner, random: Random) -> None:
        host = self.world.people[name]
        if manner is Manner.ABSENT:
            return
        if manner is not Manner.STANDING and name != part.deal.initiator:
            await trio.sleep(random.uniform(*(SLOW_S if manner is Manner.SLOW else LOOKS_S)))
            await self._join(part, seat, host)
        if manner is Manner.LEAVES:
            await trio.sleep(random.uniform(*LEAVES_S))
            leave = partial(host.ask, "escrow.leave", id=part.id, seat=seat)
            await self._persist(host, leave, None)
        if manner is Manner.BROKE:
            await self._spend(part, seat, host)

    async def _join(self, part: Part, seat: str, host: ExchangeHost) -> None:
        """Looks until it is there, and takes it."""
        until_s = trio.current_time() + GIVES_UP_S
        while trio.current_time() < until_s:
            if part.id:
                accept = partial(host.ask, "escrow.accept", id=part.id, seat=seat)
                if await self._persist(host, accept, None) is not None:
                    return
            await trio.sleep(PATIENCE_S)

    async def _spend(self, part: Part, seat: str, host: ExchangeHost) -> None:
        """Puts what he was to give where nobody can prepare it, in a hold of his own."""
        case, brands = part.deal.what, self.setting.of(part.deal)
        for no in case.gives(seat):
            if no in brands:
                spend = partial(self._lock, host, bytes.fromhex(brands[no]), part.deal, no)
                await self._persist(host, spend, None)

    async def _lock(
        self, host: ExchangeHost, brand: bytes, deal: Deal, no: int
    ) -> Mapping[str, Any]:
        await host.ready.wait()
        context = host.context
        rows = [row for row in context.engine.memory.owned(Account) if row.brand.guid == brand]
        if not rows:
            return {}
        row = rows[0]
        token = sha256(b"spent" + brand).digest()
        now_us = context.clock.now_us()
        batch = OpBatch(
            host.id, row.registrar, token[:16], now_us,
            (Offer(row.capability, deal.what.legs[no - 1].amount, token),),
        )  # fmt: skip
        await asked_of(context, read_card(row.card, now_us), batch)
        return {}

    async def _persist(
        self,
        host: ExchangeHost,
        act: Callable[[], Awaitable[Mapping[str, Any]]],
        part: Part | None,
    ) -> Mapping[str, Any] | None:
        """Until it is done or refused: a process that died or a full disk is waited for."""
        while True:
            await host.ready.wait()
            try:
                return await act()
            except (ProcessDied, StoreUnavailable):
                await trio.sleep(PATIENCE_S)
            except ControlFailure as failure:
                if failure.code not in PASSING:
                    assert failure.code != "BAD_ARGUMENT", failure
                    if part is not None:
                        part.said = failure.code
                    return None
                await trio.sleep(PATIENCE_S)
