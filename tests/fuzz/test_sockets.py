"""Bytes of strangers, and of a neighbour gone mad, sent to real daemons on real sockets.

Whatever comes: the daemon stays up, answers others, and has nothing worse to say than lines.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import grpc
import pytest
import trio
from google.protobuf.message import DecodeError

from node.command.node_home import init_node
from node.control.service import VERBS
from proto.v1 import control_pb2, node_pb2
from proto.v1 import registry_pb2 as rpb
from runtime.clock import SystemClock
from runtime.hello import Party, make_hello
from runtime.identity import Identity, card, create_identity, load_identity
from runtime.peer_wire import CHANNEL_OPTIONS, STREAM_METHOD
from runtime.rpc_client import RpcChannel, RpcFailed
from runtime.tls import peer_channel_credentials, pinned_channel_options
from tests.fuzz import corpus
from tests.fuzz.mutate import mutate
from tests.fuzz.targets import targets
from tests.registry.serving import METHOD, Serving, query_item, serving

pytestmark = pytest.mark.edge
ANSWER_S: Final = 20  # of a machine that is busy with other tests
READY: Final = re.compile(r"ready: .* port (\d+)\n")
WILD: Final = (
    *("{}", "[]", "null", '{"id": 1}', '{"id": "\\ud800"}', '{"line": "x", "limit": -1}'),
    *('{"to": "Q", "amount": 1e400}', '{"text": "pledgeway-request:AAAA"}', '{"amount": true}'),
    *('{"card": "pledgeway-card:", "node": "00"}', '{"fees": {"ATOMIC": ["1e9", -1]}}'),
    *('{"registry": "%s"}' % ("f" * 64), '{"record": "AAAA", "accepted": 7}', '{"": {"": []}}'),
)
WORDS: Final = (
    *("id", "text", "to", "from", "amount", "card", "line", "limit", "brand", "registry", "record"),
    *(
        "peer",
        "fees",
        "request",
        "payment",
        "name",
        "policy",
        "alias",
        "accepted",
        "node",
        "levels",
    ),
)
VALUES: Final = (
    *("", "x", "\x1b[2J", "00" * 32, "A/USD", "pledgeway-request:AAAA", -1, 0, 2**63, 2**70, 1.5),
    *(True, [], ["x"], [["x", "y"]], {}, {"ATOMIC": {"rate": "1"}}, {"x": {"y": [1]}}),
)
KEPT_AWAY: Final = ("stop",)  # verbs that do what they say whatever the arguments are


def fuzzed(name: str, count: int) -> Iterator[bytes]:
    """The same in every run: the target's seeds and corpus, and mutations of them."""
    target, draw = targets()[name], Random(f"sockets {name}")
    pool = [*target.seeds, *corpus.kept(name)]
    yield from pool[:count]
    for _ in range(count):
        yield mutate(draw.choice(pool), pool, draw, target.form)


def throw(port: int, *chunks: bytes) -> bytes:
    """Bytes on a plain TCP connection; what came back, which may be nothing."""
    said = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as wire:
        for chunk in chunks:
            wire.sendall(chunk)
        wire.shutdown(socket.SHUT_WR)
        while data := wire.recv(65_536):
            said += data
    return said


# ---------------------------------------------------------------- a node


@dataclass(frozen=True)
class Running:
    """A node in a process of its own, and somebody whom it takes for a neighbour."""

    process: "subprocess.Popen[str]"
    port: int
    control: grpc.Channel
    node: Identity
    neighbour: Identity

    def call(self, verb: str, arguments: str, method: str = "Call") -> Any:
        """The reply, or the status that was given instead."""
        command = control_pb2.Command(verb=verb, arguments=arguments)
        return self.raw(command.SerializeToString(), method)

    def raw(self, data: bytes, method: str = "Call") -> Any:
        name = f"/pledgeway.v1.Control/{method}"
        try:
            return control_pb2.Reply.FromString(
                self.control.unary_unary(name)(data, timeout=ANSWER_S)
            )
        except grpc.RpcError as error:
            return error.code()  # type: ignore[attr-defined]


@contextmanager
def running(path: Path, capfd: Any) -> Iterator[Running]:
    """Ends well, and without a word that is not one line."""
    home, other = path / "node", path / "neighbour"
    init_node(home, "N", "127.0.0.1:0", "", "", True)
    capfd.readouterr()
    other.mkdir()
    neighbour = create_identity(other, SystemClock(0).now_us(), os.urandom)
    command = [sys.executable, "-m", "node.command", "node", "run", str(home)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            found = READY.fullmatch(process.stdout.readline())
            assert found is not None
            with grpc.insecure_channel(f"unix:{home / 'control.sock'}") as control:
                node = load_identity(home)
                yield Running(process, int(found[1]), control, node, neighbour)
            process.terminate()
            assert process.wait(timeout=ANSWER_S) == 0
            said = process.stderr.read()
        finally:
            process.kill()
    assert "Traceback" not in said and "bug in" not in said, said
    assert all(line[:4].isdigit() and line.isprintable() for line in said.splitlines()), said


def test_a_node(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path, capfd) as node:
        met = node.call("peer.add", json.dumps({"card": card(node.neighbour, "mad", "")}))
        assert met.WhichOneof("result") == "json", met
        _knock(node)
        _ask_nonsense(node)
        _rave(node)
        status = node.call("status", "{}")
        assert status.WhichOneof("result") == "json", status
        assert node.process.poll() is None


def _knock(node: Running) -> None:
    draw = Random("knocking")
    for _ in range(12):
        throw(node.port, draw.randbytes(draw.choice((1, 40, 4000))))
    throw(node.port, b"GET / HTTP/1.1\r\n\r\n")
    throw(node.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50))


def _ask_nonsense(node: Running) -> None:
    """No verb fails for a reason of its own: the owner is told what he did wrong."""
    bad = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE)
    draw = Random("nonsense")
    for verb in sorted(VERBS.keys() - set(KEPT_AWAY)):
        for arguments in WILD:
            assert node.call(verb, arguments) not in bad, (verb, arguments)
        for _ in range(12):
            some = {draw.choice(WORDS): draw.choice(VALUES) for _ in range(draw.randint(1, 3))}
            assert node.call(verb, json.dumps(some)) not in bad, (verb, some)
    for data in fuzzed("control command", 60):
        assert node.raw(data) not in bad, data


def _rave(node: Running) -> None:
    """A neighbour whose Hello is good, and nothing that follows."""
    ours = Party(node.neighbour.node, node.neighbour.tls.spki_sha256)
    theirs = Party(node.node.node, node.node.tls.spki_sha256)
    now_us = SystemClock(0).now_us()
    hello = make_hello(node.neighbour.key, ours, theirs, now_us, 0, 9).SerializeToString()
    frames = [*fuzzed("frame", 40), *(_batch(data) for data in fuzzed("message as signed", 20))]
    streams = [[hello, *frames[i : i + 12]] for i in range(0, len(frames), 12)]
    streams += [[data] for data in fuzzed("hello", 6)]
    pinned = node.node.tls.certificate_der
    credentials = peer_channel_credentials(node.neighbour.tls, pinned)
    options = (*CHANNEL_OPTIONS, *pinned_channel_options(pinned))
    answers = 0
    for stream in streams:
        with grpc.secure_channel(f"127.0.0.1:{node.port}", credentials, options) as channel:
            call: Any = channel.stream_stream(STREAM_METHOD)(iter(stream), timeout=ANSWER_S)
            with suppress(grpc.RpcError):
                for _ in call:
                    answers += 1
    assert answers >= len(streams) - 6, "its Hello was answered, each time"


def _batch(envelope: bytes) -> bytes:
    return node_pb2.Frame(
        batch=node_pb2.Batch(first=1, envelopes=[envelope], ack=0)
    ).SerializeToString()


# ---------------------------------------------------------------- a registry


class Raw:
    """Bytes where the channel expects a message."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:
        return self.data


async def _call(channel: RpcChannel, method: str, data: bytes) -> grpc.StatusCode | None:
    try:
        request: Any = Raw(data)
        await channel.unary(METHOD + method, request, rpb.DecideResponse, ANSWER_S)
    except RpcFailed as failed:
        return failed.code
    return None


async def test_a_registry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path / "r") as registry:
        bad = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE)
        for method in ("GetInfo", "Announce", "Decide", "Relay"):
            for data in fuzzed("gRPC request", 15):
                assert await _call(registry.channel, method, data) not in bad, (method, data)
        for data in fuzzed("question to a registry", 40):
            request = rpb.DecideRequest(items=_item(data)).SerializeToString()
            assert await _call(registry.channel, "Decide", request) not in bad, data
        await trio.to_thread.run_sync(_browse, registry)
        (answer,) = await registry.decide(query_item(registry.descriptor("asked at last")))
        assert answer.WhichOneof("answer") == "interim"
    assert not [r for r in caplog.records if r.levelname == "ERROR"], caplog.text
    assert "Traceback" not in caplog.text


def _item(data: bytes) -> list[rpb.DecideItem]:
    try:
        return [rpb.DecideItem.FromString(data)]
    except DecodeError:
        return []


def _browse(registry: Serving) -> None:
    port = int(registry.url.rpartition(":")[2].split("/")[0])
    draw = Random("browsing")
    for path in (*fuzzed("archive id", 10), *fuzzed("tile path", 10)):
        for before in (b"/commit/", b"/", b"/2026/"):
            line = b"GET " + before + b"".join(b"%%%02x" % c for c in path[:200]) + b" HTTP/1.1"
            said = throw(port, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 500 " not in said.partition(b"\r\n")[0], line
    for data in (*fuzzed("descriptor", 12), *fuzzed("commit", 12)):
        for path in (b"/commit", b"/submit"):
            head = b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            said = throw(port, head % (path, len(data)), data)
            assert b" 500 " not in said.partition(b"\r\n")[0], data
    for accept in fuzzed("accept header", 10):
        said = throw(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: " + accept
                     + b"\r\n\r\n")  # fmt: skip
        assert b" 500 " not in said.partition(b"\r\n")[0], accept
    for _ in range(10):
        throw(port, draw.randbytes(draw.choice((1, 40, 4000))))
    assert throw(port, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )
