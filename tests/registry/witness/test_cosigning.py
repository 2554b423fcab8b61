"""The witness on a real database: it remembers, it is not talked into two histories."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from node.command.sim.cast import NOW_US, signing_key
from proto.checkpoint import cosigned_at_s, read_checkpoint
from proto.limits import US
from proto.note import COSIGNATURE, Note, NoteKey, NoteSignature, sign_note
from proto.v1 import types_pb2 as pb
from registry.witness.cosigning import Given, Pace
from registry.witness.evidence import MAX_KEPT
from registry.witness.rule import Refusal, Refused
from registry.witness.store import MAX_SHARDS, origin_hash
from runtime.clock import FakeClock
from tests.registry.witness.cases import KEY, NAME, NOW_S, GrowingLog, open_witness, request

pytestmark = pytest.mark.edge

LOG = GrowingLog()
FORK = replace(LOG, forked_at=6)
WITNESS = NoteKey(NAME, COSIGNATURE, KEY.public)


def cosigned_s(log: GrowingLog, size: int, answer: Given | Refusal) -> int | None:
    assert isinstance(answer, Given), answer
    line = NoteSignature.parse(answer.line.removesuffix("\n"))
    return cosigned_at_s(Note.decode(log.note(size)).with_signatures([line]), WITNESS)


def test_a_log_that_grows_is_cosigned_step_by_step(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        steps = [(0, 0), (0, 1), (1, 5), (5, 5), (5, 8), (8, 21)]
        for passed, (old, size) in enumerate(steps):
            answer = w.cosigner.add(LOG.request(old, size))
            assert cosigned_s(LOG, size, answer) == NOW_S + passed
            w.clock.advance(US)
        newest = w.cosigner.newest(origin_hash(LOG.origin))
        assert newest is not None
        note = read_checkpoint(newest, NoteKey(LOG.origin, 1, LOG.key.public))[1]
        assert cosigned_at_s(note, WITNESS) == NOW_S + len(steps) - 1
        assert w.cosigner.newest(origin_hash("example.net/another/2026")) is None


def test_it_remembers_over_a_restart(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(LOG.request(0, 8))
    with open_witness(tmp_path, LOG, clock=FakeClock(NOW_US + US, 0)) as w:
        assert w.cosigner.add(LOG.request(0, 9)) == Refusal(Refused.STALE, 8)
        assert cosigned_s(LOG, 9, w.cosigner.add(LOG.request(8, 9))) == NOW_S + 1
    with open_witness(tmp_path, LOG, clock=FakeClock(NOW_US, 0)) as w:
        # Another log, too: no cosignature of this key is dated before one that it made.
        assert w.cosigner.add(LOG.request(9, 10)) == Refusal(Refused.CLOCK_UNSAFE, 9)


def test_unknown_logs_and_keys(tmp_path: Path) -> None:
    stranger = GrowingLog("stranger")
    thief = replace(LOG, key=signing_key("thief"))
    with open_witness(tmp_path, LOG) as w:
        for log, reason in ((stranger, Refused.UNKNOWN_LOG), (thief, Refused.UNKNOWN_KEY)):
            assert w.cosigner.add(log.request(0, 3)) == Refusal(reason)
        for shard in (20260, 999):
            odd = replace(LOG, shard=shard)
            assert w.cosigner.add(odd.request(0, 3)) == Refusal(Refused.UNKNOWN_LOG)
        for body in (b"", b"old 0\n\nnothing", LOG.request(0, 3)[:-1]):
            assert w.cosigner.add(body) == Refusal(Refused.MALFORMED)
        assert isinstance(w.cosigner.add(replace(LOG, shard=2027).request(0, 3)), Given)


def test_signatures_of_others_are_not_kept(tmp_path: Path) -> None:
    note = Note.decode(LOG.note(3))
    noise = sign_note(note.text, "noise.example", signing_key("noise"))
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(request(0, [], note.with_signatures([noise]).encode()))
        newest = w.cosigner.newest(origin_hash(LOG.origin))
    assert newest is not None
    assert [s.name for s in Note.decode(newest).signatures] == [LOG.origin, NAME]


def test_two_roots_of_one_size_are_kept_as_a_fraud_proof(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(LOG.request(0, 8))
        for old in (8, 0, 8):
            assert w.cosigner.add(FORK.request(old, 8)) == Refusal(Refused.OTHER_ROOT, 8)
        (name,) = w.evidence()
        proof = pb.FraudProof.FromString((tmp_path / "evidence" / name).read_bytes())
        assert proof.kind == pb.SPLIT_VIEW
        assert list(proof.checkpoints) == [LOG.note(8), FORK.note(8)]
        assert proof.record.record
        assert isinstance(w.cosigner.add(LOG.request(8, 9)), Given), "the first history goes on"


def test_another_size_without_a_proof_is_kept_but_not_without_end(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(LOG.request(0, 8))
        for size in range(9, 9 + MAX_KEPT + 3):
            assert w.cosigner.add(FORK.request(8, size)) == Refusal(Refused.UNPROVEN, 8)
        assert len(w.evidence()) == MAX_KEPT
        (first, *_) = w.evidence()
        assert LOG.note(8) in (tmp_path / "evidence" / first).read_bytes()
        assert w.cosigner.add(FORK.request(8, 8)) == Refusal(Refused.OTHER_ROOT, 8)
        assert len(w.evidence()) == MAX_KEPT + 1, "a split view has room of its own"


def race(*calls: Callable[[], Given | Refusal]) -> list[Given | Refusal]:
    """All at once, each in a thread of its own."""
    together = threading.Barrier(len(calls))
    answers: list[Given | Refusal] = []

    def one(call: Callable[[], Given | Refusal]) -> None:
        together.wait()
        answers.append(call())

    threads = [threading.Thread(target=one, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_two_histories_submitted_at_once_one_is_cosigned(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        for shard in range(2000, 2020):
            honest, forked = replace(LOG, shard=shard), replace(FORK, shard=shard)
            w.cosigner.add(honest.request(0, 5))
            bodies = [log.request(5, size) for log in (honest, forked) for size in (8, 9)]
            answers = race(*(partial(w.cosigner.add, body) for body in bodies))
            given = [a for a in answers if isinstance(a, Given)]
            refused = {a.reason for a in answers if isinstance(a, Refusal)}
            assert len(given) == 1, answers
            assert refused <= {Refused.STALE, Refused.OTHER_ROOT}


def test_the_database_itself_refuses_to_go_back(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(LOG.request(0, 8))
        for change in ("size = 7", "time_s = time_s - 1", "root = zeroblob(32)", "origin = 'x'"):
            with pytest.raises(IntegrityError), w.store.engine.begin() as connection:
                connection.execute(text(f"UPDATE latest SET {change}"))
        with pytest.raises(IntegrityError), w.store.engine.begin() as connection:
            connection.execute(text("DELETE FROM latest"))


def test_one_log_cannot_fill_the_database(tmp_path: Path) -> None:
    other = GrowingLog("other")
    with open_witness(tmp_path, LOG, other) as w:
        for shard in range(2000, 2000 + MAX_SHARDS):
            assert isinstance(w.cosigner.add(replace(LOG, shard=shard).request(0, 1)), Given)
        more = replace(LOG, shard=2000 + MAX_SHARDS)
        assert w.cosigner.add(more.request(0, 1)) == Refusal(Refused.TOO_MANY_SHARDS)
        assert isinstance(w.cosigner.add(other.request(0, 1)), Given)


def test_too_many_checkpoints_in_a_second(tmp_path: Path) -> None:
    with open_witness(tmp_path, LOG, per_s=2) as w:
        assert isinstance(w.cosigner.add(LOG.request(0, 1)), Given)
        for _ in range(5):
            assert isinstance(w.cosigner.add(LOG.request(1, 1)), Given), "the same costs no turn"
            assert w.cosigner.add(LOG.request(0, 2)) == Refusal(Refused.STALE, 1), "nor does a no"
        assert isinstance(w.cosigner.add(LOG.request(1, 2)), Given)
        assert w.cosigner.add(LOG.request(2, 3)) == Refusal(Refused.TOO_OFTEN, 2)
        w.clock.advance(US // 2)
        assert isinstance(w.cosigner.add(LOG.request(2, 3)), Given)


def test_a_pace_gives_back_no_more_than_it_has() -> None:
    pace = Pace(3)
    taken = [pace.allows("a", 10**12) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert not pace.allows("a", 10**12 + 333_332)
    assert pace.allows("a", 10**12 + 333_334)
    assert pace.allows("b", 10**12), "each log has its own"


def test_whatever_is_sent_is_answered(tmp_path: Path) -> None:
    """Bent bytes: a refusal, or the one checkpoint that the log has signed."""
    random = Random(7)
    with open_witness(tmp_path, LOG) as w:
        w.cosigner.add(LOG.request(0, 5))
        honest = LOG.request(5, 8)
        for _ in range(400):
            body = bytearray(honest)
            for _ in range(random.randint(1, 3)):
                at = random.randrange(len(body))
                body[at : at + random.randint(0, 2)] = random.randbytes(random.randint(0, 2))
            answer = w.cosigner.add(bytes(body))
            if isinstance(answer, Given):
                assert cosigned_s(LOG, 8, answer) == NOW_S
        assert w.cosigner.add(LOG.request(0, 1)) in (
            Refusal(Refused.STALE, 5),
            Refusal(Refused.STALE, 8),
        )
