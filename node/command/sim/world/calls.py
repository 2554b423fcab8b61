"""Calls to registries, there and back: roads may be cut or slow, or end at a dead process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

import trio
from google.protobuf.message import Message

from node.command.sim.world.registry_host import RegistryHost
from proto.limits import US
from proto.v1 import registry_pb2 as pb
from runtime.rpc import CallContext, Gathered, Method, RpcRefused, Unary
from runtime.rpc_client import RpcDeadline, RpcUnavailable

Response = TypeVar("Response", bound=Message)

TRIP_US: Final = (1_000, 60_000)  # one way, of a city or of an ocean
REFUSED_US: Final = 2_000  # nobody listens: that is known as soon as the machine is reached


@dataclass
class Roads:
    """Who reaches which registry, and how fast. Owned by trio. Names are nodes' and registries'."""

    random: Random
    registries: Mapping[bytes, RegistryHost]
    cut: set[tuple[str, str]] = field(default_factory=set)  # (caller, registry's name)
    slow_us: dict[tuple[str, str], int] = field(default_factory=dict)
    heard: Callable[[str, str, str, Message, Message], None] = lambda *_: None
    came: Callable[[str, str, Message], None] = lambda *_: None
    """A question reaches a registry, whether or not its answer will arrive."""

    def heal(self) -> None:
        """Everybody reaches everybody."""
        self.cut.clear()
        self.slow_us.clear()

    async def travel(self, road: tuple[str, str]) -> None:
        """One way. RpcUnavailable where the road is cut by the end of it."""
        await trio.sleep((self.random.randint(*TRIP_US) + self.slow_us.get(road, 0)) / US)
        if road in self.cut:
            raise RpcUnavailable("cut")


@dataclass(frozen=True)
class SimCaller:
    """See `runtime.rpc_client.Caller`: one caller's way to one registry."""

    roads: Roads
    caller: str
    registry: RegistryHost

    async def unary(
        self, method: str, request: Message, response_type: type[Response], timeout_s: float
    ) -> Response:
        road = (self.caller, self.registry.name)
        with trio.move_on_after(timeout_s):
            if road in self.roads.cut:
                await trio.sleep_forever()  # packets vanish: only patience ends
            await self.roads.travel(road)
            data = await self._answer(method.rpartition("/")[2], request)
            await self.roads.travel(road)
            response = response_type.FromString(data)
            self.roads.heard(*road, method, request, response)
            return response
        raise RpcDeadline("no answer")

    async def close(self) -> None:
        """Nothing is held open."""

    async def _answer(self, name: str, request: Message) -> bytes:
        process = self.registry.process
        if process is None:
            await trio.sleep(REFUSED_US / US)
            raise RpcUnavailable("nobody listens")
        if self.registry.silent:
            await trio.sleep_forever()
        self.roads.came(self.caller, self.registry.name, request)
        method = process.service.methods[name]
        assert isinstance(method, Unary | Gathered), name
        read = method.request_type.FromString(request.SerializeToString())
        with trio.CancelScope() as call:
            process.calls[id(call)] = call
            try:
                answer = await _handled(method, read)
            finally:
                del process.calls[id(call)]
            liar = self.registry.liar
            if liar is not None and isinstance(read, pb.DecideRequest):
                assert isinstance(answer, bytes)
                return liar.decides(self.caller, read, answer)
            if liar is not None and isinstance(answer, pb.RelayResponse):
                liar.relays(answer)
            return answer if isinstance(answer, bytes) else answer.SerializeToString()
        raise RpcUnavailable("its process died")


async def _handled(method: Method, read: Message) -> Message | bytes:
    match method:
        case Gathered():
            (answer,) = await method.handler([(read, "")])
            if isinstance(answer, RpcRefused):
                raise RpcUnavailable(answer.detail)
            return answer
        case Unary():
            try:
                return await method.handler(read, CallContext("", None, None))
            except RpcRefused as refused:
                raise RpcUnavailable(refused.detail) from refused
        case _:
            raise AssertionError("nodes and members make unary calls only")
