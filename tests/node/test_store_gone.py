"""The database is locked, full or gone for a minute. What is kept: everything that was answered;
what was not written has no effect and was not spoken of; afterwards the node goes on by itself."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import event

import runtime.store
from node.command.sim.cores.plan import Route, create, ended, make_request, pay
from node.core.events import AddRequest
from node.core.rows import PaymentPhase
from node.engine import StoreUnavailable
from proto.levels import Level
from tests.node.engines import Engines, chain, engines
from tests.node.test_engine import phase

pytestmark = pytest.mark.edge

ATOMIC = (Level.ATOMIC,) * 3
Trouble = Callable[[Engines, str, Path], Iterator[None]]


@contextmanager
def locked(world: Engines, name: str, directory: Path) -> Iterator[None]:
    """Somebody else holds the write lock: a backup, a shell that was left open."""
    other = sqlite3.connect(directory / f"{name}.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full(world: Engines, name: str, directory: Path) -> Iterator[None]:
    """No page more than there are now."""
    connection = world.running(name).writer._committer._connection
    raw = connection.connection.driver_connection
    assert raw is not None
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")
    # What is free within the pages is used up first.
    try:
        yield
    finally:
        raw.execute("PRAGMA max_page_count = 1073741823")


@contextmanager
def gone(world: Engines, name: str, directory: Path) -> Iterator[None]:
    """No statement succeeds, reading included: the disk was pulled, the volume is not mounted."""
    engine = world.hosts[name].database

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    event.listen(engine, "do_execute", fail)
    event.listen(engine, "do_executemany", fail)
    try:
        yield
    finally:
        event.remove(engine, "do_execute", fail)
        event.remove(engine, "do_executemany", fail)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait for a lock: that would be real time."""
    monkeypatch.setattr(runtime.store, "BUSY_TIMEOUT_MS", 0)


TROUBLES = [locked, full, gone]


async def relink(world: Engines) -> None:
    """What diallers do every few seconds: a dropped link comes up again."""
    for one, other in ("PA", "AB", "BQ"):
        world.network.restore(world.nodes[one].id, world.nodes[other].id)
    await world.rest()


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("victim", "AQ")
async def test_a_minute_without_the_disk_of_one_node(
    autojump_clock: trio.testing.MockClock,
    tmp_path: Path,
    impatient: None,
    victim: str,
    trouble: Trouble,
) -> None:
    """Its neighbours hold what it did not acknowledge, and everything ends as it should."""
    async with engines(tmp_path) as world:
        await chain(world)
        done = pay(world, [Route("PABQ", ATOMIC, 1000)])
        await world.rest()
        waiting = make_request(world, "Q", 1000)
        await world.rest()
        before = world.stored(victim)
        with trouble(world, victim, tmp_path):
            attempt = pay(world, [Route("PABQ", ATOMIC, 1000)], waiting)
            if trouble is full:
                await fill(world, victim)
            for _ in range(60):
                await trio.sleep(1)
                await relink(world)
        if trouble is not full:
            assert phase(world, attempt) is not PaymentPhase.COMMITTED
            assert world.stored(victim) == before, "what failed left nothing"
            if victim == "A":
                spoken = [p for name in "BQ" for p in world.promises(name)]
                assert attempt.commit not in {p.commit for p in spoken}, "nor was it spoken of"
        await trio.sleep(40)
        await relink(world)
        await trio.sleep(40)
        assert phase(world, done) is PaymentPhase.COMMITTED
        assert ended(world) and not world.incidents()
        again = pay(world, [Route("PABQ", ATOMIC, 1000)])
        await trio.sleep(1)
        assert phase(world, again) is PaymentPhase.COMMITTED, "it goes on by itself"
        world.audit()


async def fill(world: Engines, name: str) -> None:
    """The owner goes on until a wish is refused for want of space."""
    for _ in range(100):
        row = make_request(world, "P", 5)
        try:
            await world.engine(name).ask(lambda _, row=row: AddRequest(world.now_us, row))
        except StoreUnavailable as no:
            assert no.args == ("disk full",)
            return
    raise AssertionError("the disk is never full")


@pytest.mark.parametrize("trouble", [locked, gone])
async def test_the_owner_gets_a_clean_no(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, impatient: None, trouble: Trouble
) -> None:
    async with engines(tmp_path) as world:
        await chain(world)
        request = make_request(world, "Q", 1000)
        await world.rest()
        before = world.stored("P")
        with trouble(world, "P", tmp_path), pytest.raises(StoreUnavailable):
            await world.engine("P").ask(lambda _: AddRequest(world.now_us, request))
        await trio.sleep(3)
        assert world.stored("P") == before
        assert await world.engine("P").ask(lambda _: AddRequest(world.now_us, request)) is None


async def test_wishes_that_wait_through_it_are_granted_after_it(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, impatient: None
) -> None:
    async with engines(tmp_path) as world:
        await chain(world)
        request = make_request(world, "Q", 1000)
        await world.rest()
        with gone(world, "P", tmp_path):
            with pytest.raises(StoreUnavailable):
                await world.engine("P").ask(lambda _: AddRequest(world.now_us, request))
            payment = create(world, "P", request)
            await trio.sleep(60)
        await trio.sleep(3)
        assert any(getattr(row, "id", None) == payment for row in world.stored("P"))
        world.audit()
