"""Keys: an identity that stays, and communication keys it certifies (protocol section 2)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from functools import lru_cache
from typing import Final, NewType

import nacl.bindings
import nacl.exceptions

from proto.pae import pae

NodeId = NewType("NodeId", bytes)
"""A node's Ed25519 public key, 32 bytes."""

KEY_BYTES: Final = 32
VERIFIED_KEPT: Final = 16_384  # some 10 MB; the messages of a second or two of a busy node
# What is longer is no message of a payment, and rarely comes twice. Without this bound forged
# envelopes, which anybody may send, would fill a gigabyte with themselves.
VERIFIED_BYTES: Final = 4096
SIGNATURE_BYTES: Final = 64


def node_id(data: bytes) -> NodeId:
    """Checks the length. Raises ValueError."""
    if len(data) != KEY_BYTES:
        raise ValueError(f"a node id has {KEY_BYTES} bytes, not {len(data)}")
    return NodeId(data)


def verify_raw(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) by `public` (32 bytes) covers `message`. Never raises.

    Remembered: one root signs many messages, and one certificate passes a node several times.
    """
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    if len(message) > VERIFIED_BYTES:
        return _verify(public, message, signature)
    return _remembered(public, message, signature)


def _verify(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


_remembered = lru_cache(maxsize=VERIFIED_KEPT)(_verify)


def verify(public: bytes, kind: str, payload: bytes, signature: bytes) -> bool:
    """Whether `public` signed `payload` under the domain tag `kind`. Never raises."""
    return verify_raw(public, pae(kind, payload), signature)


class SigningKey:
    """An Ed25519 key. Made from a 32-byte seed that the caller drew; never shown by repr."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a key's seed has {KEY_BYTES} bytes, not {len(seed)}")
        self.public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)

    @property
    def node_id(self) -> NodeId:
        return NodeId(self.public)

    @property
    def seed(self) -> bytes:
        return nacl.bindings.crypto_sign_ed25519_sk_to_seed(self._secret)

    def sign(self, kind: str, payload: bytes) -> bytes:
        """64 bytes over PAE(kind, payload)."""
        return nacl.bindings.crypto_sign(pae(kind, payload), self._secret)[:SIGNATURE_BYTES]

    def sign_raw(self, message: bytes) -> bytes:
        """64 bytes over the message itself, without a domain tag. For C2SP notes, and webhooks.

        Texts of notes begin with a log's name or a header line of their own, so they cannot be
        taken for a PAE, and webhooks have a key that signs nothing else; whoever else signs
        untagged bytes could be made to sign anything.
        """
        return nacl.bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"


class SealKey:
    """An X25519 key that opens sealed instructions."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a key's seed has {KEY_BYTES} bytes, not {len(seed)}")
        self._secret = seed
        self.public = nacl.bindings.crypto_scalarmult_base(seed)

    def shared(self, public: bytes) -> bytes | None:
        """The X25519 secret shared with `public`; None where that is no usable point."""
        if len(public) != KEY_BYTES:
            return None
        try:
            return nacl.bindings.crypto_scalarmult(self._secret, public)
        except (nacl.exceptions.CryptoError, RuntimeError):
            # libsodium refuses points of small order: the result would be known to everybody.
            return None

    def __repr__(self) -> str:
        return f"SealKey(public={self.public.hex()})"


@unique
class KeyPurpose(IntEnum):
    """What a certified key may be used for."""

    TLS = 1  # DER of a self-signed ECDSA P-256 certificate
    SEAL = 2  # X25519 public key
    STATEMENT = 3  # a registry's online Ed25519 key
    LOG = 4  # a registry's Ed25519 key for checkpoints


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """`owner` (node id or registry key id) says: `key` speaks for me until `not_after_us`."""

    owner: bytes
    purpose: KeyPurpose
    key: bytes
    not_before_us: int
    not_after_us: int

    def valid_at(self, time_us: int) -> bool:
        return self.not_before_us <= time_us <= self.not_after_us
