"""A node's card: what a neighbour must know before the first connection."""

from dataclasses import dataclass
from typing import Final

from proto.envelope import Envelope
from proto.key_certificate import verify_node_key
from proto.keys import KeyPurpose, NodeId, SigningKey, node_id
from proto.limits import MAX_ADDRESS_CHARS, MAX_ADVERT_BYTES, MAX_ALIAS_CHARS
from proto.one_line import from_line, to_line
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

CARD_KIND: Final = "pledgeway/card/v1"
CARD_PREFIX: Final = "pledgeway-card:"


@dataclass(frozen=True, slots=True)
class NodeCard:
    """Identity, address (may be empty) and certified communication keys of a node."""

    node: NodeId
    alias: str
    address: str
    tls_certificate: bytes  # DER
    tls: bytes  # SignedKeyCertificate
    seal: bytes  # SignedKeyCertificate

    def encode(self) -> bytes:
        return canonical(
            pb.NodeCard(
                node=self.node,
                alias=self.alias,
                address=self.address,
                tls=pb.SignedKeyCertificate.FromString(self.tls),
                seal=pb.SignedKeyCertificate.FromString(self.seal),
            )
        )


def sign_card(key: SigningKey, card: NodeCard) -> str:
    """The card as one line of text that can be mailed or pasted."""
    signed = Envelope.seal(key, CARD_KIND, card.encode()).encode()
    return to_line(CARD_PREFIX, signed)


def read_card(text: str, now_us: int) -> NodeCard:
    """Verifies a card. Raises WireFault."""
    signed = from_line(CARD_PREFIX, text, "a node's card", MAX_ADVERT_BYTES)
    envelope = Envelope.decode(signed)
    m = parse(pb.NodeCard, envelope.payload)
    if envelope.kind != CARD_KIND or envelope.signer != m.node:
        raise WireFault("a node's card that the node did not sign")
    if len(m.alias) > MAX_ALIAS_CHARS or not m.alias.isprintable() or not m.alias:
        raise WireFault("a node's card with an empty, unprintable or too long alias")
    if len(m.address) > MAX_ADDRESS_CHARS or not m.address.isprintable():
        raise WireFault("a node's card with an unprintable or too long address")
    tls = verify_node_key(m.tls, m.node, KeyPurpose.TLS, now_us)
    verify_node_key(m.seal, m.node, KeyPurpose.SEAL, now_us)
    try:
        node = node_id(m.node)
    except ValueError as error:
        raise WireFault(str(error)) from error
    return NodeCard(
        node, m.alias, m.address, tls.key, m.tls.SerializeToString(), m.seal.SerializeToString()
    )
