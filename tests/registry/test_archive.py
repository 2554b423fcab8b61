"""The archive over real HTTP: what is found, how it is cached, what is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import trio
from google.protobuf.json_format import Parse

from node.command.sim.cast import NOW_US, SECOND, digest
from proto.commit import Commit, Evidence
from proto.descriptor import commit_id, transaction_uuid
from proto.envelope import Proof
from proto.registry_record import read_record
from proto.shard import shard_of
from proto.statement import INTERIM_KIND, Interim, InterimKind
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.log import Row
from registry.store import Ledger
from registry.web.questions import MAX_BODY_BYTES
from tests.proto.build import make_commit
from tests.registry.build import PREIMAGE
from tests.registry.serving import (
    Serving,
    commit_item,
    decline_item,
    query_item,
    serving,
)

pytestmark = pytest.mark.edge

JSON = {"Accept": "application/json"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path / "r") as running:
        yield running


@pytest.fixture
async def http(served: Serving) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        yield client


def url_of(served: Serving, commit: bytes) -> str:
    return served.record.archive_url % transaction_uuid(commit)


async def test_a_statement_by_its_archive_id(served: Serving, http: httpx.AsyncClient) -> None:
    commit = make_commit(served.descriptor("a"))
    (answer,) = await served.decide(commit_item(commit))
    found = await http.get(url_of(served, commit.commit_id))
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/x-protobuf"
    statement = pb.SignedStatement.FromString(found.content)
    # Whether its log proof is there already is the publisher's affair; a cache may keep it then.
    assert ("immutable" in found.headers["cache-control"]) == bool(statement.tlog_proof)
    assert (statement.statement, statement.signatures) == (
        answer.final.statement,
        answer.final.signatures,
    )
    text = await http.get(url_of(served, commit.commit_id), headers=JSON)
    assert text.headers["content-type"] == "application/json"
    assert Parse(text.text, pb.SignedStatement()).statement == answer.final.statement
    evidence = await http.get(url_of(served, commit.commit_id) + "/evidence")
    assert evidence.content == commit.evidence
    assert "immutable" in evidence.headers["cache-control"]


async def test_nothing_known_is_signed_too(served: Serving, http: httpx.AsyncClient) -> None:
    uuid = transaction_uuid(digest("nobody"))
    found = await http.get(f"/commit/{uuid}")
    assert found.status_code == 404
    signed = pb.SignedInterim.FromString(found.content)
    assert Proof.from_message(signed.signatures[0]).proves(INTERIM_KIND, signed.interim)
    interim = Interim.decode(signed.interim)
    assert (interim.kind, interim.subject) == (InterimKind.NO_RECORD, uuid.bytes)
    assert (interim.as_of_us, interim.final_after_us) == (NOW_US, 0)


@pytest.mark.parametrize("name", ["x", "1" * 5000, "%00", "6d3c"])
async def test_what_is_no_archive_id(name: str, http: httpx.AsyncClient) -> None:
    for path in (f"/commit/{name}", f"/commit/{name}/evidence"):
        assert (await http.get(path)).status_code in (400, 404)


async def test_evidence_of_declines_and_refusals(served: Serving, http: httpx.AsyncClient) -> None:
    declined, late = served.declinable("declined"), served.descriptor("late")
    await served.decide(decline_item(declined, PREIMAGE))
    served.clock.advance(60 * SECOND)
    await served.decide(query_item(late))
    shown = await http.get(url_of(served, commit_id(declined.encode())) + "/evidence")
    assert Evidence.decode(shown.content).preimages == (PREIMAGE,)
    nothing = await http.get(url_of(served, commit_id(late.encode())) + "/evidence")
    assert nothing.status_code == 404


async def test_post_commit_asks(served: Serving, http: httpx.AsyncClient) -> None:
    d = served.descriptor("a")
    pending = await http.post("/commit", content=d.encode())
    assert pending.status_code == 202
    assert pending.headers["retry-after"] == "13"  # 10 s, the guard, twice the error, rounded up
    assert rpb.Answer.FromString(pending.content).HasField("interim")
    served.clock.advance(13 * SECOND)
    final = await http.post("/commit", content=d.encode())
    assert final.status_code == 200
    assert final.headers["cache-control"] == "no-store"
    assert rpb.Answer.FromString(final.content).HasField("final")
    for bad in (b"", b"\xff" * 10):
        assert (await http.post("/commit", content=bad)).status_code == 400
    assert (await http.post("/commit", content=b"x" * 4097)).status_code == 413


async def test_post_submit_decides(served: Serving, http: httpx.AsyncClient) -> None:
    d = served.descriptor("a")
    commit = make_commit(d)
    refused = await http.post(
        "/submit", content=Commit(d.encode(), b"").to_message().SerializeToString()
    )
    assert refused.status_code == 422
    done = await http.post("/submit", content=commit.to_message().SerializeToString(), headers=JSON)
    assert done.status_code == 200
    answer = Parse(done.text, rpb.Answer())
    assert Commit.from_message(answer.commit) == commit
    assert (await http.post("/submit", content=b"\xff")).status_code == 400
    assert (await http.post("/submit", content=b"x" * (MAX_BODY_BYTES + 1))).status_code == 413
    assert (await http.get("/submit")).status_code == 405


async def test_an_endless_body_is_not_read_to_its_end(served: Serving) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    head = b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(head + b"x" * (MAX_BODY_BYTES + 1))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 413")


async def test_the_record_and_the_health(served: Serving, http: httpx.AsyncClient) -> None:
    shown = await http.get("/registry")
    assert read_record(shown.content) == served.record
    assert shown.headers["cache-control"] == "public, max-age=300"
    await served.decide(commit_item(make_commit(served.descriptor("a"))))
    await served.announce(served.descriptor("b"))
    health = (await http.get("/health")).json()
    assert health.pop("database_bytes") > 0
    assert health.pop("disk_free_bytes") > 0
    (shard,) = health.pop("shards")
    assert (shard["shard"], shard["entries"]) == (shard_of(NOW_US), 4)
    assert 0 <= shard["published"] <= 4, "it is published behind the decisions"
    assert bool(shard["published"]) is bool(shard["published_at_us"])
    record = served.record
    assert health == {
        "ok": True,
        "state": "DECIDING",
        "name": "test",
        "registry": record.registry.hex(),
        "now_us": NOW_US,
        "clock_source": "declared",
        "clock_error_us": 50_000,
        "clock_limit_us": 250_000,
        "clock_mark_us": NOW_US,
        "clock_usable": True,
        "decisions": 1,
        "pending": 1,
        "queue": 0,
        "log_entries": 4,  # the decision, behind two keys and a fence
        "witnesses": [],
        "members": [],
        "witness_quorum": 0,
        "key_not_after_us": record.statement_keys[0].not_after_us,
        "record_expires_at_us": record.expires_at_us,
    }


async def test_an_unsafe_clock_is_told(served: Serving, http: httpx.AsyncClient) -> None:
    d = served.descriptor("a")
    served.clock.set_error(10**6)
    for answer in (
        await http.post("/commit", content=d.encode()),
        await http.get(f"/commit/{UUID(int=7)}"),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
    health = await http.get("/health")
    assert health.status_code == 503
    assert health.json()["clock_error_us"] == 10**6
    assert health.json()["state"] == "CLOCK_UNSAFE"


async def test_two_transactions_with_one_archive_id(
    served: Serving, http: httpx.AsyncClient
) -> None:
    """Nobody can make such a pair; both must be shown all the same."""
    commit = make_commit(served.descriptor("a"))
    await served.decide(commit_item(commit))
    with served.daemon._store.engine.connect() as connection:
        ledger = Ledger(connection)
        key = (served.descriptor("a").deadline_us, commit.commit_id)
        row = ledger.find([key])[key].row
        twin = replace(row.leaf, commit_id=commit.commit_id[:16] + digest("twin")[:16])
        ledger.decide([Row(twin, twin.encode(), row.evidence, row.descriptor)], NOW_US)
        ledger.index_archive()
    for path in ("", "/evidence"):
        both = await http.get(url_of(served, commit.commit_id) + path)
        assert both.status_code == 300
        answers = rpb.DecideResponse.FromString(both.content).answers
        assert {a.commit_id for a in answers} == {commit.commit_id, twin.commit_id}
