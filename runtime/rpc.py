"""Services as trio functions: what a method is, what a handler sees, how it refuses.

Handlers run on trio and take and give protobuf messages; the server in `rpc_server.py` parses and
serialises at this edge. Clients: `rpc_client.py`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

MAX_MESSAGE_BYTES = (1 << 20) + (1 << 16)  # registry 6: 1 MiB of items, and room for the framing
MAX_CONCURRENT_RPCS = 512  # 600 at once were fine, 3000 lost one call in six to CANCELLED

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


class RpcRefused(Exception):
    """Raised by a handler: the answer is this status. `detail` is for people, never matched on."""

    def __init__(self, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class CallerGone(Exception):
    """Raised to a streaming handler that sends to, or reads from, a caller who has left."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who calls: gRPC's name of the other end, and its TLS pin (32 bytes) where it showed one."""

    peer: str
    pin: bytes | None
    time_left_s: float | None  # None: the caller set no deadline


# A response may be given as its bytes, by a handler that has written them itself.
Send = Callable[[Response | bytes], Awaitable[None]]  # waits while nobody reads; CallerGone
Receive = Callable[[], Awaitable[Request | None]]  # None: the caller will send no more


@dataclass(frozen=True, slots=True)
class Unary(Generic[Request, Response]):
    """`await handler(request, context)` returns the response."""

    request_type: type[Request]
    response_type: type[Response]
    handler: Callable[[Request, CallContext], Awaitable[Response | bytes]]


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Request, Response]):
    """Unary calls answered by the group: `await handler([(request, peer), ...])` returns for each
    its response or why it is refused, in their order.

    A group is what has arrived while `at_once` others were worked on, of `group_bytes` at most.
    """

    request_type: type[Request]
    response_type: type[Response]
    handler: Callable[
        [Sequence[tuple[Request, str]]], Awaitable[Sequence[Response | bytes | RpcRefused]]
    ]
    at_once: int
    group_bytes: int


@dataclass(frozen=True, slots=True)
class ServerStream(Generic[Request, Response]):
    """`await handler(request, context, send)`; the stream ends when it returns."""

    request_type: type[Request]
    response_type: type[Response]
    handler: Callable[[Request, CallContext, Send[Response]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Duplex(Generic[Request, Response]):
    """`await handler(receive, send, context)`; the stream ends when it returns."""

    request_type: type[Request]
    response_type: type[Response]
    handler: Callable[[Receive[Request], Send[Response], CallContext], Awaitable[None]]


Method = Unary[Any, Any] | Gathered[Any, Any] | ServerStream[Any, Any] | Duplex[Any, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service: its full name, "pledgeway.v1.Registry" say, and its methods by name."""

    name: str
    methods: Mapping[str, Method]
