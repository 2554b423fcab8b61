"""Calls between nodes, of letters and of batches: lost, doubled, overtaken, or cut off.

A question goes its own way: it may arrive although whoever asked has died meanwhile, or twice, or
have its effect and lose its answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import trio
from google.protobuf.message import Message

from proto.keys import NodeId
from proto.limits import US
from runtime.rpc import CallContext, RpcRefused, Unary
from runtime.rpc_client import RpcDeadline, RpcFailed, RpcUnavailable

if TYPE_CHECKING:
    from node.command.sim.escrow.host import ExchangeHost

Response = TypeVar("Response", bound=Message)

TRIP_US: Final = (500, 40_000)  # one way, of a city or of an ocean
AGAIN_US: Final = (1_000, 3_000_000)  # until a doubled question comes a second time
REFUSED_US: Final = 2_000  # nobody listens: that is known as soon as the machine is reached
CHANCES: Final = 1000


class Heard(Protocol):
    """Told of every question that is answered: who asked whom, what, and the answer's bytes."""

    def __call__(self, asker: str, asked: str, method: str, said: bytes, answer: bytes) -> None: ...


@dataclass
class Streets:
    """Who reaches whose desk and registrar. Owned by trio. Chances are per mille of questions."""

    random: Random
    nursery: trio.Nursery
    hosts: Mapping[NodeId, "ExchangeHost"]
    heard: Heard
    set_out: Callable[[str, str, str, bytes], None] = lambda *_: None
    cut: set[frozenset[str]] = field(default_factory=set)
    lost: int = 0
    doubled: int = 0
    slow_us: int = 0

    def heal(self) -> None:
        """Everybody reaches everybody."""
        self.cut.clear()
        self.lost = self.doubled = self.slow_us = 0

    def loses(self) -> bool:
        """Whether what is under way now never arrives."""
        return self.random.randrange(CHANCES) < self.lost

    async def travel(self, one: str, other: str) -> None:
        """One way; it never ends where there is no way."""
        extra_us = self.random.randint(0, self.slow_us) if self.slow_us else 0
        await trio.sleep((self.random.randint(*TRIP_US) + extra_us) / US)
        if frozenset((one, other)) in self.cut or self.loses():
            await trio.sleep_forever()


@dataclass
class _Reply:
    """What came back: bytes, or why there are none."""

    arrived: trio.Event = field(default_factory=trio.Event)
    data: bytes = b""
    failed: Exception | None = None


@dataclass(frozen=True)
class PeerCaller:
    """See `runtime.rpc_client.Caller`: one node's way to another one's services."""

    streets: Streets
    asker: "ExchangeHost"
    asked: NodeId
    straight: bool = False  # whatever a crook says here it means

    async def unary(
        self, method: str, request: Message, response_type: type[Response], timeout_s: float
    ) -> Response:
        self.asker.about_to_call()
        if self.asker.process is None:
            await trio.sleep_forever()  # it died, and takes this task with it
        said = request.SerializeToString()
        with trio.move_on_after(timeout_s):
            if self.asker.crook is not None and not self.straight:
                said = await self.asker.crook.says(self.asked, method, said)
            target = self.streets.hosts[self.asked]
            reply = _Reply()
            self.streets.set_out(self.asker.name, target.name, method, said)
            self.streets.nursery.start_soon(self._carry, method, said, reply)
            if self.streets.random.randrange(CHANCES) < self.streets.doubled:
                self.streets.nursery.start_soon(self._again, method, said)
            await reply.arrived.wait()
            if reply.failed is not None:
                raise reply.failed
            return response_type.FromString(reply.data)
        raise RpcDeadline("no answer")

    async def close(self) -> None:
        """Nothing is held open."""

    async def _again(self, method: str, said: bytes) -> None:
        await trio.sleep(self.streets.random.randint(*AGAIN_US) / US)
        await self._carry(method, said, _Reply())

    async def _carry(self, method: str, said: bytes, reply: _Reply) -> None:
        target = self.streets.hosts[self.asked]
        await self.streets.travel(self.asker.name, target.name)
        try:
            data = await _answered(target, method, said)
        except (RpcUnavailable, RpcFailed) as failed:
            await trio.sleep(REFUSED_US / US)
            reply.failed = failed
        else:
            self.streets.heard(self.asker.name, target.name, method, said, data)
            await self.streets.travel(self.asker.name, target.name)
            reply.data = data
        reply.arrived.set()


async def _answered(target: "ExchangeHost", method: str, said: bytes) -> bytes:
    process = target.process
    if target.crook is not None:
        target.crook.hears(method, said)
    _, service, name = method.split("/")
    if process is None or service not in target.services:
        raise RpcUnavailable("nobody listens")
    unary = target.services[service].methods[name]
    assert isinstance(unary, Unary), name
    with trio.CancelScope() as call:
        process.calls[id(call)] = call
        try:
            read = unary.request_type.FromString(said)
            answer = await unary.handler(read, CallContext("unix:", None, None))
        except RpcRefused as refused:
            raise RpcFailed(refused.code, refused.detail) from refused
        finally:
            del process.calls[id(call)]
        target.about_to_answer()
        if target.process is not process:
            raise RpcUnavailable("its process died before it could answer")
        return answer if isinstance(answer, bytes) else answer.SerializeToString()
    raise RpcUnavailable("its process died")
