"""A neighbour that breaks the protocol loses its stream, and the node goes on paying."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import trio

from node.command.processes.town import Town
from pathfinder.network import Line, Network, Node
from proto.envelope import Envelope
from proto.messages import Accepted, encode
from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.clock import SystemClock
from runtime.hello import Party, make_hello
from runtime.identity import Identity, load_identity
from runtime.peer_wire import CHANNEL_OPTIONS, STREAM_METHOD
from runtime.tls import peer_channel_credentials, pinned_channel_options
from runtime.transport import MAX_FRAME_BYTES, MAX_FRAME_ENVELOPES, LinkCause
from tests.e2e.houses import BRAND, FEES, LIMIT, connected, pay, request, running
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

KIND = "pledgeway/message/v1"
STREAMS = 1000


def star_network() -> Network:
    """P in the middle of A and of Q, which is going to lie."""
    nodes = tuple(Node(name, frozenset({"R1"}), True, fees=FEES) for name in ("P", "A", "Q"))
    ends = [("P", "A"), ("A", "P"), ("P", "Q"), ("Q", "P")]
    return Network(("R1",), (), nodes, tuple(Line(x, y, BRAND, LIMIT) for x, y in ends))


@dataclass(frozen=True)
class Liar:
    """Q's keys in the hands of a script."""

    own: Identity
    victim: Identity
    address: str
    have: int
    sent: int

    def greeting(self) -> bytes:
        parties = [Party(i.node, i.tls.spki_sha256) for i in (self.own, self.victim)]
        now_us = SystemClock(0).now_us()
        hello = make_hello(self.own.key, *parties, now_us, self.have, self.sent)
        return hello.SerializeToString()

    def envelope(self) -> bytes:
        """A message that is well formed: about a promise that nobody made."""
        body = encode(self.own.node, self.victim.node, Accepted(b"\x07" * 16))
        return Envelope.seal(self.own.key, KIND, body).encode()

    def batch(self, *envelopes: bytes, ahead: int = 1) -> bytes:
        batch = node_pb2.Batch(first=self.sent + ahead, envelopes=envelopes, ack=self.have)
        return node_pb2.Frame(batch=batch).SerializeToString()

    def channel(self) -> Any:
        pinned = self.victim.tls.certificate_der
        return grpc.aio.secure_channel(
            self.address,
            peer_channel_credentials(self.own.tls, pinned),
            options=(
                *CHANNEL_OPTIONS,
                *pinned_channel_options(pinned),
                ("grpc.max_send_message_length", -1),
            ),
        )

    async def says(self, frame: bytes) -> list[int]:
        """On asyncio: greets, says it, reads until the stream ends; causes of Goodbyes."""
        causes = []
        async with self.channel() as channel:
            call = channel.stream_stream(STREAM_METHOD)()
            try:
                await call.write(self.greeting())
                await call.read()  # its Hello
                await call.write(frame)
                while (raw := await call.read()) is not grpc.aio.EOF:
                    heard = node_pb2.Frame.FromString(raw)
                    if heard.HasField("goodbye"):
                        causes.append(heard.goodbye.cause)
            except (grpc.aio.AioRpcError, grpc.aio.BaseError):
                return causes
        return causes

    async def opens_many(self) -> None:
        """On asyncio: a thousand streams at once, and no word on any of them."""
        async with self.channel() as channel:
            for _ in range(STREAMS):
                channel.stream_stream(STREAM_METHOD)()
            await channel.channel_ready()


def wrong_signature(liar: Liar) -> bytes:
    good = Envelope.decode(liar.envelope())
    forged = Envelope.seal(liar.victim.key, KIND, good.payload)  # signed by somebody else
    return liar.batch(forged.encode())


def broken_signature(liar: Liar) -> bytes:
    raw = bytearray(liar.envelope())
    raw[-1] ^= 1
    return liar.batch(bytes(raw))


LIES: dict[str, tuple[Callable[[Liar], bytes], set[LinkCause]]] = {
    "garbage": (lambda _: b"\xff" * 50, {LinkCause.MALFORMED}),
    "no envelope": (lambda liar: liar.batch(b"\xff" * 50), {LinkCause.BAD_MESSAGE}),
    "broken signature": (broken_signature, {LinkCause.BAD_SIGNATURE, LinkCause.BAD_MESSAGE}),
    "signed by another": (wrong_signature, {LinkCause.BAD_SIGNATURE, LinkCause.BAD_MESSAGE}),
    "number gap": (lambda liar: liar.batch(liar.envelope(), ahead=5), {LinkCause.BAD_NUMBER}),
    "too many": (
        lambda liar: liar.batch(*[liar.envelope()] * (MAX_FRAME_ENVELOPES + 1)),
        {LinkCause.TOO_MANY_ENVELOPES},
    ),
    "too big": (
        lambda liar: liar.batch(b"\x00" * (MAX_FRAME_BYTES + 1)),
        {LinkCause.FRAME_TOO_BIG},
    ),
    "far too big": (lambda liar: liar.batch(b"\x00" * 4 * MAX_FRAME_BYTES), set()),
}


def take_over(town: Town) -> Liar:
    """Q's identity and where its stream with P stands."""
    homes = {name: house.daemon.directory for name, house in town.houses.items()}
    with sqlite3.connect(homes["Q"] / "data" / "node.sqlite") as connection:
        have, sent = connection.execute("SELECT have, sent FROM peer").fetchone()
    connection.close()
    victim = load_identity(homes["P"])
    config = (homes["P"] / "config.toml").read_text()
    address = next(line.split('"')[1] for line in config.splitlines() if line.startswith("listen"))
    return Liar(load_identity(homes["Q"]), victim, address, have, sent)


async def test_a_liar_is_disconnected_and_the_node_goes_on(directory: Path) -> None:
    async with running(star_network(), directory) as town, Bridge.open() as bridge:
        await town.kill("Q")
        liar = await trio.to_thread.run_sync(take_over, town)
        for name, (lie, causes) in LIES.items():
            with trio.fail_after(PATIENCE_S):
                heard = await bridge.call(liar.says, lie(liar))
            assert set(heard) <= causes, f"{name}: {heard}"
            assert heard or not causes, f"{name}: no Goodbye"
            await still_pays(town)
        with trio.fail_after(PATIENCE_S):
            await bridge.call(liar.opens_many)
        await still_pays(town)
        # The honest Q comes back to a node that holds nothing against it.
        await town.restart("Q")
        await connected(town, "P")
        assert (await pay(town, "P", (await request(town, "Q", 5))["text"]))["phase"] == "COMMITTED"


async def still_pays(town: Town) -> None:
    payment = await pay(town, "P", (await request(town, "A", 5))["text"])
    assert payment["phase"] == "COMMITTED", payment
