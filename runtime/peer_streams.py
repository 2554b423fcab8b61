"""The neighbours' streams on the asyncio side: accept, dial, shake hands, run."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import grpc
import grpc.aio
import outcome
from google.protobuf.message import DecodeError

from proto.keys import NodeId, SigningKey
from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.clock import Clock
from runtime.hello import HELLO_TIMEOUT_S, HelloFault, Party, check_hello, make_hello
from runtime.link import Link
from runtime.peer_slot import MAX_STREAMS, STABLE_S, Backoff, PeerSlot, dial_delay_s
from runtime.peer_wire import (
    CHANNEL_OPTIONS,
    LINGER_S,
    SERVER_OPTIONS,
    STREAM_METHOD,
    CallWire,
    OneMethod,
    connected,
    linger,
)
from runtime.rpc_server import BindFailed
from runtime.tls import (
    TlsIdentity,
    peer_channel_credentials,
    pinned_channel_options,
    seen_pin,
)
from runtime.transport import (
    MAX_PEERS,
    FrameLimits,
    GossipWish,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerEndpoint,
    Positions,
    Taken,
)

log = logging.getLogger(__name__)

STOP_GRACE_S = 0.5  # for the Goodbyes of a shutdown


class PeerStreams:
    """All slots, by node and by TLS key. Everything but the constructor runs on asyncio."""

    def __init__(
        self,
        bridge: Bridge,
        key: SigningKey,
        tls: TlsIdentity,
        address: str | None,
        clock: Clock,
        rng: random.Random,
        positions: Positions,
        publish: Callable[[LinkEvent, Taken], None],
        refused: Callable[[NodeId | None, HelloFault], None],
        limits: FrameLimits,
        wish: GossipWish,
    ) -> None:
        self._limits = limits
        self._wish = wish
        self._bridge = bridge
        self._key = key
        self._tls = tls
        self._address = address
        self._clock = clock
        self._random = rng
        self._positions = positions
        self._publish = publish
        self._refused = refused
        self._own = Party(key.node_id, tls.spki_sha256)
        self._slots: dict[NodeId, PeerSlot] = {}
        self._by_pin: dict[bytes, PeerSlot] = {}
        self._numbers = count(1)
        self._server: Any = None
        self._closing = False
        self._diallers: set[asyncio.Task[None]] = set()

    async def listen(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Accepts streams on "host:port" and returns the port. BindFailed."""
        handler: Any = grpc.stream_stream_rpc_method_handler(self._handle)
        server = grpc.aio.server(
            handlers=(OneMethod(handler),),
            options=SERVER_OPTIONS,
            maximum_concurrent_rpcs=2 * MAX_PEERS,
        )
        self._bridge.at_close(self.close)
        try:
            port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            await server.stop(None)
            raise BindFailed(f"cannot listen on {address}") from error
        self._server = server
        await server.start()
        return int(port)

    async def close(self) -> None:
        """Says Goodbye to everybody and stops accepting. Twice is harmless."""
        self._closing = True
        for slot in self._slots.values():
            if slot.link is not None:
                slot.link.stop(LinkCause.SHUTDOWN)
            elif slot.dialler is not None:
                slot.dialler.cancel()
        if diallers := set(self._diallers):
            _, late = await asyncio.wait(diallers, timeout=STOP_GRACE_S)
            for dialler in late:
                dialler.cancel()
            await asyncio.wait(diallers)
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(STOP_GRACE_S)

    def set_peers(self, peers: Mapping[NodeId, PeerEndpoint]) -> None:
        """Exactly these from now on."""
        if self._closing:
            return
        for node, slot in list(self._slots.items()):
            if slot.endpoint is not None and not _same_key(slot.endpoint, peers.get(node)):
                slot.retire()
                self._forget(slot)
        for node, endpoint in peers.items():
            known = self._slots.get(node)
            if known is None:
                known = PeerSlot(node, endpoint)
                self._slots[node] = known
            elif known.endpoint == endpoint and known.dialler is not None:
                continue
            known.renew(endpoint)
            self._redial(known)
        self._by_pin = {
            slot.party.spki_sha256: slot
            for slot in self._slots.values()
            if slot.endpoint is not None
        }

    def send(
        self, peer: NodeId, link: int, first: int, envelopes: Sequence[bytes], ack: int
    ) -> None:
        if (live := self._live(peer, link)) is not None:
            live.send(first, envelopes, ack)

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        if (live := self._live(peer, link)) is not None:
            live.gossip(adverts)

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        if (live := self._live(peer, link)) is not None:
            live.sync(data)

    def drop(self, peer: NodeId, link: int, cause: LinkCause) -> None:
        if (live := self._live(peer, link)) is not None:
            live.stop(cause)

    def _live(self, peer: NodeId, number: int) -> Link | None:
        slot = self._slots.get(peer)
        if slot is None or slot.link is None or slot.link.number != number:
            return None
        return slot.link

    def _forget(self, slot: PeerSlot) -> None:
        if slot.endpoint is None and slot.idle():
            self._slots.pop(slot.party.node, None)

    # Accepting

    async def _handle(self, _: object, context: Any) -> None:
        ended = await outcome.acapture(self._accept, context)
        if isinstance(ended, outcome.Error):
            if isinstance(ended.error, Exception):
                self._bridge.fuse.blow("a peer's stream", ended.error)
            raise ended.error

    async def _accept(self, context: Any) -> None:
        wire = CallWire(context, dialled=False)
        pin = seen_pin(context.auth_context())
        slot = self._by_pin.get(pin) if pin is not None else None
        if slot is None or self._closing:
            await self._refuse(wire, None, HelloFault.STRANGER)
            return
        if slot.streams >= MAX_STREAMS:
            await self._refuse(wire, slot, HelloFault.TOO_MANY)
            return
        slot.streams += 1
        if slot.streams == MAX_STREAMS:
            log.warning("%s has too many streams: no more are taken", slot.party.node.hex())
        try:
            await self._welcome(slot, wire)
        finally:
            slot.streams -= 1

    async def _welcome(self, slot: PeerSlot, wire: CallWire) -> None:
        hello = await self._read_hello(wire, slot)
        if isinstance(hello, HelloFault):
            await self._refuse(wire, slot, hello)
            return
        # Only now: a TLS key without the identity key must not end the link there is.
        claim = await slot.claim(self._own.node, dialled=False)
        if isinstance(claim, HelloFault):
            await self._refuse(wire, slot, claim)
            return
        try:
            if await self._say_hello(wire, slot):
                await self._run(slot, claim, wire, hello)
        finally:
            slot.end_claim(claim)

    async def _refuse(self, wire: CallWire, slot: PeerSlot | None, fault: HelloFault) -> None:
        if not self._closing:  # then everybody is a stranger, and it says nothing about them
            self._refused(slot.party.node if slot is not None else None, fault)
        goodbye = node_pb2.Frame(goodbye=node_pb2.Goodbye(cause=fault))
        try:
            async with asyncio.timeout(LINGER_S):
                await wire.write(goodbye.SerializeToString())
        except TimeoutError:
            log.debug("a refused stream does not read")

    # Dialling

    def _redial(self, slot: PeerSlot) -> None:
        assert slot.endpoint is not None
        slot.end_dialler()
        address = slot.endpoint.address
        delay_s = dial_delay_s(self._own.node, self._address, slot.party.node, address)
        if delay_s is not None and address is not None:
            dialler = self._bridge.spawn(self._keep_dialling, slot, address, delay_s)
            self._diallers.add(dialler)
            dialler.add_done_callback(self._diallers.discard)
            slot.dialler = dialler

    async def _keep_dialling(self, slot: PeerSlot, address: str, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        backoff = Backoff(self._random)
        await asyncio.sleep(0)  # until the slot knows us
        while slot.dialler is me and not self._closing:
            await slot.wait_free()
            await asyncio.sleep(delay_s)
            if slot.link is None and slot.dialler is me and not self._closing:
                began = loop.time()
                if await self._dial(slot, address) and loop.time() - began > STABLE_S:
                    backoff.reset()
                await asyncio.sleep(backoff.next_wait_s())

    async def _dial(self, slot: PeerSlot, address: str) -> bool:
        """One attempt; returns, after the link's end, whether there was one."""
        assert slot.endpoint is not None
        certificate = slot.endpoint.certificate_der
        channel = grpc.aio.secure_channel(
            address,
            peer_channel_credentials(self._tls, certificate),
            options=(*CHANNEL_OPTIONS, *pinned_channel_options(certificate)),
        )
        try:
            if not await connected(channel):
                return False
            claim = await slot.claim(self._own.node, dialled=True)
            if isinstance(claim, HelloFault):
                return False
            call: Any = channel.stream_stream(STREAM_METHOD)()
            try:
                return await self._shake_hands(slot, claim, CallWire(call, dialled=True))
            finally:
                slot.end_claim(claim)
                await linger(call)
                call.cancel()
        finally:
            await channel.close()

    async def _shake_hands(self, slot: PeerSlot, claim: int, wire: CallWire) -> bool:
        if not await self._say_hello(wire, slot):
            return False
        hello = await self._read_hello(wire, slot)
        if isinstance(hello, HelloFault):
            await self._refuse(wire, slot, hello)
            return False
        return await self._run(slot, claim, wire, hello)

    # Both

    async def _say_hello(self, wire: CallWire, slot: PeerSlot) -> bool:
        have, sent = await self._ask_positions(slot.party.node)
        now_us = self._clock.now_us()
        frame = make_hello(self._key, self._own, slot.party, now_us, have, sent, self._wish)
        return await wire.write(frame.SerializeToString())

    async def _ask_positions(self, peer: NodeId) -> tuple[int, int]:
        answer: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()

        def resolve(positions: tuple[int, int]) -> None:
            if not answer.done():
                answer.set_result(positions)

        def ask() -> None:
            self._bridge.to_asyncio.put(partial(resolve, self._positions(peer)))

        self._bridge.to_trio.put(ask)
        return await answer

    async def _read_hello(self, wire: CallWire, slot: PeerSlot) -> node_pb2.Hello | HelloFault:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                raw = await wire.read()
        except TimeoutError:
            return HelloFault.NO_HELLO
        if raw is None:
            return HelloFault.NO_HELLO
        try:
            frame = node_pb2.Frame.FromString(raw)
        except DecodeError:
            return HelloFault.MALFORMED
        if frame.HasField("goodbye"):
            log.warning("%s refuses us, cause %d", slot.party.node.hex(), frame.goodbye.cause)
            return HelloFault.REFUSED_BY_PEER
        if not frame.HasField("hello"):
            return HelloFault.NO_HELLO
        fault = check_hello(frame.hello, self._own, slot.party, self._clock.now_us())
        return frame.hello if fault is None else fault

    async def _run(self, slot: PeerSlot, claim: int, wire: CallWire, hello: node_pb2.Hello) -> bool:
        if not slot.holds(claim) or self._closing:
            await self._refuse(wire, slot, HelloFault.SUPERSEDED)
            return False
        slot.end_claim(claim)
        node = slot.party.node
        number = next(self._numbers)
        link = Link(
            node, number, wire, lambda event: self._publish(event, link.consumed), self._limits
        )
        slot.up(link, dialled=wire.dialled)
        wire.at_end(link.orphaned)
        wish = GossipWish.of(hello.gossip)
        self._publish(LinkUp(node, number, hello.have, hello.sent, wish), _nothing)
        try:
            await link.run()
        finally:
            slot.down()
            self._publish(LinkDown(node, number, link.cause), partial(self._told, slot))
        return True

    def _told(self, slot: PeerSlot) -> None:
        slot.told()
        self._forget(slot)


def _same_key(known: PeerEndpoint, wanted: PeerEndpoint | None) -> bool:
    return wanted is not None and wanted.certificate_der == known.certificate_der


def _nothing() -> None:
    """A LinkUp is bounded by its LinkDown."""
