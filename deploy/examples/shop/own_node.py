"""The shop's own node, asked over its control socket: it makes requests, and knows what came in.

`pledgeway request create ... --json` and `pledgeway request show ID --json` say the same; a socket
is a hundred times quicker than a command. Whoever reaches it may pay, too: the shop runs as the
user who owns the node, and nobody else does.
"""

import json
from pathlib import Path
from typing import Any, Final

from proto.v1 import control_pb2 as pb
from runtime.bridge import Bridge
from runtime.rpc_client import RpcChannel, RpcError

CALL: Final = "/pledgeway.v1.Control/Call"
TIMEOUT_S: Final = 20.0


class NodeFault(Exception):
    """One line: the node is not there, or says no."""


class OwnNode:
    """`directory`: the node's. It may end and come back between two calls."""

    def __init__(self, bridge: Bridge, directory: Path) -> None:
        self._channel = RpcChannel.to_unix(bridge, directory / "control.sock")

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """One answer. NodeFault."""
        command = pb.Command(verb=verb, arguments=json.dumps(arguments))
        try:
            reply = await self._channel.unary(CALL, command, pb.Reply, TIMEOUT_S)
        except RpcError as error:
            raise NodeFault(f"the shop's node does not answer: {type(error).__name__}") from error
        if reply.WhichOneof("result") == "failure":
            failure = reply.failure
            raise NodeFault(f"the shop's node says no: {failure.code} {failure.message}")
        found: dict[str, Any] = json.loads(reply.json)
        return found

    async def close(self) -> None:
        await self._channel.close()
