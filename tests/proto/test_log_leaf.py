"""Entries of a log, and the answers that a fence gives (registry section 3)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import (
    R1,
    R2,
    R3,
    RECORDS,
    SECOND,
    TWO_OF_THREE,
    CastRegistry,
    digest,
    make_registry,
    signing_key,
)
from proto.certificate import (
    AbortCertificate,
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
    verify_statement,
)
from proto.descriptor import commit_id
from proto.envelope import sign
from proto.keys import SigningKey
from proto.log_leaf import EPOCH_US, FenceLeaf, KeyLeaf, decision_of, read_leaf
from proto.statement import (
    STATEMENT_KIND,
    DecisionReason,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from tests.proto.build import DESCRIPTOR, abort_certificate, committed_leaf, make_commit

D = DESCRIPTOR.deadline_us
ID = commit_id(DESCRIPTOR.encode())
FENCE = FenceLeaf(D)


def by_fence(
    registry: CastRegistry = R1,
    leaf: bytes = FENCE.encode(),
    about: bytes = ID,
    key: SigningKey | None = None,
) -> SignedStatement:
    statement = Statement(registry.id, leaf, "example.net/2026", 9, about).encode()
    return SignedStatement(statement, (sign(key or registry.online, STATEMENT_KIND, statement),))


def test_every_kind_of_entry_is_read_as_what_it_is() -> None:
    decision = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR)
    for leaf in (decision, FENCE, KeyLeaf(b"certificate")):
        assert read_leaf(leaf.encode()) == leaf
        assert type(leaf).decode(leaf.encode()) == leaf
    with pytest.raises(WireFault):
        FenceLeaf.decode(KeyLeaf(b"certificate").encode())
    with pytest.raises(WireFault):
        KeyLeaf.decode(FENCE.encode())


@pytest.mark.parametrize(
    "message",
    [
        pb.LogLeaf(),
        pb.LogLeaf(fence=pb.FenceLeaf(closed_through_us=-1)),
        pb.LogLeaf(fence=pb.FenceLeaf(closed_through_us=2**63 - EPOCH_US)),
    ],
    ids=str,
)
def test_entries_that_nobody_honest_writes(message: pb.LogLeaf) -> None:
    with pytest.raises(WireFault):
        read_leaf(message.SerializeToString())


@given(st.binary(max_size=80))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    try:
        read_leaf(noise)
    except WireFault:
        return


def test_a_fence_answers_for_all_that_was_due_before_it() -> None:
    for deadline_us in (D, D - 1, 1):
        descriptor = replace(DESCRIPTOR, deadline_us=deadline_us)
        about = commit_id(descriptor.encode())
        registry, said = verify_statement(by_fence(about=about), descriptor, about, RECORDS, D)
        assert registry == R1.id
        assert (said.outcome, said.reason) == (Outcome.NOT_COMMITTED, DecisionReason.EPOCH)
        assert (said.commit_id, said.deadline_us) == (about, deadline_us)
        assert said.decided_at_us == D + EPOCH_US
        certificate = AbortCertificate(descriptor.encode(), (by_fence(about=about),))
        assert verify_abort_certificate(certificate, RECORDS, D) == descriptor


def test_a_fence_and_a_refusal_make_one_certificate() -> None:
    collective = replace(DESCRIPTOR, policy=TWO_OF_THREE)
    (refusal,) = abort_certificate(collective, R2).statements
    about = commit_id(collective.encode())
    both = AbortCertificate(collective.encode(), (by_fence(R3, about=about), refusal))
    assert verify_abort_certificate(both, RECORDS, D) == collective


COMMIT_LEAF = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR).encode()
WORTHLESS = {
    "due after it": (by_fence(leaf=FenceLeaf(D - 1).encode()), CertificateFault.OTHER_TRANSACTION),
    "another id": (by_fence(about=digest("another")), CertificateFault.OTHER_TRANSACTION),
    "no id": (by_fence(about=b""), CertificateFault.FORM),
    "half an id": (by_fence(about=ID[:16]), CertificateFault.FORM),
    "an id beside a decision": (by_fence(leaf=COMMIT_LEAF), CertificateFault.FORM),
    "an id beside a key": (by_fence(leaf=KeyLeaf(b"c").encode()), CertificateFault.FORM),
    "a thief's key": (by_fence(key=signing_key("thief")), CertificateFault.UNKNOWN_KEY),
    "unsigned": (replace(by_fence(), proofs=()), CertificateFault.UNKNOWN_KEY),
    "another's signature": (
        replace(by_fence(), proofs=by_fence(about=digest("x")).proofs),
        CertificateFault.SIGNATURE,
    ),
}


@pytest.mark.parametrize("name", WORTHLESS)
def test_what_a_fence_does_not_answer(name: str) -> None:
    signed, fault = WORTHLESS[name]
    with pytest.raises(CertificateInvalid) as caught:
        verify_abort_certificate(AbortCertificate(DESCRIPTOR.encode(), (signed,)), RECORDS, D)
    assert caught.value.fault is fault


def test_a_fence_never_commits() -> None:
    certificate = CommitCertificate(make_commit(DESCRIPTOR), (by_fence(),))
    with pytest.raises(CertificateInvalid) as caught:
        verify_commit_certificate(certificate, RECORDS, D)
    assert caught.value.fault is CertificateFault.OTHER_OUTCOME


def test_a_key_answers_by_a_fence_unless_it_ended_before() -> None:
    """The newest fence is shown until the next: by the key of that time, old or new."""
    made_us = FENCE.made_at_us
    lives = {
        (0, made_us): True,
        (made_us, made_us + SECOND): True,
        (made_us + SECOND, made_us + 2 * SECOND): True,
        (0, made_us - 1): False,
    }
    for (not_before_us, not_after_us), good in lives.items():
        registry = make_registry("r", not_before_us=not_before_us, not_after_us=not_after_us)
        policy = replace(DESCRIPTOR.policy, members=(registry.id,))
        descriptor = replace(DESCRIPTOR, policy=policy)
        about = commit_id(descriptor.encode())
        certificate = AbortCertificate(descriptor.encode(), (by_fence(registry, about=about),))
        records = {registry.id: registry.record}
        if good:
            assert verify_abort_certificate(certificate, records, not_after_us) == descriptor
            continue
        with pytest.raises(CertificateInvalid) as caught:
            verify_abort_certificate(certificate, records, not_after_us)
        assert caught.value.fault is CertificateFault.UNKNOWN_KEY


def test_what_a_statement_says_without_its_descriptor() -> None:
    said = decision_of(Statement.decode(by_fence().statement))
    assert (said.outcome, said.reason) == (Outcome.NOT_COMMITTED, DecisionReason.EPOCH)
    assert (said.commit_id, said.deadline_us) == (ID, D)
    leaf = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR)
    assert decision_of(Statement(R1.id, leaf.encode(), "o", 0)) == leaf
