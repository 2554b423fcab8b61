"""The descriptor of a transaction and its id (protocol section 7, rules N1–N5 of registry 2)."""

from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache
from hashlib import sha256
from typing import Final
from uuid import UUID

from proto.limits import MAX_COMMITTERS, MAX_DESCRIPTOR_BYTES, MAX_HASHLOCKS
from proto.policy import RegistryPolicy, policy_fault
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

DESCRIPTOR_VERSION: Final = 1
COMMIT_TAG: Final = b"pledgeway/commit/v1\0"
HASH_BYTES: Final = 32
POLICIES_KEPT: Final = 64  # a registry or a node meets few, and the same ones all the time
DESCRIPTORS_KEPT: Final = 8192  # some 8 MB: a node reads each of its live ones a dozen times


@unique
class DescriptorRule(Enum):
    """Which validation rule a descriptor breaks."""

    N1 = "N1"  # size, version, deterministic bytes
    N2 = "N2"  # salt, terms, committers
    N3 = "N3"  # policy
    N4 = "N4"  # decline hash
    N5 = "N5"  # hashlocks


class DescriptorInvalid(ValueError):
    """Nobody will ever decide it. `rule` names what it breaks."""

    def __init__(self, rule: DescriptorRule, cause: str) -> None:
        super().__init__(f"{rule.value}: {cause}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a registry decides about, and nothing about who, how much or along which way.

    `committers` are one-time Ed25519 keys of which `threshold` must sign; `deadline_us` is D.
    """

    salt: bytes
    deadline_us: int
    policy: RegistryPolicy
    committers: tuple[bytes, ...]
    threshold: int
    terms_root: bytes
    hashlocks: tuple[bytes, ...] = ()
    decline_hash: bytes = b""
    version: int = DESCRIPTOR_VERSION

    @property
    def limit_us(self) -> int:
        """L: no commit is decided in time after it."""
        return self.deadline_us + self.policy.lateness_us

    def encode(self) -> bytes:
        """The one serialisation of this content; commit_id is a hash of it."""
        return canonical(
            pb.CommitDescriptor(
                version=self.version,
                salt=self.salt,
                deadline_us=self.deadline_us,
                policy=self.policy.to_message(),
                condition=pb.CommitCondition(keys=self.committers, threshold=self.threshold),
                hashlocks=self.hashlocks,
                decline_hash=self.decline_hash,
                terms_root=self.terms_root,
            )
        )


def commit_id(descriptor: bytes) -> bytes:
    """SHA-256("pledgeway/commit/v1\\0" || descriptor bytes), 32 bytes."""
    return sha256(COMMIT_TAG + descriptor).digest()


def transaction_uuid(commit: bytes) -> UUID:
    """The UUIDv8 (RFC 9562 section 5.8) of the first 16 bytes of a commit_id."""
    data = bytearray(commit[:16])
    data[6] = data[6] & 0x0F | 0x80
    data[8] = data[8] & 0x3F | 0x80
    return UUID(bytes=bytes(data))


@lru_cache(maxsize=DESCRIPTORS_KEPT)
def decode_descriptor(data: bytes) -> Descriptor:
    """Reads and validates a descriptor (N1–N5). Raises DescriptorInvalid.

    Every registry and every node runs exactly this; no node promises under what it refuses.
    """
    if len(data) > MAX_DESCRIPTOR_BYTES:
        raise DescriptorInvalid(DescriptorRule.N1, f"more than {MAX_DESCRIPTOR_BYTES} bytes")
    try:
        message = parse(pb.CommitDescriptor, data)
    except WireFault as fault:
        raise DescriptorInvalid(DescriptorRule.N1, str(fault)) from fault
    message.DiscardUnknownFields()
    # One content has two forms where an empty sub-message is absent or present: only ours counts.
    ours = message.HasField("policy") and message.HasField("condition")
    if not ours or canonical(message) != data:
        raise DescriptorInvalid(DescriptorRule.N1, "not the deterministic form")
    descriptor = _content(message)
    check_descriptor(descriptor)
    return descriptor


def decode_accepted(data: bytes) -> Descriptor:
    """Reads what `decode_descriptor` accepted before, in another process, and checks nothing."""
    return _content(pb.CommitDescriptor.FromString(data))


def _content(message: pb.CommitDescriptor) -> Descriptor:
    return Descriptor(
        message.salt,
        message.deadline_us,
        _policy(message.policy.SerializeToString(deterministic=True)),
        tuple(message.condition.keys),
        message.condition.threshold,
        message.terms_root,
        tuple(message.hashlocks),
        message.decline_hash,
        message.version,
    )


@lru_cache(maxsize=POLICIES_KEPT)
def _policy(data: bytes) -> RegistryPolicy:
    return RegistryPolicy.from_message(pb.RegistryPolicy.FromString(data))


def check_descriptor(d: Descriptor) -> None:
    """Rules N1–N5 on the content. Raises DescriptorInvalid."""
    if d.version != DESCRIPTOR_VERSION:
        raise DescriptorInvalid(DescriptorRule.N1, f"version {d.version} is not known")
    if d.deadline_us <= 0:
        raise DescriptorInvalid(DescriptorRule.N1, "the deadline is not a positive time")
    if len(d.salt) != HASH_BYTES or len(d.terms_root) != HASH_BYTES:
        raise DescriptorInvalid(DescriptorRule.N2, "salt and terms_root have 32 bytes each")
    if not 1 <= len(d.committers) <= MAX_COMMITTERS or len(set(d.committers)) != len(d.committers):
        raise DescriptorInvalid(DescriptorRule.N2, "1 to 32 distinct committer keys")
    if any(len(key) != HASH_BYTES for key in d.committers):
        raise DescriptorInvalid(DescriptorRule.N2, "a committer key has 32 bytes")
    if not 1 <= d.threshold <= len(d.committers):
        raise DescriptorInvalid(DescriptorRule.N2, "the threshold lies between 1 and all")
    if fault := policy_fault(d.policy):
        raise DescriptorInvalid(DescriptorRule.N3, fault.value)
    if len(d.decline_hash) not in (0, HASH_BYTES):
        raise DescriptorInvalid(DescriptorRule.N4, "a decline hash has 32 bytes")
    if d.decline_hash and not d.policy.declines:
        cause = "a decline hash needs qc + qa = n + 1, else a decline could lock all holds"
        rule = DescriptorRule.N4 if d.policy.members else DescriptorRule.N3
        raise DescriptorInvalid(rule, cause)
    if len(d.hashlocks) > MAX_HASHLOCKS or any(len(h) != HASH_BYTES for h in d.hashlocks):
        raise DescriptorInvalid(DescriptorRule.N5, "at most 8 hashlocks of 32 bytes")
    if d.hashlocks and len(d.policy.members) != 1:
        rule = DescriptorRule.N5 if d.policy.members else DescriptorRule.N3
        raise DescriptorInvalid(rule, "hashlocks need a single registry")
