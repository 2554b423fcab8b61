"""Adverts: what we say of ourselves and our lines, and what we pass on (protocol section 8).

Not certified messaging: the newest of each subject wins, everybody keeps the same one, and two
neighbours compare what they know when a link comes up (runtime.gossip_sync) instead of saying it
all. What bounds it all stands in runtime.gossip_limits.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import trio

from proto.adverts import (
    FRAUD_KIND,
    LINE_KIND,
    NODE_KIND,
    RECORD_KIND,
    Advert,
    AdvertKey,
    FraudAdvert,
    LineAdvert,
    NodeAdvert,
    RecordAdvert,
    read_advert,
)
from proto.envelope import Envelope, Proof
from proto.gossip_sync import Ask, read_sync
from proto.keys import NodeId, SigningKey
from proto.limits import US
from proto.registry_list import LIST_KIND, RegistryList
from proto.wire import Untimely, WireFault
from runtime.advert_fate import AdvertFate, Fate
from runtime.gossip_limits import GossipLimits, Rates
from runtime.gossip_store import Held, Store, hold
from runtime.gossip_sync import Drive, answer
from runtime.gossip_waiting import Waiting
from runtime.transport import GossipWish, LinkCause, Transport

log = logging.getLogger(__name__)

ADVERT_TTL_US: Final = 3600 * US  # a node that vanished is forgotten within the hour
REFRESH_US: Final = ADVERT_TTL_US // 3  # two refreshes may be lost
MAX_GOSSIP_BYTES: Final = 1 << 19  # one frame, half of what the wire admits
PORTION_BYTES: Final = 8192  # verified in a millisecond or two; then whatever else has come is done

_APPLIED: Final = AdvertFate(Fate.APPLIED)
_STALE: Final = AdvertFate(Fate.STALE)
_EXPIRED: Final = AdvertFate(Fate.EXPIRED)
_LATER: Final = AdvertFate(Fate.LIMITED, "its signer says too much; it is kept for later")
_TOO_MUCH: Final = AdvertFate(Fate.LIMITED, "its signer says far too much; it is not kept")
KNOWN_KINDS: Final = {
    "nodes": NODE_KIND,
    "lines": LINE_KIND,
    "records": RECORD_KIND,
    "lists": LIST_KIND,
    "frauds": FRAUD_KIND,
}


@dataclass(frozen=True, slots=True)
class GossipFigures:
    """How gossip is: what is known now, and what has become of adverts since the start."""

    known: int
    bytes: int
    per_kind: dict[str, int]
    waiting: int  # genuine ones above their signer's rate
    applied: int
    refused: int  # forged or malformed
    untimely: int  # expired, or dated too far ahead
    limited: int  # those that waited, and those that were not kept
    evicted: int  # pushed out by others where there was no room
    compared: int  # comparisons with neighbours that came to their end


class Gossip:
    """Everything that is known, as verified values and as the bytes to pass on. On trio."""

    def __init__(
        self,
        transport: Transport,
        drop: Callable[[NodeId, LinkCause], None],
        key: SigningKey,
        observe: Callable[[Advert], None],
        limits: GossipLimits | None = None,
    ) -> None:
        limits = limits or GossipLimits()
        self._transport = transport
        self._drop = drop
        self._key = key
        self._observe = observe
        self._rates = Rates(limits.per_origin_per_min, limits.burst)
        self._waiting = Waiting(self._rates)
        self._store = Store(
            limits,
            protected=lambda origin: origin == key.node_id or origin in self._neighbours,
            forgotten=self._forgotten,
        )
        self._last_sequence = 0
        self._counts = dict.fromkeys(("applied", "refused", "untimely", "limited", "compared"), 0)
        self.on_record: Callable[[], None] = lambda: None  # a newer record or list came
        # It has expired, or there is no room for it any more.
        self.on_forgotten: Callable[[Advert], None] = lambda _: None
        self.news_waits = trio.Event()  # something waits for its time: see `release`
        # Who has been greeted, by the link it was greeted on. The engine learns of a link a little
        # later; what is said in between must reach it all the same, for nobody says it again soon.
        self._greeted: dict[NodeId, int] = {}
        self._neighbours: set[NodeId] = set()  # greeted since the start; the transport bounds them
        self._drives: dict[NodeId, Drive] = {}

    @property
    def adverts(self) -> Iterable[Advert]:
        return [held.advert for held in self._store]

    def exported(self) -> list[bytes]:
        """The exact bytes of every advert that is known, each signed by whom it speaks of."""
        return [held.data for held in self._store]

    def get(self, kind: str, subject: bytes) -> Advert | None:
        held = self._store.get((kind, subject))
        return held.advert if held else None

    def signed(self, key: AdvertKey) -> bytes | None:
        """The exact bytes of the advert of this key; known before the advert is observed."""
        held = self._store.get(key)
        return held.data if held else None

    def node(self, node: NodeId) -> NodeAdvert | None:
        advert = self.get(NODE_KIND, node)
        return advert if isinstance(advert, NodeAdvert) else None

    def sequence(self, now_us: int) -> int:
        """A number above every one that this node ever used: time does, across restarts."""
        self._last_sequence = max(self._last_sequence + 1, now_us)
        return self._last_sequence

    def figures(self) -> GossipFigures:
        store = self._store
        per_kind = {name: store.count(kind) for name, kind in KNOWN_KINDS.items()}
        waiting = len(self._waiting)
        return GossipFigures(
            len(store), store.bytes, per_kind, waiting, evicted=store.evicted, **self._counts
        )

    # ------------------------------------------------------------------ links

    def greet(
        self, peer: NodeId, link: int, wish: GossipWish = GossipWish.EVERYTHING, now_us: int = 0
    ) -> None:
        """A link came up: from now on it is told everything new, and what it lacks as it wishes.

        Of two neighbours that compare, the one with the smaller id drives.
        """
        self._neighbours.add(peer)
        self._drives.pop(peer, None)
        if wish is GossipWish.NOTHING:
            self._greeted.pop(peer, None)
            return
        self._greeted[peer] = link
        if wish is GossipWish.EVERYTHING:
            self._transmit(peer, link, self.exported())
        elif self._key.node_id < peer:
            self._drives[peer] = Drive(self._store)
            self._take_turn(peer, now_us)

    def parted(self, peer: NodeId, link: int) -> None:
        """A link ended. Another may have followed it already."""
        if self._greeted.get(peer) == link:
            del self._greeted[peer]
            self._drives.pop(peer, None)

    def _transmit(self, peer: NodeId, link: int, adverts: list[bytes]) -> None:
        batch: list[bytes] = []
        size = 0
        for data in adverts:
            if batch and size + len(data) > MAX_GOSSIP_BYTES:
                self._transport.gossip(peer, link, batch)
                batch, size = [], 0
            batch.append(data)
            size += len(data)
        if batch:
            self._transport.gossip(peer, link, batch)

    def compared(self, peer: NodeId, link: int, data: bytes, now_us: int) -> None:
        """A neighbour asks what we know, or answers us. A malformed turn costs the connection."""
        if self._greeted.get(peer) != link:
            return
        try:
            said = read_sync(data)
            if isinstance(said, Ask):
                adverts, reply = answer(self._store, said, now_us)
                self._transmit(peer, link, adverts)
                self._transport.sync(peer, link, reply.encode())
            elif (drive := self._drives.get(peer)) is not None and drive.heard(said):
                self._take_turn(peer, now_us)
        except WireFault as fault:
            log.warning("%s compares adverts wrongly: %s", peer.hex()[:8], fault)
            self._drop(peer, LinkCause.BAD_MESSAGE)

    def _take_turn(self, peer: NodeId, now_us: int) -> None:
        turn = self._drives[peer].next_turn(now_us)
        link = self._greeted[peer]
        self._transmit(peer, link, turn.adverts)
        if turn.ask is None:
            del self._drives[peer]
            self._counts["compared"] += 1
        else:
            self._transport.sync(peer, link, turn.ask.encode())

    # ------------------------------------------------------------------ adverts

    def arrived(self, peer: NodeId, link: int, adverts: Iterable[bytes], now_us: int) -> bool:
        """A neighbour's adverts, and whether to hear on. One that is malformed or forged costs it
        the connection; what others may have made untimely on its way does not."""
        del link  # adverts are as good over any
        fresh: list[bytes] = []
        honest = True
        for data in adverts:
            if data in self._store or data in self._waiting:
                continue  # a mesh brings the same from every side: no signature to check
            try:
                fate = self._hear(data, now_us)
            except WireFault as fault:
                log.warning("%s passes on a bad advert: %s", peer.hex()[:8], fault)
                self._drop(peer, LinkCause.BAD_MESSAGE)
                honest = False
                break
            if fate is _APPLIED:
                fresh.append(data)
        self._spread(fresh, apart_from=peer)
        return honest

    def take(self, adverts: Iterable[bytes], now_us: int) -> list[AdvertFate]:
        """Adverts that came by another way than a link: verified as those are, kept, spread.

        One fate for each, in their order. Nobody is punished for a bad one. Whoever has many takes
        them in portions and lets others run in between: each costs a signature check.
        """
        fates = []
        for data in adverts:
            try:
                known = data in self._store or data in self._waiting
                fate = _STALE if known else self._hear(data, now_us)
            except WireFault as fault:
                fate = AdvertFate(Fate.REFUSED, str(fault))
            if fate is _APPLIED:
                self._spread([data])
            fates.append(fate)
        return fates

    def _hear(self, data: bytes, now_us: int) -> AdvertFate:
        """WireFault for what nobody honest passes on."""
        try:
            advert = read_advert(data, now_us)
        except Untimely as fault:
            self._counts["untimely"] += 1
            return _EXPIRED if fault.expired else AdvertFate(Fate.REFUSED, str(fault))
        except WireFault:
            self._counts["refused"] += 1
            raise
        if isinstance(advert, FraudAdvert):
            self._observe(advert)  # passed on by whoever has verified it
            return AdvertFate(Fate.APPLIED)
        held = hold(advert, data)
        if held.origin == self._key.node_id:
            # Of an earlier life of ours, perhaps under a clock that was ahead: what we say next is
            # newer.
            self._last_sequence = max(self._last_sequence, advert.sequence)
            if isinstance(advert, NodeAdvert):
                return _STALE
        return self._consider(held, now_us)

    def _consider(self, held: Held, now_us: int) -> AdvertFate:
        if held.advert.expires_at_us <= now_us:
            self._counts["untimely"] += 1
            return _EXPIRED
        waits = self._waiting.get(held)
        if not self._store.is_news(held) or (waits is not None and not held.replaces(waits)):
            return _STALE
        if waits is not None or not self._rates.pay(held.origin, now_us):
            return self._let_wait(held)
        if fault := self._keep(held, now_us):
            self._counts["limited"] += 1
            return AdvertFate(Fate.LIMITED, fault)
        return _APPLIED

    def _let_wait(self, held: Held) -> AdvertFate:
        self._counts["limited"] += 1
        if not self._waiting.put(held):
            return _TOO_MUCH
        self.news_waits.set()
        return _LATER

    def _keep(self, held: Held, now_us: int) -> str | None:
        """What is news. Where there is no room for it: why."""
        if fault := self._store.put(held, now_us):
            return fault
        self._counts["applied"] += 1
        self._observe(held.advert)
        if isinstance(held.advert, RecordAdvert | RegistryList):
            self.on_record()
        return None

    def _forgotten(self, advert: Advert) -> None:
        """It has expired, or was pushed out."""
        self.on_forgotten(advert)

    def release(self, now_us: int) -> int | None:
        """Keeps and spreads what has waited long enough; how many µs until there is more, None
        where nothing waits."""
        self.news_waits = trio.Event()
        fresh = [held.data for held in self._waiting.due(now_us) if self._let_go(held, now_us)]
        self._spread(fresh)
        next_us = self._waiting.next_us(now_us)
        return None if next_us is None else next_us - now_us

    def _let_go(self, held: Held, now_us: int) -> bool:
        if held.advert.expires_at_us <= now_us:
            return False
        if held.data in self._store:
            return True  # our own, kept at once and to be spread now
        return self._store.is_news(held) and self._keep(held, now_us) is None

    def _spread(self, adverts: list[bytes], apart_from: NodeId | None = None) -> None:
        for node, link in self._greeted.items():
            if node != apart_from:
                self._transmit(node, link, adverts)

    def say(self, adverts: Iterable[Advert], now_us: int) -> None:
        """Signs, keeps and spreads our own adverts, and records of registries that we know."""
        said = []
        for advert in adverts:
            held = hold(advert, self._sign(advert))
            if not self._store.is_news(held) or self._keep(held, now_us) is not None:
                continue
            # Above our own rate others would let it wait: the newest of each line goes out later.
            if self._rates.pay(held.origin, now_us):
                said.append(held.data)
            else:
                self._let_wait(held)
        self._spread(said)

    def _sign(self, advert: Advert) -> bytes:
        match advert:
            case NodeAdvert():
                return Envelope.seal(self._key, NODE_KIND, advert.encode()).encode()
            case LineAdvert():
                return Envelope.seal(self._key, LINE_KIND, advert.encode()).encode()
            case RecordAdvert():
                return Envelope(RECORD_KIND, advert.record.signed, Proof(b"", b"")).encode()
            case FraudAdvert():
                return Envelope(FRAUD_KIND, advert.data, Proof(b"", b"")).encode()
            case RegistryList():
                return advert.signed

    def forget_expired(self, now_us: int) -> None:
        self._store.forget_expired(now_us)


def portions(adverts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """A neighbour's frame in parts that take some milliseconds each to verify."""
    portion: list[bytes] = []
    size = 0
    for data in adverts:
        portion.append(data)
        size += len(data)
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
