"""Answers as they travel: signed, with the Commit beside a COMMITTED statement.

A frame's answers are written as bytes: as messages they cost more than the signature over them.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, assert_never

from proto.statement import Outcome
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from proto.wire_bytes import sized, varint
from registry.log import Answer, Logged, Pause, Reason, Refused
from registry.signer import Signer

_FINAL: Final = b"\x0a"  # Answer.final and so on: registry.proto
_COMMIT: Final = b"\x22"
_COMMIT_ID: Final = b"\x2a"
_DESCRIPTOR: Final = b"\x0a"  # Commit.descriptor and so on: types.proto
_EVIDENCE: Final = b"\x12"
_TLOG_PROOF: Final = b"\x1a"  # SignedStatement.tlog_proof, its last field
NO_PROOFS: Final[Mapping[int, bytes]] = MappingProxyType({})
_ANSWERS: Final = b"\x0a"  # DecideResponse.answers and so on: registry.proto
_BATCH: Final = b"\x10"


def answers_bytes(
    answers: Sequence[tuple[bytes, Answer]], signer: Signer, proofs: Mapping[int, bytes] = NO_PROOFS
) -> list[bytes]:
    """Signs the answers of one frame, (commit_id asked about, answer) each: an Answer's bytes.

    `proofs`: log proofs of some of them, by position.
    """
    finals = [answer for _, answer in answers if isinstance(answer, Logged)]
    statements = iter(signer.statements_bytes(finals))
    written = []
    for at, (commit_id, answer) in enumerate(answers):
        match answer:
            case Logged():
                written.append(_final(answer, _with_proof(next(statements), proofs.get(at))))
            case Pause():
                interim = interim_message(answer, signer)
                message = rpb.Answer(interim=interim, commit_id=commit_id)
                written.append(message.SerializeToString())
            case Refused():
                written.append(refusal_bytes(commit_id, answer))
            case _:
                assert_never(answer)
    return written


def response_bytes(answers: Iterable[bytes], batch: int) -> bytes:
    """The DecideResponse with these answers, each as its bytes."""
    written = b"".join([sized(_ANSWERS, answer) for answer in answers])
    return written + _BATCH + varint(batch) if batch else written


def final_message(logged: Logged, signer: Signer, proof: bytes | None = None) -> rpb.Answer:
    """A decision as an answer of its own."""
    statement = _with_proof(signer.statement(logged).encode(), proof)
    return rpb.Answer.FromString(_final(logged, statement))


def _with_proof(statement: bytes, proof: bytes | None) -> bytes:
    return statement + sized(_TLOG_PROOF, proof) if proof else statement


def _final(logged: Logged, statement: bytes) -> bytes:
    """A statement without its Commit redeems nothing, so COMMITTED never travels without it."""
    row = logged.row
    after = sized(_COMMIT_ID, row.leaf.commit_id)
    if row.leaf.outcome is Outcome.COMMITTED:
        commit = sized(_DESCRIPTOR, row.descriptor) + sized(_EVIDENCE, row.evidence)
        after = sized(_COMMIT, commit) + after
    return sized(_FINAL, statement) + after


def interim_message(pause: Pause, signer: Signer) -> pb.SignedInterim:
    """An answer that releases nothing, signed, by itself."""
    signed = signer.interim(pause)
    return pb.SignedInterim(interim=signed.interim, signatures=[signed.proof.to_message()])


def refusal_bytes(commit_id: bytes, refused: Refused) -> bytes:
    """Why an item changed nothing, as an Answer's bytes."""
    refusal = rpb.RegistryRefused(reason=refused.reason.name, figure=refused.figure)
    return rpb.Answer(refusal=refusal, commit_id=commit_id).SerializeToString()


_NAMES = set(rpb.RegistryRefusal.keys()) - {"REGISTRY_REFUSAL_UNSPECIFIED"}
assert {r.name for r in Reason} == _NAMES, "the wire's refusals and ours differ"
