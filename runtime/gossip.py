"""Adverts: what we say of ourselves and our lines, and what we pass on (protocol section 8).

Not certified messaging: the newest sequence wins, and a link that comes up is told everything.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

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
from proto.keys import NodeId, SigningKey
from proto.limits import US
from proto.registry_list import RegistryList
from proto.wire import WireFault
from runtime.transport import LinkCause, Transport

log = logging.getLogger(__name__)

ADVERT_TTL_US: Final = 3600 * US  # a node that vanished is forgotten within the hour
REFRESH_US: Final = ADVERT_TTL_US // 3  # two refreshes may be lost
MAX_ADVERTS: Final = 200_000  # some 200 MB: a network of 20,000 nodes; more needs a path finder
MAX_GOSSIP_BYTES: Final = 1 << 19  # one frame, half of what the wire admits


class Gossip:
    """Everything that is known, as verified values and as the bytes to pass on. On trio."""

    def __init__(
        self,
        transport: Transport,
        drop: Callable[[NodeId, LinkCause], None],
        key: SigningKey,
        observe: Callable[[Advert], None],
    ) -> None:
        self._transport = transport
        self._drop = drop
        self._key = key
        self._observe = observe
        self._known: dict[AdvertKey, tuple[Advert, bytes]] = {}
        self._bytes: set[bytes] = set()
        self._last_sequence = 0
        self.on_record: Callable[[], None] = lambda: None  # a newer record or list came
        # Who has been greeted, by the link it was greeted on. The engine learns of a link a little
        # later; what is said in between must reach it all the same, for nobody says it again soon.
        self._greeted: dict[NodeId, int] = {}

    @property
    def adverts(self) -> Iterable[Advert]:
        return [advert for advert, _ in self._known.values()]

    def get(self, kind: str, subject: bytes) -> Advert | None:
        entry = self._known.get((kind, subject))
        return entry[0] if entry else None

    def signed(self, key: AdvertKey) -> bytes:
        """The newest advert of a kind and subject as it was received; empty where there is none.
        Known before the advert is observed."""
        entry = self._known.get(key)
        return entry[1] if entry else b""

    def node(self, node: NodeId) -> NodeAdvert | None:
        advert = self.get(NODE_KIND, node)
        return advert if isinstance(advert, NodeAdvert) else None

    def sequence(self, now_us: int) -> int:
        """A number above every one that this node ever used: time does, across restarts."""
        self._last_sequence = max(self._last_sequence + 1, now_us)
        return self._last_sequence

    def greet(self, peer: NodeId, link: int) -> None:
        """A link came up: everything we know, and from now on everything new."""
        self._greeted[peer] = link
        self._transmit(peer, link, [data for _, data in self._known.values()])

    def parted(self, peer: NodeId, link: int) -> None:
        """A link ended. Another may have followed it already."""
        if self._greeted.get(peer) == link:
            del self._greeted[peer]

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

    def arrived(self, peer: NodeId, link: int, adverts: Iterable[bytes], now_us: int) -> None:
        """A neighbour's adverts. One that is malformed or forged costs it the connection."""
        fresh: list[bytes] = []
        for data in adverts:
            if data in self._bytes:
                continue  # a mesh brings the same from every side: no signature to check
            try:
                advert = read_advert(data, now_us)
            except WireFault as fault:
                log.warning("%s passes on a bad advert: %s", peer.hex()[:8], fault)
                self._drop(peer, LinkCause.BAD_MESSAGE)
                return
            if isinstance(advert, FraudAdvert):
                self._observe(advert)  # passed on by whoever has verified it
            elif advert.key[1] != self._key.node_id and self._keep(advert, data, now_us):
                fresh.append(data)
        if fresh:
            self._spread(fresh, apart_from=peer)

    def _keep(self, advert: Advert, data: bytes, now_us: int) -> bool:
        if advert.expires_at_us <= now_us:
            return False
        known = self._known.get(advert.key)
        if known is not None and not _replaces(advert, known[0]):
            return False
        if known is None and len(self._known) >= MAX_ADVERTS:
            return False
        if known is not None:
            self._bytes.discard(known[1])
        self._bytes.add(data)
        self._known[advert.key] = (advert, data)
        self._observe(advert)
        if isinstance(advert, RecordAdvert | RegistryList):
            self.on_record()
        return True

    def _spread(self, adverts: list[bytes], apart_from: NodeId | None = None) -> None:
        for node, link in self._greeted.items():
            if node != apart_from:
                self._transmit(node, link, adverts)

    def say(self, adverts: Iterable[Advert], now_us: int) -> None:
        """Signs, keeps and spreads our own adverts, and records of registries that we know."""
        said = []
        for advert in adverts:
            data = self._sign(advert)
            if self._keep(advert, data, now_us):
                said.append(data)
        if said:
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
        for key in [k for k, (a, _) in self._known.items() if a.expires_at_us <= now_us]:
            self._bytes.discard(self._known.pop(key)[1])


def _replaces(advert: Advert, known: Advert) -> bool:
    """Of two adverts of one subject."""
    if isinstance(advert, RecordAdvert) and isinstance(known, RecordAdvert):
        return advert.record.replaces(known.record)  # its chain of roots must be the same, too
    return advert.sequence > known.sequence
