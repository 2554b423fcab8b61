"""What a benchmark of a registry counts as a decision, and what it says of a run."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from click.testing import CliRunner

from node.command.bench.command import bench
from node.command.bench.registry_check import FORGED, OTHER, TOO_FEW, WITHOUT_COMMIT, Tally
from node.command.bench.registry_load import SPREAD_US, Load, Transaction, request
from node.command.bench.registry_result import Outcome, Spell, Wanted
from node.command.bench.registry_show import show
from node.command.sim.cast import NOW_US, R1
from proto.commit import Commit, Evidence, evidence_satisfies
from proto.descriptor import decode_descriptor
from proto.limits import US
from proto.policy import single
from proto.v1 import registry_pb2 as rpb
from tests.proto.build import aborted_leaf, committed_leaf

LOAD = Load(single(R1.id), 2, NOW_US, 1000.0, Random(7))


def answer(transaction: Transaction, *, aborted: bool = False) -> rpb.Answer:
    descriptor = decode_descriptor(transaction.descriptor)
    commit = Commit(transaction.descriptor, transaction.evidence)
    leaf = aborted_leaf(descriptor) if aborted else committed_leaf(commit, descriptor)
    message = rpb.Answer(
        final=R1.sign_statement(leaf.encode()).to_message(), commit_id=transaction.commit_id
    )
    message.commit.descriptor = transaction.descriptor
    message.commit.evidence = transaction.evidence
    return message


def response(*answers: rpb.Answer) -> bytes:
    return rpb.DecideResponse(answers=answers).SerializeToString()


def test_the_load_is_what_a_registry_decides() -> None:
    drawn = LOAD.draw(0, 3)
    asked = rpb.DecideRequest.FromString(request(drawn)).items
    assert len({t.commit_id for t in drawn}) == 3
    for transaction, item in zip(drawn, asked, strict=True):
        descriptor = decode_descriptor(item.commit.descriptor)
        evidence = Evidence.decode(item.commit.evidence)
        assert len(descriptor.committers) == descriptor.threshold == 2
        assert evidence_satisfies(descriptor, transaction.commit_id, evidence)


def test_the_load_falls_due_as_it_comes() -> None:
    first, later = LOAD.draw(0, 1) + LOAD.draw(1_000_000, 1)
    apart_us = _deadline_us(later) - _deadline_us(first) - 1000 * US
    assert abs(apart_us) < SPREAD_US


def _deadline_us(transaction: Transaction) -> int:
    return decode_descriptor(transaction.descriptor).deadline_us


def test_true_answers_count() -> None:
    drawn = LOAD.draw(0, 3)
    tally = Tally(R1.record, every=2)
    tally.take(drawn, response(*map(answer, drawn)))
    assert (tally.decided, tally.verified, dict(tally.faults)) == (3, 1, {})


def _forge(message: rpb.Answer) -> None:
    signature = message.final.signatures[0]
    signature.signature = bytes(64)


def _strip(message: rpb.Answer) -> None:
    message.ClearField("commit")


def _rename(message: rpb.Answer) -> None:
    message.commit_id = bytes(32)


def _refuse(message: rpb.Answer) -> None:
    message.refusal.reason = rpb.OVER_QUOTA


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [(_forge, FORGED), (_strip, WITHOUT_COMMIT), (_rename, OTHER), (_refuse, "OVER_QUOTA")],
)
def test_other_answers_do_not(spoil: Callable[[rpb.Answer], None], fault: str) -> None:
    good, bad = LOAD.draw(0, 2)
    spoiled = answer(bad)
    spoil(spoiled)
    tally = Tally(R1.record)
    tally.take([good, bad], response(answer(good), spoiled))
    assert (tally.decided, dict(tally.faults)) == (1, {fault: 1})


def test_a_statement_about_another_transaction_does_not_count() -> None:
    asked, other = LOAD.draw(0, 2)
    swapped = answer(other)
    swapped.commit_id = asked.commit_id
    swapped.commit.descriptor, swapped.commit.evidence = asked.descriptor, asked.evidence
    tally = Tally(R1.record)
    tally.take([asked], response(swapped))
    assert dict(tally.faults) == {FORGED: 1}


def test_other_evidence_than_was_signed_does_not_count() -> None:
    (asked,) = LOAD.draw(0, 1)
    loose = replace(asked, evidence=asked.evidence + b"\x22\0")
    spoiled = answer(asked)
    spoiled.commit.evidence = loose.evidence
    tally = Tally(R1.record)
    tally.take([loose], response(spoiled))
    assert dict(tally.faults) == {FORGED: 1}


def test_missing_answers_are_noticed() -> None:
    drawn = LOAD.draw(0, 2)
    tally = Tally(R1.record)
    tally.take(drawn, response(answer(drawn[0])))
    assert (tally.decided, dict(tally.faults)) == (1, {TOO_FEW: 1})


def test_a_refused_commit_is_no_success() -> None:
    (drawn,) = LOAD.draw(0, 1)
    late = answer(drawn, aborted=True)
    tally = Tally(R1.record)
    tally.take([drawn], response(late))
    assert tally.decided == 0 and dict(tally.faults) == {"NOT_COMMITTED": 1}


SPELL = Spell("unary", 2.0, 100, 1, 100, 20, 100, {}, 1.0, 2.0, 50.0, None)
WANTED = Wanted(("unary",), 2.0, 64, 256, 4, "sqlite")
ABOUT = {
    "cpu": "x", "cores": 2, "memory_mib": 1, "system": "s", "filesystem": "f", "fsync_us": 9,
    "load_before": 0.0,
}  # fmt: skip
OUTCOME = Outcome(WANTED, [SPELL], 120, 0, ABOUT, {"python": "3"})


def test_a_run_is_good_when_the_log_agrees() -> None:
    assert OUTCOME.ok
    assert not replace(OUTCOME, logged=121).ok
    assert not replace(OUTCOME, spells=[replace(SPELL, faults={"OVER_QUOTA": 1})]).ok
    assert not replace(OUTCOME, spells=[replace(SPELL, decided=0)], logged=20).ok


def test_figures_by_mode() -> None:
    found = OUTCOME.as_json()
    assert found["decisions_per_s"] == {"unary": 50.0}
    assert (found["p50_ms"], found["p99_ms"]) == ({"unary": 1.0}, {"unary": 2.0})
    assert (found["fsync_us"], found["store"], found["frame"]) == (9, "sqlite", 256)


def test_people_are_told_when_the_log_disagrees(capsys: pytest.CaptureFixture[str]) -> None:
    show(OUTCOME)
    assert "log grew by as many" in capsys.readouterr().out
    show(replace(OUTCOME, logged=7))
    assert "120 answers are COMMITTED, and the log grew by 7" in capsys.readouterr().out


def test_help_teaches() -> None:
    text = CliRunner().invoke(bench, ["registry", "--help"]).output
    assert "pledgeway bench registry" in text and "Exit status: 0" in text
    wrong = CliRunner().invoke(bench, ["registry", "--frame", "257"])
    assert wrong.exit_code == 2 and "--frame" in wrong.output
