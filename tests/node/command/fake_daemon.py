"""A node that only answers: canned replies over a real control socket, in a process of its own.

`python -m tests.node.command.fake_daemon DIR` serves DIR/control.sock until its standard input
ends. DIR/replies.json says what to answer, read anew at every call: verb -> list of replies, each
{"json": ...}, {"raw": "..."}, {"failure": {...}}, {"hang": true}, {"leave": true} or
{"unknown": true}. What it was
asked is appended to DIR/heard.jsonl.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import trio

from proto.v1 import control_pb2 as pb
from runtime.bridge import Bridge
from runtime.control import unknown_verb
from runtime.rpc import CallContext, Send, ServerStream, Service, Unary
from runtime.rpc_server import RpcServer


class FakeDaemon:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def service(self) -> Service:
        return Service(
            "pledgeway.v1.Control",
            {
                "Call": Unary(pb.Command, pb.Reply, self.call),
                "Follow": ServerStream(pb.Command, pb.Reply, self.follow),
            },
        )

    async def call(self, command: pb.Command, context: CallContext) -> pb.Reply:
        return await _reply(self._replies(command)[0])

    async def follow(self, command: pb.Command, context: CallContext, send: Send[pb.Reply]) -> None:
        for reply in self._replies(command):
            await send(await _reply(reply))

    def _replies(self, command: pb.Command) -> list[dict[str, Any]]:
        heard = {"verb": command.verb, "arguments": json.loads(command.arguments)}
        with (self._directory / "heard.jsonl").open("a") as file:
            file.write(json.dumps(heard) + "\n")
        replies: list[dict[str, Any]] = json.loads((self._directory / "replies.json").read_text())[
            command.verb
        ]
        return replies


async def _reply(reply: dict[str, Any]) -> pb.Reply:
    if "hang" in reply:
        await trio.sleep_forever()
    if "unknown" in reply:
        raise unknown_verb("it")
    if "leave" in reply:
        os._exit(7)
    if "failure" in reply:
        return pb.Reply(failure=pb.Failure(**reply["failure"]))
    return pb.Reply(json=reply["raw"] if "raw" in reply else json.dumps(reply["json"]))


async def serve(directory: Path) -> None:
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [FakeDaemon(directory).service()])
        await server.bind_unix(directory / "control.sock")
        await server.start()
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        await server.stop(0.1)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(serve, Path(sys.argv[1]))
