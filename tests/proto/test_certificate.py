"""Certificates: what proves that a transaction committed or never can, and what does not."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import (
    R1,
    R2,
    R3,
    R4,
    RECORDS,
    SECOND,
    TWO_OF_THREE,
    CastRegistry,
    make_registry,
    signing_key,
)
from proto.certificate import (
    AbortCertificate,
    Certificate,
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
    verify_interim,
)
from proto.commit import Commit, Evidence, sign_share
from proto.descriptor import Descriptor
from proto.envelope import sign, sign_batch
from proto.keys import SigningKey
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.statement import (
    INTERIM_KIND,
    STATEMENT_KIND,
    DecisionReason,
    Interim,
    InterimKind,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from tests.proto.build import (
    COMMITTER,
    DESCRIPTOR,
    abort_certificate,
    aborted_leaf,
    commit_certificate,
    committed_leaf,
    make_commit,
)

F = CertificateFault
COLLECTIVE = replace(DESCRIPTOR, policy=TWO_OF_THREE)
D = DESCRIPTOR.deadline_us
COMMIT = make_commit(DESCRIPTOR)


def verify(certificate: Certificate) -> Descriptor:
    if isinstance(certificate, CommitCertificate):
        return verify_commit_certificate(certificate, RECORDS, D)
    return verify_abort_certificate(certificate, RECORDS, D)


def with_leaf(registry: CastRegistry = R1, **changes: object) -> CommitCertificate:
    leaf = committed_leaf(COMMIT, DESCRIPTOR, **changes).encode()
    return CommitCertificate(COMMIT, (registry.sign_statement(leaf),))


def abort_leaf(descriptor: Descriptor = DESCRIPTOR, **changes: object) -> AbortCertificate:
    leaf = aborted_leaf(descriptor, **changes).encode()
    return AbortCertificate(descriptor.encode(), (R1.sign_statement(leaf),))


def collective(*statements: SignedStatement) -> CommitCertificate:
    return CommitCertificate(make_commit(COLLECTIVE), statements)


def member(registry: CastRegistry, **changes: object) -> SignedStatement:
    leaf = committed_leaf(make_commit(COLLECTIVE), COLLECTIVE, **changes)
    return registry.sign_statement(leaf.encode())


DECLINABLE = replace(DESCRIPTOR, decline_hash=sha256(b"no").digest())
DECLINED = {"reason": DecisionReason.DECLINED, "decided_at_us": D - SECOND}

VALID: dict[str, Certificate] = {
    "commit": commit_certificate(DESCRIPTOR, R1),
    "abort": abort_certificate(DESCRIPTOR, R1),
    "decided at the limit itself": with_leaf(decided_at_us=D),
    "two of three": commit_certificate(COLLECTIVE, R1, R3),
    "three of three": commit_certificate(COLLECTIVE, R2, R1, R3),
    "two of three refuse": abort_certificate(COLLECTIVE, R2, R3),
    "relayed: a later limit": collective(
        member(R1), member(R2, limit_us=D + 2 * SECOND, decided_at_us=D + 2 * SECOND)
    ),
    "members saw other relayed statements": collective(
        member(R1), member(R2, evidence_hash=b"e" * 32)
    ),
    "declined": abort_leaf(DECLINABLE, **DECLINED),
    "just late enough": abort_leaf(decided_at_us=D + 1001),
    "one signature of a batch": CommitCertificate(COMMIT, ()),  # filled below
}


def in_a_batch() -> CommitCertificate:
    statement = Statement(R1.id, committed_leaf(COMMIT, DESCRIPTOR).encode(), "o", 3).encode()
    proofs = sign_batch(R1.online, [(STATEMENT_KIND, statement), (STATEMENT_KIND, b"another")])
    return CommitCertificate(COMMIT, (SignedStatement(statement, (proofs[0],)),))


VALID["one signature of a batch"] = in_a_batch()


@pytest.mark.parametrize("name", VALID)
def test_valid_ones_prove_their_descriptor(name: str) -> None:
    certificate = VALID[name]
    assert verify(certificate).encode() == certificate.descriptor
    kind = type(certificate)
    assert kind.decode(certificate.encode()) == certificate


def resigned(certificate: CommitCertificate, statement: SignedStatement) -> CommitCertificate:
    return replace(certificate, statements=(statement,))


GOOD = commit_certificate(DESCRIPTOR, R1)
STATEMENT = GOOD.statements[0]
BAD_DESCRIPTOR = replace(DESCRIPTOR, threshold=2)
BARE = replace(DESCRIPTOR, policy=EMPTY_POLICY)
STRANGER = make_registry("stranger")
WITH_STRANGER = replace(DESCRIPTOR, policy=RegistryPolicy((STRANGER.id,), 1, 1))
NOBODY = Evidence((sign_share(signing_key("nobody"), COMMIT.commit_id),)).encode()


def changed_evidence() -> CommitCertificate:
    """Valid evidence, but not the bytes that the registry saw."""
    again = Commit(COMMIT.descriptor, COMMIT.evidence + b"\x98\x06\x01")
    return CommitCertificate(again, GOOD.statements)


FAULTY: list[tuple[CertificateFault, str, Callable[[], Certificate]]] = [
    (F.DESCRIPTOR, "invalid", lambda: commit_certificate(BAD_DESCRIPTOR, R1)),
    (F.DESCRIPTOR, "abort of an invalid one", lambda: abort_certificate(BAD_DESCRIPTOR, R1)),
    (F.DESCRIPTOR, "noise", lambda: AbortCertificate(b"noise", ())),
    (F.NO_POLICY, "commit", lambda: CommitCertificate(make_commit(BARE), ())),
    (F.NO_POLICY, "abort", lambda: AbortCertificate(BARE.encode(), ())),
    (
        F.EVIDENCE,
        "stranger's share",
        lambda: CommitCertificate(replace(COMMIT, evidence=NOBODY), GOOD.statements),
    ),
    (
        F.EVIDENCE,
        "none",
        lambda: CommitCertificate(replace(COMMIT, evidence=b""), GOOD.statements),
    ),
    (F.NOT_A_MEMBER, "commit", lambda: commit_certificate(DESCRIPTOR, R2)),
    (F.NOT_A_MEMBER, "abort", lambda: abort_certificate(COLLECTIVE, R1, R4)),
    (F.TWICE, "commit", lambda: commit_certificate(COLLECTIVE, R1, R1)),
    (F.TWICE, "abort", lambda: abort_certificate(COLLECTIVE, R2, R2)),
    (F.UNKNOWN_REGISTRY, "commit", lambda: commit_certificate(WITH_STRANGER, STRANGER)),
    (F.UNKNOWN_REGISTRY, "abort", lambda: abort_certificate(WITH_STRANGER, STRANGER)),
    (
        F.UNKNOWN_KEY,
        "another key",
        lambda: resigned(
            GOOD,
            R1.sign_statement(committed_leaf(COMMIT, DESCRIPTOR).encode(), key=R2.online),
        ),
    ),
    (
        F.UNKNOWN_KEY,
        "a root key is no statement key",
        lambda: resigned(
            GOOD,
            R1.sign_statement(committed_leaf(COMMIT, DESCRIPTOR).encode(), key=R1.operators[0]),
        ),
    ),
    (F.UNKNOWN_KEY, "no signature", lambda: resigned(GOOD, replace(STATEMENT, proofs=()))),
    (
        F.SIGNATURE,
        "of another kind",
        lambda: resigned(
            GOOD, replace(STATEMENT, proofs=(sign(R1.online, "x", STATEMENT.statement),))
        ),
    ),
    (
        F.SIGNATURE,
        "of another statement",
        lambda: resigned(
            GOOD,
            replace(STATEMENT, proofs=with_leaf(decided_at_us=D).statements[0].proofs),
        ),
    ),
    (F.OTHER_TRANSACTION, "id", lambda: with_leaf(commit_id=b"i" * 32)),
    (F.OTHER_TRANSACTION, "deadline", lambda: with_leaf(deadline_us=D + 1)),
    (F.OTHER_TRANSACTION, "abort of another", lambda: abort_leaf(commit_id=b"i" * 32)),
    (
        F.OTHER_OUTCOME,
        "a refusal in a commit certificate",
        lambda: CommitCertificate(COMMIT, abort_certificate(DESCRIPTOR, R1).statements),
    ),
    (
        F.OTHER_OUTCOME,
        "a commit in an abort certificate",
        lambda: AbortCertificate(DESCRIPTOR.encode(), GOOD.statements),
    ),
    (
        F.OTHER_OUTCOME,
        "one of each",
        lambda: collective(member(R1), R2.sign_statement(aborted_leaf(COLLECTIVE).encode())),
    ),
    (F.LATE, "after its limit", lambda: with_leaf(decided_at_us=D + 1)),
    (F.LATE, "limit after L", lambda: with_leaf(limit_us=D + 1)),
    (
        F.LATE,
        "collective, own limit not relayed",
        lambda: collective(member(R1), member(R2, decided_at_us=D + 1)),
    ),
    (
        F.LATE,
        "collective, beyond (f + 1) delta",
        lambda: collective(member(R1), member(R2, limit_us=D + 2 * SECOND + 1)),
    ),
    (F.EARLY, "at D plus its error", lambda: abort_leaf(decided_at_us=D + 1000)),
    (F.EARLY, "before D", lambda: abort_leaf(decided_at_us=D - 1)),
    (F.FORM, "a decision called an epoch", lambda: abort_leaf(reason=DecisionReason.EPOCH)),
    (F.NO_DECLINE, "no decline hash", lambda: abort_leaf(**DECLINED)),
    (F.EVIDENCE_HASH, "leaf", lambda: with_leaf(evidence_hash=b"e" * 32)),
    (F.EVIDENCE_HASH, "evidence", changed_evidence),
    (F.QUORUM, "no statement", lambda: replace(GOOD, statements=())),
    (F.QUORUM, "no refusal", lambda: AbortCertificate(DESCRIPTOR.encode(), ())),
    (F.QUORUM, "one of two needed", lambda: commit_certificate(COLLECTIVE, R1)),
    (F.QUORUM, "one refusal of two needed", lambda: abort_certificate(COLLECTIVE, R1)),
    (F.QUORUM, "more than members", lambda: commit_certificate(DESCRIPTOR, R1, R1)),
    (
        F.FORM,
        "statement",
        lambda: resigned(GOOD, replace(STATEMENT, statement=b"\xff")),
    ),
    (
        F.FORM,
        "leaf",
        lambda: CommitCertificate(COMMIT, (R1.sign_statement(b"\xff"),)),
    ),
    (
        F.FORM,
        "evidence",
        lambda: CommitCertificate(replace(COMMIT, evidence=b"\xff"), GOOD.statements),
    ),
    (F.FORM, "leaf without reason", lambda: with_leaf(reason=DecisionReason.DEADLINE)),
]


@pytest.mark.parametrize(
    ("fault", "make"), [(f, m) for f, _, m in FAULTY], ids=[f"{f.name}: {n}" for f, n, _ in FAULTY]
)
def test_faults(fault: CertificateFault, make: Callable[[], Certificate]) -> None:
    with pytest.raises(CertificateInvalid) as info:
        verify(make())
    assert info.value.fault is fault


def test_every_fault_has_a_case() -> None:
    # UNLOGGED depends on the time of checking: test_key_life.
    assert {f for f, _, _ in FAULTY} | {F.UNLOGGED} == set(CertificateFault)


def test_one_good_signature_among_others_is_enough() -> None:
    old = sign(signing_key("old key"), STATEMENT_KIND, STATEMENT.statement)
    wrong = sign(R1.online, STATEMENT_KIND, b"other")
    both = replace(STATEMENT, proofs=(old, wrong, *STATEMENT.proofs))
    assert verify(resigned(GOOD, both)) == DESCRIPTOR


def test_no_transaction_has_both_certificates_while_one_registry_signs_once() -> None:
    """What verifies as a commit never verifies as an abort, statement by statement."""
    for certificate in (GOOD, commit_certificate(COLLECTIVE, R1, R2)):
        with pytest.raises(CertificateInvalid):
            verify(AbortCertificate(certificate.descriptor, certificate.statements))


@pytest.mark.parametrize("name", ["commit", "abort", "two of three", "one signature of a batch"])
@given(st.integers(0, 10**6))
def test_a_flipped_bit_fails_or_says_the_same(name: str, position: int) -> None:
    certificate = VALID[name]
    data = bytearray(certificate.encode())
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = type(certificate).decode(bytes(data))
        verify(read)
    except (WireFault, CertificateInvalid):
        return
    assert read.descriptor == certificate.descriptor
    said = {(s.statement, s.proofs) for s in certificate.statements}
    assert {(s.statement, s.proofs) for s in read.statements} <= said


@given(st.binary(max_size=300))
def test_noise_is_no_certificate(noise: bytes) -> None:
    for kind in (CommitCertificate, AbortCertificate):
        try:
            read: Certificate = kind.decode(noise)
        except WireFault:
            continue
        with pytest.raises(CertificateInvalid):
            verify(read)


INTERIM = Interim(InterimKind.ADMITTED, COMMIT.commit_id, D - SECOND, 1000, D + 2 * SECOND, R1.id)


def signed_interim(interim: Interim, *keys: SigningKey, kind: str = INTERIM_KIND) -> bytes:
    payload = interim.encode()
    signatures = [sign(k, kind, payload).to_message() for k in keys]
    return pb.SignedInterim(interim=payload, signatures=signatures).SerializeToString()


def test_an_interim_answer_is_the_registry_s_own() -> None:
    assert verify_interim(signed_interim(INTERIM, R1.online), RECORDS, D) == INTERIM
    # Beside an older key's signature the newer one counts.
    both = signed_interim(INTERIM, signing_key("old key"), R1.online)
    assert verify_interim(both, RECORDS, D) == INTERIM


def test_interim_answers_that_prove_nothing() -> None:
    altered = pb.SignedInterim.FromString(signed_interim(INTERIM, R1.online))
    altered.interim = replace(INTERIM, as_of_us=D).encode()
    for bad in (
        signed_interim(INTERIM),
        signed_interim(INTERIM, R2.online),
        signed_interim(INTERIM, R1.operators[0]),
        signed_interim(INTERIM, R1.online, kind=STATEMENT_KIND),
        signed_interim(replace(INTERIM, registry=STRANGER.id), STRANGER.online),
        altered.SerializeToString(),
        b"\xff",
        b"",
    ):
        assert verify_interim(bad, RECORDS, D) is None


def test_an_interim_answer_is_no_statement() -> None:
    """What a registry says while nothing is decided never ends up in a certificate."""
    proof = sign(R1.online, INTERIM_KIND, STATEMENT.statement)
    with pytest.raises(CertificateInvalid) as info:
        verify(resigned(GOOD, replace(STATEMENT, proofs=(proof,))))
    assert info.value.fault is F.SIGNATURE


def test_the_committer_s_share_does_not_stand_in_for_a_statement() -> None:
    """A bare commit is no certificate, however many signatures it has."""
    share = sign(COMMITTER, STATEMENT_KIND, STATEMENT.statement)
    with pytest.raises(CertificateInvalid):
        verify(resigned(GOOD, replace(STATEMENT, proofs=(share,))))
    assert STATEMENT.statement
    assert committed_leaf(COMMIT, DESCRIPTOR).outcome is Outcome.COMMITTED
