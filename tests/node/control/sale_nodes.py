"""Verbs of sales at every party, over the cores at the table: no wire, no disk, no clock."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import NOW_US, R1, RECORDS, SECOND, digest, signing_key
from node.control import agent_cases, agents, inbox, sale
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.core.effects import Answer
from node.core.escrow.rows import KnownRight
from node.core.sale.events import KeepAgent
from node.core.sale.rows import KnownAgent
from node.escrow.account_keeper import AccountKeeper
from node.reputation.heads import MemoryHeads
from node.terms import KnownRegistry
from proto.card import NodeCard
from proto.escrow.batch import BatchReply, OpBatch, read_asked, sign_reply
from proto.escrow.ops import OpResult
from proto.escrow.rights import sign_right
from proto.keys import SealKey
from proto.reason import Refusal
from proto.v1 import escrow_pb2 as pb
from runtime.rpc_client import RpcUnavailable
from tests.node.core.escrow_table import card_of, node_of
from tests.node.core.sale_table import DEPOSIT, HOUSE, Person, SaleTable, agent_offer

VERBS = {
    **sale.VERBS,
    **agent_cases.VERBS,
    **agents.VERBS,
    "escrow.inbox": inbox.inbox,
    "escrow.bundle": inbox.bundle,
}
THING = "lamp.example"
__all__ = ["NOW_US", "SECOND", "Sales"]


class Engine:
    """Applies at once, and answers as the core does."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.memory = person.memory
        self.links = SimpleNamespace(neighbours={})
        self.changes: list[trio.Event] = []
        self.heard: list[Any] = []

    async def ask(self, make: Any) -> Refusal | None:
        applied = self.person.take(make(self.person.now_us))
        answers = [effect.refusal for effect in applied.effects if isinstance(effect, Answer)]
        assert len(answers) == 1
        return answers[0]

    def changed(self) -> None:
        """Whoever waits for a change looks again."""
        for event in self.changes:
            event.set()
        self.changes.clear()
        for listener in tuple(self.heard):
            listener(list(self.memory.rows.values()))

    def next_change(self, *_: Any) -> trio.Event:
        self.changes.append(trio.Event())
        return self.changes[-1]

    def listen(self, listener: Any) -> Any:
        self.heard.append(listener)
        return lambda: self.heard.remove(listener)


class House:
    """What a balance is asked of, and agents' pasts: nobody has judged anything yet."""

    def __init__(self) -> None:
        self.balance = 10_000
        self.silent = False

    async def ratings(self, to: NodeCard, asked: pb.RatingsRequest) -> pb.RatingsReply:
        if self.silent:
            raise RpcUnavailable
        return pb.RatingsReply()

    async def batch(self, to: NodeCard, signed: bytes) -> bytes:
        _, asked = read_asked(signed)
        assert isinstance(asked, OpBatch)
        results = tuple(OpResult(amount=self.balance) for _ in asked.ops)
        return sign_reply(signing_key(HOUSE), BatchReply(to.node, asked.sender, asked.id, results))


class Sales(SaleTable):
    """`await table("bob", "sale.open", ...)`: a verb, as its owner's command calls it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.house = House()
        self.contexts = {name: self._context(person) for name, person in self.people.items()}
        for name, person in self.people.items():
            right = sign_right(signing_key(HOUSE), DEPOSIT)
            person.memory.put(KnownRight(DEPOSIT.brand.guid, right, card_of(HOUSE), 1))
            for agent in self.agents:
                offer = agent_offer(agent)
                row = KnownAgent(node_of(agent), offer, NOW_US, own=name == agent)
                person.take(KeepAgent(person.now_us, row))
        self.named = ""
        self.usual: dict[str, Any] = {
            "seller": card_of("sally"),
            "thing": THING,
            "price": 1000,
            "deposit": DEPOSIT.brand.name,
            "buyer_deposit": 120,
            "seller_deposit": 430,
            "bond": 1200,
            "vote_bond": 10,
            "all_known": True,
            "registry": R1.record.name or R1.id.hex(),
            "expires_s": 300,
            "agree_s": 10,
            "lock_s": 60,
            "release_s": 80,
            "window_s": 40,
            "refund_s": 40,
            "vote_s": 30,
        }

    def _context(self, person: Person) -> Context:
        context = object.__new__(Context)
        key, draws = signing_key(person.name), count()
        registries = {r: KnownRegistry(record, accepted=True) for r, record in RECORDS.items()}
        more: dict[str, Any] = {
            "identity": SimpleNamespace(
                node=key.node_id, key=key, seal=SealKey(digest("seal " + person.name))
            ),
            "alias": person.name,
            "engine": Engine(person),
            "archive": None,
            "gossip": SimpleNamespace(node=lambda _: None, adverts=[]),
            "finder": None,
            "clock": SimpleNamespace(now_us=lambda: person.now_us),
            "book": SimpleNamespace(
                registries=registries,
                terms=SimpleNamespace(policies={}),
                accepts=frozenset(RECORDS),
            ),
            "entropy": lambda size: digest(f"{person.name} {next(draws)}")[:size],
            "heads": MemoryHeads(),
        }
        parts = (more[name] for name in ("engine", "identity"))
        accounts = AccountKeeper(*parts, self.house, more["clock"], more["entropy"])
        more["exchange"] = SimpleNamespace(
            ways=self.house, accounts=accounts, card=card_of(person.name), serves=True
        )
        for name, value in more.items():
            setattr(context, name, value)
        return context

    @property
    def id(self) -> bytes:
        """Of the sale that bob's verb has opened."""
        return bytes.fromhex(self.named) if self.named else super().id

    async def __call__(self, name: str, verb: str, **arguments: Any) -> dict[str, Any]:
        if verb != "sale.open" and verb.startswith("sale.") and verb != "sale.list":
            arguments = {"id": self.named[:10]} | arguments
        told = await VERBS[verb](self.contexts[name], Arguments(arguments))
        if verb == "sale.open" and told["id"]:
            self.named = told["id"]
        self.carry()
        for context in self.contexts.values():
            context.engine.changed()
        await trio.testing.wait_all_tasks_blocked()
        return told

    async def no(self, name: str, verb: str, **arguments: Any) -> ControlFailure:
        """The same, where it is refused."""
        with pytest.raises(ControlFailure) as info:
            await self(name, verb, **arguments)
        return info.value

    async def opens(self, **other: Any) -> dict[str, Any]:
        """Bob's offer, with short times."""
        return await self("bob", "sale.open", **{**self.usual, **other})

    async def agrees(self) -> None:
        """Until T0 is committed."""
        await self.opens()
        await self("sally", "sale.bid", all_known=True)
        await self(self.agent, "sale.take")

    async def locks(self, secret: str = "Zm9v", changed: str = "YmFy") -> None:
        """Until T1 is committed."""
        await self.agrees()
        await self("sally", "sale.give", credential=secret)
        await self(self.agent, "sale.pass_on", credential=changed)
