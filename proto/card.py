"""Cards of nodes and path finders: what must be known before the first connection."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proto.envelope import Envelope
from proto.key_certificate import read_key_certificate, verify_node_key
from proto.keys import KeyPurpose, NodeId, SigningKey, node_id
from proto.limits import MAX_ADDRESS_CHARS, MAX_ADVERT_BYTES, MAX_ALIAS_CHARS
from proto.one_line import from_line, to_line
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

CARD_KIND: Final = "pledgeway/card/v1"
CARD_PREFIX: Final = "pledgeway-card:"
PATHFINDER_CARD_KIND: Final = "pledgeway/pathfinder-card/v1"
PATHFINDER_CARD_PREFIX: Final = "pledgeway-pathfinder:"
CARDS_KEPT: Final = 1024  # an exchange asks a dozen times whose each of its cards is


@dataclass(frozen=True, slots=True)
class NodeCard:
    """Identity, address (may be empty) and certified communication keys of a node.

    `service`: the "host:port" at which its registrar and its escrow desk answer; may be empty.
    """

    node: NodeId
    alias: str
    address: str
    tls_certificate: bytes  # DER
    tls: bytes  # SignedKeyCertificate
    seal: bytes  # SignedKeyCertificate
    service: str = ""

    def encode(self) -> bytes:
        return canonical(
            pb.NodeCard(
                node=self.node,
                alias=self.alias,
                address=self.address,
                tls=pb.SignedKeyCertificate.FromString(self.tls),
                seal=pb.SignedKeyCertificate.FromString(self.seal),
                service=self.service,
            )
        )


def sign_card(key: SigningKey, card: NodeCard) -> str:
    """The card as one line of text that can be mailed or pasted."""
    signed = Envelope.seal(key, CARD_KIND, card.encode()).encode()
    return to_line(CARD_PREFIX, signed)


def read_card(text: str, now_us: int) -> NodeCard:
    """Verifies a card. Raises WireFault."""
    m, card, from_us, until_us = _read(text)
    return card if from_us <= now_us <= until_us else _content(m, now_us)


def standing_card(text: str) -> NodeCard:
    """Verifies a card as at the beginning of its validity: for documents that outlast its keys, and
    readers without a clock. Raises WireFault."""
    return _read(text)[1]


@lru_cache(maxsize=CARDS_KEPT)
def _read(text: str) -> tuple[pb.NodeCard, NodeCard, int, int]:
    """What a card says and, both included, when its certificates are valid. An exchange reads the
    same few cards a hundred times. Raises WireFault, which is not remembered."""
    envelope = Envelope.decode(from_line(CARD_PREFIX, text, "a node's card", MAX_ADVERT_BYTES))
    m = parse(pb.NodeCard, envelope.payload)
    if envelope.kind != CARD_KIND or envelope.signer != m.node:
        raise WireFault("a node's card that the node did not sign")
    certificates = [read_key_certificate(signed) for signed in (m.tls, m.seal)]
    from_us = max(certificate.not_before_us for certificate in certificates)
    until_us = min(certificate.not_after_us for certificate in certificates)
    return m, _content(m, from_us), from_us, until_us


@lru_cache(maxsize=CARDS_KEPT)
def card_node(text: str) -> NodeId:
    """Whose card it is, of one that was verified when it came: also once its keys have run out, for
    what hangs on it may last longer. Raises WireFault."""
    data = from_line(CARD_PREFIX, text, "a node's card", MAX_ADVERT_BYTES)
    m = parse(pb.NodeCard, Envelope.decode_unverified(data).payload)
    try:
        return node_id(m.node)
    except ValueError as error:
        raise WireFault(str(error)) from error


@dataclass(frozen=True, slots=True)
class PathFinderCard:
    """How nodes link with a path finder, and the "host:port" at which payers ask it."""

    node: NodeCard
    service: str


def sign_pathfinder_card(key: SigningKey, card: PathFinderCard) -> str:
    """The card as one line of text that can be mailed or pasted."""
    m = pb.PathFinderCard(node=pb.NodeCard.FromString(card.node.encode()), service=card.service)
    signed = Envelope.seal(key, PATHFINDER_CARD_KIND, canonical(m)).encode()
    return to_line(PATHFINDER_CARD_PREFIX, signed)


def read_pathfinder_card(text: str, now_us: int) -> PathFinderCard:
    """Verifies a path finder's card. Raises WireFault."""
    what = "a path finder's card"
    signed = from_line(PATHFINDER_CARD_PREFIX, text, what, MAX_ADVERT_BYTES)
    envelope = Envelope.decode(signed)
    m = parse(pb.PathFinderCard, envelope.payload)
    if envelope.kind != PATHFINDER_CARD_KIND or envelope.signer != m.node.node:
        raise WireFault(f"{what} that it did not sign")
    if not m.service or not _is_address(m.service):
        raise WireFault(f"{what} without a printable address to ask it at")
    return PathFinderCard(_content(m.node, now_us), m.service)


def read_peer_card(text: str, now_us: int) -> NodeCard:
    """How to link with a node or a path finder, by its card. Raises WireFault."""
    if "".join(text.split()).startswith(PATHFINDER_CARD_PREFIX):
        return read_pathfinder_card(text, now_us).node
    return read_card(text, now_us)


def _is_address(text: str) -> bool:
    return len(text) <= MAX_ADDRESS_CHARS and text.isprintable()


def _content(m: pb.NodeCard, now_us: int) -> NodeCard:
    if len(m.alias) > MAX_ALIAS_CHARS or not m.alias.isprintable() or not m.alias:
        raise WireFault("a card with an empty, unprintable or too long alias")
    if not (_is_address(m.address) and _is_address(m.service)):
        raise WireFault("a card with an unprintable or too long address")
    tls = verify_node_key(m.tls, m.node, KeyPurpose.TLS, now_us)
    verify_node_key(m.seal, m.node, KeyPurpose.SEAL, now_us)
    try:
        node = node_id(m.node)
    except ValueError as error:
        raise WireFault(str(error)) from error
    return NodeCard(
        node,
        m.alias,
        m.address,
        tls.key,
        m.tls.SerializeToString(),
        m.seal.SerializeToString(),
        m.service,
    )
