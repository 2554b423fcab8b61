"""Audits and mirrors: each cheat that a log can show is found, and no honest log is accused."""

import json
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from node.command.registry import registry
from node.command.sim.cast import NOW_US, SECOND
from node.command.verify import verify
from proto.fraud.file import read_fraud_proof
from proto.fraud.verify import verify_fraud
from proto.log_leaf import FenceLeaf
from proto.v1 import types_pb2 as pb
from registry.audit.mirror import Mirror, MirrorRefused
from registry.audit.places import temporary_places
from registry.audit.sightings import AuditState
from registry.audit.source import DirectorySource
from registry.log import Query, Row
from registry.publishing.tile_files import TileFiles
from tests.proto.build import make_commit
from tests.registry.audit_world import finds, keep, publish, report_of
from tests.registry.build import subject
from tests.registry.cheating import MMD_US, WITNESSES, YEAR, CheatingRegistry
from tests.registry.fraud_corpus import AWAY_US, late_us, pair, shown
from tests.registry.serving import commit_item, serving

pytestmark = pytest.mark.edge
JUDGED_US = NOW_US + AWAY_US


def honest(label: str, count: int) -> tuple[CheatingRegistry, list[Row]]:
    """A registry with that many sound decisions in this year's log."""
    r = CheatingRegistry(label)
    rows = [r.decide(shown(r.descriptor(str(i))), NOW_US + i) for i in range(count)]
    for row in rows:
        r.view().add(row.data)
    return r, rows


def refusal(r: CheatingRegistry, label: str) -> Row:
    s = subject(r.descriptor(label))
    return r.decide(Query(s), late_us(s))


@pytest.mark.parametrize("count", [0, 1, 255, 256, 600])
def test_a_sound_log(tmp_path: Path, count: int) -> None:
    r, rows = honest(f"sound-{count}", count)
    if rows:
        r.view().add(refusal(r, "late").data)
        r.view().add(FenceLeaf(rows[0].leaf.deadline_us).encode())
    note = r.view().note(at_us=NOW_US + 30 * SECOND, witnesses=WITNESSES)
    report = report_of(publish(tmp_path, r, r.view(), note))
    assert report.found == []
    assert [s.size for s in report.shards] == [len(r.view().leaves)]


def test_double_decisions_and_commits_behind_a_fence(tmp_path: Path) -> None:
    r, rows = honest("double", 300)
    again = r.view().add(rows[7].data)
    r.view().add(FenceLeaf(rows[0].leaf.deadline_us).encode())
    r.view().add(FenceLeaf(rows[0].leaf.deadline_us - 1).encode())
    behind = r.view().add(r.decide(shown(r.descriptor("more")), NOW_US).data)
    source = publish(tmp_path, r, r.view())
    assert finds(source) == [
        ("FENCE_BACK", again + 2, None),
        ("BEHIND_FENCE", behind, "E5"),
        ("TWICE", again, "E5"),
    ]
    for found in report_of(source).found:
        if found.verdict:
            assert verify_fraud(read_fraud_proof(found.file), now_us=JUDGED_US) == found.verdict


def test_one_decision_in_two_shards_is_found(tmp_path: Path) -> None:
    r, _, committed, declined = pair("shards")
    r.view(YEAR - 1).add(declined.data)
    r.view().add(committed.data)
    publish(tmp_path, r, r.view(YEAR - 1), shard=YEAR - 1)
    source = publish(tmp_path, r, r.view())
    assert finds(source) == [("SHARD", 0, None), ("TWICE", 0, "E5")]


def test_decisions_that_contradict_their_own_times(tmp_path: Path) -> None:
    r, rows = honest("times", 2)
    refused = refusal(r, "r")
    early = r.altered(refused, decided_at_us=refused.leaf.limit_us)
    late = r.altered(rows[0], commit_id=bytes(32), decided_at_us=rows[0].leaf.limit_us)
    for data in (early.data, late.data, b"no leaf"):
        r.view().add(data)
    assert finds(publish(tmp_path, r, r.view())) == [
        ("EARLY_REFUSAL", 2, None),
        ("LATE_COMMIT", 3, None),
        ("LEAF", 4, None),
    ]


def test_back_dating_shows_against_cosigned_checkpoints(tmp_path: Path) -> None:
    r, _ = honest("back", 3)
    after_us = NOW_US + MMD_US + 2 * SECOND
    keep(tmp_path, YEAR, r.view().note(at_us=after_us, witnesses=WITNESSES[:2]))
    r.view().add(r.decide(shown(r.descriptor("old")), NOW_US).data)
    r.view().add(r.decide(shown(r.descriptor("new")), NOW_US + 3 * SECOND).data)
    assert finds(publish(tmp_path, r, r.view())) == [("BACK_DATED", 3, "E6")]


def test_one_witness_shows_no_back_dating(tmp_path: Path) -> None:
    r, _ = honest("lone", 3)
    after_us = NOW_US + MMD_US + 2 * SECOND
    keep(tmp_path, YEAR, r.view().note(at_us=after_us, witnesses=WITNESSES[:1]))
    r.view().add(r.decide(shown(r.descriptor("old")), NOW_US).data)
    assert finds(publish(tmp_path, r, r.view())) == []


def test_a_decision_after_the_checkpoint_that_has_it(tmp_path: Path) -> None:
    r, _ = honest("ahead", 1)
    note = r.view().note(at_us=NOW_US - MMD_US - 5 * SECOND, witnesses=WITNESSES)
    assert finds(publish(tmp_path, r, r.view(), note)) == [("AHEAD", 0, None)]


def test_a_tampered_entry_and_a_missing_one(tmp_path: Path) -> None:
    r, rows = honest("tampered", 300)
    source = publish(tmp_path, r, r.view())
    path = tmp_path / "log" / str(YEAR) / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes().replace(rows[3].leaf.commit_id, bytes(32)))
    assert finds(source) == [("ROOT", 300, None)]
    path.unlink()
    assert finds(source) == [("MISSING", 0, None)]


def test_a_checkpoint_of_nobody(tmp_path: Path) -> None:
    r, _ = honest("nobody", 3)
    source = publish(tmp_path, r, r.view(), CheatingRegistry("thief").view().note())
    assert finds(source) == [("CHECKPOINT", 0, None)]


# ---------------------------------------------------------------- what others saw


@pytest.mark.parametrize("size", [5, 9])
def test_a_split_view_against_a_mirror(tmp_path: Path, size: int) -> None:
    """The same size: two notes. Another size: a proof that the log has another past."""
    r, rows = honest("split", 4)
    theirs = r.view().fork()
    theirs.add(rows[0].data)
    for i in range(len(r.view().leaves), size):
        r.view().add(r.decide(shown(r.descriptor(f"s{i}")), NOW_US + 5).data)
    ours = publish(tmp_path / "ours", r, r.view())
    mirror = publish(tmp_path / "theirs", r, theirs)
    assert finds(ours, mirror=mirror) == [("SPLIT", 5, "E4")]
    ground = report_of(ours, mirror=mirror).found[0].verdict
    assert ground is not None
    assert ground.ground.name == ("TWO_ROOTS" if size == 5 else "OTHER_PAST")


def test_a_log_that_was_set_back_behind_its_mirror(tmp_path: Path) -> None:
    """The first leaf in which they differ; where it is only shorter there is nothing to show."""
    r, _ = honest("set-back", 4)
    theirs, shorter = r.view().fork(), r.view().fork()
    del shorter.leaves[3:]
    mirror = publish(tmp_path / "theirs", r, theirs)
    behind = publish(tmp_path / "behind", r, shorter)
    assert finds(behind, mirror=mirror) == [("SHRUNK", 4, None)]
    shorter.leaves[1] = r.decide(shown(r.descriptor("x")), NOW_US + 1).data
    other = publish(tmp_path / "other", r, shorter)
    assert finds(other, mirror=mirror) == [("SHRUNK", 4, "E4")]


def test_the_last_audit_is_remembered(tmp_path: Path) -> None:
    r, rows = honest("state", 4)
    state = AuditState(tmp_path / "state")
    assert finds(publish(tmp_path / "a", r, r.view()), state=state) == []
    r.view().add(r.decide(shown(r.descriptor("x")), NOW_US + 5).data)
    assert finds(publish(tmp_path / "a", r, r.view()), state=state) == []
    shorter = publish(tmp_path / "b", r, CheatingRegistry("state").view())
    assert finds(shorter, state=state) == [("SHRUNK", 5, None)]
    forked = r.view().fork()
    forked.leaves[2] = rows[1].data
    seen = finds(publish(tmp_path / "c", r, forked), state=state)
    assert seen == [("TWICE", 2, "E5"), ("SPLIT", 5, "E4")]


def test_statements_are_held_against_the_log(tmp_path: Path) -> None:
    r, _, committed, declined = pair("held")
    held = tmp_path / "held"
    held.mkdir()
    said = r.state(committed)
    (held / "answer").write_bytes(said.encode())
    (held / "noise").write_bytes(b"\x00\xff nothing")
    source = publish(tmp_path / "good", r, r.view())
    assert finds(source, statements=held) == []
    lying = r.view().fork()
    lying.leaves[0] = declined.data
    assert finds(publish(tmp_path / "lie", r, lying), statements=held) == [("DIFFERS", 0, "E3")]
    empty = CheatingRegistry("E-held")
    short = publish(tmp_path / "short", empty, empty.view())
    assert finds(short, statements=held) == [("WITHHELD", 0, None)]
    after_us = NOW_US + MMD_US + SECOND
    note = empty.view().note(at_us=after_us, witnesses=WITNESSES[:2])
    short = publish(tmp_path / "late", empty, empty.view(), note)
    assert finds(short, statements=held) == [("WITHHELD", 0, "E7")]
    (held / "other").write_bytes(r.state(declined).encode())
    assert ("TWO_ANSWERS", 0, "E1") in [(w, 0, k) for w, _, k in finds(source, statements=held)]


def test_certificates_are_held_against_their_evidence(tmp_path: Path) -> None:
    """A commit that its evidence does not bear; beside it a sound one in the same form."""
    r = CheatingRegistry("invalid")
    good, bad = r.descriptor("good"), r.descriptor("bad")
    for d, evidence in ((good, make_commit(good).evidence), (bad, make_commit(good).evidence)):
        said = r.state(r.decide(shown(d, evidence), NOW_US)).to_message()
        commit = pb.Commit(descriptor=d.encode(), evidence=evidence)
        file = pb.CertificateFile(commit=pb.CommitCertificate(commit=commit, committed=[said]))
        (tmp_path / "held").mkdir(exist_ok=True)
        (tmp_path / "held" / f"{d.salt.hex()}").write_bytes(file.SerializeToString())
    source = publish(tmp_path / "log", r, r.view())
    assert finds(source, statements=tmp_path / "held") == [("INVALID", 1, "E2")]


def test_a_late_commit_in_the_log_is_shown_by_the_answer(tmp_path: Path) -> None:
    r, rows = honest("late-answer", 1)
    late = r.altered(rows[0], commit_id=bytes(32), decided_at_us=rows[0].leaf.limit_us)
    said = r.state(late).encode()

    class Answering(DirectorySource):
        """An archive that answers about every id with the same statement."""

        def statement(self, commit_id: bytes) -> bytes | None:
            return said

    publish(tmp_path, r, r.view())
    assert finds(Answering(tmp_path)) == [("LATE_COMMIT", 1, "E2")]


def test_places_beyond_memory_are_the_same(tmp_path: Path) -> None:
    with temporary_places() as places:
        ids = [(i.to_bytes(32, "big"), i) for i in range(1000)]
        assert places.meet(1, ids) == {}
        assert places.meet(2, [(ids[7][0], 3), (bytes(31) + b"x" * 2, 4)]) == {3: (1, 7)}
        assert places.meet(2, [(b"a" * 32, 5), (b"a" * 32, 6)]) == {6: (2, 5)}


# ---------------------------------------------------------------- mirrors


def take(mirror: Mirror, source: DirectorySource) -> list[tuple[int, int]]:
    return [(c.before, c.size) for c in mirror.copy(source, JUDGED_US, lambda *_: None)]


def test_a_mirror_grows_with_the_log(tmp_path: Path) -> None:
    r, _ = honest("mirror", 300)
    mirror, copy = Mirror(tmp_path / "m"), DirectorySource(tmp_path / "m")
    assert take(mirror, publish(tmp_path / "a", r, r.view())) == [(0, 300)]
    for i in range(300):
        r.view().add(r.decide(shown(r.descriptor(f"m{i}")), NOW_US + 400).data)
    source = publish(tmp_path / "a", r, r.view())
    assert take(mirror, source) == [(300, 600)]
    assert take(mirror, source) == [(600, 600)]
    assert finds(copy) == []
    assert len(copy.history(YEAR)) == 2
    assert not list((tmp_path / "m").glob(".incoming-*"))


def test_a_mirror_refuses_another_past(tmp_path: Path) -> None:
    r, rows = honest("past", 300)
    mirror, copy = Mirror(tmp_path / "m"), DirectorySource(tmp_path / "m")
    take(mirror, publish(tmp_path / "a", r, r.view()))
    before = copy.checkpoint(YEAR)
    forked = r.view().fork()
    forked.leaves[2] = rows[1].data
    with pytest.raises(MirrorRefused) as fault:
        take(mirror, publish(tmp_path / "b", r, forked))
    proof = read_fraud_proof(fault.value.evidence[0].read_bytes())
    assert verify_fraud(proof, now_us=JUDGED_US).kind.label == "E4"
    forked.add(rows[0].data)
    with pytest.raises(MirrorRefused) as fault:
        take(mirror, publish(tmp_path / "c", r, forked))
    assert fault.value.evidence[0].suffix == ".notes"
    shorter = r.view().fork()
    del shorter.leaves[100:]
    assert take(mirror, publish(tmp_path / "d", r, shorter)) == [(300, 300)]  # a cache that lags
    shorter.leaves[3] = shorter.leaves[4]
    with pytest.raises(MirrorRefused):
        take(mirror, publish(tmp_path / "e", r, shorter))
    assert copy.checkpoint(YEAR) == before
    assert finds(copy) == []


def test_a_mirror_takes_no_other_entries(tmp_path: Path) -> None:
    r, rows = honest("other", 300)
    source = publish(tmp_path / "a", r, r.view())
    files = TileFiles(tmp_path / "a" / "log" / str(YEAR))
    path = files.folder / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes().replace(rows[3].leaf.commit_id, bytes(32)))
    with pytest.raises(MirrorRefused):
        take(Mirror(tmp_path / "m"), source)
    assert not (tmp_path / "m" / "log").exists()


# ---------------------------------------------------------------- commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(registry, [str(a) for a in arguments])


def test_the_commands(tmp_path: Path) -> None:
    r, rows = honest("command", 20)
    publish(tmp_path / "a", r, r.view())
    sound = run("audit", tmp_path / "a", "--offline")
    assert sound.exit_code == 0, sound.output
    assert "Nothing is wrong with it." in sound.output
    r.view().add(rows[3].data)
    publish(tmp_path / "a", r, r.view())
    out = tmp_path / "out"
    found = run("audit", tmp_path / "a", "--offline", "--out", out)
    assert found.exit_code == 1, found.output
    (file,) = out.iterdir()
    assert f"pledgeway verify {file}" in found.output
    assert CliRunner().invoke(verify, [str(file)]).output.startswith("THIS REGISTRY CHEATED")
    answer = json.loads(run("audit", tmp_path / "a", "--offline", "--json").output)
    assert (answer["sound"], answer["found"][0]["kind"]) == (False, "E5")
    assert run("audit", tmp_path / "nowhere").exit_code == 2
    bad = run("audit", tmp_path / "a", "--witness", "no key")
    assert (bad.exit_code, "--witness: a verifier key" in bad.output) == (2, True)
    key = WITNESSES[0].note_key.encode()
    assert run("audit", tmp_path / "a", "--offline", "--witness", key).exit_code == 1
    copied = run("mirror", tmp_path / "a", tmp_path / "m", "--json")
    assert json.loads(copied.output) == {"shard": YEAR, "before": 0, "size": 21}


async def test_a_running_registry_is_mirrored_and_audited(tmp_path: Path) -> None:
    """Over HTTP, its own pages; the copy afterwards without it."""
    async with serving(tmp_path / "r") as s:
        for i in range(5):
            await s.decide(commit_item(make_commit(s.descriptor(str(i)))))
        while True:
            done = await trio.to_thread.run_sync(run, "mirror", s.url, tmp_path / "m", "--json")
            assert done.exit_code == 0, done.output
            sizes = [json.loads(line)["size"] for line in done.output.splitlines()]
            if any(size >= 5 for size in sizes):
                break
            await trio.sleep(0.05)
        answer = await trio.to_thread.run_sync(run, "audit", s.url, "--json")
        assert answer.exit_code == 0, answer.output
    copy = run("audit", tmp_path / "m", "--offline", "--json")
    assert copy.exit_code == 0, copy.output
    assert sum(shard["size"] for shard in json.loads(copy.output)["shards"]) >= 5
