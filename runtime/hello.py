"""The first message on a stream: it binds the TLS keys of both ends to the identity keys.

A Hello names both nodes and both TLS keys, so that it is worth nothing on any other connection:
whoever replays it would need the private TLS key that it names.
"""

import enum
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from proto.keys import NodeId, SigningKey, verify
from proto.v1 import node_pb2, types_pb2

HELLO_KIND = "pledgeway/hello/v1"
PROTOCOL_VERSION = "1"
HELLO_TIMEOUT_S = 5.0  # a round trip takes milliseconds; whoever connects and is silent must go
HELLO_VALID_US = 3_600_000_000  # an hour: forgives bad clocks, the keys make replays useless


class HelloFault(enum.IntEnum):
    """Why a stream never became a link. The numbers travel in Goodbye, above LinkCause's."""

    STRANGER = 32  # the TLS key is none of our peers'
    NO_HELLO = 33  # too late, lost, or another message came first
    MALFORMED = 34
    WRONG_NODE = 35  # speaks for another node than the TLS key belongs to
    NOT_FOR_US = 36
    WRONG_KEYS = 37  # names other TLS keys than this connection's
    EXPIRED = 38
    WRONG_VERSION = 39
    BAD_SIGNATURE = 40
    REFUSED_BY_PEER = 41  # it answered our Hello with a Goodbye
    SUPERSEDED = 42  # a newer stream of the same peer was faster
    TOO_MANY = 43  # streams of the same peer at once


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a connection: identity, and SHA-256 of its TLS key's SubjectPublicKeyInfo."""

    node: NodeId
    spki_sha256: bytes


def make_hello(
    key: SigningKey, own: Party, peer: Party, now_us: int, have: int, sent: int, gossip: int = 0
) -> node_pb2.Frame:
    """The signed Hello of `own` towards `peer`, good for HELLO_VALID_US from `now_us` on."""
    binding = node_pb2.Binding(
        node=own.node,
        peer=peer.node,
        spki_sha256=own.spki_sha256,
        peer_spki_sha256=peer.spki_sha256,
        not_after_us=now_us + HELLO_VALID_US,
        protocol_version=PROTOCOL_VERSION,
    ).SerializeToString()
    signature = types_pb2.Signature(key=key.public, signature=key.sign(HELLO_KIND, binding))
    hello = node_pb2.Hello(
        binding=binding, signature=signature, have=have, sent=sent, gossip=gossip
    )
    return node_pb2.Frame(hello=hello)


def check_hello(hello: node_pb2.Hello, own: Party, peer: Party, now_us: int) -> HelloFault | None:
    """What is wrong with a Hello that `peer` is supposed to have sent to `own`; None: nothing."""
    try:
        binding = node_pb2.Binding.FromString(hello.binding)
    except DecodeError:
        return HelloFault.MALFORMED
    # The version first: another one may mean something else by every other field.
    if binding.protocol_version != PROTOCOL_VERSION:
        return HelloFault.WRONG_VERSION
    if binding.node != peer.node or hello.signature.key != peer.node:
        return HelloFault.WRONG_NODE
    if binding.peer != own.node:
        return HelloFault.NOT_FOR_US
    if (binding.spki_sha256, binding.peer_spki_sha256) != (peer.spki_sha256, own.spki_sha256):
        return HelloFault.WRONG_KEYS
    if now_us > binding.not_after_us:
        return HelloFault.EXPIRED
    # A Hello stands alone: no batch signature.
    if hello.signature.size or hello.signature.path:
        return HelloFault.BAD_SIGNATURE
    if not verify(peer.node, HELLO_KIND, hello.binding, hello.signature.signature):
        return HelloFault.BAD_SIGNATURE
    return None
