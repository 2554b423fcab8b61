"""A commit: the committers' shares over a commit_id (protocol section 7)."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.descriptor import Descriptor, commit_id
from proto.envelope import Proof, sign
from proto.keys import SigningKey
from proto.limits import MAX_EVIDENCE_BYTES, MAX_PREIMAGE_BYTES
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

SHARE_KIND: Final = "pledgeway/commit-share/v1"
EVIDENCE_TAG: Final = b"pledgeway/evidence/v1\0"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What makes a descriptor commit: shares, preimages, and statements of other members."""

    shares: tuple[Proof, ...] = ()
    preimages: tuple[bytes, ...] = ()
    relayed: tuple[bytes, ...] = ()  # SignedStatement bytes

    def encode(self) -> bytes:
        return pb.Evidence(
            signatures=[share.to_message() for share in self.shares],
            preimages=self.preimages,
            relayed=[pb.SignedStatement.FromString(r) for r in self.relayed],
        ).SerializeToString()

    @classmethod
    def decode(cls, data: bytes) -> "Evidence":
        """Raises WireFault where the bytes are too many or no evidence."""
        if len(data) > MAX_EVIDENCE_BYTES:
            raise WireFault(f"evidence has at most {MAX_EVIDENCE_BYTES} bytes")
        message = parse(pb.Evidence, data)
        return cls(
            tuple(Proof.from_message(s) for s in message.signatures),
            tuple(message.preimages),
            tuple(r.SerializeToString() for r in message.relayed),
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """Descriptor and evidence, both as the exact bytes that travel."""

    descriptor: bytes
    evidence: bytes

    @property
    def commit_id(self) -> bytes:
        return commit_id(self.descriptor)

    def to_message(self) -> pb.Commit:
        return pb.Commit(descriptor=self.descriptor, evidence=self.evidence)

    @classmethod
    def from_message(cls, message: pb.Commit) -> "Commit":
        return cls(message.descriptor, message.evidence)


def sign_share(key: SigningKey, commit: bytes) -> Proof:
    """A committer's share: binds it to one commit_id, so to one deadline and one policy."""
    return sign(key, SHARE_KIND, commit)


def evidence_satisfies(descriptor: Descriptor, commit: bytes, evidence: Evidence) -> bool:
    """Whether the shares of `threshold` distinct committers and every preimage are there.

    Cheap checks come first: a stranger must not make us verify signatures that cannot count.
    """
    signers = [share.key for share in evidence.shares]
    if len(set(signers)) != len(signers) or not set(signers) <= set(descriptor.committers):
        return False
    if len(signers) < descriptor.threshold or len(evidence.preimages) != len(descriptor.hashlocks):
        return False
    if any(len(p) > MAX_PREIMAGE_BYTES for p in evidence.preimages):
        return False
    hashes = zip(evidence.preimages, descriptor.hashlocks, strict=True)
    if any(sha256(preimage).digest() != lock for preimage, lock in hashes):
        return False
    return all(share.proves(SHARE_KIND, commit) for share in evidence.shares)


def commit_is_valid(descriptor: Descriptor, commit: Commit) -> bool:
    """A bare commit: what redeems BARE, and SECURED until its expiry."""
    try:
        evidence = Evidence.decode(commit.evidence)
    except WireFault:
        return False
    return evidence_satisfies(descriptor, commit.commit_id, evidence)


def evidence_hash(evidence: bytes) -> bytes:
    """SHA-256("pledgeway/evidence/v1\\0" || evidence bytes)."""
    return sha256(EVIDENCE_TAG + evidence).digest()


def decline_satisfies(descriptor: Descriptor, preimage: bytes) -> bool:
    """Whether `preimage` ends this transaction early."""
    if not descriptor.decline_hash or len(preimage) > MAX_PREIMAGE_BYTES:
        return False
    return sha256(preimage).digest() == descriptor.decline_hash
