"""Sealed instructions in a packet of constant size (protocol section 8).

The construction is Sphinx (Danezis and Goldberg 2009) as simplified for payment networks: layers
of fixed width, a filler so that the packet never shrinks, an authenticator for each layer. All
layers share one ephemeral key of the chain, since the common commit_id links them anyway. A node
learns its own layer and its two neighbours; the packet hides the length of the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Final

from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as _encrypt

from proto.keys import NodeId, SealKey
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS

_LAYER: Final = Struct(">B32s16sQBQ")  # form, next node or request, brand, amount, level, expiry
_MAC_BYTES: Final = 16
_STEP: Final = _LAYER.size + _MAC_BYTES
_BODY_BYTES: Final = MAX_HOPS * _STEP
_VERSION: Final = b"\1"
_LEVELS: Final = frozenset(Level)
_FORWARD: Final = 1
_FINAL: Final = 2
# Every key here encrypts exactly one stream, so the nonce carries nothing.
_NONCE: Final = bytes(12)

PACKET_BYTES: Final = 1 + 32 + _BODY_BYTES + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Forward:
    """For an intermediary: promise `amount` of `brand` to `next_node` at that level and expiry."""

    next_node: NodeId
    brand: bytes
    amount: int
    level: Level
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """For the payee: which request this pays, in which attempt, and the sum over all chains."""

    request_id: bytes
    attempt: int
    total: int


Instruction = Forward | Deliver


def _encode(instruction: Instruction) -> bytes:
    match instruction:
        case Forward(next_node, brand, amount, level, expires_at_us):
            return _LAYER.pack(_FORWARD, next_node, brand, amount, level, expires_at_us)
        case Deliver(request_id, attempt, total):
            return _LAYER.pack(_FINAL, request_id, b"", total, attempt, 0)


def _decode(data: bytes) -> Instruction | None:
    form, node, brand, amount, level, expires_at_us = _LAYER.unpack(data)
    if amount > MAX_AMOUNT or expires_at_us > MAX_AMOUNT:
        return None
    if form == _FORWARD and level in _LEVELS:
        return Forward(NodeId(node), brand, amount, Level(level), expires_at_us)
    if form == _FINAL:
        return Deliver(node[:16], level, amount)
    return None


def _derive(shared: bytes, purpose: bytes) -> bytes:
    return blake2b(digest_size=32, key=shared, person=purpose).digest()


def _apply_stream(shared: bytes, data: bytes) -> bytes:
    """Exclusive-or with the key stream of a layer; its own inverse."""
    return _encrypt(data, None, _NONCE, _derive(shared, b"pledgeway stream"))[: len(data)]


def _mac(shared: bytes, body: bytes, binding: bytes) -> bytes:
    key = _derive(shared, b"pledgeway mac")
    return blake2b(binding + body, digest_size=_MAC_BYTES, key=key).digest()


def wrap(
    ephemeral: SealKey,
    layers: Sequence[tuple[bytes, Instruction]],
    binding: bytes,
    padding: bytes,
) -> bytes | None:
    """The packet for the first node. `layers`: (X25519 key, instruction) from first hop to payee.

    `ephemeral` serves one packet: a second one would be encrypted with the same key streams.
    `binding` (the commit_id) is authenticated at every layer, so the packet serves no other
    transaction. `padding`: 32 secret bytes that hide how long the chain is. None where a node's
    key is no usable point.
    """
    assert 1 <= len(layers) <= MAX_HOPS
    secrets = []
    for public, _ in layers:
        shared = ephemeral.shared(public)
        if shared is None:
            return None
        secrets.append(shared)
    filler = b""
    for i, shared in enumerate(secrets[:-1]):
        stream = _apply_stream(shared, bytes(_BODY_BYTES + _STEP))
        # What this node's stream will do to the zeros that it and those before it append.
        tail = stream[_BODY_BYTES - i * _STEP :]
        filler = _xor(filler + bytes(_STEP), tail)
    body = _apply_stream(padding, bytes(_BODY_BYTES))
    mac = bytes(_MAC_BYTES)
    for i in reversed(range(len(layers))):
        layer = _encode(layers[i][1]) + mac
        body = _apply_stream(secrets[i], layer + body[: _BODY_BYTES - _STEP])
        if i == len(layers) - 1 and filler:
            body = body[: -len(filler)] + filler
        mac = _mac(secrets[i], body, binding)
    return _VERSION + ephemeral.public + body + mac


def _xor(a: bytes, b: bytes) -> bytes:
    value = int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
    return value.to_bytes(len(a), "big")


def unwrap(key: SealKey, packet: bytes, binding: bytes) -> tuple[Instruction, bytes] | None:
    """One's own instruction and the packet for the next node; None where it is not for us."""
    if len(packet) != PACKET_BYTES or packet[:1] != _VERSION:
        return None
    ephemeral, body, mac = packet[1:33], packet[33:-_MAC_BYTES], packet[-_MAC_BYTES:]
    shared = key.shared(ephemeral)
    if shared is None or not compare_digest(mac, _mac(shared, body, binding)):
        return None
    opened = _apply_stream(shared, body + bytes(_STEP))
    instruction = _decode(opened[: _LAYER.size])
    if instruction is None:
        return None
    rest = opened[_LAYER.size :]
    return instruction, _VERSION + ephemeral + rest[_MAC_BYTES:] + rest[:_MAC_BYTES]
