"""What a statement key proves before, in and after its time, with and without a log's proof."""

from dataclasses import replace

import pytest

from node.command.sim.cast import (
    SECOND,
    certified,
    digest,
    record_message,
    root_of,
    signing_key,
    statement_key_certificate,
)
from proto.certificate import (
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_commit_certificate,
    verify_interim,
)
from proto.checkpoint import Checkpoint, sign_checkpoint
from proto.envelope import sign
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.merkle import leaf_hash, node_hash
from proto.policy import RegistryPolicy
from proto.registry_record import RegistryRecord, read_record, registry_id, sign_record
from proto.statement import (
    INTERIM_KIND,
    STATEMENT_KIND,
    Interim,
    InterimKind,
    SignedStatement,
    Statement,
)
from proto.tlog_proof import LogProof
from proto.v1 import types_pb2 as pb
from tests.proto.build import DESCRIPTOR, committed_leaf, make_commit

OPERATORS = [signing_key(f"operator {i}") for i in range(3)]
OWNER = registry_id(root_of(OPERATORS).encode())
OLD, NEW, LOG = signing_key("old"), signing_key("new"), signing_key("log")
HANDOVER_US = DESCRIPTOR.deadline_us  # decisions of DESCRIPTOR are a second older
OVERLAP_US = 100 * SECOND
OLD_END_US = HANDOVER_US + OVERLAP_US
YEAR_US = 365 * 86_400 * SECOND
KEYS = (
    statement_key_certificate(OWNER, OLD, not_before_us=1, not_after_us=OLD_END_US),
    statement_key_certificate(
        OWNER, NEW, not_before_us=HANDOVER_US, not_after_us=HANDOVER_US + YEAR_US
    ),
    KeyCertificate(OWNER, KeyPurpose.LOG, LOG.public, 1, OLD_END_US),
)
DESC = replace(DESCRIPTOR, policy=RegistryPolicy((OWNER,), 1, 1))
COMMIT = make_commit(DESC)
DECIDED_US = DESC.deadline_us - SECOND
LEAF = committed_leaf(COMMIT, DESC).encode()
ORIGIN = "example.net/r/2026"
OTHER_LEAF = leaf_hash(b"another")
INDEX = 1


def record(**revoked: int) -> RegistryRecord:
    message = record_message("r", OPERATORS, [certified(key, OPERATORS[:2]) for key in KEYS])
    keys = {"old": OLD, "new": NEW, "log": LOG}
    for name, at_us in revoked.items():
        message.revocations.add(key=keys[name].public, at_us=at_us)
    return read_record(sign_record(message, OPERATORS[:2]))


def logged(leaf: bytes, by: SigningKey = LOG, origin: str = ORIGIN, index: int = INDEX) -> bytes:
    root = node_hash(OTHER_LEAF, leaf_hash(leaf))
    note = sign_checkpoint(Checkpoint(origin, 2, root), by)
    return LogProof(index, (OTHER_LEAF,), note.encode()).encode()


def logged_before() -> bytes:
    """A true proof, but not of the entry that the statement names."""
    root = node_hash(leaf_hash(LEAF), OTHER_LEAF)
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, root), LOG)
    return LogProof(0, (OTHER_LEAF,), note.encode()).encode()


def statement(
    *signers: SigningKey, proof: bytes | None = None, origin: str = ORIGIN
) -> SignedStatement:
    """`proof`: None = the true one."""
    payload = Statement(OWNER, LEAF, origin, INDEX).encode()
    proofs = tuple(sign(key, STATEMENT_KIND, payload) for key in signers)
    true = logged(LEAF, origin=origin)
    return SignedStatement(payload, proofs, true if proof is None else proof)


def fault(signed: SignedStatement, known: RegistryRecord, now_us: int) -> CertificateFault | None:
    try:
        verify_commit_certificate(CommitCertificate(COMMIT, (signed,)), {OWNER: known}, now_us)
    except CertificateInvalid as invalid:
        return invalid.fault
    return None


F = CertificateFault
BARE = b""
CASES = [
    # signer, proof, revoked, checked at, what is wrong
    (OLD, BARE, {}, DECIDED_US, None),
    (OLD, BARE, {}, OLD_END_US, None),
    (OLD, BARE, {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, None, {}, OLD_END_US + 1, None),
    (OLD, None, {}, OLD_END_US + 10 * YEAR_US, None),
    # Signed anew: the key came after the decision.
    (NEW, BARE, {}, HANDOVER_US, None),
    (NEW, BARE, {}, HANDOVER_US - 1, F.UNKNOWN_KEY),
    (NEW, BARE, {}, HANDOVER_US + YEAR_US + 1, F.UNLOGGED),
    # Revoked at T: for what was decided after T never, before it while it is logged.
    (OLD, BARE, {"old": DECIDED_US}, DECIDED_US, None),
    (OLD, BARE, {"old": DECIDED_US}, DECIDED_US + 1, F.UNLOGGED),
    (OLD, None, {"old": DECIDED_US}, DECIDED_US + 1, None),
    (OLD, None, {"old": DECIDED_US - 1}, DECIDED_US + 1, F.UNKNOWN_KEY),
    (OLD, None, {"old": DECIDED_US - 1}, OLD_END_US + 1, F.UNKNOWN_KEY),
    (NEW, BARE, {"old": DECIDED_US - 1}, HANDOVER_US, None),
    # A revoked log key proves nothing, an ended one does.
    (OLD, None, {"log": OLD_END_US + 1}, OLD_END_US + 1, F.UNLOGGED),
    # What is no proof.
    (OLD, logged(LEAF, by=OLD), {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, logged(b"another leaf"), {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, logged(LEAF, origin="example.net/r/2027"), {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, logged(LEAF, index=0), {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, logged_before(), {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, b"nonsense", {}, OLD_END_US + 1, F.UNLOGGED),
    (OLD, b"nonsense", {}, OLD_END_US, None),
    (LOG, None, {}, DECIDED_US, F.UNKNOWN_KEY),
]


@pytest.mark.parametrize(("signer", "proof", "revoked", "now_us", "wrong"), CASES)
def test_what_a_signature_proves_when_it_is_checked(
    signer: SigningKey,
    proof: bytes | None,
    revoked: dict[str, int],
    now_us: int,
    wrong: CertificateFault | None,
) -> None:
    assert fault(statement(signer, proof=proof), record(**revoked), now_us) is wrong


def test_a_key_proves_nothing_that_was_decided_after_its_end() -> None:
    """Though it is logged: the log holds whatever its registry, or a thief, put into it."""
    late = replace(KEYS[0], not_after_us=DECIDED_US - 1)
    message = record_message("r", OPERATORS, [certified(k, OPERATORS) for k in (late, KEYS[2])])
    known = read_record(sign_record(message, OPERATORS))
    for now_us in (DECIDED_US - 1, DECIDED_US, OLD_END_US):
        assert fault(statement(OLD), known, now_us) is F.UNKNOWN_KEY


def test_of_several_signatures_the_best_counts() -> None:
    ended_us = OLD_END_US + 1
    assert fault(statement(OLD, NEW, proof=BARE), record(), ended_us) is None
    stranger = signing_key("stranger")
    assert fault(statement(stranger, OLD), record(), ended_us) is None
    # The new key's signature fails, so that only the ended one stands.
    good = statement(OLD, proof=BARE)
    forged = replace(good.proofs[0], key=NEW.public)
    both = replace(good, proofs=(*good.proofs, forged))
    assert fault(both, record(), ended_us) is F.UNLOGGED
    assert fault(replace(good, proofs=(forged,)), record(), ended_us) is F.SIGNATURE


def test_a_log_that_nobody_watches_proves_nothing() -> None:
    ended_us = OLD_END_US + 1
    for origin, wrong in (
        ("example.net/r", None),  # a log from before there were shards
        ("example.net/r/2027", None),
        ("example.net/r2/2026", F.UNLOGGED),
        ("elsewhere.net/2026", F.UNLOGGED),
    ):
        assert fault(statement(OLD, origin=origin), record(), ended_us) is wrong, origin


def test_one_key_certified_for_two_times() -> None:
    first = replace(KEYS[0], not_after_us=10)
    message = record_message("r", OPERATORS, [certified(k, OPERATORS) for k in (first, KEYS[0])])
    known = read_record(sign_record(message, OPERATORS))
    assert fault(statement(OLD, proof=BARE), known, OLD_END_US) is None


def test_an_interim_answer_needs_a_key_in_force() -> None:
    as_of_us = HANDOVER_US + SECOND
    interim = Interim(InterimKind.ADMITTED, COMMIT.commit_id, as_of_us, 1000, as_of_us, OWNER)
    payload = interim.encode()

    def proven(key: SigningKey, now_us: int, **revoked: int) -> bool:
        signatures = [sign(key, INTERIM_KIND, payload).to_message()]
        signed = pb.SignedInterim(interim=payload, signatures=signatures).SerializeToString()
        return verify_interim(signed, {OWNER: record(**revoked)}, now_us) == interim

    assert proven(OLD, as_of_us) and proven(NEW, as_of_us)
    assert not proven(OLD, OLD_END_US + 1), "no log holds an interim answer"
    assert not proven(OLD, as_of_us + 1, old=as_of_us)
    assert not proven(OLD, as_of_us, old=as_of_us - 1)
    assert not proven(signing_key(digest("x").hex()), as_of_us)
