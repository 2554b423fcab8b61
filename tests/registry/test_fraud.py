"""Fraud files: every kind true and nearly so, what the verifier knows better, and broken bytes."""

import random
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, SECOND, signing_key
from proto.descriptor import commit_id
from proto.envelope import sign
from proto.fraud.accused import Accused, no_monitors, record_witnesses
from proto.fraud.file import (
    OBSERVATION_KIND,
    FraudProof,
    SignedObservation,
    read_fraud_proof,
)
from proto.fraud.verdict import FraudFault, FraudInvalid, FraudKind, Ground, Verdict
from proto.fraud.verify import verify_fraud
from proto.keys import SigningKey
from proto.lateness import LONGEST_MMD_US
from proto.record_parts import KeyRevocation
from proto.registry_record import RegistryRecord
from proto.statement import Statement
from proto.wire import WireFault
from tests.registry.cheating import END_US, MMD_US, WITNESSES, CheatingRegistry
from tests.registry.fraud_corpus import AWAY_US, HONEST, MONITOR, Case, corpus, pair

CASES = corpus()
NAMES = [f"{case.kind} {case.name}" for case in CASES]
JUDGED_US = NOW_US + AWAY_US
UNREADABLE = (FraudFault.STATEMENT, FraudFault.LEAF, FraudFault.DESCRIPTOR)


def judged(proof: FraudProof, now_us: int = JUDGED_US, **more: Any) -> Ground | FraudFault:
    """Through the bytes of the file, as everybody gets it."""
    try:
        verdict = verify_fraud(read_fraud_proof(proof.encode()), now_us=now_us, **more)
    except FraudInvalid as fault:
        return fault.fault
    assert isinstance(verdict, Verdict)
    return verdict.ground


def named(name: str) -> Case:
    return CASES[NAMES.index(name)]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_corpus(case: Case) -> None:
    assert judged(case.proof) is case.expected


def test_every_kind_and_ground_is_in_the_corpus() -> None:
    guilty = [case for case in CASES if isinstance(case.expected, Ground)]
    assert {case.proof.kind for case in guilty} == set(FraudKind)
    assert {case.proof.kind for case in CASES} - {c.proof.kind for c in guilty} == set()
    assert {case.expected for case in guilty} == set(Ground) - {Ground.SILENT}
    below = {FraudFault.RECORD, FraudFault.REPLACED_ROOT, *UNREADABLE}
    assert {case.expected for case in CASES} | below >= set(FraudFault)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_no_file_frames_another_registry(case: Case) -> None:
    """The same material under an honest registry's record shows nothing."""
    if case.proof.record != HONEST.record.signed:
        assert isinstance(judged(replace(case.proof, record=HONEST.record.signed)), FraudFault)


@pytest.mark.parametrize("kind", FraudKind)
def test_no_near_miss_is_guilty_of_something_else(kind: FraudKind) -> None:
    """Save of what it shows as well, by rights."""
    also = {
        ("two decisions at one index", FraudKind.SPLIT_VIEW),
        ("one index of two logs", FraudKind.DOUBLE_LEAF),
        ("two leaves at two indices", FraudKind.DOUBLE_LEAF),
    }
    for case in CASES:
        if isinstance(case.expected, FraudFault) and (case.name, kind) not in also:
            found = judged(replace(case.proof, kind=kind))
            assert isinstance(found, FraudFault), (case.name, found)


def test_what_a_verdict_tells() -> None:
    case = named("E1 both outcomes")
    verdict = verify_fraud(case.proof, now_us=JUDGED_US)
    assert verdict.name == "E-one"
    assert verdict.one.startswith("COMMITTED, COMMIT: decided 2026-")
    assert verdict.other.startswith("NOT_COMMITTED, DECLINED: decided 2026-")
    assert verdict.commit_id.hex() in verdict.figures


# ---------------------------------------------------------------- keys and records


@pytest.mark.parametrize("name", ["E1 both outcomes", "E4 two roots"])
def test_a_key_at_the_end_of_its_life(name: str) -> None:
    case = named(name)
    assert judged(case.proof, END_US) is case.expected
    assert judged(case.proof, END_US + 1) is FraudFault.DEAD_KEY


def test_what_witnesses_saw_before_the_end_of_the_log_key_counts() -> None:
    r, _, committed, declined = pair("ended")
    one, other = r.view(), r.view().fork()
    one.add(committed.data)
    other.add(declined.data)
    for at_us, count, expected in (
        (NOW_US, 2, Ground.TWO_ROOTS),
        (NOW_US, 1, FraudFault.DEAD_KEY),
        (END_US + SECOND, 2, FraudFault.DEAD_KEY),
    ):
        notes = tuple(v.note(1, at_us, WITNESSES[:count]) for v in (one, other))
        proof = FraudProof(FraudKind.SPLIT_VIEW, r.record.signed, checkpoints=notes)
        assert judged(proof, END_US + 1) is expected


def test_what_a_thief_can_borrow_from_the_log() -> None:
    """A dead key beside a true proof: of the fence, or of the same leaf at its own place."""
    r, _, committed, _ = pair("thief")
    said = r.state(committed)
    epoch = r.epoch(committed.leaf.commit_id, NOW_US - 31 * 86_400 * SECOND)
    proven = replace(said, tlog_proof=r.view().proof(0))
    fenced = replace(epoch, tlog_proof=r.view().proof(1))
    moved = Statement(r.id, committed.data, r.view().origin, 5)
    record = r.make_record((KeyRevocation(r.online.public, NOW_US + 60),), 2).signed
    for other in (fenced, replace(r.sign(moved), tlog_proof=r.view().proof(0))):
        proof = FraudProof(FraudKind.EQUIVOCATION, record, (proven, other))
        assert judged(proof) is FraudFault.DEAD_KEY


def test_a_revocation_that_only_the_verifier_knows() -> None:
    case = named("E1 both outcomes")
    r = CheatingRegistry("E-one")
    newer = r.make_record((KeyRevocation(r.online.public, NOW_US + 60),), sequence=2)
    assert judged(case.proof, known={r.id: newer}) is FraudFault.DEAD_KEY
    assert judged(case.proof, known={r.id: r.record}) is Ground.TWO_DECISIONS


def test_a_record_by_a_replaced_root() -> None:
    r = CheatingRegistry("E-one")
    newer = replace(r.record, roots=(*r.record.roots, b"a second root"))
    case = named("E1 both outcomes")
    assert judged(case.proof, known={r.id: newer}) is FraudFault.REPLACED_ROOT


def test_a_record_that_is_none() -> None:
    case = named("E1 both outcomes")
    broken = bytearray(case.proof.record)
    broken[-1] ^= 1
    assert judged(replace(case.proof, record=bytes(broken))) is FraudFault.RECORD


def test_a_member_known_not_to_have_had_the_key() -> None:
    """Without the verifier's own record a relayed statement of an unknown key counts."""
    case = named("E2 limit by a relayed statement")
    other = CheatingRegistry("Other")
    forged = replace(HONEST.record, statement_keys=other.record.statement_keys)
    proof = replace(case.proof, records=())
    assert judged(proof) is FraudFault.SOUND
    assert judged(proof, known={HONEST.id: forged}) is Ground.UNJUSTIFIED_LIMIT
    assert judged(case.proof, known={HONEST.id: forged}) is FraudFault.SOUND


# ---------------------------------------------------------------- witnesses and monitors


def test_a_minority_quorum_does_not_frame() -> None:
    """One of three cosigned behind the back of a registry that waits for one: not enough."""
    record = HONEST.record
    assert record_witnesses(record)[1] == 2
    assert record_witnesses(replace(record, witness_quorum=1))[1] == 3
    assert record_witnesses(replace(record, witness_quorum=3))[1] == 3
    assert record_witnesses(replace(record, witness_quorum=0))[1] == 0


@pytest.mark.parametrize("name", ["E6 late", "E7 late"])
def test_without_witnesses_there_is_no_lateness(name: str) -> None:
    def nobody(_: RegistryRecord) -> tuple[tuple[()], int]:
        return (), 0

    assert judged(named(name).proof, witnesses_of=nobody) is FraudFault.NO_QUORUM


def test_a_longer_promise_that_the_verifier_knows() -> None:
    case = named("E6 late")
    r = CheatingRegistry("E-six")
    longer = replace(r.record, mmd_us=2 * MMD_US)
    assert judged(case.proof, known={r.id: longer}) is FraudFault.TOO_FEW


def test_nobody_promises_his_way_out_of_what_he_did() -> None:
    """Its root signs whatever it likes afterwards, a promise for ten years too."""
    r = CheatingRegistry("E-six")
    accused = Accused(replace(r.record, mmd_us=2**62), None, NOW_US, record_witnesses, no_monitors)
    assert accused.mmd_us == LONGEST_MMD_US


def test_a_silent_log_convinces_those_who_named_the_monitors() -> None:
    r, _, committed, _ = pair("silent")
    view = r.view()
    view.add(b"\x12\x00")
    note = view.note(1)
    said = r.state(committed)
    second, after_us = signing_key("second monitor"), NOW_US + MMD_US + 1

    def named_two(_: RegistryRecord) -> tuple[tuple[bytes, ...], int]:
        return (MONITOR.public, second.public), 2

    def seen(*monitors: SigningKey, at_us: int = after_us) -> Ground | FraudFault:
        word = tuple(SignedObservation.make(m, view.origin, at_us, note) for m in monitors)
        proof = FraudProof(FraudKind.WITHHOLDING, r.record.signed, (said,), observations=word)
        return judged(proof, monitors_of=named_two)

    assert seen(MONITOR, second) is Ground.SILENT
    assert seen(MONITOR, MONITOR) is FraudFault.TOO_FEW
    assert seen(MONITOR, signing_key("stranger")) is FraudFault.TOO_FEW
    assert seen(MONITOR, second, at_us=after_us - 1) is FraudFault.TOO_FEW
    word = SignedObservation.make(MONITOR, view.origin, after_us, note)
    forged = replace(word, proof=sign(second, OBSERVATION_KIND, word.observation))
    proof = FraudProof(FraudKind.WITHHOLDING, r.record.signed, (said,), observations=(forged,))
    assert judged(proof, monitors_of=named_two) is FraudFault.CONTENT


# ---------------------------------------------------------------- bytes


def test_broken_files_give_typed_errors() -> None:
    chance = random.Random(8)
    guilty = [case for case in CASES if isinstance(case.expected, Ground)]
    for _ in range(1500):
        data = bytearray(chance.choice(guilty).proof.encode())
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            verify_fraud(read_fraud_proof(bytes(data)), now_us=JUDGED_US)
        except (FraudInvalid, WireFault):
            continue


def test_parts_that_cannot_be_read() -> None:
    r = CheatingRegistry("broken")
    view = r.view()
    view.add(b"no leaf")
    garbled = r.sign(Statement(r.id, b"no leaf", view.origin, 0))
    d = b"no descriptor"
    leaf = replace(pair("broken")[2].leaf, commit_id=commit_id(d))
    said = r.sign(Statement(r.id, leaf.encode(), view.origin, 1))
    logged, record = view.logged(0), r.record.signed
    proofs = (
        FraudProof(FraudKind.EQUIVOCATION, record, (garbled, garbled)),
        FraudProof(FraudKind.SPLIT_VIEW, record, leaves=(logged, logged)),
        FraudProof(FraudKind.INVALID_DECISION, record, (said,), d),
    )
    assert tuple(judged(proof) for proof in proofs) == UNREADABLE


def test_limits() -> None:
    case = named("E1 both outcomes")
    statements = case.proof.statements
    with pytest.raises(WireFault):
        read_fraud_proof(replace(case.proof, statements=(*statements, *statements)).encode())
    with pytest.raises(WireFault):
        read_fraud_proof(replace(case.proof, checkpoints=(b"x" * 60_000,)).encode())
    with pytest.raises(WireFault):
        read_fraud_proof(b"")
