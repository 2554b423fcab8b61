"""Answers as bytes are the messages they stand for."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US
from proto.limits import US
from proto.statement import InterimKind
from proto.v1 import registry_pb2 as rpb
from registry.answers import (
    answers_bytes,
    final_message,
    interim_message,
    refusal_bytes,
    response_bytes,
)
from registry.log import Answer, Logged, Pause, Reason, Refused, Row, decide
from tests.registry.build import (
    SIGNER,
    TERMS,
    commit_shown,
    declinable,
    decline_shown,
    reading,
)


def logged(label: str, index: int, *, declined: bool = False) -> Logged:
    s = declinable(label)
    event = decline_shown(s) if declined else commit_shown(s)
    row = decide(event, None, reading(NOW_US), TERMS)
    assert isinstance(row, Row)
    return Logged(row, index)


ANSWERS: Sequence[Answer] = (
    logged("first", 0),
    logged("second", 2**40, declined=True),
    Pause(InterimKind.PENDING, b"s" * 32, NOW_US, 50_000, NOW_US + US),
    Refused(Reason.BAD_EVIDENCE),
    Refused(Reason.TOO_FAR, NOW_US),
    *(logged(f"more {i}", i) for i in range(1, 6)),
)


def subject_of(answer: Answer) -> bytes:
    return answer.row.leaf.commit_id if isinstance(answer, Logged) else b"s" * 32


def as_message(answer: Answer, statement: rpb.Answer | None) -> rpb.Answer:
    """By protobuf's own means, the signature taken from what is checked."""
    message = rpb.Answer(commit_id=subject_of(answer))
    match answer:
        case Pause():
            message.interim.CopyFrom(interim_message(answer, SIGNER))
        case Refused():
            message.refusal.reason = rpb.RegistryRefusal.Value(answer.reason.name)
            message.refusal.figure = answer.figure
        case Logged(row):
            assert statement is not None
            message.final.CopyFrom(statement.final)
            if row.evidence and row.leaf.outcome.name == "COMMITTED":
                message.commit.descriptor = row.descriptor
                message.commit.evidence = row.evidence
    return message


@given(st.lists(st.sampled_from(range(len(ANSWERS))), max_size=12, unique=True))
def test_answers_are_what_protobuf_writes(chosen: list[int]) -> None:
    answers = [ANSWERS[i] for i in chosen]
    written = answers_bytes([(subject_of(a), a) for a in answers], SIGNER)
    finals = iter(SIGNER.statements([a for a in answers if isinstance(a, Logged)]))
    for answer, data in zip(answers, written, strict=True):
        statement = None
        if isinstance(answer, Logged):
            statement = rpb.Answer(final=next(finals).to_message())
        assert data == as_message(answer, statement).SerializeToString()


@given(st.integers(0, 2**64 - 1), st.integers(0, 4))
def test_a_response_is_what_protobuf_writes(batch: int, count: int) -> None:
    written = [refusal_bytes(b"s" * 32, Refused(Reason.OVER_QUOTA, i)) for i in range(count)]
    message = rpb.DecideResponse(
        answers=[rpb.Answer.FromString(data) for data in written], batch=batch
    )
    assert response_bytes(written, batch) == message.SerializeToString()


def test_a_decision_alone() -> None:
    first = ANSWERS[0]
    assert isinstance(first, Logged)
    (data,) = answers_bytes([(subject_of(first), first)], SIGNER)
    assert final_message(first, SIGNER).SerializeToString() == data
