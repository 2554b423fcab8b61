"""Commit and abort certificates and their verification (protocol section 7, registry 7).

A statement says what one registry recorded. Only a certificate under the descriptor's policy says
whether the transaction committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import lru_cache
from typing import Final

from proto.commit import Commit, Evidence, evidence_hash, evidence_satisfies
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.envelope import Proof
from proto.key_life import KeyStanding, is_logged, standing
from proto.log_leaf import answer_by_fence, decision_of
from proto.registry_record import RegistryRecord
from proto.statement import (
    INTERIM_KIND,
    STATEMENT_KIND,
    DecisionLeaf,
    DecisionReason,
    Interim,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

Records = Mapping[bytes, RegistryRecord]

CERTIFICATES_KEPT: Final = 4096  # some 8 MB; those of a second or two of a busy node
MAX_INTERIM_SIGNATURES: Final = 4  # an old and a new key, each of two kinds


@unique
class CertificateFault(Enum):
    """Why a certificate proves nothing."""

    DESCRIPTOR = "its descriptor is invalid"
    NO_POLICY = "its descriptor names no registry: nobody decides about an all-BARE payment"
    EVIDENCE = "its commit is not signed by the committers"
    NOT_A_MEMBER = "a statement is by a registry outside the policy"
    TWICE = "a registry is counted twice"
    UNKNOWN_REGISTRY = "a statement is by a registry of which no record is at hand"
    UNKNOWN_KEY = "a statement is signed by a key that its registry had not certified for then"
    SIGNATURE = "a statement's signature fails"
    UNLOGGED = "a statement by a key that has ended lacks the proof that its log holds it"
    OTHER_TRANSACTION = "a statement is about another transaction or another deadline"
    OTHER_OUTCOME = "a statement says the opposite"
    LATE = "a statement was decided after its own limit"
    EARLY = "a deadline refusal was decided before the deadline had surely passed"
    NO_DECLINE = "a statement tells of a decline that the descriptor does not allow"
    EVIDENCE_HASH = "a statement is about other evidence"
    QUORUM = "too few statements for the policy"
    FORM = "it cannot be read"


class CertificateInvalid(ValueError):
    """`fault` names what is wrong."""

    def __init__(self, fault: CertificateFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class CommitCertificate:
    """A Commit with the signed COMMITTED statements of qc members."""

    commit: Commit
    statements: tuple[SignedStatement, ...]
    _encoded: bytes = field(default=b"", repr=False, compare=False)  # where it was read

    @property
    def descriptor(self) -> bytes:
        return self.commit.descriptor

    @property
    def commit_id(self) -> bytes:
        return commit_id(self.descriptor)

    def encode(self) -> bytes:
        if self._encoded:
            return self._encoded
        return pb.CommitCertificate(
            commit=self.commit.to_message(), committed=[s.to_message() for s in self.statements]
        ).SerializeToString()

    @classmethod
    @lru_cache(maxsize=CERTIFICATES_KEPT)
    def decode(cls, data: bytes) -> "CommitCertificate":
        """Raises WireFault. Remembered: a node meets a certificate three or four times."""
        message = parse(pb.CommitCertificate, data)
        message.DiscardUnknownFields()  # nobody is to carry more than what was read
        statements = tuple(SignedStatement.from_message(s) for s in message.committed)
        return cls(Commit.from_message(message.commit), statements, message.SerializeToString())


@dataclass(frozen=True, slots=True)
class AbortCertificate:
    """A descriptor with the signed NOT_COMMITTED statements of qa members."""

    descriptor: bytes
    statements: tuple[SignedStatement, ...]

    @property
    def commit_id(self) -> bytes:
        return commit_id(self.descriptor)

    def to_message(self) -> pb.AbortCertificate:
        return pb.AbortCertificate(
            descriptor=self.descriptor, not_committed=[s.to_message() for s in self.statements]
        )

    def encode(self) -> bytes:
        return self.to_message().SerializeToString()

    @classmethod
    def from_message(cls, message: pb.AbortCertificate) -> "AbortCertificate":
        statements = tuple(SignedStatement.from_message(s) for s in message.not_committed)
        return cls(message.descriptor, statements)

    @classmethod
    def decode(cls, data: bytes) -> "AbortCertificate":
        """Raises WireFault."""
        return cls.from_message(parse(pb.AbortCertificate, data))


Certificate = CommitCertificate | AbortCertificate


def verify_statement(
    signed: SignedStatement, descriptor: Descriptor, commit: bytes, records: Records, now_us: int
) -> tuple[bytes, DecisionLeaf]:
    """One member's statement about this transaction: (registry id, what it says).

    Raises CertificateInvalid. Checks membership, key, signature, that it speaks of this id and
    deadline, and that its time fits its outcome; the caller checks the outcome itself. An answer
    by a fence (reason EPOCH) counts as NOT_COMMITTED. `now_us`: a key that has ended by now proves
    only what is logged (proto.key_life).
    """
    try:
        statement = Statement.decode(signed.statement)
        leaf = decision_of(statement)
    except WireFault as fault:
        raise CertificateInvalid(CertificateFault.FORM) from fault
    if statement.registry not in descriptor.policy.members:
        raise CertificateInvalid(CertificateFault.NOT_A_MEMBER)
    if leaf.reason is DecisionReason.EPOCH:
        leaf = answer_by_fence(leaf, descriptor)
    if leaf.commit_id != commit or leaf.deadline_us != descriptor.deadline_us:
        raise CertificateInvalid(CertificateFault.OTHER_TRANSACTION)
    record = records.get(statement.registry)
    if record is None:
        raise CertificateInvalid(CertificateFault.UNKNOWN_REGISTRY)
    if unfounded := _ground_fault(leaf, descriptor):
        raise CertificateInvalid(unfounded)
    _check_signature(signed, statement, leaf, record, now_us)
    return statement.registry, leaf


def _check_signature(
    signed: SignedStatement,
    statement: Statement,
    leaf: DecisionLeaf,
    record: RegistryRecord,
    now_us: int,
) -> None:
    usable = [
        (p, counts)
        for p in signed.proofs
        if (counts := standing(record, p.key, leaf.decided_at_us, now_us))
        is not KeyStanding.NOTHING
    ]
    if not usable:
        raise CertificateInvalid(CertificateFault.UNKNOWN_KEY)
    proven = {counts for p, counts in usable if p.proves(STATEMENT_KIND, signed.statement)}
    if not proven:
        raise CertificateInvalid(CertificateFault.SIGNATURE)
    if KeyStanding.PLAINLY not in proven and not is_logged(signed, statement, record):
        raise CertificateInvalid(CertificateFault.UNLOGGED)


def _ground_fault(leaf: DecisionLeaf, descriptor: Descriptor) -> CertificateFault | None:
    if leaf.outcome is Outcome.COMMITTED:
        in_limit = leaf.decided_at_us <= leaf.limit_us <= descriptor.limit_us
        return None if in_limit else CertificateFault.LATE
    if leaf.reason is DecisionReason.DECLINED:
        # Where no preimage can decline, nobody declined: V12 rests on this.
        return None if descriptor.decline_hash else CertificateFault.NO_DECLINE
    if leaf.reason is DecisionReason.EPOCH:
        return None  # a fence lies a month behind the clock: `answer_by_fence` compared it with D
    surely = leaf.decided_at_us - leaf.max_error_us > descriptor.limit_us
    return None if surely else CertificateFault.EARLY


def verify_commit_certificate(
    certificate: CommitCertificate, records: Records, now_us: int, verified: bytes = b""
) -> Descriptor:
    """Whether the transaction committed. Returns the descriptor; raises CertificateInvalid.

    `verified`: Evidence of this descriptor that the caller has signed or verified before.
    """
    descriptor, commit = _descriptor(certificate.descriptor)
    # The count and the size of the policy bound the signatures that a stranger makes us verify.
    _check_count(certificate.statements, descriptor, descriptor.policy.qc)
    if certificate.commit.evidence != verified or not verified:
        _check_evidence(certificate.commit.evidence, descriptor, commit)
    wanted = evidence_hash(certificate.commit.evidence)
    leaves = _verify_all(
        certificate.statements, descriptor, commit, records, Outcome.COMMITTED, now_us
    )
    # Members may have seen different relayed statements; a single registry saw exactly this.
    if len(descriptor.policy.members) == 1 and any(x.evidence_hash != wanted for x in leaves):
        raise CertificateInvalid(CertificateFault.EVIDENCE_HASH)
    return descriptor


def verify_abort_certificate(
    certificate: AbortCertificate, records: Records, now_us: int
) -> Descriptor:
    """Whether the transaction can never commit.

    Returns the descriptor; raises CertificateInvalid.
    """
    descriptor, commit = _descriptor(certificate.descriptor)
    _check_count(certificate.statements, descriptor, descriptor.policy.qa)
    _verify_all(certificate.statements, descriptor, commit, records, Outcome.NOT_COMMITTED, now_us)
    return descriptor


def _check_evidence(data: bytes, descriptor: Descriptor, commit: bytes) -> None:
    try:
        evidence = Evidence.decode(data)
    except WireFault as fault:
        raise CertificateInvalid(CertificateFault.FORM) from fault
    if not evidence_satisfies(descriptor, commit, evidence):
        raise CertificateInvalid(CertificateFault.EVIDENCE)


def _descriptor(data: bytes) -> tuple[Descriptor, bytes]:
    try:
        descriptor = decode_descriptor(data)
    except DescriptorInvalid as fault:
        raise CertificateInvalid(CertificateFault.DESCRIPTOR) from fault
    if not descriptor.policy.members:
        raise CertificateInvalid(CertificateFault.NO_POLICY)
    return descriptor, commit_id(data)


def _check_count(
    statements: tuple[SignedStatement, ...], descriptor: Descriptor, quorum: int
) -> None:
    if not quorum <= len(statements) <= len(descriptor.policy.members):
        raise CertificateInvalid(CertificateFault.QUORUM)


def _verify_all(
    statements: tuple[SignedStatement, ...],
    descriptor: Descriptor,
    commit: bytes,
    records: Records,
    outcome: Outcome,
    now_us: int,
) -> list[DecisionLeaf]:
    seen: set[bytes] = set()
    leaves = []
    for signed in statements:
        registry, leaf = verify_statement(signed, descriptor, commit, records, now_us)
        if leaf.outcome is not outcome:
            raise CertificateInvalid(CertificateFault.OTHER_OUTCOME)
        if registry in seen:
            raise CertificateInvalid(CertificateFault.TWICE)
        seen.add(registry)
        leaves.append(leaf)
    return leaves


def verify_interim(signed: bytes, records: Records, now_us: int) -> Interim | None:
    """A registry's interim answer (SignedInterim bytes), if a key signed it that counts now.

    It frees nothing; ADMITTED is what a node in mode SECURED or GATEWAY holds (V6).
    """
    try:
        message = parse(pb.SignedInterim, signed)
        interim = Interim.decode(message.interim)
    except WireFault:
        return None
    record = records.get(interim.registry)
    if record is None:
        return None
    for signature in message.signatures[:MAX_INTERIM_SIGNATURES]:
        proof = Proof.from_message(signature)
        # No log holds it, so that a key which has ended proves nothing by it.
        counts = standing(record, proof.key, interim.as_of_us, now_us)
        if counts is KeyStanding.PLAINLY and proof.proves(INTERIM_KIND, message.interim):
            return interim
    return None
