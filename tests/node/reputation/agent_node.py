"""One node with a few lines, and a house that answers as it likes, without a wire."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from node.control import agents
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.core.escrow.rows import KnownRight
from node.core.rows import Line, LinePhase
from node.core.sale.events import KeepAgent
from node.core.view import Settings
from node.escrow.account_keeper import AccountKeeper
from node.group import Group
from node.memory import Memory
from node.reputation.heads import MemoryHeads
from proto.adverts import LineAdvert
from proto.card import sign_card
from proto.envelope import Envelope
from proto.escrow.batch import BatchReply, OpBatch, read_asked, sign_reply
from proto.escrow.ops import OpResult
from proto.escrow.rights import sign_right
from proto.fees import FeeSet
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.money import Brand
from proto.sale.offer import AgentOffer, sign_agent_offer
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from tests.fuzz.of_letters import RIGHT
from tests.fuzz.values import CARD, SEAL
from tests.node.reputation.houses import (
    AGENT,
    ANN,
    BEA,
    BRAND,
    DAY_US,
    EVE,
    HOUSE,
    NOW_US,
    House,
)

OURS = SigningKey(b"o" * 32)
USD, EUR = Brand(b"u" * 16, "USD"), Brand(b"e" * 16, "EUR")
DEPOSIT = replace(
    RIGHT,
    brand=replace(RIGHT.brand, guid=BRAND, name="deposit", unit=5, issuer=HOUSE.node_id),
    registrar=HOUSE.node_id,
)


def card(key: SigningKey, alias: str) -> str:
    tls, seal = (
        certify_key(key, KeyCertificate(key.node_id, purpose, public, 0, 2**62)).SerializeToString()
        for purpose, public in (
            (KeyPurpose.TLS, CARD.tls_certificate),
            (KeyPurpose.SEAL, SEAL.public),
        )
    )
    named = replace(CARD, node=key.node_id, alias=alias, tls=tls, seal=seal, service="there:1")
    return sign_card(key, named)


def offered(key: SigningKey, alias: str, **other: Any) -> bytes:
    """A signed offer."""
    usual = AgentOffer(
        key.node_id, card(key, alias), (BRAND,), 5, 10, 2000, "domains", NOW_US - 1,
        NOW_US + 30 * DAY_US,
    )  # fmt: skip
    return sign_agent_offer(key, replace(usual, **other))


class Ways:
    """A house, as it answers: pages of two."""

    def __init__(self) -> None:
        self.house = House()
        self.offers: list[bytes] = []
        self.asked: list[Any] = []
        self.listed: list[bytes] = []

    async def ratings(self, to: Any, asked: pb.RatingsRequest) -> pb.RatingsReply:
        self.asked.append((to.alias, asked.brand, asked.agent, asked.after))
        rest = self.house.entries[asked.after :] if asked.agent == AGENT.node_id else []
        some = [types_pb2.Envelope.FromString(data) for data in rest[:2]]
        return pb.RatingsReply(entries=some, more=len(rest) > 2)

    async def agents(self, to: Any, asked: pb.AgentsRequest) -> pb.AgentsReply:
        def signer(data: bytes) -> bytes:
            return Envelope.decode_unverified(data).signer

        rest = sorted((o for o in self.offers if signer(o) > asked.after), key=signer)
        some = [types_pb2.Envelope.FromString(data) for data in rest[:2]]
        return pb.AgentsReply(offers=some, more=len(rest) > 2)

    async def batch(self, to: Any, signed: bytes) -> bytes:
        _, asked = read_asked(signed)
        assert isinstance(asked, OpBatch)
        self.listed += [op.offer for op in asked.ops]  # type: ignore[union-attr]
        reply = BatchReply(HOUSE.node_id, asked.sender, asked.id, (OpResult(),))
        return sign_reply(HOUSE, reply)


class Node:
    """Its context: two lines in USD, to Ann and Bea, and one in EUR."""

    def __init__(self) -> None:
        self.ways = Ways()
        self.now_us = NOW_US
        self.adverts: list[LineAdvert] = []
        self.memory = Memory(Settings(OURS.node_id, FeeSet({})))
        self.memory.put(KnownRight(BRAND, sign_right(HOUSE, DEPOSIT), card(HOUSE, "House"), 1))
        for number, (peer, brand, limit) in enumerate(
            ((ANN, USD, 120), (BEA, USD, 50), (EVE, EUR, 10**6))
        ):
            row = Line(bytes((number,)) * 16, peer.node_id, brand, LinePhase.OPEN, limit_in=limit)
            self.memory.put(row)
        self.context = object.__new__(Context)
        identity = SimpleNamespace(node=OURS.node_id, seal=SEAL, key=OURS)
        engine = SimpleNamespace(
            memory=self.memory, work=self.work, ask=self.ask, links=SimpleNamespace(neighbours={})
        )
        clock = SimpleNamespace(now_us=lambda: self.now_us)
        accounts = AccountKeeper(engine, identity, self.ways, clock, bytes)  # type: ignore
        more: dict[str, Any] = {
            "identity": identity,
            "alias": "Our",
            "engine": engine,
            "clock": clock,
            "gossip": SimpleNamespace(node=lambda _: None, adverts=self.adverts),
            "finder": None,
            "exchange": SimpleNamespace(
                ways=self.ways, card=card(OURS, "Our"), serves=True, accounts=accounts
            ),
            "entropy": bytes,
            "heads": MemoryHeads(),
        }  # fmt: skip
        for name, value in more.items():
            setattr(self.context, name, value)

    async def work(self, act: Any) -> None:
        act(Group())

    async def ask(self, make: Any) -> None:
        event = make(now_us=self.now_us)
        assert isinstance(event, KeepAgent)
        self.memory.put(event.row)

    async def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return await agents.VERBS[f"agent.{verb}"](self.context, Arguments(arguments))

    async def no(self, verb: str, **arguments: Any) -> ControlFailure:
        with pytest.raises(ControlFailure) as info:
            await self(verb, **arguments)
        return info.value

    def hears(self, granter: SigningKey, taker: SigningKey, grants: int, **other: Any) -> None:
        """What a granter says of a line."""
        self.adverts.append(
            LineAdvert(granter.node_id, taker.node_id, USD, 1, 2**62, 0, grants=grants, **other)
        )
