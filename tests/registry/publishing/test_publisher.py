"""The publisher's thread against real witnesses: quorum, silence, contradiction, restart."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US, SECOND
from proto.checkpoint import cosignature_times_s, log_note_key, sign_checkpoint
from proto.tlog_proof import LogProof, proven_in
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import TileFiles
from tests.registry.publishing.reading import read_log
from tests.registry.publishing.running import (
    KEYS,
    LOG,
    MMD_US,
    PREFIX,
    Leaves,
    plan_of,
    publishing,
    times_of,
)
from tests.registry.publishing.witnesses import Loopback
from tests.registry.witness.cases import YEAR

pytestmark = pytest.mark.edge


def test_without_witnesses_it_follows_the_log(tmp_path: Path) -> None:
    with publishing(plan_of(tmp_path / "log"), Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        for size in (4, 300, 560):
            running.grow(size - running.leaves.log_size(YEAR))
            running.until(lambda size=size: running.covered(size))  # type: ignore[misc]
            assert read_log(running.folder(), KEYS)[2] == running.leaves.entries[YEAR]
        running.leaves.grow(2, shard=YEAR + 1)
        running.publisher.nudge()
        running.until(lambda: running.coverage.size(YEAR + 1) == 2)
        assert not running.coverage.stalled()
        assert [p.name for p in running.folder().glob("tile/0/*.p")] == ["002.p"], (
            "outgrown ones go"
        )
    keys = [log_note_key(f"{PREFIX}/{YEAR + 1}", LOG.key.public)]
    assert len(read_log(tmp_path / "log" / str(YEAR + 1), keys)[2]) == 2


def test_a_quorum_covers_and_the_others_add_themselves(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    witnesses[2].down = True
    with publishing(plan_of(tmp_path / "log", *witnesses, quorum=2), Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        assert set(times_of(running)) == {"witness.example/0", "witness.example/1"}
        witnesses[2].down = False
        running.grow(5)
        running.until(lambda: running.covered(8))
        running.until(lambda: len(times_of(running)) >= 2)
        proof = LogProof.decode(running.prover.prove(YEAR, 7))
        found = proven_in(proof, running.leaves.entries[YEAR][7], KEYS)
        assert found is not None and found[0].size == 8


def test_more_cosignatures_than_needed_are_kept_too(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    with publishing(plan_of(tmp_path / "log", *witnesses, quorum=1), Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        running.until(lambda: len(times_of(running)) == 3)
        proof = LogProof.decode(running.prover.prove(YEAR, 0))
        found = proven_in(proof, running.leaves.entries[YEAR][0], KEYS)
        assert found is not None
        keys = [witness.key for witness in running.plan.witnesses]
        assert len(cosignature_times_s(found[1], keys)) == 3


def test_a_log_that_rests_is_cosigned_anew_and_keeps_its_first_times(
    tmp_path: Path, witnesses: list[Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.publishing.shard_rounds.RESIGN_S", 0.0)
    plan = plan_of(tmp_path / "log", witnesses[0], quorum=1)
    now_s = NOW_US // SECOND
    with publishing(plan, Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        witnesses[0].clock.advance(3600 * SECOND)
        running.publisher.nudge()
        running.until(lambda: set(times_of(running).values()) == {now_s + 3600})
        proof = LogProof.decode(running.prover.prove(YEAR, 0))
        found = proven_in(proof, running.leaves.entries[YEAR][0], KEYS)
        assert found is not None
        assert list(cosignature_times_s(found[1], [plan.witnesses[0].key]).values()) == [now_s]


def test_a_log_rests_unsigned_while_a_decision_may_wait_for_its_disk(
    tmp_path: Path, witnesses: list[Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later time under the log without it would make its honest time look dated back."""
    monkeypatch.setattr("registry.publishing.shard_rounds.RESIGN_S", 0.0)
    monkeypatch.setattr("registry.publishing.shard_rounds.PACE_S", 0.0)
    plan, leaves = plan_of(tmp_path / "log", witnesses[0], quorum=1), Leaves(3)
    looks, counted = [0], Leaves.mark_us

    def mark_us(source: Leaves) -> int:
        looks[0] += 1
        return counted(source)

    with publishing(plan, leaves) as running:
        running.until(lambda: running.covered(3))
        leaves.marked_us -= MMD_US
        monkeypatch.setattr(Leaves, "mark_us", mark_us)
        running.publisher.nudge()
        running.until(lambda: looks[0] > 0)
        asked = len(witnesses[0].asked)
        for _ in range(3):
            before = looks[0]
            running.publisher.nudge()
            running.until(lambda b=before: looks[0] > b)  # type: ignore[misc]
        assert len(witnesses[0].asked) == asked
        leaves.marked_us += MMD_US
        running.publisher.nudge()
        running.until(lambda: len(witnesses[0].asked) > asked)


def test_two_replicas_publish_one_log(tmp_path: Path, witnesses: list[Loopback]) -> None:
    """Each in a folder of its own, both to the same witnesses, out of one database that grows."""
    leaves = Leaves(3)
    plans = [plan_of(tmp_path / f"log{i}", *witnesses, quorum=2) for i in range(2)]
    with publishing(plans[0], leaves) as one, publishing(plans[1], leaves) as other:
        for size in range(4, 12):
            leaves.grow(1)
            for running in (one, other):
                running.coverage.entered(YEAR)
                running.publisher.nudge()
            for running in (one, other):
                running.until(lambda r=running, s=size: r.covered(s))  # type: ignore[misc]
        # One of them has not looked yet: what it shows next is shorter than what is known.
        leaves.grow(2)
        one.publisher.nudge()
        one.until(lambda: one.covered(13))
        other.until(lambda: other.covered(13))
    assert read_log(one.folder(), KEYS)[2] == read_log(other.folder(), KEYS)[2]


def test_a_proof_shows_since_when(tmp_path: Path, witnesses: list[Loopback]) -> None:
    """Long after, the proof of an old leaf still bears the time at which it was covered first."""
    plan = plan_of(tmp_path / "log", witnesses[0], quorum=1)
    with publishing(plan, Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        for clock in (running.clock, witnesses[0].clock):
            clock.advance(3600 * SECOND)
        running.grow(300)
        running.until(lambda: running.covered(303))
        times = []
        for index in (0, 2, 3, 302):
            proof = LogProof.decode(running.prover.prove(YEAR, index))
            found = proven_in(proof, running.leaves.entries[YEAR][index], KEYS)
            assert found is not None, index
            times += cosignature_times_s(found[1], [plan.witnesses[0].key]).values()
        now_s = NOW_US // SECOND
        assert times == [now_s, now_s, now_s + 3600, now_s + 3600]
        assert running.prover.prove(YEAR, 303) == b""
        assert running.prover.prove(YEAR + 1, 0) == b""


def test_without_a_quorum_nothing_is_shown_and_decisions_stop_in_time(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    with publishing(plan_of(tmp_path / "log", *witnesses[:2], quorum=2), Leaves(3)) as running:
        running.until(lambda: running.covered(3))
        witnesses[1].down = True
        running.clock.advance(3600 * SECOND)
        assert not running.coverage.stalled(), "a log that rests is not stalled"
        asked = len(witnesses[0].asked)
        running.grow(1)
        running.clock.advance(MMD_US // 2)
        assert not running.coverage.stalled()
        running.clock.advance(1)
        assert running.coverage.stalled(), "nobody has seen that entry for MMD/2"
        running.until(lambda: len(witnesses[0].asked) > asked)
        assert read_log(running.folder(), KEYS)[0].size == 3, "one of two is no quorum"
        witnesses[1].down = False
        running.until(lambda: running.covered(4))
        assert not running.coverage.stalled()


def test_a_restart_goes_on_where_it_was(tmp_path: Path, witnesses: list[Loopback]) -> None:
    """Signed and cosigned, but never shown: what a crash between the two leaves behind."""
    plan = plan_of(tmp_path / "log", *witnesses[:1], quorum=1)
    leaves = Leaves(5)
    log = ShardLog(LOG.origin, TileFiles(tmp_path / "elsewhere"), 0)
    log.extend(leaves.entries[YEAR])
    note = sign_checkpoint(log.checkpoint(), LOG.key)
    witnesses[0].cosigner.add(b"old 0\n\n" + note.encode())
    with publishing(plan, leaves) as running:
        running.until(lambda: running.covered(5))
        running.grow(1)
        running.until(lambda: running.covered(6))
    with publishing(plan, leaves) as running:
        running.until(lambda: running.covered(6))
        assert read_log(running.folder(), KEYS)[0].size == 6


def test_a_full_disk_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = iter([True, True])
    write = TileFiles._write

    def full(files: TileFiles, path: Path, data: bytes) -> None:
        if next(refused, False):
            raise OSError(28, "No space left on device")
        write(files, path, data)

    monkeypatch.setattr("registry.publishing.publisher.TROUBLE_S", 0.01)
    with publishing(plan_of(tmp_path / "log"), Leaves()) as running:
        monkeypatch.setattr(TileFiles, "_write", full)
        running.grow(3)
        running.until(lambda: running.covered(3))
    assert "cannot be published" in caplog.text
    assert len(read_log(running.folder(), KEYS)[2]) == 3


def test_a_witness_with_a_false_key_does_not_count(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    plan = plan_of(tmp_path / "log", *witnesses[:2], quorum=2)
    liar = replace(plan.witnesses[1], url=plan.witnesses[0].url)
    with publishing(replace(plan, witnesses=(plan.witnesses[0], liar)), Leaves(3)) as running:
        running.until(lambda: len(witnesses[0].asked) >= 2)
        assert not running.covered(3)
