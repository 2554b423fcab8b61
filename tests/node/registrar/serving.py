"""A whole registrar on loopback, and nodes that ask it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import trio

from node.command.sim.cast import NOW_US, RECORDS
from node.registrar import owner
from node.registrar.client import ask
from node.registrar.pool_rows import Pool
from node.registrar.rows import Leg
from node.registrar.running import Registrar, nobody_to_ask, open_registrar
from proto.certificate import Certificate
from proto.escrow.batch import Asked, BatchReply, OpBatch, OpenAccount
from proto.escrow.ops import Op, OpResult
from proto.escrow.rights import Right
from proto.keys import SigningKey
from runtime.bridge import Bridge
from runtime.clock import FakeClock
from runtime.rpc_client import RpcChannel
from runtime.rpc_server import RpcServer
from tests.node.registrar.world import HOUSE_KEY, cap, right_of


@dataclass
class Served:
    """A registrar, its clock, and a channel to it."""

    registrar: Registrar
    clock: FakeClock
    channel: RpcChannel
    claimed: list[Leg] = field(default_factory=list)
    pools_claimed: list[Pool] = field(default_factory=list)
    asked: int = 0

    def batch(self, who: SigningKey, *ops: Op, **more: Any) -> OpBatch:
        self.asked += 1
        values = {"sent_at_us": self.clock.now_us(), "receiver": HOUSE_KEY.node_id} | more
        number = values.pop("id", sha256(b"%d" % self.asked + who.public).digest()[:16])
        return OpBatch(who.node_id, values["receiver"], number, values["sent_at_us"], ops)

    def opening(self, who: SigningKey, right: Right, label: str) -> OpenAccount:
        self.asked += 1
        return OpenAccount(
            *(who.node_id, HOUSE_KEY.node_id, sha256(b"%d" % self.asked).digest()[:16]),
            *(self.clock.now_us(), right.brand.guid, cap(label), cap(label + "/terms")),
        )

    async def ask(self, who: SigningKey, asked: Asked) -> BatchReply:
        return await ask(self.channel, who, asked)

    async def do(self, who: SigningKey, *ops: Op) -> tuple[OpResult, ...]:
        reply = await self.ask(who, self.batch(who, *ops))
        assert reply.refusal is None, reply.refusal
        return reply.results

    async def open(self, who: SigningKey, right: Right, label: str) -> bytes:
        reply = await self.ask(who, self.opening(who, right, label))
        assert reply.refusal is None, reply.refusal
        return reply.results[0].account

    async def brand(self, **more: Any) -> Right:
        right = right_of(**more)
        await self.registrar.desk.act(lambda step: owner.create_brand(step, right))
        return right

    async def owns(self, who: SigningKey, right: Right, label: str, amount: int = 0) -> bytes:
        account = await self.open(who, right, label)
        if amount:
            await self.registrar.desk.act(lambda step: owner.pay_out(step, account, amount))
        return account


@asynccontextmanager
async def serving(
    place: Path | str,
    clock: FakeClock | None = None,
    find: Callable[[bytes], Awaitable[Certificate | None]] = nobody_to_ask,
) -> AsyncIterator[Served]:
    """A registrar whose books are at `place`, a file or a URL."""
    clock = clock or FakeClock(NOW_US)
    claimed: list[Leg] = []
    pools: list[Pool] = []
    async with (
        Bridge.open() as bridge,
        open_registrar(
            place, HOUSE_KEY, clock, lambda: (RECORDS, {}), find, claimed.extend, pools.extend
        ) as registrar,
        trio.open_nursery() as nursery,
    ):
        server = RpcServer(bridge, nursery, [registrar.service])
        port = await server.bind_tcp("127.0.0.1:0", None)
        await server.start()
        try:
            async with RpcChannel(bridge, f"127.0.0.1:{port}") as channel:
                yield Served(registrar, clock, channel, claimed, pools)
        finally:
            await server.stop(0.1)
