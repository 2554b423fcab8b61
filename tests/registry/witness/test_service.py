"""The witness over real HTTP: every status of C2SP tlog-witness, its page, its figures."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import NOW_US, signing_key
from proto.limits import US
from proto.note import Note
from registry.witness.daemon import WitnessDaemon
from registry.witness.home import WitnessHome, create_witness
from registry.witness.rule import MAX_REQUEST_BYTES
from registry.witness.store import open_witness_store, origin_hash
from registry.witness.trust import add_log
from runtime.clock import FakeClock
from tests.patience import PATIENCE_S
from tests.registry.witness.cases import CONFIG, KEY, NAME, GrowingLog, record_of, request

pytestmark = pytest.mark.edge

LOG = GrowingLog()
FORK = replace(LOG, forked_at=6)
STRANGER = GrowingLog("stranger")


@dataclass(frozen=True)
class Served:
    http: httpx.AsyncClient
    clock: FakeClock

    async def add(self, body: bytes) -> httpx.Response:
        return await self.http.post("/add-checkpoint", content=body)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    home = WitnessHome(tmp_path / "w")
    create_witness(home.path, CONFIG, lambda n: KEY.seed[:n])
    (tmp_path / "record").write_bytes(record_of(replace(LOG, label="harbour")))
    add_log(home.logs, tmp_path / "record")
    clock = FakeClock(NOW_US, 50_000)
    with open_witness_store(home.path / CONFIG.database) as store, trio.fail_after(PATIENCE_S):
        daemon = WitnessDaemon(home, CONFIG, clock, store)
        lines, ready, stop = [], trio.Event(), trio.Event()  # type: ignore[var-annotated]

        def on_ready(line: str) -> None:
            lines.append(line)
            ready.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.serve, on_ready, stop.wait)
            await ready.wait()
            words = dict(word.split("=", 1) for word in lines[0].split()[1:])
            assert words["key"].startswith(f"{NAME}+")
            async with httpx.AsyncClient(base_url=words["witness"], trust_env=False) as http:
                yield Served(http, clock)
            stop.set()


async def test_the_statuses_of_add_checkpoint(served: Served) -> None:
    answers = [
        (200, await served.add(LOG.request(0, 5))),
        (200, await served.add(LOG.request(5, 8))),
        (400, await served.add(b"old 08\n\n" + LOG.note(8))),
        (400, await served.add(LOG.request(9, 8))),
        (403, await served.add(replace(LOG, key=signing_key("thief")).request(8, 9))),
        (404, await served.add(STRANGER.request(0, 3))),
        (409, await served.add(LOG.request(5, 9))),
        (409, await served.add(FORK.request(8, 8))),
        (413, await served.add(b"old 0\n\n" + b"x" * MAX_REQUEST_BYTES)),
        (422, await served.add(FORK.request(8, 9))),
    ]
    assert [a.status_code for _, a in answers] == [status for status, _ in answers]
    for status, answer in answers:
        if status == 409:
            assert answer.headers["content-type"] == "text/x.tlog.size"
            assert answer.content == b"8\n"
    assert re.fullmatch(f"— {NAME} [A-Za-z0-9+/]{{102}}==\n", answers[0][1].text)


async def test_a_clock_that_cannot_be_relied_upon(served: Served) -> None:
    served.clock.set_error(2 * US)
    refused = await served.add(LOG.request(0, 5))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    health = await served.http.get("/health")
    assert (health.status_code, health.json()["ok"]) == (503, False)
    assert "does not rely on its clock" in (await served.http.get("/")).text
    served.clock.set_error(0)
    assert (await served.add(LOG.request(0, 5))).status_code == 200


async def test_the_newest_checkpoint_of_an_origin(served: Served) -> None:
    path = f"/checkpoint/{origin_hash(LOG.origin).hex()}"
    assert (await served.http.get(path)).status_code == 404
    line = (await served.add(LOG.request(0, 5))).text
    found = await served.http.get(path)
    assert found.status_code == 200
    assert found.content == LOG.note(5) + line.encode()
    assert len(Note.decode(found.content).signatures) == 2
    for odd in ("0" * 63, "g" * 64, "0" * 64, "a" * 5000, "  " + "ab" * 31):
        assert (await served.http.get(f"/checkpoint/{odd}")).status_code == 404


async def test_what_people_and_monitoring_see(served: Served) -> None:
    await served.add(LOG.request(0, 8))
    await served.add(FORK.request(8, 8))
    page = (await served.http.get("/")).text
    for part in (LOG.origin, "<dd>8</dd>", "2026-09-21 14:13:20 UTC", "1 file about logs"):
        assert part in page, part
    assert "<script" not in page
    assert 'name="viewport"' in page
    health = (await served.http.get("/health")).json()
    (shard,) = health["logs"][0]["shards"]
    assert (shard["origin"], shard["size"]) == (LOG.origin, 8)
    assert json.dumps(health["evidence"]).count("split-") == 1
    metrics = (await served.http.get("/metrics")).text
    assert f'pledgeway_witness_size{{origin="{LOG.origin}"}} 8' in metrics
    assert 'pledgeway_witness_requests_total{result="cosigned"} 1' in metrics
    assert 'pledgeway_witness_requests_total{result="other_root"} 1' in metrics


async def test_many_submitters_at_once(served: Served) -> None:
    """Two processes of one registry, say, with the same growth: both get their line."""
    lines: list[str] = []

    async def submit(body: bytes) -> None:
        answer = await served.add(body)
        while answer.status_code == 409 and answer.content != b"8\n":
            answer = await served.add(LOG.request(int(answer.content), 8))
        assert answer.status_code in (200, 409), answer.text
        lines.append(answer.text)

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(submit, request(0, [], LOG.note(8)))
    assert lines.count("8\n") == 11, "one of them was first; the others hear how far it is"
