"""Payers and payees at their command lines: what they type, and what they do when it goes wrong."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

import trio

from node.command.sim.plan import Grant, Manner, Pay
from node.command.sim.world.host import Host, ProcessDied
from node.command.sim.world.spec import BRAND, COLLECTIVE
from node.command.sim.world.world import SimWorld
from node.engine import StoreUnavailable
from runtime.control import ControlFailure

PATIENCE_S: Final = 2.0  # until somebody tries again what did not go through
EXPIRES_S: Final = 300  # of a request: beyond the attempts of one payment
DEADLINE_S: Final = 120
LOOKS_AFTER_S: Final = (0.5, 8.0)  # until a payee looks at what has come, or a payer regrets
STORE: Final = {"STORE_FULL", "STORE_LOST"}  # refusals that pass
PARTS: Final = 3


@dataclass
class Deal:
    """One payment as the people concerned see it. `said`: the last clean no, by its code."""

    pay: Pay
    request: str = ""
    payment: str = ""
    phase: str = ""
    said: str = ""
    over: bool = False


@dataclass
class People:
    """Everybody who pays and is paid. Owned by trio."""

    world: SimWorld
    nursery: trio.Nursery
    random: Random
    deals: list[Deal] = field(default_factory=list)

    def begin(self, pay: Pay) -> None:
        """Two people begin a deal; they see it through on their own."""
        deal = Deal(pay)
        self.deals.append(deal)
        self.nursery.start_soon(self._see_through, deal)

    def grant(self, grant: Grant) -> None:
        """An owner changes a limit, and tries until it is done."""
        self.nursery.start_soon(self._grant, grant)

    async def _grant(self, grant: Grant) -> None:
        host = self.world.hosts[grant.who]
        word = partial(host.ask, "line.limit", line=grant.other, limit=grant.limit)
        await self._persist(None, host, word)

    @property
    def busy(self) -> int:
        """How many deals have not come to their end."""
        return sum(not deal.over for deal in self.deals)

    async def _see_through(self, deal: Deal) -> None:
        await self._deal(deal)
        deal.over = True

    async def _deal(self, deal: Deal) -> None:
        pay = deal.pay
        payee, payer = self.world.hosts[pay.payee], self.world.hosts[pay.payer]
        asked = await self._persist(deal, payee, partial(self._ask, deal, payee))
        if asked is None:
            return
        deal.request = str(asked["id"])
        self.nursery.start_soon(self._look, deal)
        await self._persist(deal, payer, partial(self._pay, deal, payer, str(asked["text"])))

    async def _ask(self, deal: Deal, payee: Host) -> Mapping[str, Any]:
        pay = deal.pay
        wish: dict[str, object] = {"amount": pay.amount, "brand": BRAND, "expires_s": EXPIRES_S}
        looks = pay.manner in (Manner.CONFIRMED, Manner.DECLINED, Manner.IGNORED)
        accepts = next(n.accepts for n in self.world.spec.nodes if n.name == pay.payee)
        deciders = [d for d in pay.deciders if d == COLLECTIVE or d in accepts]
        if COLLECTIVE in deciders and len(accepts) < len(self.world.registries):
            deciders.remove(COLLECTIVE)  # it takes no payment under whom it does not trust
        if deciders:
            wish["registries"] = deciders
        return await payee.ask("request.create", manual=looks, deadline_s=DEADLINE_S, **wish)

    async def _pay(self, deal: Deal, payer: Host, text: str) -> Mapping[str, Any]:
        async def hear(shown: Mapping[str, Any]) -> None:
            deal.payment, deal.phase = str(shown["id"]), str(shown["phase"])

        wish: dict[str, object] = {"levels": list(deal.pay.levels)} if deal.pay.levels else {}
        if deal.pay.manner is Manner.SPLIT:
            wish["parts"] = PARTS
        await payer.tell("pay", hear, request=text, **wish)
        return {}

    async def _look(self, deal: Deal) -> None:
        """What comes after a while: the payee looks, or the payer thinks better of it."""
        await trio.sleep(self.random.uniform(*LOOKS_AFTER_S))
        pay = deal.pay
        payee, payer = self.world.hosts[pay.payee], self.world.hosts[pay.payer]
        match pay.manner:
            case Manner.CONFIRMED:
                word = partial(payee.ask, "request.confirm", id=deal.request)
            case Manner.DECLINED:
                word = partial(payee.ask, "request.decline", id=deal.request)
            case Manner.ABANDONED if deal.payment:
                word = partial(payer.ask, "payment.abandon", id=deal.payment)
            case _:
                return
        speaker = payer if pay.manner is Manner.ABANDONED else payee
        await self._persist(deal, speaker, word)

    async def _persist(
        self, deal: Deal | None, host: Host, act: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any] | None:
        """Until it is done or refused: a process that died or a full disk is waited for."""
        while True:
            await host.ready.wait()
            try:
                return await act()
            except (ProcessDied, StoreUnavailable):
                await trio.sleep(PATIENCE_S)
            except ControlFailure as failure:
                if failure.code not in STORE:
                    assert failure.code != "BAD_ARGUMENT", failure
                    if deal is not None:
                        deal.said = failure.code
                    return None
                await trio.sleep(PATIENCE_S)
