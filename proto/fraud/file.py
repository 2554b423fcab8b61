"""A fraud file as it travels: raw signed bytes of the accused and its root chain (registry 8).

Reading checks form and limits only. Nothing in a file is believed before `verify_fraud`.
"""

from dataclasses import dataclass
from typing import Final

from proto.envelope import Proof, sign
from proto.fraud.verdict import FraudKind
from proto.keys import SigningKey
from proto.limits import (
    MAX_DESCRIPTOR_BYTES,
    MAX_ENVELOPE_BYTES,
    MAX_EVIDENCE_BYTES,
    MAX_LOG_PATH,
    MAX_POLICY_MEMBERS,
    MAX_RECORD_BYTES,
)
from proto.statement import SignedStatement
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

OBSERVATION_KIND: Final = "pledgeway/observation/v1"
MAX_FRAUD_BYTES: Final = 60_000  # it travels in an envelope of 65,536 bytes to the neighbours
MAX_STATEMENTS: Final = 2  # E1 shows two, every other kind at most one
MAX_LEAVES: Final = 2
MAX_CHECKPOINTS: Final = 2
MAX_OBSERVATIONS: Final = 16  # each costs two signature checks; nobody names more monitors
MAX_LEAF_BYTES: Final = 4096  # a key leaf with 16 operators' signatures has about 2 KB

assert MAX_FRAUD_BYTES < MAX_ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class LoggedLeaf:
    """A leaf (exact bytes) with its inclusion in a checkpoint (note bytes) of the accused's log."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def to_message(self) -> pb.LoggedLeaf:
        return pb.LoggedLeaf(
            leaf=self.leaf, index=self.index, path=self.path, checkpoint=self.checkpoint
        )

    @classmethod
    def from_message(cls, message: pb.LoggedLeaf) -> "LoggedLeaf":
        """Raises WireFault."""
        if len(message.leaf) > MAX_LEAF_BYTES or len(message.path) > MAX_LOG_PATH:
            raise WireFault("a logged leaf that is too long")
        return cls(message.leaf, message.index, tuple(message.path), message.checkpoint)


@dataclass(frozen=True, slots=True)
class SignedObservation:
    """A monitor's word: at `at_us` this note was the newest that the log would show it."""

    observation: bytes
    proof: Proof

    @classmethod
    def make(
        cls, monitor: SigningKey, log_origin: str, at_us: int, checkpoint: bytes
    ) -> "SignedObservation":
        """What a monitor signs. `at_us`: µs UTC by its own clock."""
        payload = pb.Observation(
            monitor=monitor.public, log_origin=log_origin, at_us=at_us, checkpoint=checkpoint
        ).SerializeToString(deterministic=True)
        return cls(payload, sign(monitor, OBSERVATION_KIND, payload))

    def to_message(self) -> pb.SignedObservation:
        return pb.SignedObservation(observation=self.observation, signature=self.proof.to_message())

    @classmethod
    def from_message(cls, message: pb.SignedObservation) -> "SignedObservation":
        return cls(message.observation, Proof.from_message(message.signature))


@dataclass(frozen=True, slots=True)
class PrefixProof:
    """The root that a log has at an earlier size, and the consistency proof from it to a later."""

    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FraudProof:
    """The content of a fraud file, unverified. `record`, `records`: SignedRegistryRecord bytes."""

    kind: FraudKind
    record: bytes
    statements: tuple[SignedStatement, ...] = ()
    descriptor: bytes = b""
    evidence: bytes = b""
    leaves: tuple[LoggedLeaf, ...] = ()
    checkpoints: tuple[bytes, ...] = ()
    observations: tuple[SignedObservation, ...] = ()
    records: tuple[bytes, ...] = ()
    prefix: PrefixProof | None = None

    def encode(self) -> bytes:
        """The bytes of the file."""
        prefix = self.prefix
        return pb.FraudProof(
            kind=self.kind.name,
            record=pb.SignedRegistryRecord.FromString(self.record),
            statements=[s.to_message() for s in self.statements],
            descriptor=self.descriptor,
            evidence=self.evidence,
            leaves=[leaf.to_message() for leaf in self.leaves],
            checkpoints=self.checkpoints,
            observations=[o.to_message() for o in self.observations],
            records=[pb.SignedRegistryRecord.FromString(r) for r in self.records],
            prefix=None if prefix is None else pb.PrefixProof(root=prefix.root, path=prefix.path),
        ).SerializeToString(deterministic=True)


def read_fraud_proof(data: bytes) -> FraudProof:
    """Raises WireFault where the bytes are no fraud file or exceed a limit."""
    if len(data) > MAX_FRAUD_BYTES:
        raise WireFault(f"a fraud file has at most {MAX_FRAUD_BYTES} bytes")
    return from_message(parse(pb.FraudProof, data))


def from_message(message: pb.FraudProof) -> FraudProof:
    """Raises WireFault where a limit is exceeded; its whole size is the caller's to bound."""
    try:
        kind = FraudKind(message.kind)
    except ValueError as error:
        raise WireFault("a fraud file of unknown kind") from error
    if (
        len(message.statements) > MAX_STATEMENTS
        or len(message.leaves) > MAX_LEAVES
        or len(message.checkpoints) > MAX_CHECKPOINTS
        or len(message.observations) > MAX_OBSERVATIONS
        or len(message.records) > MAX_POLICY_MEMBERS
    ):
        raise WireFault("a fraud file with more parts than any kind needs")
    if len(message.descriptor) > MAX_DESCRIPTOR_BYTES or len(message.evidence) > MAX_EVIDENCE_BYTES:
        raise WireFault("a fraud file with a descriptor or evidence that is too long")
    record = message.record.SerializeToString()
    if len(record) > MAX_RECORD_BYTES:
        raise WireFault(f"a registry record has at most {MAX_RECORD_BYTES} bytes")
    return FraudProof(
        kind=kind,
        record=record,
        statements=tuple(SignedStatement.from_message(s) for s in message.statements),
        descriptor=message.descriptor,
        evidence=message.evidence,
        leaves=tuple(LoggedLeaf.from_message(x) for x in message.leaves),
        checkpoints=tuple(message.checkpoints),
        observations=tuple(SignedObservation.from_message(o) for o in message.observations),
        records=tuple(r.SerializeToString() for r in message.records),
        prefix=_prefix(message),
    )


def _prefix(message: pb.FraudProof) -> PrefixProof | None:
    if not message.HasField("prefix"):
        return None
    if len(message.prefix.path) > MAX_LOG_PATH:
        raise WireFault("a consistency proof that is too long")
    return PrefixProof(message.prefix.root, tuple(message.prefix.path))
