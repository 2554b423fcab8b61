"""Late stamps: what a log proof shows, and when a commit dominates over an abort."""

from dataclasses import replace

import pytest

from node.command.sim.cast import R2, signing_key
from proto.certificate import CommitCertificate
from proto.descriptor import commit_id
from proto.lateness import (
    LONGEST_MMD_US,
    LateRule,
    Proven,
    dominates,
    lacks_proof,
    proven,
    rule_in,
    timely,
    with_proof,
)
from proto.limits import US
from proto.log_leaf import EPOCH_US, FenceLeaf
from proto.note import COSIGNATURE, NoteKey
from proto.record_parts import KeyRevocation, RecordWitness
from proto.statement import SignedStatement, Statement
from tests.proto.build import DESCRIPTOR, committed_leaf, make_commit
from tests.proto.witnessed import INDEX, NAMES, W1, witnessed

COMMIT = make_commit(DESCRIPTOR)
LEAF = committed_leaf(COMMIT, DESCRIPTOR)
SIGNED = W1.sign_statement(LEAF.encode())
D_US, MMD_US = DESCRIPTOR.deadline_us, W1.record.mmd_us
ORIGIN = W1.origin(LEAF.encode())
LAST_S = (LEAF.decided_at_us + MMD_US) // US  # the last second that counts
IN_TIME = {0: LAST_S, 1: LAST_S}
RECORDS = {W1.id: W1.record}
PLAIN = CommitCertificate(COMMIT, (SIGNED,))
PROVEN = CommitCertificate(COMMIT, (W1.timely(SIGNED),))


def rule(quorum: int) -> LateRule:
    return rule_in(W1.record, quorum)


TWO = rule(2)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (SIGNED, Proven.NOTHING),
        (W1.proof(SIGNED, IN_TIME), Proven.TIMELY),
        (W1.proof(SIGNED, {0: 1, 2: LAST_S}), Proven.TIMELY),
        (W1.proof(SIGNED, {0: LAST_S}), Proven.LOGGED),
        (W1.proof(SIGNED, {0: LAST_S, 1: LAST_S + 1}), Proven.LOGGED),
        (W1.proof(SIGNED, {}), Proven.LOGGED),
        (W1.proof(SIGNED, IN_TIME, names=["w1.example", "x.example"]), Proven.LOGGED),
        (W1.proof(SIGNED, IN_TIME, names=["w2.example", "w1.example"]), Proven.LOGGED),
        (W1.proof(SIGNED, IN_TIME, index=INDEX - 1), Proven.NOTHING),
        (W1.proof(SIGNED, IN_TIME, leaf=b"another entry"), Proven.NOTHING),
        (W1.proof(SIGNED, IN_TIME, key=signing_key("another log")), Proven.NOTHING),
        (W1.proof(SIGNED, IN_TIME, key=W1.online), Proven.NOTHING),
        (replace(SIGNED, tlog_proof=b"no proof"), Proven.NOTHING),
    ],
)
def test_what_a_proof_shows(shown: SignedStatement, expected: Proven) -> None:
    assert proven(shown, W1.record, TWO) is expected
    assert timely(shown, W1.record, TWO) is (expected is Proven.TIMELY)
    assert timely(shown, W1.record, rule(0)), "without witnesses the rule is off"


def test_the_number_of_witnesses_is_the_nodes() -> None:
    shown = W1.proof(SIGNED, IN_TIME)
    assert [timely(shown, W1.record, rule(q)) for q in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    "statement",
    [
        Statement(W1.id, LEAF.encode(), W1.record.log_origin, INDEX),
        Statement(W1.id, LEAF.encode(), f"{W1.record.log_origin}/2025", INDEX),
        Statement(W1.id, LEAF.encode(), "example.net/another/2026", INDEX),
        Statement(R2.id, LEAF.encode(), ORIGIN, INDEX),
        Statement(W1.id, LEAF.encode(), ORIGIN, INDEX + 1),
        Statement(W1.id, FenceLeaf(D_US).encode(), ORIGIN, INDEX, COMMIT.commit_id),
        Statement(W1.id, replace(LEAF, deadline_us=-(2**62)).encode(), W1.record.log_origin, 0),
        Statement(W1.id, b"no leaf", ORIGIN, INDEX),
    ],
)
def test_a_statement_that_stands_elsewhere(statement: Statement) -> None:
    proof = W1.proof(SIGNED, IN_TIME).tlog_proof
    shown = SignedStatement(statement.encode(), SIGNED.proofs, proof)
    assert proven(shown, W1.record, TWO) is Proven.NOTHING


def test_a_revoked_log_key_proves_nothing() -> None:
    revoked = KeyRevocation(W1.log.public, D_US)
    record = replace(W1.record, revocations=(revoked,))
    assert proven(W1.proof(SIGNED, IN_TIME), record, TWO) is Proven.NOTHING


@pytest.mark.parametrize(
    ("certificate", "after_us", "expected"),
    [
        (PLAIN, 0, True),
        (PLAIN, MMD_US, True),
        (PLAIN, MMD_US + 1, False),
        (PROVEN, MMD_US + 1, True),
        (PROVEN, EPOCH_US, True),
        (PROVEN, EPOCH_US + 1, False),
    ],
)
def test_when_a_commit_is_booked_against_an_abort(
    certificate: CommitCertificate, after_us: int, expected: bool
) -> None:
    assert dominates(certificate, D_US, RECORDS, {}, D_US + after_us) is expected


def test_the_late_rule_of_a_node() -> None:
    late_us = D_US + MMD_US + 1
    assert dominates(PLAIN, D_US, RECORDS, {W1.id: rule(0)}, late_us), "its own number: off"
    assert not dominates(PROVEN, D_US, RECORDS, {W1.id: rule(3)}, late_us), "its own number: more"
    unwitnessed = {W1.id: witnessed(quorum=0).record}
    assert dominates(PLAIN, D_US, unwitnessed, {}, late_us)
    assert not dominates(PROVEN, D_US, {}, {}, late_us), "nobody is booked by a record that is gone"
    half = CommitCertificate(COMMIT, (*PROVEN.statements, SIGNED))
    assert not dominates(half, D_US, RECORDS, {}, late_us), "every statement needs its own"


def test_a_record_cannot_make_late_stamps_timely() -> None:
    generous = {W1.id: replace(W1.record, mmd_us=10 * EPOCH_US)}
    late = W1.proof(SIGNED, dict.fromkeys(range(2), LAST_S + 3600))
    assert proven(late, generous[W1.id], TWO) is Proven.LOGGED
    assert dominates(PLAIN, D_US, generous, {}, D_US + LONGEST_MMD_US)
    assert not dominates(PLAIN, D_US, generous, {}, D_US + LONGEST_MMD_US + 1)


def test_a_better_proof_replaces_a_worse_one() -> None:
    logged, in_time = W1.proof(SIGNED, {}), W1.proof(SIGNED, IN_TIME)
    known = (SIGNED,)
    for fresh, expected in ((logged, logged), (in_time, in_time), (logged, in_time)):
        known = with_proof(known, fresh, W1.record, TWO)
        assert known == (expected,)
    other = W1.sign_statement(replace(LEAF, decided_at_us=LEAF.decided_at_us - 1).encode())
    assert with_proof((SIGNED,), W1.timely(other), W1.record, TWO) == (SIGNED,)
    assert with_proof((SIGNED,), W1.proof(SIGNED, IN_TIME, index=0), W1.record, TWO) == (SIGNED,)


def test_whether_a_proof_is_still_to_be_fetched() -> None:
    assert lacks_proof(PLAIN, RECORDS, {})
    assert not lacks_proof(PROVEN, RECORDS, {})
    assert lacks_proof(PROVEN, RECORDS, {W1.id: rule(3)})
    assert not lacks_proof(PLAIN, RECORDS, {W1.id: rule(0)})
    assert not lacks_proof(PLAIN, {}, {})
    fence = Statement(W1.id, FenceLeaf(D_US).encode(), "o", 3, commit_id(DESCRIPTOR.encode()))
    epoch = CommitCertificate(COMMIT, (SignedStatement(fence.encode(), ()),))
    assert not lacks_proof(epoch, RECORDS, {}), "a fence tells of no decision"


def test_the_witnesses_are_those_that_were_pinned() -> None:
    """A later record names friends of its operators, and a lower number of them."""
    assert [key.name for key in rule_in(W1.record).witnesses] == list(NAMES)
    friends = tuple(
        RecordWitness(NoteKey(f"f{i}.example", COSIGNATURE, key.public), "")
        for i, key in enumerate(W1.cosigners[:1])
    )
    record = replace(W1.record, witnesses=friends, witness_quorum=1)
    back_dated = CommitCertificate(COMMIT, (W1.proof(SIGNED, {0: 1}, names=["f0.example"]),))
    late_us = D_US + MMD_US + 1
    assert dominates(back_dated, D_US, {W1.id: record}, {}, late_us), "nothing was pinned"
    assert not dominates(back_dated, D_US, {W1.id: record}, {W1.id: TWO}, late_us)
    assert dominates(PROVEN, D_US, {W1.id: record}, {W1.id: TWO}, late_us)
