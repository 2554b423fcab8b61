"""Answers as they travel: signed, with the Commit beside a COMMITTED statement."""

from typing import assert_never

from proto.statement import Outcome
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.log import Answer, Logged, Pause, Reason, Refused
from registry.signer import Signer


def answer_message(commit_id: bytes, answer: Answer, signer: Signer) -> rpb.Answer:
    """Signs an answer and gives it its wire form."""
    match answer:
        case Logged():
            return final_message(answer, signer)
        case Pause():
            return rpb.Answer(interim=interim_message(answer, signer), commit_id=commit_id)
        case Refused():
            return rpb.Answer(refusal=refusal_message(answer), commit_id=commit_id)
        case _:
            assert_never(answer)


def final_message(logged: Logged, signer: Signer) -> rpb.Answer:
    """A statement without its Commit redeems nothing, so COMMITTED never travels without it."""
    row = logged.row
    message = rpb.Answer(final=signer.statement(logged).to_message(), commit_id=row.leaf.commit_id)
    if row.leaf.outcome is Outcome.COMMITTED:
        message.commit.descriptor = row.descriptor
        message.commit.evidence = row.evidence
    return message


def interim_message(pause: Pause, signer: Signer) -> pb.SignedInterim:
    signed = signer.interim(pause)
    return pb.SignedInterim(interim=signed.interim, signatures=[signed.proof.to_message()])


def refusal_message(refused: Refused) -> rpb.RegistryRefused:
    return rpb.RegistryRefused(reason=refused.reason.name, figure=refused.figure)


_NAMES = set(rpb.RegistryRefusal.keys()) - {"REGISTRY_REFUSAL_UNSPECIFIED"}
assert {r.name for r in Reason} == _NAMES, "the wire's refusals and ours differ"
