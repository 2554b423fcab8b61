"""What strangers send, examined: good, bad, and relayed statements (registry section 7)."""

from dataclasses import replace

import pytest

from node.command.sim.cast import (
    NOW_US,
    R1,
    R2,
    R3,
    RECORDS,
    SECOND,
    SINGLE,
    TWO_OF_THREE,
    digest,
    signing_key,
)
from proto.commit import Evidence, sign_share
from proto.limits import MAX_EVIDENCE_BYTES
from proto.statement import DecisionReason, Outcome
from registry.examine import Examiner, examine_decline, read_subject
from registry.log import Reason, Refused, Subject
from tests.proto.build import COMMITTER, committed_leaf, make_commit
from tests.registry.build import EXAMINER, PREIMAGE, declinable, descriptor, subject

ALICE = subject(descriptor("alice"))


def test_a_descriptor_is_read_and_named() -> None:
    read = read_subject(ALICE.data)
    assert read == ALICE
    assert isinstance(read, Subject)
    assert read.key == (ALICE.descriptor.deadline_us, ALICE.commit_id)


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 40, ALICE.data + b"\x08\x01", ALICE.data[:-1], b"x" * 5000]
)
def test_a_bad_descriptor_is_refused(data: bytes) -> None:
    assert read_subject(data) == Refused(Reason.INVALID_DESCRIPTOR)


def test_true_evidence_satisfies() -> None:
    evidence = make_commit(ALICE.descriptor).evidence
    shown = EXAMINER.commit(ALICE, evidence, known=False)
    assert (shown.satisfied, shown.relayed, shown.evidence) == (True, 0, evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        b"",
        b"\xff\xff",
        Evidence((sign_share(signing_key("stranger"), ALICE.commit_id),)).encode(),
        Evidence((sign_share(COMMITTER, digest("another id")),)).encode(),
        Evidence((sign_share(COMMITTER, ALICE.commit_id),), (b"extra",)).encode(),
        Evidence((sign_share(COMMITTER, ALICE.commit_id),) * 2).encode(),
        make_commit(ALICE.descriptor).evidence + b"\x1a\x00" * MAX_EVIDENCE_BYTES,
    ],
    ids=["empty", "no message", "stranger", "other id", "preimage", "twice", "too long"],
)
def test_bad_evidence_does_not(evidence: bytes) -> None:
    assert not EXAMINER.commit(ALICE, evidence, known=False).satisfied


def test_no_signature_is_checked_where_nothing_depends_on_it() -> None:
    evidence = make_commit(ALICE.descriptor).evidence
    assert not EXAMINER.commit(ALICE, evidence, known=True).satisfied
    stranger = replace(EXAMINER, registry=R2.id)
    assert not stranger.commit(ALICE, evidence, known=False).satisfied


def test_only_the_right_preimage_declines() -> None:
    s = declinable("b")
    assert examine_decline(s, PREIMAGE).satisfied
    assert not examine_decline(s, PREIMAGE + b"!").satisfied
    assert not examine_decline(ALICE, PREIMAGE).satisfied
    assert examine_decline(s, b"x" * 65).evidence == b""


def test_relayed_statements_of_other_members_are_counted_once() -> None:
    s = subject(descriptor("c", policy=TWO_OF_THREE))
    commit = make_commit(s.descriptor)
    leaf = committed_leaf(commit, s.descriptor)
    examiner = Examiner(R1.id, RECORDS, lambda: NOW_US)

    def j(*relayed: bytes) -> int:
        share = sign_share(COMMITTER, s.commit_id)
        evidence = Evidence((share,), relayed=relayed).encode()
        shown = examiner.commit(s, evidence, known=False)
        assert shown.satisfied, "a worthless statement costs the commit nothing"
        return shown.relayed

    mine, second, third = (r.sign_statement(leaf.encode()).encode() for r in (R1, R2, R3))
    other = replace(leaf, commit_id=digest("other"))
    refusal = replace(
        leaf,
        outcome=Outcome.NOT_COMMITTED,
        reason=DecisionReason.DEADLINE,
        decided_at_us=leaf.deadline_us + 100 * SECOND,
    )
    late = replace(leaf, decided_at_us=leaf.limit_us + 1)
    assert j() == 0
    assert j(second) == 1
    assert j(second, third) == 2
    assert j(second, second) == 1
    assert j(mine) == 0
    for worthless in (other, refusal, late):
        assert j(R2.sign_statement(worthless.encode()).encode()) == 0
    assert j(R2.sign_statement(leaf.encode(), key=signing_key("thief")).encode()) == 0
    assert j(b"", second) == 1
    assert j(b"", b"", b"", second) == 0, "no more statements than members are looked at"
    examiner = Examiner(R1.id, {}, lambda: NOW_US)
    assert j(second, third) == 0, "without their records nobody's statement counts"


def test_a_single_registry_takes_no_statement() -> None:
    s = subject(descriptor("d", policy=SINGLE))
    leaf = committed_leaf(make_commit(s.descriptor), s.descriptor)
    share = sign_share(COMMITTER, s.commit_id)
    relayed = R2.sign_statement(leaf.encode()).encode()
    evidence = Evidence((share,), relayed=(relayed,)).encode()
    assert Examiner(R1.id, RECORDS, lambda: NOW_US).commit(s, evidence, known=False).relayed == 0
