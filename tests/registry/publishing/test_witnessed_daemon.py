"""A whole registry with witnesses: what statements carry, when it stops, what it never serves."""

import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import NOW_US, SECOND
from proto.checkpoint import Checkpoint, cosignature_times_s
from proto.commit import Commit, Evidence
from proto.descriptor import transaction_uuid
from proto.note import Note
from proto.policy import RegistryPolicy
from proto.registry_record import RegistryRecord
from proto.shard import shard_of
from proto.statement import SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.config import read_config
from registry.daemon import Daemon
from registry.home import Home, create
from registry.publishing.leaf_source import LeafSource
from registry.publishing.publisher import Publisher
from registry.publishing.standing import LogSetBack
from registry.relay import as_relayed
from registry.store import open_ledger
from registry.tlog import decode_entries, new_entry_tiles, new_tiles
from runtime.bridge import Bridge
from runtime.clock import FakeClock
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import ERROR_US
from tests.registry.publishing.reading import read_log, signed
from tests.registry.publishing.witnesses import Loopback, open_loopback
from tests.registry.serving import (
    CONFIG,
    METHOD,
    Serving,
    commit_item,
    id_item,
    query_item,
    serving,
)

pytestmark = pytest.mark.edge

YEAR = shard_of(NOW_US + 10 * SECOND)
LOOK_AGAIN_S = 0.01


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[list[Loopback]]:
    with ExitStack() as stack:
        names = [f"witness.example/{i}" for i in range(2)]
        yield [
            stack.enter_context(open_loopback(tmp_path / f"w{i}", name))
            for i, name in enumerate(names)
        ]


@asynccontextmanager
async def witnessed(
    path: Path, witnesses: list[Loopback], **settings: object
) -> AsyncIterator[Serving]:
    """A registry with these witnesses, who have been told of it; all are needed by default."""
    keys = tuple(witness.witness for witness in witnesses)
    settings = {"witnesses": keys, "witness_quorum": len(keys)} | settings
    config = replace(CONFIG, **settings)  # type: ignore[arg-type]
    if not Home(path).record.exists():
        create(path, config, 1, 1, NOW_US, os.urandom)
    for witness in witnesses:
        witness.accept(Home(path).record.read_bytes())
    async with serving(path) as running:
        yield running


async def with_proof(served: Serving, item: rpb.DecideItem) -> rpb.Answer:
    """Asks until the statement carries its log proof."""
    while True:
        (answer,) = await served.decide(item)
        if answer.final.tlog_proof:
            return answer
        await trio.sleep(LOOK_AGAIN_S)


async def until_decided(served: Serving, many: int) -> None:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        while True:
            if (await http.get("/health")).json()["decisions"] >= many:
                return
            await trio.sleep(LOOK_AGAIN_S)


def proven(final: pb.SignedStatement, record: RegistryRecord) -> tuple[Checkpoint, Note]:
    """As a stranger verifies it, with the record alone."""
    statement = Statement.decode(final.statement)
    proof = LogProof.decode(final.tlog_proof)
    assert proof.index == statement.log_index
    found = proven_in(proof, statement.leaf, record.log_note_keys(statement.log_origin))
    assert found is not None
    return found


def cosigners(note: Note, record: RegistryRecord) -> set[str]:
    return set(cosignature_times_s(note, [w.key for w in record.witnesses]))


async def test_a_statement_and_the_proof_that_follows(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    async with witnessed(tmp_path / "r", witnesses) as served:
        record = served.record
        assert [w.key.name for w in record.witnesses] == [w.name for w in witnesses]
        assert (record.witness_quorum, record.covered) == (2, False)
        d = served.descriptor("a")
        commit = make_commit(d)
        (first,) = await served.decide(commit_item(commit))
        answer = await with_proof(served, id_item(commit.commit_id))
        assert answer.final.statement == first.final.statement
        _, note = proven(answer.final, record)
        assert cosigners(note, record) == {"witness.example/0", "witness.example/1"}
        again = (await served.decide(query_item(d)))[0]
        proven(again.final, record)


async def test_the_archive_and_the_log_over_http(tmp_path: Path, witnesses: list[Loopback]) -> None:
    """A stranger with the record and a web client sees every entry, and that none changed."""
    async with witnessed(tmp_path / "r", witnesses) as served:
        commits = [make_commit(served.descriptor(f"{i}")) for i in range(5)]
        await served.decide(*(commit_item(commit) for commit in commits))
        await with_proof(served, id_item(commits[-1].commit_id))
        async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
            found = await http.get(f"/commit/{transaction_uuid(commits[0].commit_id)}")
            assert "immutable" in found.headers["cache-control"]
            proven(pb.SignedStatement.FromString(found.content), served.record)
            origin = f"{served.record.log_origin}/{YEAR}"
            note = await http.get("/checkpoint")
            assert note.content == (await http.get(f"/log/{YEAR}/checkpoint")).content
            assert note.headers["content-type"].startswith("text/plain")
            checkpoint, _ = signed(note.content, served.record.log_note_keys(origin))
            mirror = tmp_path / "mirror"
            tiles = [*new_tiles(0, checkpoint.size), *new_entry_tiles(0, checkpoint.size)]
            for tile in tiles:
                data = await http.get(f"/log/{YEAR}/{tile.path()}")
                assert "immutable" in data.headers["cache-control"]
                assert data.content == (await http.get(f"/{tile.path()}")).content
                place = mirror / tile.path()
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data.content)
            (mirror / "checkpoint").write_bytes(note.content)
            read_log(mirror, served.record.log_note_keys(origin))
            less = await http.get("/tile/entries/000.p/1")
            assert len(decode_entries(less.content) or ()) == 1, "out of a wider one"
            for path in ("tile/0/001", "tile/0/000.p/200", "tile/checkpoint", "log/x/checkpoint"):
                assert (await http.get(f"/{path}")).status_code == 404, path


async def test_covered_nothing_goes_out_without_its_proof(
    tmp_path: Path, witnesses: list[Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with witnessed(tmp_path / "r", witnesses, covered=True) as served:
        assert served.record.covered
        commits = [make_commit(served.descriptor(f"{i}")) for i in range(6)]
        for answer in await served.decide(*(commit_item(commit) for commit in commits)):
            _, note = proven(answer.final, served.record)
            assert cosigners(note, served.record) == {w.name for w in witnesses}
            assert answer.commit.evidence
        witnesses[0].down = True
        late = make_commit(served.descriptor("late"))
        async with trio.open_nursery() as callers:
            heard: list[list[rpb.Answer]] = []

            async def wait() -> None:
                heard.append(await served.decide(commit_item(late)))

            callers.start_soon(wait)
            await until_decided(served, 7)
            await served.decide(id_item(bytes(32)))
            assert heard == [], "who waits for witnesses keeps nobody else waiting"
            callers.cancel_scope.cancel()
        monkeypatch.setattr("registry.publishing.release.COVER_WAIT_S", 0.3)
        (held,) = await served.decide(commit_item(late))
        assert held.refusal.reason == rpb.LOG_STALLED, "decided, and told to nobody yet"
        async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
            found = await http.get(f"/commit/{transaction_uuid(late.commit_id)}")
            assert found.status_code == 503
        witnesses[0].down = False
        answer = await with_proof(served, commit_item(late))
        assert Statement.decode(answer.final.statement).log_index > 0
        proven(answer.final, served.record)


async def test_covered_it_takes_what_members_pass_on_without_keeping_them_waiting(
    tmp_path: Path, witnesses: list[Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have delta for all that they pass on; a slow witness must not use it up."""
    monkeypatch.setattr("registry.publishing.release.COVER_WAIT_S", 20.0)
    async with (
        serving(tmp_path / "m", name="M") as member,
        witnessed(tmp_path / "r", witnesses, covered=True) as served,
    ):
        served.daemon._members.records[member.record.registry] = member.record
        ids = tuple(sorted((member.record.registry, served.record.registry)))
        d = served.descriptor("a", policy=RegistryPolicy(ids, 2, 1, 0, 2 * SECOND))
        commit = make_commit(d)
        (answer,) = await member.decide(commit_item(commit))
        said = SignedStatement.from_message(answer.final)
        evidence = replace(Evidence.decode(commit.evidence), relayed=(as_relayed(said),))
        parcel = Commit(commit.descriptor, evidence.encode()).to_message()
        request = rpb.RelayRequest(commits=[parcel])
        witnesses[0].down = True
        with trio.fail_after(5):
            heard = await served.channel.unary(METHOD + "Relay", request, rpb.RelayResponse, 5)
        assert heard.answers[0].refusal.reason == rpb.LOG_STALLED, "accepted, and not told yet"
        witnesses[0].down = False
        answer = await with_proof(served, query_item(d))
        assert answer.commit.evidence == evidence.encode()
        heard = await served.channel.unary(METHOD + "Relay", request, rpb.RelayResponse, 5)
        assert heard.answers[0].HasField("final")


async def test_without_its_witnesses_it_stops_deciding_and_goes_on_answering(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    async with witnessed(tmp_path / "r", witnesses) as served:
        first = make_commit(served.descriptor("first"))
        await served.decide(commit_item(first))
        await with_proof(served, id_item(first.commit_id))
        witnesses[1].down = True
        second = make_commit(served.descriptor("second"))
        (unseen,) = await served.decide(commit_item(second))
        assert unseen.HasField("final")
        served.clock.advance(31 * SECOND)
        third = make_commit(served.descriptor("third", deadline_us=NOW_US + 60 * SECOND))
        (refused,) = await served.decide(commit_item(third))
        assert refused.refusal.reason == rpb.LOG_STALLED
        for known in (first, second):
            (answer,) = await served.decide(commit_item(known))
            assert answer.HasField("final"), "what is decided is told for ever"
        async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
            health = await http.get("/health")
            assert (health.status_code, health.json()["state"]) == (503, "LOG_STALLED")
        witnesses[1].down = False
        await with_proof(served, id_item(second.commit_id))
        (answer,) = await served.decide(commit_item(third))
        assert answer.HasField("final")


async def test_a_restored_backup_is_not_served(tmp_path: Path, witnesses: list[Loopback]) -> None:
    path = tmp_path / "r"
    async with witnessed(path, witnesses) as served:
        commit = make_commit(served.descriptor("a"))
        await served.decide(commit_item(commit))
        await with_proof(served, id_item(commit.commit_id))
    config = read_config(Home(path).config)
    backup = tmp_path / "backup"
    shutil.copy(path / config.database, backup)
    async with witnessed(path, witnesses) as served:
        commit = make_commit(served.descriptor("b"))
        await served.decide(commit_item(commit))
        await with_proof(served, id_item(commit.commit_id))
    for lost in ("", "log"):
        for old in path.glob(f"{config.database}*"):
            old.unlink()
        shutil.copy(backup, path / config.database)
        shutil.rmtree(path / lost / str(YEAR) if lost else path / "nothing", ignore_errors=True)
        with pytest.raises(LogSetBack, match="an old copy of the database must not decide"):
            await serve_once(path)


async def test_without_witnesses_a_restored_backup_is_noticed_before_anybody_is_answered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "r"
    backup = tmp_path / "backup"
    for label in "ab":
        async with serving(path) as served:
            commit = make_commit(served.descriptor(label))
            await served.decide(commit_item(commit))
            await with_proof(served, id_item(commit.commit_id))
        config = read_config(Home(path).config)
        if label == "a":
            shutil.copy(path / config.database, backup)
    for old in path.glob(f"{config.database}*"):
        old.unlink()
    shutil.copy(backup, path / config.database)
    with pytest.raises(LogSetBack, match="an old copy of the database must not decide"):
        await serve_once(path)


async def test_before_its_database_was_looked_at_nothing_is_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a slow disk the server is up before the log is: an old copy must not decide then."""
    looked, look = threading.Event(), Publisher._take_up

    def slow(publisher: Publisher, source: LeafSource) -> None:
        looked.wait(20)
        look(publisher, source)

    monkeypatch.setattr(Publisher, "_take_up", slow)
    monkeypatch.setattr("registry.daemon.WITNESS_GRACE_S", 0.05)
    async with serving(tmp_path / "r") as served:
        commit = make_commit(served.descriptor("a"))
        (held,) = await served.decide(commit_item(commit))
        looked.set()
        assert held.refusal.reason == rpb.LOG_STALLED
        await until_final(served, commit)


async def until_final(served: Serving, commit: Commit) -> None:
    """Until it is decided."""
    while True:
        if (await served.decide(commit_item(commit)))[0].HasField("final"):
            return
        await trio.sleep(LOOK_AGAIN_S)


async def serve_once(path: Path) -> None:
    """Serves until it is ready, if it comes to that."""
    home = Home(path)
    config = read_config(home.config)
    clock = FakeClock(NOW_US, ERROR_US)
    with open_ledger(config.database_in(path)) as store, trio.fail_after(PATIENCE_S):
        async with Bridge.open() as bridge:
            ready = trio.Event()
            daemon = Daemon(home, config, clock, store)
            await daemon.serve(bridge, lambda _: ready.set(), ready.wait)
