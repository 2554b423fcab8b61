"""What is signed and how it travels: DSSE PAE over exact bytes (protocol section 2).

A receiver verifies the bytes it got. Nothing here ever serialises a payload again.
"""

from dataclasses import dataclass
from typing import Final

from proto.keys import NodeId, SigningKey, verify_raw
from proto.limits import MAX_ENVELOPE_BYTES
from proto.merkle import leaf_hash, root_and_paths, root_from_path
from proto.pae import pae
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

BATCH_KIND: Final = "pledgeway/batch/v1"
MAX_KIND_BYTES: Final = 64  # "pledgeway/<kind>/v1" with room to spare


@dataclass(frozen=True, slots=True)
class Proof:
    """A signature by `key` over PAE(kind, payload), alone or through the root of a batch.

    `size` = 0: the payload itself is signed. Otherwise the payload is leaf `index` of `size`, and
    the signature covers the Merkle root that `path` leads to.
    """

    key: bytes
    signature: bytes
    index: int = 0
    size: int = 0
    path: tuple[bytes, ...] = ()

    def to_message(self) -> pb.Signature:
        return pb.Signature(
            key=self.key,
            signature=self.signature,
            index=self.index,
            size=self.size,
            path=self.path,
        )

    @classmethod
    def from_message(cls, message: pb.Signature) -> "Proof":
        return cls(message.key, message.signature, message.index, message.size, tuple(message.path))

    def proves(self, kind: str, payload: bytes) -> bool:
        """Whether `key` signed this payload under this kind. Never raises."""
        message = pae(kind, payload)
        if self.size == 0:
            return (
                not self.path and self.index == 0 and verify_raw(self.key, message, self.signature)
            )
        root = root_from_path(leaf_hash(message), self.index, self.size, self.path)
        if root is None:
            return False
        return verify_raw(self.key, pae(BATCH_KIND, batch_payload(root, self.size)), self.signature)


def batch_payload(root: bytes, size: int) -> bytes:
    """The signed form of a batch: its size, 4 bytes big-endian, and its root."""
    return size.to_bytes(4, "big") + root


def sign(key: SigningKey, kind: str, payload: bytes) -> Proof:
    """One signature over one payload."""
    return Proof(key.public, key.sign(kind, payload))


def sign_batch(key: SigningKey, items: list[tuple[str, bytes]]) -> list[Proof]:
    """One signature over many (kind, payload); each proof stands alone as evidence."""
    if len(items) == 1:
        return [sign(key, *items[0])]
    root, paths = root_and_paths([leaf_hash(pae(kind, payload)) for kind, payload in items])
    size = len(items)
    signature = key.sign(BATCH_KIND, batch_payload(root, size))
    return [Proof(key.public, signature, i, size, tuple(path)) for i, path in enumerate(paths)]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its kind and its proof, as it travels and as it is kept for evidence."""

    kind: str
    payload: bytes
    proof: Proof

    @property
    def signer(self) -> NodeId:
        return NodeId(self.proof.key)

    def encode(self) -> bytes:
        return pb.Envelope(
            type=self.kind, payload=self.payload, signature=self.proof.to_message()
        ).SerializeToString()

    @classmethod
    def decode(cls, data: bytes) -> "Envelope":
        """Reads an envelope and checks its proof. Raises WireFault where either fails."""
        envelope = cls.decode_unverified(data)
        if not envelope.proof.proves(envelope.kind, envelope.payload):
            raise WireFault("the signature does not prove the payload")
        return envelope

    @classmethod
    def decode_unverified(cls, data: bytes) -> "Envelope":
        """Reads an envelope that this node has verified before, from its own store."""
        if len(data) > MAX_ENVELOPE_BYTES:
            raise WireFault(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes, not {len(data)}")
        message = parse(pb.Envelope, data)
        if len(message.type.encode()) > MAX_KIND_BYTES:
            raise WireFault("the kind of an envelope is too long")
        return cls(message.type, message.payload, Proof.from_message(message.signature))

    @classmethod
    def seal(cls, key: SigningKey, kind: str, payload: bytes) -> "Envelope":
        return cls(kind, payload, sign(key, kind, payload))
