"""Statements, leaves and interim answers: round trips and refusals (registry section 2)."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import R1, digest
from proto.limits import MAX_STATEMENT_BYTES, MAX_STATEMENT_SIGNATURES, MAX_TLOG_PROOF_BYTES
from proto.statement import (
    INTERIM_KIND,
    STATEMENT_KIND,
    DecisionLeaf,
    DecisionReason,
    Interim,
    InterimKind,
    Outcome,
    SignedStatement,
    Statement,
)
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from tests.proto.build import DESCRIPTOR, committed_leaf, make_commit

TIMES = st.integers(0, 2**63 - 1)
LEAF = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR)


def test_kinds() -> None:
    assert STATEMENT_KIND == "pledgeway/statement/v1"
    assert INTERIM_KIND == "pledgeway/interim/v1"


OF_A_DECISION = [reason for reason in DecisionReason if reason is not DecisionReason.EPOCH]


@given(TIMES, TIMES, TIMES, TIMES, st.sampled_from(OF_A_DECISION))
def test_leaves_travel(
    deadline: int, limit: int, decided: int, error: int, reason: DecisionReason
) -> None:
    committed = reason is DecisionReason.COMMIT
    outcome = Outcome.COMMITTED if committed else Outcome.NOT_COMMITTED
    leaf = DecisionLeaf(digest("id"), outcome, reason, deadline, limit, decided, error, b"")
    assert DecisionLeaf.decode(leaf.encode()) == leaf


def test_outcome_and_reason_belong_together() -> None:
    """COMMITTED because of COMMIT; NOT_COMMITTED because of anything else."""
    for outcome, reason in product(Outcome, OF_A_DECISION):
        data = replace(LEAF, outcome=outcome, reason=reason).encode()
        if (outcome is Outcome.COMMITTED) == (reason is DecisionReason.COMMIT):
            assert DecisionLeaf.decode(data).outcome is outcome
        else:
            with pytest.raises(WireFault):
                DecisionLeaf.decode(data)


BAD_LEAVES = {
    "fence": pb.LogLeaf(fence=pb.FenceLeaf(closed_through_us=5)),
    "key": pb.LogLeaf(key=pb.KeyLeaf(certificate=b"c")),
    "nothing": pb.LogLeaf(),
    "no outcome": pb.LogLeaf(decision=pb.DecisionLeaf(reason=1)),  # type: ignore[arg-type]
    "no reason": pb.LogLeaf(decision=pb.DecisionLeaf(outcome=1)),  # type: ignore[arg-type]
    "unknown outcome": pb.LogLeaf(
        decision=pb.DecisionLeaf(outcome=3, reason=1)  # type: ignore[arg-type]
    ),
    "unknown reason": pb.LogLeaf(
        decision=pb.DecisionLeaf(outcome=2, reason=9)  # type: ignore[arg-type]
    ),
    "an epoch": pb.LogLeaf(
        decision=pb.DecisionLeaf(outcome=2, reason=4)  # type: ignore[arg-type]
    ),
    "negative error": pb.LogLeaf(
        decision=pb.DecisionLeaf(outcome=2, reason=2, max_error_us=-1)  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("name", BAD_LEAVES)
def test_bad_leaves(name: str) -> None:
    with pytest.raises(WireFault):
        DecisionLeaf.decode(BAD_LEAVES[name].SerializeToString())


def test_statements_travel() -> None:
    statement = Statement(R1.id, LEAF.encode(), "example.net/r1", 2**64 - 1)
    assert Statement.decode(statement.encode()) == statement
    beside_a_fence = replace(statement, commit_id=digest("id"))
    assert Statement.decode(beside_a_fence.encode()) == beside_a_fence
    signed = replace(R1.sign_statement(LEAF.encode()), tlog_proof=b"proof")
    assert SignedStatement.decode(signed.encode()) == signed


def test_a_statement_keeps_the_exact_leaf() -> None:
    """Bytes that only a forger or another library writes are compared as bytes."""
    leaf = LEAF.encode() + b"\x98\x06\x01"  # an unknown field
    statement = Statement(R1.id, leaf, "o", 0)
    assert Statement.decode(statement.encode()).leaf == leaf


def test_limits() -> None:
    signed = R1.sign_statement(LEAF.encode())
    most = replace(
        signed,
        proofs=signed.proofs * MAX_STATEMENT_SIGNATURES,
        tlog_proof=bytes(MAX_TLOG_PROOF_BYTES),
    )
    assert SignedStatement.decode(most.encode()) == most
    many = replace(signed, proofs=signed.proofs * (MAX_STATEMENT_SIGNATURES + 1))
    proof = replace(signed, tlog_proof=bytes(MAX_TLOG_PROOF_BYTES + 1))
    for bad in (many, proof):
        with pytest.raises(WireFault):
            SignedStatement.decode(bad.encode())
    with pytest.raises(WireFault):
        Statement.decode(Statement(R1.id, bytes(MAX_STATEMENT_BYTES), "o", 0).encode())
    with pytest.raises(WireFault):
        Interim.decode(
            Interim(InterimKind.PENDING, bytes(MAX_STATEMENT_BYTES), 0, 0, 0, b"").encode()
        )


@given(st.sampled_from(list(InterimKind)), TIMES, TIMES, TIMES)
def test_interim_answers_travel(kind: InterimKind, as_of: int, error: int, final: int) -> None:
    interim = Interim(kind, digest("id"), as_of, error, final, R1.id)
    assert Interim.decode(interim.encode()) == interim


@pytest.mark.parametrize("number", [0, 4])
def test_interim_answers_of_unknown_kind(number: int) -> None:
    data = pb.Interim(kind=number, subject=digest("id"))  # type: ignore[arg-type]
    with pytest.raises(WireFault):
        Interim.decode(data.SerializeToString())


@given(st.binary(max_size=120))
def test_noise_is_read_or_refused_never_a_crash(noise: bytes) -> None:
    for kind in (DecisionLeaf, Statement, SignedStatement, Interim):
        try:
            kind.decode(noise)
        except WireFault:
            continue
