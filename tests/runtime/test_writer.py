"""Group commit: merging, order, versions, failures, what is told and what is on disk."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    event,
    insert,
    select,
)

from runtime.handover import DaemonCrash
from runtime.store import Store, memory_engine, open_store
from runtime.writer import (
    DeleteRows,
    Execute,
    InlineWriter,
    InsertRows,
    InsertValues,
    StoreFailed,
    StoreFault,
    ThreadWriter,
    UpdateRows,
    UpdateValues,
    Write,
)
from tests.patience import PATIENCE_S

METADATA = MetaData()
LINE = Table(
    "line",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("note", LargeBinary),
)
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("line", ForeignKey("line.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "node.db", "node", METADATA, 1) as opened:
        yield opened


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = memory_engine()
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


class Log:
    """What was told, in order, and a way to wait for it."""

    def __init__(self) -> None:
        self.told: list[tuple[object, StoreFault | None]] = []
        self._news = trio.Event()

    def put(self, writer: ThreadWriter | InlineWriter, name: object, *writes: Write) -> None:
        writer.put(writes, lambda: self._tell(name, None), lambda f: self._tell(name, f.kind))

    def _tell(self, name: object, fault: StoreFault | None) -> None:
        self.told.append((name, fault))
        self._news.set()

    async def wait(self, count: int) -> None:
        with trio.fail_after(PATIENCE_S):
            while len(self.told) < count:
                self._news = trio.Event()
                await self._news.wait()


def line(number: int, version: int = 0, total: int = 0) -> dict[str, Any]:
    return {"id": number, "version": version, "total": total}


def rows(engine: Engine, table: Table = LINE) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns)).all()
    return [tuple(row) for row in found]


def run(engine: Engine, *groups: tuple[Write, ...]) -> list[tuple[object, StoreFault | None]]:
    """Commits the groups as one transaction, inline."""
    log = Log()
    with InlineWriter.open(engine, lambda flush: None) as writer:
        for name, group in enumerate(groups):
            log.put(writer, name, *group)
        writer.flush()
    return log.told


def test_rows_of_one_write(engine: Engine) -> None:
    run(engine, (InsertRows(LINE, [line(1), line(2)]),))
    run(engine, (UpdateRows(LINE, [line(1, 0, 5), line(2, 0, 6)]),))
    assert rows(engine) == [(1, 1, 5, None), (2, 1, 6, None)]


def test_groups_of_one_transaction_see_each_others_versions(engine: Engine) -> None:
    run(engine, (InsertRows(LINE, [line(1)]),))
    told = run(
        engine,
        (UpdateRows(LINE, [{"id": 1, "version": 0, "note": b"n"}]),),
        (UpdateRows(LINE, [{"id": 1, "version": 1, "total": 9}]),),
    )
    assert told == [(0, None), (1, None)]
    assert rows(engine) == [(1, 2, 9, b"n")]


def test_writes_happen_in_the_order_given(engine: Engine) -> None:
    run(
        engine,
        (InsertRows(LINE, [line(1), line(2)]),),
        (UpdateRows(LINE, [line(1, 0, 5)]),),
        (DeleteRows(LINE, [{"id": 2}]), InsertRows(LINE, [line(2, 0, 3)])),
    )
    assert rows(engine) == [(1, 1, 5, None), (2, 0, 3, None)]


def test_values_are_rows_without_names(engine: Engine) -> None:
    columns = ("version", "id", "total")  # in whatever order the caller has them
    run(engine, (InsertValues(LINE, columns, [(0, 1, 7), (0, 2, 8)]),))
    told = run(engine, (UpdateValues(LINE, ("note", "total"), [(b"a", 1, 1, 0), (b"b", 2, 2, 0)]),))
    assert told == [(0, None)]
    assert rows(engine) == [(1, 1, 1, b"a"), (2, 1, 2, b"b")]


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(UpdateRows(LINE, [line(1, 3)]), id="another version"),
        pytest.param(UpdateRows(LINE, [line(9, 0)]), id="no such row"),
        pytest.param(UpdateRows(LINE, [line(1, 0), line(1, 0)]), id="one version twice"),
        pytest.param(UpdateRows(LINE, [line(1, 0), line(2, 5)]), id="one of two"),
        pytest.param(UpdateValues(LINE, ("total",), [(5, 1, 1)]), id="values of another version"),
    ],
)
def test_a_stale_update_undoes_the_whole_transaction(engine: Engine, late: Write) -> None:
    run(engine, (InsertRows(LINE, [line(1), line(2)]),))
    before = rows(engine)
    told = run(engine, (InsertRows(LINE, [line(3)]),), (late,))
    assert told == [(0, StoreFault.STALE_VERSION), (1, StoreFault.STALE_VERSION)]
    assert rows(engine) == before


def test_a_stale_update_before_a_delete_is_met(engine: Engine) -> None:
    run(engine, (InsertRows(LINE, [line(1)]),))
    told = run(engine, (UpdateRows(LINE, [line(1, 7)]), DeleteRows(LINE, [{"id": 1}])))
    assert told == [(0, StoreFault.STALE_VERSION)]
    assert rows(engine) == [(1, 0, 0, None)]


def test_statements_of_ones_own_run_in_their_place(engine: Engine) -> None:
    counts: list[int] = []

    def count(connection: Connection) -> None:
        counts.append(len(connection.execute(select(LINE)).all()))

    run(
        engine,
        (InsertRows(LINE, [line(1)]), Execute(count)),
        (InsertRows(LINE, [line(2)]), Execute(count)),
    )
    assert counts == [1, 2]


def test_after_a_failure_everything_fails_until_the_owner_resumes(engine: Engine) -> None:
    log = Log()
    with InlineWriter.open(engine, lambda flush: None) as writer:
        log.put(writer, "stale", UpdateRows(LINE, [line(1)]))
        writer.flush()
        log.put(writer, "behind", InsertRows(LINE, [line(2)]))
        writer.flush()
        writer.resume()
        log.put(writer, "again", InsertRows(LINE, [line(3)]))
        writer.flush()
    assert log.told == [
        ("stale", StoreFault.STALE_VERSION),
        ("behind", StoreFault.STALE_VERSION),
        ("again", None),
    ]
    assert rows(engine) == [(3, 0, 0, None)]


async def test_inline_callbacks_come_after_put_has_returned(engine: Engine) -> None:
    log = Log()
    with InlineWriter.open(engine) as writer:
        log.put(writer, 1, InsertRows(LINE, [line(1)]))
        log.put(writer, 2, InsertRows(LINE, [line(2)]))
        assert log.told == []
        await log.wait(2)
    assert log.told == [(1, None), (2, None)]


@pytest.mark.edge
async def test_what_queues_behind_a_commit_is_one_transaction(store: Store) -> None:
    gate, commits, log = threading.Event(), 0, Log()

    def count(_: Connection) -> None:
        nonlocal commits
        commits += 1

    event.listen(store.engine, "commit", count)
    async with ThreadWriter.open(store.engine) as writer:
        log.put(writer, "first", Execute(lambda _: _wait(gate)))
        while writer._queue:  # until the thread has taken it
            await trio.lowlevel.checkpoint()
        for number in range(300):
            log.put(writer, number, InsertRows(LINE, [line(number)]))
        gate.set()
        await log.wait(301)
    assert log.told == [("first", None), *((number, None) for number in range(300))]
    assert commits == 2
    assert len(rows(store.engine)) == 300


def _wait(gate: threading.Event) -> None:
    assert gate.wait(10)


@pytest.mark.edge
async def test_closing_writes_and_tells_what_is_queued(store: Store) -> None:
    log = Log()
    async with ThreadWriter.open(store.engine) as writer:
        for number in range(20):
            log.put(writer, number, InsertRows(LINE, [line(number)]))
    assert len(log.told) == len(rows(store.engine)) == 20


@pytest.mark.edge
async def test_nothing_is_told_before_others_can_read_it(store: Store) -> None:
    seen: list[int] = []
    done = trio.Event()

    def look() -> None:
        seen.append(len(rows(store.engine)))
        done.set()

    async with ThreadWriter.open(store.engine) as writer:
        writer.put([InsertRows(LINE, [line(1)])], look)
        await done.wait()
    assert seen == [1]


@pytest.mark.edge
async def test_a_full_disk_fails_every_waiting_group_in_order(store: Store) -> None:
    log = Log()
    big = [line(number) | {"note": bytes(4000)} for number in range(100)]
    async with ThreadWriter.open(store.engine) as writer:
        log.put(writer, "limit", Execute(lambda c: c.exec_driver_sql(_PAGES_NOW)))
        await log.wait(1)
        log.put(writer, "big", InsertRows(LINE, big))
        log.put(writer, "behind", InsertRows(LINE, [line(500)]))
        await log.wait(3)
        assert log.told[1:] == [("big", StoreFault.DISK_FULL), ("behind", StoreFault.DISK_FULL)]
        assert rows(store.engine) == []
        writer.resume()
        log.put(writer, "room", Execute(lambda c: c.exec_driver_sql(_PAGES_FREE)))
        log.put(writer, "again", InsertRows(LINE, big))
        await log.wait(5)
    assert log.told[3:] == [("room", None), ("again", None)]
    assert len(rows(store.engine)) == 100


_PAGES_NOW = "PRAGMA max_page_count = 8"
_PAGES_FREE = "PRAGMA max_page_count = 1000000"


@pytest.mark.edge
async def test_a_locked_database_is_named(store: Store) -> None:
    log = Log()
    async with ThreadWriter.open(store.engine) as writer:
        log.put(writer, "quick", Execute(lambda c: c.exec_driver_sql("PRAGMA busy_timeout = 0")))
        await log.wait(1)
        holder = sqlite3.connect(store.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        log.put(writer, "locked", InsertRows(LINE, [line(1)]))
        await log.wait(2)
        holder.execute("ROLLBACK")
        holder.close()
        writer.resume()
        log.put(writer, "free", InsertRows(LINE, [line(1)]))
        await log.wait(3)
    assert log.told == [("quick", None), ("locked", StoreFault.LOCKED), ("free", None)]


@pytest.mark.edge
async def test_a_broken_constraint_is_named(store: Store) -> None:
    log = Log()
    async with ThreadWriter.open(store.engine) as writer:
        log.put(writer, 1, InsertRows(OUTBOX, [{"line": 9, "number": 1, "envelope": b""}]))
        await log.wait(1)
    assert log.told == [(1, StoreFault.CONSTRAINT)]


@pytest.mark.edge
async def test_a_failure_that_nobody_handles_crashes(store: Store) -> None:
    with pytest.raises(DaemonCrash) as crash:
        async with ThreadWriter.open(store.engine) as writer:
            writer.put([UpdateRows(LINE, [line(1)])], lambda: None)
            await trio.sleep_forever()
    assert isinstance(crash.value.__cause__, StoreFailed)


@pytest.mark.edge
async def test_a_bug_in_the_writer_thread_crashes(store: Store) -> None:
    def bug(_: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(DaemonCrash) as crash:
        async with ThreadWriter.open(store.engine) as writer:
            writer.put([Execute(bug)], lambda: None)
            await trio.sleep_forever()
    assert isinstance(crash.value.__cause__, ZeroDivisionError)
    with store.engine.connect() as connection:  # the lock has been let go of
        connection.execution_options(pledgeway_begin="BEGIN IMMEDIATE")
        connection.execute(insert(LINE), [line(1)])
