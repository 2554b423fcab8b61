"""Whole daemons in virtual time: a bank with people, a shop, a registrar that keeps lamps."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import trio

from node.command.sim.cast import signing_key
from node.command.sim.escrow.host import ExchangeHost
from node.command.sim.escrow.setting import pay_out
from node.command.sim.escrow.world import ExchangeWorld, exchanging
from node.command.sim.world.spec import BRAND, REGISTRIES, LineSpec, NodeSpec, Price, Spec
from node.core.escrow.rows import Seat, SeatPhase
from node.core.people.events import JoinPerson
from node.core.people.rows import (
    Confirmation,
    Credential,
    CredentialKind,
    Invitation,
    Person,
    PersonPhase,
    Purse,
    RecoveryCode,
    person_id,
)
from node.escrow.library import library_bytes
from node.people.confirmations import Confirmations
from node.people.exchanging import Exchanging, Goods
from node.people.names import invitation_id, purses_of
from node.people.preparing import Prepared
from node.registrar.rows import Account as Title
from proto.approval import Approved, sign_approval
from proto.keys import NodeId
from proto.reason import Refusal
from proto.request import from_text
from runtime.away import on_the_spot

ANN, BEN = person_id("ann"), person_id("ben")
LIMIT = 1_000_000
PRICE = 40
PURSE = 5_000  # what each person may owe
LAMPS = 50
WITHIN_S, JOIN_S = 12, 20
OVER_S = 150.0  # by then every exchange has ended, whoever died: joining, D, and what follows it
LOOK_S = 0.05
LOOKS = 20


def spec() -> Spec:
    """Bank and shop have a hop between them; the registrar has lines with nobody."""
    prices = tuple(Price(mode, 1, 1) for mode in ("ATOMIC", "SECURED", "GATEWAY", "BARE"))
    names = ("Bank", "Hop", "Shop", "K1")
    nodes = tuple(NodeSpec(name, REGISTRIES, True, 60_000, prices, 0) for name in names)
    lines = tuple(LineSpec(a, b, LIMIT, LIMIT) for a, b in (("Bank", "Hop"), ("Hop", "Shop")))
    return Spec(nodes, lines)


@dataclass
class Town:
    """The world, and what people do in it."""

    world: ExchangeWorld
    brand: bytes = b""  # the lamps' GUID

    @property
    def bank(self) -> ExchangeHost:
        return self.world.people["Bank"]

    @property
    def shop(self) -> ExchangeHost:
        return self.world.people["Shop"]

    @property
    def keeper(self) -> ExchangeHost:
        return self.world.people["K1"]

    @property
    def confirmations(self) -> Confirmations:
        return self.bank.context.confirmations

    @property
    def exchanging(self) -> Exchanging:
        found = self.confirmations.exchanging
        assert found is not None
        return found

    # ------------------------------------------------------------------ before

    async def furnish(self, lamp: str) -> None:
        """The shop owns lamps; Ann and Ben have accounts at the bank, with keys of their own."""
        made = await self.keeper.ask(
            "registrar.brand.create",
            name=lamp,
            type="object",
            attributes=[["region", "Ahern"], ["task_id", "7"]],
            supply=LAMPS,
            longest_lock_s=3600,
        )
        self.brand = bytes.fromhex(made["brand"])
        await self.shop.ask("account.open", card=self.keeper.card, brand=made["brand"])
        await pay_out(self.world, "K1", self.brand, "Shop", LAMPS)
        for name in ("ann", "ben"):
            await self._invite(name)

    async def _invite(self, name: str) -> None:
        invited = await self.bank.ask("people.invite", name=name, limits=[[BRAND, str(PURSE)]])
        context, person = self.bank.context, person_id(name)
        token, key = str(invited["token"]), signing_key(name)
        row = context.engine.memory.row((Invitation.table, invitation_id(token), b""))
        assert isinstance(row, Invitation)
        now_us = context.clock.now_us()
        codes = (RecoveryCode(person, sha256(name.encode()).digest(), now_us),)
        await context.do(
            lambda at_us: JoinPerson(
                at_us,
                row.id,
                Person(person, name, name.title(), PersonPhase.ACTIVE, now_us),
                Credential(person, key.public, CredentialKind.KEY, key.public, "key", now_us),
                codes,
                purses_of(row, person),
            )
        )

    # ------------------------------------------------------------------ a sale

    async def proposed(self, **changes: object) -> str:
        """The shop offers a lamp to whoever pays at the bank: the exchange's id."""
        asked: dict[str, object] = {
            "template": library_bytes("buy object").decode(),
            "settings": {
                "brand": BRAND,
                "amount": str(PRICE),
                "region": "Ahern",
                "task_id": "7",
                "simulator": self.keeper.id.hex(),
            },
            "seats": {"buyer": self.bank.card, "seller": "me"},
            "registries": ["R1"],
            "within_s": WITHIN_S,
            "join_s": JOIN_S,
        }
        return str((await self.shop.ask("escrow.propose", **(asked | changes)))["id"])

    async def asked(self, exchange: str) -> bytes:
        """What the shop signs about it."""
        made = await self.shop.ask("request.create", for_exchange=exchange, description="A lamp")
        return from_text(str(made["text"]))

    async def brought(self, asked: bytes, name: str = "ann") -> Confirmation:
        """To the bank, for one of its people."""
        brought = await self.confirmations.bring(asked, name=name)
        assert brought.refusal is None, brought.refusal
        assert await self.confirmations.present(brought.id, person_id(name)) is None
        return self.row(brought.id)

    async def offered(self, name: str = "ann", **changes: object) -> Confirmation:
        """A sale that only waits for its buyer."""
        exchange = await self.proposed(**changes)
        row = await self.brought(await self.asked(exchange), name)
        await self.until(lambda: self.invited(exchange))
        return row

    def invited(self, exchange: str) -> bool:
        return any(s.phase is SeatPhase.INVITED for s in self.seats(exchange))

    def seats(self, exchange: str) -> list[Seat]:
        if self.bank.process is None:
            return []
        rows = self.bank.context.engine.memory.owned(Seat)
        return [row for row in rows if row.deal.hex() == exchange]

    def row(self, confirmation: bytes) -> Confirmation:
        found = self.confirmations.find(confirmation)
        assert found is not None
        return found

    def goods(self, row: Confirmation) -> Goods:
        found = self.confirmations.goods_of(row, row.person)
        assert isinstance(found, Goods), found
        return found

    async def prepared(self, row: Confirmation, name: str = "ann") -> Prepared:
        return await self.confirmations.prepare(row, person_id(name))

    async def signed(self, row: Confirmation, name: str = "ann") -> Approved:
        """The words that Ann's own key signs, once there is a chain."""
        prepared = await self.prepared(row, name)
        for _ in range(LOOKS):
            if prepared.payable:
                break
            await trio.sleep(0.5)  # lines of who has just started are not known to all yet
            prepared = await self.prepared(row, name)
        assert prepared.payable, prepared.because
        return sign_approval(signing_key(name), prepared.approval(person_id(name)))

    async def approve(self, row: Confirmation, name: str = "ann") -> Refusal | None:
        approved = await self.signed(row, name)
        return await self.confirmations.approve(row.id, person_id(name), approved)

    def is_up(self) -> bool:
        """Whether everybody runs."""
        return all(host.process is not None for host in self.world.people.values())

    async def until(self, holds: Callable[[], bool], within_s: float = OVER_S) -> None:
        """In virtual time."""
        with trio.move_on_after(within_s):
            while True:
                if holds():
                    return
                await trio.sleep(LOOK_S)
        raise AssertionError("it does not come about")

    async def over(self, row: Confirmation) -> Confirmation:
        """As it has ended, once nothing of it is under way anywhere."""

        def is_over() -> bool:
            return self.bank.process is not None and self.row(row.id).phase.final

        await self.until(is_over)
        return self.row(row.id)

    # ------------------------------------------------------------------ what everybody has

    def purse(self, name: str = "ann") -> Purse:
        rows = self.bank.context.engine.memory.of_person(person_id(name))
        return next(row for row in rows if isinstance(row, Purse))

    def lamps(self) -> dict[NodeId, list[int]]:
        """At the registrar: what is in each account, by owner."""
        assert self.keeper.books is not None
        found: dict[NodeId, list[int]] = {}
        for row in self.keeper.context.registrar.reader.accounts(self.brand):  # type: ignore
            assert isinstance(row, Title)
            found.setdefault(NodeId(row.owner), []).append(row.balance)
        return found

    async def has(self, name: str) -> int:
        """Lamps of a person, as the registrar tells its bank."""
        rows = self.exchanging.belongings(person_id(name))
        return sum([await self.exchanging.balance(row) for row in rows])


@asynccontextmanager
async def town(lamp: str = "Lamp", seed: int = 1) -> AsyncIterator[Town]:
    """Furnished and at rest. No thread makes virtual time jump."""
    on_the_spot.set(True)
    async with exchanging(spec(), Random(seed), (), ExchangeWorld) as world:
        made = Town(world)
        await made.furnish(lamp)
        yield made
