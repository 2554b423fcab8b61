"""Answers as they travel: signed, with the Commit beside a COMMITTED statement."""

from collections.abc import Sequence
from typing import assert_never

from proto.statement import Outcome, SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.log import Answer, Logged, Pause, Reason, Refused
from registry.signer import Signer


def answer_messages(answers: Sequence[tuple[bytes, Answer]], signer: Signer) -> list[rpb.Answer]:
    """Signs the answers of one frame, (commit_id asked about, answer) each, for the wire."""
    finals = [answer for _, answer in answers if isinstance(answer, Logged)]
    statements = iter(signer.statements(finals))
    messages = []
    for commit_id, answer in answers:
        match answer:
            case Logged():
                messages.append(_final(answer, next(statements)))
            case Pause():
                interim = interim_message(answer, signer)
                messages.append(rpb.Answer(interim=interim, commit_id=commit_id))
            case Refused():
                refusal = refusal_message(answer)
                messages.append(rpb.Answer(refusal=refusal, commit_id=commit_id))
            case _:
                assert_never(answer)
    return messages


def final_message(logged: Logged, signer: Signer) -> rpb.Answer:
    """A decision as an answer of its own."""
    return _final(logged, signer.statement(logged))


def _final(logged: Logged, statement: SignedStatement) -> rpb.Answer:
    """A statement without its Commit redeems nothing, so COMMITTED never travels without it."""
    row = logged.row
    message = rpb.Answer(final=statement.to_message(), commit_id=row.leaf.commit_id)
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
