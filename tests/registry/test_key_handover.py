"""A registry that runs while its keys change: nothing that it decided is ever in doubt."""

import os
from pathlib import Path

import pytest
import trio

import node.record_watch
import registry.daemon
from node.command.sim.cast import NOW_US, SECOND
from node.record_watch import RecordWatch
from proto.certificate import (
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_commit_certificate,
)
from proto.checkpoint import log_note_key, read_checkpoint
from proto.commit import Commit
from proto.descriptor import Descriptor
from proto.keys import KeyPurpose
from proto.log_leaf import KeyLeaf
from proto.note import NoteKey
from proto.registry_record import RegistryRecord
from proto.shard import shard_of
from proto.statement import SignedStatement, Statement
from proto.v1 import registry_pb2 as rpb
from proto.wire import WireFault
from registry.home import Home, HomeFault, create, load_keys, load_record
from registry.next_record import revoke, rotate
from registry.store import LedgerReader, open_ledger
from tests.proto.build import make_commit
from tests.registry.serving import CONFIG, Serving, commit_item, query_item, serving

pytestmark = pytest.mark.edge

DAY_US = 86_400 * SECOND


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.daemon, "KEYS_EVERY_S", 0.01)


def founded(path: Path) -> Home:
    create(path, CONFIG, 1, 1, NOW_US, os.urandom)
    return Home(path)


async def answer_signed_by(served: Serving, d: Descriptor, key: bytes) -> rpb.Answer:
    """What is decided about `d`, as soon as this key signs it."""
    while True:
        (answer,) = await served.decide(query_item(d))
        if answer.final.signatures[0].key == key:
            return answer


async def test_a_new_key_takes_over_and_signs_what_was_decided_before(tmp_path: Path) -> None:
    home = founded(tmp_path / "r")
    old = load_keys(home, load_record(home.record), NOW_US).statement.public
    rotate(home, [KeyPurpose.STATEMENT], DAY_US, NOW_US, os.urandom)
    record = load_record(home.record)
    (new,) = [c.key for c in record.statement_keys if c.key != old]
    async with serving(home.path) as served:
        d = served.descriptor("a")
        commit = make_commit(d)
        (before,) = await served.decide(commit_item(commit))
        assert before.final.signatures[0].key == old
        first = Statement.decode(before.final.statement).log_index
        served.clock.advance(DAY_US + SECOND)
        after = await answer_signed_by(served, d, new)
        assert after.final.statement == before.final.statement, "the same statement, signed anew"
        for answer in (before, after):
            statement = SignedStatement.from_message(answer.final)
            certificate = CommitCertificate(Commit.from_message(answer.commit), (statement,))
            known = {served.record.registry: served.record}
            assert verify_commit_certificate(certificate, known, served.clock.now_us()) == d
        # The first key has ended at day 400; half a day later the second signs on.
        served.clock.advance(399 * DAY_US + DAY_US // 2)
        late = served.descriptor("late", deadline_us=served.clock.now_us() + 10 * SECOND)
        (answer,) = await served.decide(commit_item(make_commit(late)))
        assert answer.final.signatures[0].key == new
    keys = {KeyLeaf(data).encode() for data in load_keys(home, record, NOW_US).to_log}
    with (
        open_ledger(home.path / CONFIG.database) as store,
        store.engine.connect() as connection,
    ):
        before_all = LedgerReader(connection).leaves(shard_of(d.deadline_us), 0, first)
    assert len(keys) == 3 and keys < set(before_all), "logged before their first use"


async def test_a_new_log_key_takes_over_while_the_registry_runs(tmp_path: Path) -> None:
    """Witnesses cosign nothing by a key that has ended, and it would stop deciding."""
    home = founded(tmp_path / "r")
    old = load_keys(home, load_record(home.record), NOW_US).log.public
    rotate(home, [KeyPurpose.LOG], DAY_US, NOW_US, os.urandom)
    (new,) = [c.key for c in load_record(home.record).log_keys if c.key != old]
    async with serving(home.path) as served:
        year = shard_of(NOW_US)
        origin = f"{served.record.log_origin}/{year}"
        for key in (old, new):
            d = served.descriptor(key.hex(), deadline_us=served.clock.now_us() + 10 * SECOND)
            (answer,) = await served.decide(commit_item(make_commit(d)))
            index = Statement.decode(answer.final.statement).log_index
            while covered(home.log / str(year) / "checkpoint", log_note_key(origin, key)) <= index:
                await trio.lowlevel.checkpoint()
            served.clock.advance(DAY_US + SECOND)


def covered(path: Path, key: NoteKey) -> int:
    """Entries below the checkpoint there, if this key signed it."""
    try:
        return read_checkpoint(path.read_bytes(), key)[0].size
    except (OSError, WireFault):
        return 0


async def test_a_node_fetches_the_record_of_a_registry_that_changed_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.record_watch, "RECORD_EVERY_S", 0.01)
    home = founded(tmp_path / "r")
    before = load_record(home.record)
    rotate(home, [KeyPurpose.STATEMENT], DAY_US, NOW_US, os.urandom)
    found = trio.Event()
    records: list[RegistryRecord] = []

    def take(record: RegistryRecord) -> None:
        records.append(record)
        found.set()

    async with serving(home.path) as served, trio.open_nursery() as nursery:
        known = {before.registry: before}
        watch = RecordWatch(lambda: known, lambda _: served.channel, take)
        nursery.start_soon(watch.run)
        await found.wait()
        nursery.cancel_scope.cancel()
    assert records[0] == served.record
    assert len(records[0].statement_keys) == 2


async def test_a_record_that_cannot_be_read_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = founded(tmp_path / "r")
    sound = home.record.read_bytes()
    async with serving(home.path) as served:
        home.record.write_bytes(b"half a record")
        while "the record of the start is served" not in caplog.text:
            await trio.lowlevel.checkpoint()
        (answer,) = await served.decide(commit_item(make_commit(served.descriptor("a"))))
        assert answer.HasField("final")
        home.record.write_bytes(sound)


@pytest.mark.parametrize(("days", "warned"), [(369, False), (371, True), (399, True)])
async def test_it_warns_a_month_before_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, warned: bool
) -> None:
    home = founded(tmp_path / "r")
    async with serving(home.path) as served:
        served.clock.advance(days * DAY_US)
        caplog.clear()
        served.daemon._rules()
    assert ("log key ends in" in caplog.text) is warned
    assert ("statement key ends in" in caplog.text) is warned


async def test_a_revoked_key_signs_no_more_and_what_it_signed_is_signed_anew(
    tmp_path: Path,
) -> None:
    home = founded(tmp_path / "r")
    with pytest.RaisesGroup(pytest.RaisesExc(HomeFault, match="start again")):
        async with serving(home.path) as served:
            d = served.descriptor("a")
            (before,) = await served.decide(commit_item(make_commit(d)))
            stolen = before.final.signatures[0].key
            revoke(home, stolen, NOW_US - 1, NOW_US, os.urandom)
            await trio.sleep_forever()
    async with serving(home.path) as served:
        (after,) = await served.decide(query_item(d))
        assert after.final.statement == before.final.statement
        known = {served.record.registry: served.record}
        commit = Commit.from_message(after.commit)
        good = CommitCertificate(commit, (SignedStatement.from_message(after.final),))
        assert verify_commit_certificate(good, known, NOW_US) == d
        void = CommitCertificate(commit, (SignedStatement.from_message(before.final),))
        with pytest.raises(CertificateInvalid) as caught:
            verify_commit_certificate(void, known, NOW_US)
        assert caught.value.fault is CertificateFault.UNKNOWN_KEY


async def test_a_new_log_key_goes_on_with_the_log_of_the_old_one(tmp_path: Path) -> None:
    home = founded(tmp_path / "r")
    keys: list[bytes] = []
    for label in ("a", "b"):
        async with serving(home.path) as served:
            d = served.descriptor(label)
            (answer,) = await served.decide(commit_item(make_commit(d)))
            statement = Statement.decode(answer.final.statement)
            key = load_keys(home, served.record, NOW_US).log
            note_key = log_note_key(statement.log_origin, key.public)
            checkpoint = home.log / str(shard_of(d.deadline_us)) / "checkpoint"
            while not covers(checkpoint, note_key, statement.log_index):
                await served.decide(query_item(d))
        keys.append(key.public)
        rotate(home, [KeyPurpose.LOG], 0, NOW_US, os.urandom)
    assert len(set(keys)) == 2


def covers(path: Path, key: NoteKey, index: int) -> bool:
    """Whether a checkpoint that this key signed has the entry."""
    try:
        return read_checkpoint(path.read_bytes(), key)[0].size > index
    except (FileNotFoundError, WireFault):
        return False
