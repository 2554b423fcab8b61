"""What a registry signs about one transaction (registry section 2)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from functools import lru_cache
from typing import Final

from proto.envelope import Proof
from proto.limits import MAX_STATEMENT_BYTES, MAX_STATEMENT_SIGNATURES, MAX_TLOG_PROOF_BYTES
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

STATEMENTS_KEPT: Final = 4096  # some 4 MB; each is read several times while its payment ends
STATEMENT_KIND: Final = "pledgeway/statement/v1"
INTERIM_KIND: Final = "pledgeway/interim/v1"


@unique
class Outcome(IntEnum):
    """What was decided; there is no third outcome, and none is ever changed."""

    COMMITTED = 1
    NOT_COMMITTED = 2


@unique
class DecisionReason(IntEnum):
    """Why it was decided so."""

    COMMIT = 1
    DEADLINE = 2
    DECLINED = 3
    EPOCH = 4


@dataclass(frozen=True, slots=True)
class DecisionLeaf:
    """The entry of the log: one decision, for ever. Times in µs UTC by the registry's clock."""

    commit_id: bytes
    outcome: Outcome
    reason: DecisionReason
    deadline_us: int
    limit_us: int
    decided_at_us: int
    max_error_us: int
    evidence_hash: bytes

    def encode(self) -> bytes:
        """The bytes of the LogLeaf that are hashed, logged and signed."""
        return pb.LogLeaf(
            decision=pb.DecisionLeaf(
                commit_id=self.commit_id,
                outcome=self.outcome.name,
                reason=self.reason.name,
                deadline_us=self.deadline_us,
                limit_us=self.limit_us,
                decided_at_us=self.decided_at_us,
                max_error_us=self.max_error_us,
                evidence_hash=self.evidence_hash,
            )
        ).SerializeToString(deterministic=True)

    @classmethod
    @lru_cache(maxsize=STATEMENTS_KEPT)
    def decode(cls, data: bytes) -> "DecisionLeaf":
        """Raises WireFault for anything but the leaf of a decision."""
        leaf = parse(pb.LogLeaf, data)
        if leaf.WhichOneof("kind") != "decision":
            raise WireFault("not the leaf of a decision")
        d = leaf.decision
        try:
            outcome, reason = Outcome(d.outcome), DecisionReason(d.reason)
        except ValueError as error:
            raise WireFault("a decision without outcome or reason") from error
        if (outcome is Outcome.COMMITTED) != (reason is DecisionReason.COMMIT):
            raise WireFault("outcome and reason of a decision contradict each other")
        if reason is DecisionReason.EPOCH:
            raise WireFault("a fence closes an epoch, a decision of its own never does")
        if d.max_error_us < 0:
            # It would make a refusal before the deadline look like one after it.
            raise WireFault("a decision with a negative clock error")
        return cls(
            d.commit_id,
            outcome,
            reason,
            d.deadline_us,
            d.limit_us,
            d.decided_at_us,
            d.max_error_us,
            d.evidence_hash,
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """Which registry said it, the exact leaf, and where in its log the leaf stands.

    `commit_id` stands beside a fence alone: no decision was made about it before the fence, so it
    is NOT_COMMITTED. `proto.log_leaf.decision_of` reads both kinds.
    """

    registry: bytes
    leaf: bytes
    log_origin: str
    log_index: int
    commit_id: bytes = b""

    def encode(self) -> bytes:
        return pb.Statement(
            registry_key_id=self.registry,
            leaf=self.leaf,
            log_origin=self.log_origin,
            log_index=self.log_index,
            commit_id=self.commit_id,
        ).SerializeToString(deterministic=True)

    @classmethod
    @lru_cache(maxsize=STATEMENTS_KEPT)
    def decode(cls, data: bytes) -> "Statement":
        """Raises WireFault."""
        if len(data) > MAX_STATEMENT_BYTES:
            raise WireFault(f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
        m = parse(pb.Statement, data)
        return cls(m.registry_key_id, m.leaf, m.log_origin, m.log_index, m.commit_id)


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with signatures of certified statement keys. Signing time is not part of it."""

    statement: bytes
    proofs: tuple[Proof, ...]
    tlog_proof: bytes = b""

    def to_message(self) -> pb.SignedStatement:
        return pb.SignedStatement(
            statement=self.statement,
            signatures=[p.to_message() for p in self.proofs],
            tlog_proof=self.tlog_proof,
        )

    def encode(self) -> bytes:
        return self.to_message().SerializeToString()

    @classmethod
    def from_message(cls, message: pb.SignedStatement) -> "SignedStatement":
        if len(message.tlog_proof) > MAX_TLOG_PROOF_BYTES:
            raise WireFault(f"a log proof has at most {MAX_TLOG_PROOF_BYTES} bytes")
        if len(message.signatures) > MAX_STATEMENT_SIGNATURES:
            raise WireFault(f"a statement has at most {MAX_STATEMENT_SIGNATURES} signatures")
        proofs = tuple(Proof.from_message(s) for s in message.signatures)
        return cls(message.statement, proofs, message.tlog_proof)

    @classmethod
    def decode(cls, data: bytes) -> "SignedStatement":
        """Raises WireFault."""
        return cls.from_message(parse(pb.SignedStatement, data))


@unique
class InterimKind(IntEnum):
    """Answers that release nothing."""

    PENDING = 1
    NO_RECORD = 2
    ADMITTED = 3


@dataclass(frozen=True, slots=True)
class Interim:
    """What a registry says while nothing is decided. `subject`: commit_id or archive id."""

    kind: InterimKind
    subject: bytes
    as_of_us: int
    max_error_us: int
    final_after_us: int
    registry: bytes

    def encode(self) -> bytes:
        return pb.Interim(
            kind=self.kind.name,
            subject=self.subject,
            as_of_us=self.as_of_us,
            max_error_us=self.max_error_us,
            final_after_us=self.final_after_us,
            registry_key_id=self.registry,
        ).SerializeToString(deterministic=True)

    @classmethod
    def decode(cls, data: bytes) -> "Interim":
        """Raises WireFault."""
        if len(data) > MAX_STATEMENT_BYTES:
            raise WireFault(f"an interim answer has at most {MAX_STATEMENT_BYTES} bytes")
        m = parse(pb.Interim, data)
        try:
            kind = InterimKind(m.kind)
        except ValueError as error:
            raise WireFault("an interim answer of unknown kind") from error
        return cls(kind, m.subject, m.as_of_us, m.max_error_us, m.final_after_us, m.registry_key_id)
