"""How letters and batches reach those who answer them: over gRPC, or within this daemon."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, runtime_checkable

from proto.card import NodeCard
from proto.keys import NodeId
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from runtime.address import is_plain
from runtime.rpc import CallContext, RpcRefused, Service, Unary
from runtime.rpc_client import Caller, RpcFailed, RpcUnavailable
from runtime.tls import BadCertificate

ESCROW: Final = "/pledgeway.v1.Escrow"
REGISTRAR: Final = "/pledgeway.v1.Registrar"
OURSELVES: Final = "unix:"  # as gRPC names a caller on the same machine
CALL_TIMEOUT_S: Final = 10.0  # an answer waits for one disk; a registrar's for a queue before it
MAX_CHANNELS: Final = 256  # open at a time; the one that was used least recently is closed

Connect = Callable[[NodeCard], Caller]
Handler = Callable[[bytes], Awaitable[bytes]]


@runtime_checkable
class Closes(Protocol):
    """A caller that holds a connection."""

    async def close(self) -> None:
        """Ends it."""
        ...


class Ways(Protocol):
    """Each call gives the signed answer (an Envelope's bytes). RpcError."""

    async def post(self, card: NodeCard, signed: bytes) -> bytes:
        """A letter."""
        ...

    async def batch(self, card: NodeCard, signed: bytes) -> bytes:
        """A batch for a registrar."""
        ...

    async def open_account(self, card: NodeCard, signed: bytes) -> bytes:
        """A request for an account."""
        ...

    async def describe(self, card: NodeCard, asked: pb.DescribeRequest) -> pb.DescribeReply:
        """What a registrar says of its rights."""
        ...

    async def ratings(self, card: NodeCard, asked: pb.RatingsRequest) -> pb.RatingsReply:
        """A part of a registrar's list of an agent's sales."""
        ...

    async def agents(self, card: NodeCard, asked: pb.AgentsRequest) -> pb.AgentsReply:
        """Offers of agents that a registrar lists."""
        ...


class DialledWays:
    """Over pinned TLS, to the service address of each card; to ourselves without a wire."""

    def __init__(self, me: NodeId, connect: Connect) -> None:
        """`own_letters` and `own_registrar` are set once there are such."""
        self._me = me
        self._connect = connect
        self._channels: dict[tuple[NodeId, str, bytes], Caller] = {}
        self.own_letters: Handler | None = None
        self.own_registrar: dict[str, Handler] = {}

    async def post(self, card: NodeCard, signed: bytes) -> bytes:
        if card.node == self._me and self.own_letters is not None:
            return await _ours(self.own_letters, signed)
        return await self._call(card, f"{ESCROW}/Post", signed)

    async def batch(self, card: NodeCard, signed: bytes) -> bytes:
        return await self._registrar(card, "Batch", signed)

    async def open_account(self, card: NodeCard, signed: bytes) -> bytes:
        return await self._registrar(card, "Open", signed)

    async def _registrar(self, card: NodeCard, method: str, signed: bytes) -> bytes:
        if card.node == self._me and method in self.own_registrar:
            return await _ours(self.own_registrar[method], signed)
        return await self._call(card, f"{REGISTRAR}/{method}", signed)

    async def describe(self, card: NodeCard, asked: pb.DescribeRequest) -> pb.DescribeReply:
        """As Ways says."""
        channel = await self._channel(card)
        method = f"{REGISTRAR}/Describe"
        return await channel.unary(method, asked, pb.DescribeReply, CALL_TIMEOUT_S)

    async def ratings(self, card: NodeCard, asked: pb.RatingsRequest) -> pb.RatingsReply:
        """As Ways says."""
        channel = await self._channel(card)
        return await channel.unary(f"{REGISTRAR}/Ratings", asked, pb.RatingsReply, CALL_TIMEOUT_S)

    async def agents(self, card: NodeCard, asked: pb.AgentsRequest) -> pb.AgentsReply:
        """As Ways says."""
        channel = await self._channel(card)
        return await channel.unary(f"{REGISTRAR}/Agents", asked, pb.AgentsReply, CALL_TIMEOUT_S)

    async def _call(self, card: NodeCard, method: str, signed: bytes) -> bytes:
        channel = await self._channel(card)
        message = types_pb2.Envelope.FromString(signed)
        answer = await channel.unary(method, message, types_pb2.Envelope, CALL_TIMEOUT_S)
        return answer.SerializeToString()

    async def _channel(self, card: NodeCard) -> Caller:
        if not card.service:
            raise RpcUnavailable(f"the card of {card.alias} names no service address")
        if not is_plain(card.service):
            raise RpcUnavailable(f"the card of {card.alias} names a service address that is none")
        key = (card.node, card.service, card.tls_certificate)
        channel = self._channels.pop(key, None)
        if channel is None:
            try:
                channel = self._connect(card)
            except BadCertificate as error:
                raise RpcUnavailable(f"the certificate of {card.alias}: {error}") from error
        self._channels[key] = channel  # to the end: used last
        if len(self._channels) > MAX_CHANNELS:
            oldest = self._channels.pop(next(iter(self._channels)))
            if isinstance(oldest, Closes):
                # Its bridge knows it until then, and so it would keep its socket for ever. A call
                # that is still under way there is lost, and said again.
                await oldest.close()
        return channel


async def _ours(handler: Handler, signed: bytes) -> bytes:
    """A no of our own daemon is like anybody's."""
    try:
        return await handler(signed)
    except RpcRefused as refused:
        raise RpcFailed(refused.code, refused.detail) from refused


def own_calls(service: Service) -> dict[str, Handler]:
    """The unary methods of a service of this daemon that take and give envelopes."""

    def handler(method: Unary[types_pb2.Envelope, types_pb2.Envelope]) -> Handler:
        async def call(signed: bytes) -> bytes:
            message = types_pb2.Envelope.FromString(signed)
            answer = await method.handler(message, CallContext(OURSELVES, None, None))
            return answer if isinstance(answer, bytes) else answer.SerializeToString()

        return call

    return {
        name: handler(method)
        for name, method in service.methods.items()
        if isinstance(method, Unary) and method.request_type is types_pb2.Envelope
    }
