"""Who pays while processes die: customers that ask again until they have an answer.

A customer knows no more than what daemons told it. What it was told is kept, because a crash must
not take it back.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import trio

from node.command.processes.control import Json, Refused
from node.command.processes.town import House, Town
from node.command.sim.kills.village import BRAND, MANNERS, NARROW, PAYERS, Manner
from runtime.rpc_client import RpcError

POLL_S: Final = 0.1  # between two tries to reach a daemon that is down
LOOK_S: Final = 0.25  # between two looks at a request that its owner has to confirm
MAX_PAUSE_S: Final = 0.4  # between two payments of one customer
MAX_THOUGHT_S: Final = 3.0  # of an owner, before he confirms: promises are held meanwhile
ATTEMPTS: Final = 2  # of one payment; each may have to wait out its deadline
MANUAL: Final = 0.3  # share of requests that their owner confirms
DECLINED: Final = 0.15  # of these, share that he declines instead
ABANDONED: Final = 0.1  # share of payments that the payer gives up while it waits
RIVALS: Final = 0.1  # share of requests that two payers pay at once
FINAL: Final = ("COMMITTED", "ABORTED")
PAID_BEFORE: Final = "PAYMENT_DONE"  # the answer to whoever asks to pay once more
# Clean answers of a node that is not what it was a moment ago: asked again, it says another.
PASSING: Final = ("STORE_UNAVAILABLE",)
LOST: Final = ("NOT_FOUND", "REQUEST_UNKNOWN")  # about what a daemon had said that it keeps
EXPIRES_S: Final = 86_400  # of a request: longer than any run


@dataclass(slots=True)
class Deal:
    """One request, and what was told about it. `ends`: payer -> phase it was told as final."""

    payee: str
    payers: tuple[str, ...]
    manner: Manner
    amount: int
    request: str = ""
    text: str = ""
    ends: dict[str, str] = field(default_factory=dict)
    paid: bool = False  # the payee was told so


@dataclass(slots=True)
class Orders:
    """All deals so far; `surprises` are answers that no daemon may give. `bell` is set, and
    another one hung up, when a customer asks for something that moves money."""

    deals: list[Deal] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    bell: trio.Event = field(default_factory=trio.Event)

    def ring(self) -> None:
        """Somebody is about to ask."""
        self.bell.set()
        self.bell = trio.Event()


class Customer:
    """One task that makes one payment after the other until `over`."""

    def __init__(self, town: Town, number: int, seed: int, orders: Orders) -> None:
        self._town = town
        self._orders = orders
        # Its own, so that what it does next does not hang on who was answered first.
        self._random = Random(f"{seed}/{number}")

    async def pay_on(self, over: trio.Event) -> None:
        """Returns when `over` is set and the payment of that moment has ended."""
        while not over.is_set():
            await self._deal()
            with trio.move_on_after(self._random.uniform(0.0, MAX_PAUSE_S)):
                await over.wait()

    def _draw(self) -> Deal:
        draw = self._random
        payer, payee, rival = draw.sample(PAYERS, 3)
        manners = [m for m in MANNERS if m.possible(payer, payee)]
        (manner,) = draw.choices(manners, [m.weight for m in manners])
        payers = (payer, rival) if draw.random() < RIVALS else (payer,)
        least = manner.amount if manner.amount > NARROW else 1
        return Deal(payee, payers, manner, draw.randint(least, manner.amount))

    async def _deal(self) -> None:
        draw, deal = self._random, self._draw()
        manual = draw.random() < MANUAL
        thought_s, declines = draw.uniform(0.0, MAX_THOUGHT_S), draw.random() < DECLINED
        gives_up_s = draw.uniform(0.1, MAX_THOUGHT_S) if draw.random() < ABANDONED else None
        made = await self._patiently(
            deal.payee,
            "request.create",
            amount=deal.amount,
            brand=BRAND,
            manual=manual,
            registries=list(deal.manner.registries),
            last_levels=list(deal.manner.last_levels),
            expires_s=EXPIRES_S,
        )
        if made is None:
            return
        deal.request, deal.text = made["id"], made["text"]
        self._orders.deals.append(deal)
        async with trio.open_nursery() as nursery:
            if manual:
                nursery.start_soon(self._own, deal, thought_s, declines)
            async with trio.open_nursery() as paying:
                for payer in deal.payers:
                    paying.start_soon(self._pay, deal, payer, gives_up_s)
            nursery.cancel_scope.cancel()
        shown = await self._patiently(deal.payee, "request.show", id=deal.request)
        deal.paid = shown is not None and shown["phase"] == "PAID"

    async def _pay(self, deal: Deal, payer: str, gives_up_s: float | None) -> None:
        """Asks to pay until it is told a final phase: never more than one payment comes of it."""
        house = self._town.houses[payer]
        options = {"levels": list(deal.manner.levels), "attempts": ATTEMPTS}
        known = trio.Event()
        told: list[Json] = []

        def hear(answer: Json) -> None:
            told.append(answer)
            known.set()

        async with trio.open_nursery() as nursery:
            if gives_up_s is not None:
                nursery.start_soon(self._abandon, payer, told, known, gives_up_s)
            while payer not in deal.ends:
                self._orders.ring()
                try:
                    last = await house.control.pay(hear, request=deal.text, **options)
                    if last.get("phase") in FINAL:
                        deal.ends[payer] = last["phase"]
                except RpcError:
                    await trio.sleep(POLL_S)
                except Refused as no:
                    if no.code == PAID_BEFORE:
                        deal.ends[payer] = "COMMITTED"
                    elif no.code not in PASSING:
                        self._orders.surprises.append(f"{payer}, asked to pay: {no}")
                        break
                    await trio.sleep(POLL_S)
            nursery.cancel_scope.cancel()

    async def _abandon(
        self, payer: str, told: list[Json], known: trio.Event, after_s: float
    ) -> None:
        await known.wait()
        await trio.sleep(after_s)
        await self._patiently(payer, "payment.abandon", id=told[-1]["id"])

    async def _own(self, deal: Deal, thought_s: float, declines: bool) -> None:
        """The owner of a request sees it held, thinks, and takes it or not."""
        held = False
        while not held:
            shown = await self._patiently(deal.payee, "request.show", id=deal.request)
            held = shown is not None and shown["phase"] == "HELD"
            await trio.sleep(thought_s if held else LOOK_S)
        self._orders.ring()
        verb = "request.decline" if declines else "request.confirm"
        await self._patiently(deal.payee, verb, id=deal.request)

    async def _patiently(self, name: str, verb: str, **arguments: Any) -> Json | None:
        """One answer, however often the daemon dies over it; None where it is a clean no."""
        house: House = self._town.houses[name]
        while True:
            try:
                return await house.control.ask(verb, **arguments)
            except RpcError:
                pass
            except Refused as no:
                if no.code in LOST or (no.code not in PASSING and verb == "request.create"):
                    self._orders.surprises.append(f"{name}: {no}")
                if no.code not in PASSING:
                    return None
            await trio.sleep(POLL_S)
