"""Adverts by number, stores of them, and a comparison of two stores without a link between."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from proto.adverts import LINE_KIND, LineAdvert, NodeAdvert, read_advert
from proto.envelope import Envelope, Proof
from proto.fees import FeeSet
from proto.gossip_sync import Answer, Ask, read_sync
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey, SigningKey
from proto.money import Brand
from runtime.gossip_limits import GossipLimits
from runtime.gossip_store import Held, Store, hold
from runtime.gossip_sync import Drive, answer

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
USD = Brand(bytes(16), "USD", 1)
OURS, PEER, OTHER, FOURTH = (SigningKey(bytes([i]) * 32) for i in (1, 2, 3, 4))


def node_id(number: int) -> NodeId:
    """Somebody's, for adverts whose signature nobody checks."""
    return NodeId(sha256(b"node %d" % number).digest())


def line(
    number: int,
    promisor: NodeId | None = None,
    sequence: int = 1,
    available: int = 0,
    expires_at_us: int = NOW_US + HOUR_US,
) -> LineAdvert:
    """The line with this number, of `promisor` or else of one who has a hundred of them."""
    promisor = promisor or node_id(10**6 + number // 100)
    return LineAdvert(promisor, node_id(number), USD, sequence, expires_at_us, available)


def signed(advert: LineAdvert | NodeAdvert, key: SigningKey = OTHER) -> bytes:
    return Envelope.seal(key, advert.key[0], advert.encode()).encode()


def node_advert(key: SigningKey, sequence: int, not_after_us: int = 2**62) -> NodeAdvert:
    """The least that a node says of itself."""
    seal = SealKey(bytes(32)).public
    certificate = KeyCertificate(key.public, KeyPurpose.SEAL, seal, 0, not_after_us)
    return NodeAdvert(
        node=key.node_id, alias="", sequence=sequence, expires_at_us=NOW_US + HOUR_US,
        seal_key=seal, seal_certificate=certify_key(key, certificate).SerializeToString(),
        registries=frozenset(), knows_registries=frozenset(), watches_registry=False,
        hold_max_us=0, fees=FeeSet({}), registry_fees={},
    )  # fmt: skip


def held(advert: LineAdvert) -> Held:
    """As if its signature had been checked."""
    return hold(advert, Envelope(LINE_KIND, advert.encode(), Proof(b"", b"")).encode())


def store_of(adverts: Iterable[LineAdvert], limits: GossipLimits | None = None) -> Store:
    store = Store(limits or GossipLimits(), lambda _: False)
    for advert in adverts:
        keep(store, held(advert))
    return store


def keep(store: Store, news: Held) -> bool:
    """As gossip does."""
    return store.is_news(news) and store.put(news, NOW_US) is None


def content(store: Store) -> dict[bytes, bytes]:
    return {entry.id: entry.version for entry in store}


def content_of(exported: Iterable[bytes]) -> dict[tuple[str, bytes], bytes]:
    """What is known: subject -> exact bytes."""
    return {read_advert(data, NOW_US).key: data for data in exported}


@dataclass
class Traffic:
    """What went over the link: bytes of adverts, and of questions and answers."""

    turns: int = 0
    adverts: int = 0
    advert_bytes: int = 0
    sync_bytes: int = 0
    useless: int = 0  # adverts that the other had already
    turn_bytes: list[int] = field(default_factory=list)  # of adverts, one way, turn by turn


def reconcile(driver: Store, other: Store, now_us: int = NOW_US) -> Traffic:
    """A whole comparison; each message is encoded and read again."""
    traffic = Traffic()
    drive = Drive(driver)
    by_data: dict[bytes, Held] = {entry.data: entry for s in (driver, other) for entry in s}

    def pass_on(adverts: list[bytes], receiver: Store) -> None:
        traffic.turn_bytes.append(sum(map(len, adverts)))
        for data in adverts:
            traffic.adverts += 1
            traffic.advert_bytes += len(data)
            traffic.useless += not keep(receiver, by_data[data])

    while True:
        turn = drive.next_turn(now_us)
        pass_on(turn.adverts, other)
        if turn.ask is None:
            return traffic
        question = turn.ask.encode()
        asked = read_sync(question)
        assert isinstance(asked, Ask)
        given, reply = answer(other, asked, now_us)
        pass_on(given, driver)
        answered = read_sync(reply.encode())
        assert isinstance(answered, Answer)
        traffic.turns += 1
        traffic.sync_bytes += len(question) + len(reply.encode())
        assert drive.heard(answered)
