"""A daemon's owner, as a program: verbs over its control socket."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from proto.v1 import control_pb2 as pb
from runtime.bridge import Bridge
from runtime.rpc_client import RpcChannel

CALL: Final = "/pledgeway.v1.Control/Call"
FOLLOW: Final = "/pledgeway.v1.Control/Follow"
SOCKET: Final = "control.sock"
CALL_TIMEOUT_S: Final = 60.0  # of one verb; the machine may be busy with sixteen others

Json = dict[str, Any]


class Refused(Exception):
    """A clean no. `code` as in control.proto."""

    def __init__(self, verb: str, failure: pb.Failure) -> None:
        super().__init__(f"{verb}: {failure.code} {failure.message}".rstrip())
        self.code = failure.code
        self.figure = failure.figure
        self.message = failure.message


class Control:
    """One daemon's control socket; it may die and come back between two calls."""

    def __init__(self, bridge: Bridge, directory: Path) -> None:
        self._bridge = bridge
        self._socket = directory / SOCKET
        self._channel = RpcChannel.to_unix(bridge, self._socket)

    async def ask(self, verb: str, /, **arguments: Any) -> Json:
        """One answer. Refused, RpcError."""
        return await self.ask_long(verb, CALL_TIMEOUT_S, arguments)

    async def ask_long(self, verb: str, timeout_s: float, arguments: Json) -> Json:
        """One answer of a verb that takes its time. Refused, RpcError."""
        command = pb.Command(verb=verb, arguments=json.dumps(arguments))
        return _read(verb, await self._channel.unary(CALL, command, pb.Reply, timeout_s))

    async def pay(self, told: Callable[[Json], None], **arguments: Any) -> Json:
        """Pays; `told` hears every change. Returns the final one. Refused, RpcError."""
        command = pb.Command(verb="pay", arguments=json.dumps(arguments))
        last: Json = {}
        async with self._channel.stream(FOLLOW, command, pb.Reply) as replies:
            async for reply in replies:
                last = _read("pay", reply)
                told(last)
        return last

    async def again(self) -> None:
        """After a restart: a fresh channel, which does not wait out the old one's back-off."""
        await self._channel.close()
        self._channel = RpcChannel.to_unix(self._bridge, self._socket)

    async def close(self) -> None:
        await self._channel.close()


def _read(verb: str, reply: pb.Reply) -> Json:
    if reply.WhichOneof("result") == "failure":
        raise Refused(verb, reply.failure)
    answer: Json = json.loads(reply.json)
    return answer
