"""A node whose books lie on a PostgreSQL server: engines in one process, and a real daemon."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Route, make_request, pay
from node.config import CONFIG_NAME
from node.core.events import ConfirmRequest
from node.core.rows import Payment, PaymentPhase, Promise
from node.engine import StoreUnavailable
from node.migrations import MIGRATIONS
from node.store import SCHEMA_VERSION, STORE_KIND, metadata
from proto.levels import Level
from runtime.store_postgresql import open_server_store
from tests.cluster import Cluster
from tests.node.engines import Engines, chain
from tests.warmed import typed

pytestmark = pytest.mark.edge

A, S, B = Level.ATOMIC, Level.SECURED, Level.BARE
PAYMENTS = [(A, A, A), (S, S, S), (B, B, B), (B, A, A)]


class EnginesOnServer(Engines):
    """A world whose stores are schemas of one server."""

    server: Cluster

    def _database(self, name: str) -> sqlalchemy.Engine:
        opened = open_server_store(
            self.server.fresh(), STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS
        )
        return self._stack.enter_context(opened).engine


@asynccontextmanager
async def world_on(server: Cluster) -> AsyncIterator[EnginesOnServer]:
    async with trio.open_nursery() as nursery:
        world = EnginesOnServer(nursery, None)
        world.server = server
        try:
            yield world
        finally:
            nursery.cancel_scope.cancel()
            world.close()


async def test_payments_crashes_and_the_archive(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_on(server) as world:
        await chain(world, watches_registry=True)
        for levels in PAYMENTS:
            pay(world, [Route("PABQ", levels, 1000)])
            await world.rest()
        world.audit()
        for name in "PABQ":
            world.crash(name)
        await trio.sleep(5)
        await world.rest()
        world.audit()
        world.clock.step(200 * SECOND)
        for name in "PABQ":
            assert await world.running(name).archiver.batch(patient=False) == len(PAYMENTS)
            rows = world.engine(name).memory.rows.values()
            assert not any(isinstance(r, Promise | Payment) for r in rows)
            paid = list(world.running(name).archive.newest_payments())
            assert len(paid) == (len(PAYMENTS) if name == "P" else 0)
        world.audit()
        pay(world, [Route("PABQ", (A, A, A), 1000)])
        await world.rest()
        assert [p.sequence_out for p in world.lines("P")] == [len(PAYMENTS) + 1]
        world.audit()


async def test_every_session_is_ended_between_payments(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """As by a restart of the server: what was under way is said again, nothing is lost."""
    async with world_on(server) as world:
        await chain(world)
        for done, levels in enumerate([(A, A, A), (S, S, S), (A, A, A)], 1):
            request = make_request(world, "Q", 1000, manual=True)
            await world.rest()
            attempt = pay(world, [Route("PABQ", levels, 1000)], request)
            await world.rest()
            server.cast_out()
            assert await confirm(world, request.id) > 0, "its writer met the dead connection"
            for _ in range(20):  # each node in turn meets its dead connection
                for one, other in pairwise("PABQ"):
                    if world.neighbour(one, other).link is None:
                        world.network.restore(world.nodes[one].id, world.nodes[other].id)
                await trio.sleep(1)
            await world.rest()
            row = world.nodes["P"].books.rows[Payment.table, attempt.payment, b""]
            assert isinstance(row, Payment) and row.phase is PaymentPhase.COMMITTED
            assert [line.sequence_out for line in world.lines("P")] == [done]
            world.audit()


async def confirm(world: Engines, request: bytes) -> int:
    """The payee's owner asks until the store answers; how often it did not."""
    failures = 0
    while True:
        try:
            wish = partial(ConfirmRequest, request=request)
            assert await world.engine("Q").ask(wish) is None
        except StoreUnavailable:
            failures += 1
            await trio.sleep(1)
        else:
            return failures


# ---------------------------------------------------------------- the daemon


def command(*words: str, node: Path) -> Any:
    done = typed(*words, "--node", str(node), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def init(node: Path) -> None:
    done = typed("node", "init", str(node), "--alias", "Alice")
    assert done.returncode == 0, done.stderr


def start(node: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "node.command", "node", "run", str(node)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready:"), process.communicate()
    return process


def finish(process: subprocess.Popen[str], number: signal.Signals) -> str:
    process.send_signal(number)
    return process.communicate(timeout=60)[1]


def test_a_daemon_keeps_its_books_on_the_server(server: Cluster, directory: Path) -> None:
    node = directory / "alice"
    init(node)
    config = node / CONFIG_NAME
    config.write_text(config.read_text().replace('store = ""', f'store = "{server.fresh()}"'))
    process = start(node)
    try:
        made = command("request", "create", "700", "USD", node=node)
        second = typed("node", "run", str(node))
        assert (second.returncode, second.stderr.count("\n")) == (1, 1)
        assert "another daemon is running" in second.stderr
    finally:
        finish(process, signal.SIGKILL)
    assert not (node / "data").exists()
    process = start(node)
    try:
        assert command("request", "show", made["id"], node=node)["amount"] == 700
        database = command("node", "status", "--db", node=node)["database"]
        rows = {table["name"]: table for table in database["tables"]}
        assert rows["request"]["rows"] == 1 and rows["request"]["bytes"] > 0
        assert database["free_disk_bytes"] is None and database["wal_bytes"] is None
        server.cast_out()
        assert command("request", "show", made["id"], node=node)["amount"] == 700
        assert command("node", "audit", node=node)["ok"]
    finally:
        errors = finish(process, signal.SIGTERM)
    assert process.returncode == 0 and "Traceback" not in errors, errors


def waits(node: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "node.command", "node", "run", str(node), "--standby"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("standby:"), process.communicate()
    return process


def test_a_standby_takes_over_with_everything(server: Cluster, directory: Path) -> None:
    """Two machines with the same identity and one store; the first is killed."""
    first, second = (directory / name for name in ("one", "two"))
    init(first)
    config = first / CONFIG_NAME
    config.write_text(config.read_text().replace('store = ""', f'store = "{server.fresh()}"'))
    shutil.copytree(first, second)
    active = start(first)
    standby = waits(second)
    try:
        made = command("request", "create", "700", "USD", node=first)
        finish(active, signal.SIGKILL)
        assert standby.stdout is not None
        assert standby.stdout.readline().startswith("ready:")
        assert command("request", "show", made["id"], node=second)["amount"] == 700
        active = waits(first)
        finish(standby, signal.SIGTERM)
        assert active.stdout is not None
        assert active.stdout.readline().startswith("ready:")
        assert command("node", "audit", node=first)["ok"]
    finally:
        for process in (active, standby):
            process.kill()
            process.communicate()
