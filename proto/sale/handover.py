"""Signed statements around the hand-over: what the agent says of it, and the proof of control."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proto.envelope import Envelope
from proto.keys import KEY_BYTES, SigningKey
from proto.one_line import from_line, to_line
from proto.sale.offer import HASH_BYTES, SALE_ID_BYTES
from proto.sale.signed import read_signed
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault, canonical

HANDED_KIND: Final = "pledgeway/handed-over/v1"
CONTROL_KIND: Final = "pledgeway/control/v1"
CONTROL_PREFIX: Final = "pledgeway-control:"
CHALLENGE_BYTES: Final = 16
MAX_CONTROL_BYTES: Final = 1024
MAX_HANDED_BYTES: Final = 512  # all of it has a fixed length, of some 280
STATEMENTS_KEPT: Final = 512


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The agent: "what hashes to `sealed_hash` opens, with the K that hashes to `key_hash`, to
    credentials that work". `challenge`: 16 bytes for the proof of control."""

    sale: bytes
    key_hash: bytes
    sealed_hash: bytes
    log_head: bytes
    challenge: bytes


def sign_handed_over(key: SigningKey, said: HandedOver) -> bytes:
    """The signed statement (an Envelope), by the agent's node key."""
    m = pb.HandedOver(
        sale_id=said.sale,
        key_hash=said.key_hash,
        sealed_hash=said.sealed_hash,
        log_head=said.log_head,
        challenge=said.challenge,
    )
    return Envelope.seal(key, HANDED_KIND, canonical(m)).encode()


@lru_cache(maxsize=STATEMENTS_KEPT)
def read_handed_over(signed: bytes, agent: bytes) -> HandedOver:
    """Verifies and reads it. WireFault."""
    m, signer = read_signed(signed, HANDED_KIND, pb.HandedOver, MAX_HANDED_BYTES)
    if signer != agent:
        raise WireFault("a hand-over that the agent did not sign")
    hashes = (m.key_hash, m.sealed_hash, m.log_head)
    if any(len(h) != HASH_BYTES for h in hashes) or len(m.sale_id) != SALE_ID_BYTES:
        raise WireFault("a hand-over with a hash of wrong length")
    if len(m.challenge) != CHALLENGE_BYTES:
        raise WireFault("a hand-over without its challenge")
    return HandedOver(m.sale_id, m.key_hash, m.sealed_hash, m.log_head, m.challenge)


@dataclass(frozen=True, slots=True)
class ControlProof:
    """Whoever can post this in the thing's public place controls it. `lock`: commit_id of T1;
    `key`: the buyer's one-time key of T1, which signs it."""

    lock: bytes
    challenge: bytes
    key: bytes


def sign_control(key: SigningKey, lock: bytes, challenge: bytes) -> bytes:
    """The signed statement (an Envelope)."""
    m = pb.ControlProof(lock=lock, challenge=challenge, key=key.public)
    return Envelope.seal(key, CONTROL_KIND, canonical(m)).encode()


def control_line(signed: bytes) -> str:
    """As it is posted: one line, machine-readable."""
    return to_line(CONTROL_PREFIX, signed)


def from_control_line(text: str) -> bytes:
    """The signed statement in a line. WireFault."""
    return from_line(CONTROL_PREFIX, text, "a proof of control", MAX_CONTROL_BYTES)


def read_control(signed: bytes) -> ControlProof:
    """Verifies and reads it. WireFault. Whose key it is, the reader compares with the contract."""
    m, signer = read_signed(signed, CONTROL_KIND, pb.ControlProof, MAX_CONTROL_BYTES)
    if signer != m.key or len(m.key) != KEY_BYTES:
        raise WireFault("a proof of control that its key did not sign")
    if len(m.lock) != HASH_BYTES or len(m.challenge) != CHALLENGE_BYTES:
        raise WireFault("a proof of control with a hash of wrong length")
    return ControlProof(m.lock, m.challenge, m.key)
