"""Two whole registries on one PostgreSQL: who waits at one hears of the other's decisions; a server
that casts everybody out is found again."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio
import trio.lowlevel

from node.command.sim.cast import NOW_US, SECOND
from proto.commit import Commit
from proto.statement import Interim, InterimKind
from proto.v1 import registry_pb2 as rpb
from registry.home import create
from tests.cluster import Cluster
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import ERROR_US
from tests.registry.serving import CONFIG, METHOD, Serving, bare, commit_item, query_item, serving

pytestmark = pytest.mark.edge


@asynccontextmanager
async def two(server: Cluster, tmp_path: Path) -> AsyncIterator[tuple[Serving, Serving]]:
    """Two processes' worth of one registry, each with its copy of the keys."""
    config = replace(CONFIG, database=server.fresh())
    create(tmp_path / "one", config, 1, 1, NOW_US, os.urandom)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    async with serving(tmp_path / "one") as one, serving(tmp_path / "other") as other:
        for each in (one, other):
            each.clock.advance(ERROR_US + SECOND)  # past the mark that the first has left
        yield one, other


def statements(answers: list[rpb.Answer]) -> list[bytes]:
    assert all(answer.HasField("final") for answer in answers), answers
    return [answer.final.statement for answer in answers]


async def test_both_say_the_same(server: Cluster, tmp_path: Path) -> None:
    async with two(server, tmp_path) as (one, other):
        commits = [make_commit(one.descriptor(f"{i}")) for i in range(40)]
        items = [commit_item(commit) for commit in commits]
        told: dict[int, list[rpb.Answer]] = {}

        async def submit(number: int, at: Serving) -> None:
            told[number] = await at.decide(*items)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit, 0, one)
            nursery.start_soon(submit, 1, other)
        assert statements(told[0]) == statements(told[1])
        asked = [query_item(one.descriptor(f"{i}")) for i in range(40)]
        assert statements(await other.decide(*asked)) == statements(told[0])


async def test_a_watcher_at_one_hears_of_the_other(server: Cluster, tmp_path: Path) -> None:
    async with two(server, tmp_path) as (one, other):
        d = one.descriptor("a")
        await other.announce(d)
        request = rpb.WatchRequest(descriptors=[d.encode()])
        with trio.fail_after(PATIENCE_S):
            async with other.channel.stream(METHOD + "Watch", request, rpb.Answer) as stream:
                pending = await stream.receive()
                assert pending is not None
                assert Interim.decode(pending.interim.interim).kind is InterimKind.PENDING
                (final,) = await one.decide(commit_item(make_commit(d)))
                heard = await stream.receive()
                assert heard is not None
                assert heard.final.statement == final.final.statement
                while (again := await stream.receive()) is not None:
                    assert bare(again) == bare(heard), "with its log proof, which comes later"
        assert len(other.daemon._calendar) == 0


async def test_the_archive_of_either_has_it(server: Cluster, tmp_path: Path) -> None:
    async with two(server, tmp_path) as (one, other):
        commit: Commit = make_commit(one.descriptor("a"))
        (final,) = await one.decide(commit_item(commit))
        async with httpx.AsyncClient() as http:
            for each in (one, other):
                posted = await http.post(f"{each.url}/commit", content=commit.descriptor)
                answer = rpb.Answer.FromString(posted.content)
                assert answer.final.statement == final.final.statement
                health = await http.get(f"{each.url}/health")
                assert health.json()["ok"]
                assert health.json()["decisions"] == 1
                assert health.json()["database_bytes"] > 0


async def until_final(at: Serving, *items: rpb.DecideItem) -> list[bytes]:
    """Asks until everything is final, through what passes."""
    with trio.fail_after(PATIENCE_S):
        while True:
            answers = await at.decide(*items)
            refusals = [x.refusal.reason for x in answers if not x.HasField("final")]
            if not refusals:
                return statements(answers)
            assert set(refusals) <= {rpb.LOG_STALLED, rpb.CLOCK_UNSAFE}
            # A new connection waits for the mark anew. While there is none the clock stands, or a
            # slow server would be asked past the deadline of what it is shown.
            if rpb.CLOCK_UNSAFE in refusals:
                at.clock.advance(ERROR_US)


async def test_a_server_that_casts_everybody_out(server: Cluster, tmp_path: Path) -> None:
    """Refusals while it is away, the same answers once it is back; the daemon goes on."""
    async with two(server, tmp_path) as (one, other):
        old = one.descriptor("old")
        told = statements(await one.decide(commit_item(make_commit(old))))
        for number in range(2):
            server.cast_out()
            new = make_commit(one.descriptor(f"new {number}"))
            first = await until_final(one, commit_item(new), query_item(old))
            assert first[1:] == told
            assert await until_final(other, commit_item(new), query_item(old)) == first
