"""A store that several processes take together, and how they hear of each other."""

import threading
from contextlib import AbstractContextManager
from functools import partial

import pytest
import trio
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, insert, select, update

from runtime.faults import reading
from runtime.handover import DaemonCrash
from runtime.listening import announce, listening
from runtime.store import StoreTaken, StoreUnusable
from runtime.store_postgresql import ServerStore, open_server_store
from runtime.store_shared import take_together
from runtime.write_plan import Execute, InsertRows, Write
from runtime.writer import StoreFailed, ThreadWriter
from tests.cluster import Cluster
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.edge

METADATA = MetaData()
THING = Table(
    "thing",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("total", BigInteger, nullable=False),
)


def together(
    url: str, first: list[str] | None = None, version: int = 1
) -> AbstractContextManager[ServerStore]:
    def begin(_: Connection) -> None:
        if first is not None:
            first.append(url)

    take = partial(take_together, begin)
    return open_server_store(url, "node", METADATA, version, take=take)


async def write(store: ServerStore, *writes: Write) -> StoreFailed | None:
    async with ThreadWriter.open(store.engine) as writer:
        done = trio.Event()
        failures: list[StoreFailed] = []

        def failed(failure: StoreFailed) -> None:
            failures.append(failure)
            done.set()

        writer.put(writes, done.set, failed)
        await done.wait()
        return failures[0] if failures else None


async def test_two_write_in_it_and_the_first_begins_alone(server: Cluster) -> None:
    url, first = server.fresh(), list[str]()
    with together(url, first) as one, together(url, first) as other:
        assert first == [url]
        assert await write(one, InsertRows(THING, [{"id": 1, "total": 0}])) is None
        assert await write(other, InsertRows(THING, [{"id": 2, "total": 0}])) is None
        with reading(one.engine) as connection:
            assert len(connection.execute(select(THING)).all()) == 2
    with together(url, first):
        assert first == [url, url]


async def test_one_that_waited_for_a_row_sees_what_the_other_made_of_it(server: Cluster) -> None:
    """Ten times both add one: no addition is lost, and none has to be done again."""
    url = server.fresh()
    with together(url) as one, together(url) as other:
        assert await write(one, InsertRows(THING, [{"id": 1, "total": 0}])) is None
        more = update(THING).values(total=THING.c.total + 1).returning(THING.c.total)
        seen: list[int] = []

        def add(connection: Connection) -> None:
            connection.execute(more)
            seen.append(connection.execute(select(THING.c.total)).scalar_one())

        async def ten(store: ServerStore) -> None:
            for _ in range(10):
                assert await write(store, Execute(add)) is None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ten, one)
            nursery.start_soon(ten, other)
        assert sorted(seen) == list(range(1, 21))


def test_a_daemon_that_wants_it_alone_is_turned_away_and_turns_away(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.store_shared.ATTEMPTS", 2)
    url = server.fresh()
    alone = partial(open_server_store, url, "node", METADATA, 1)
    with together(url), pytest.raises(StoreTaken), alone():
        pass
    with alone(), pytest.raises(StoreTaken) as refused, together(url):
        pass
    assert "\n" not in str(refused.value)
    with together(url):
        pass


def test_another_program_joins_only_when_all_have_ended(server: Cluster) -> None:
    url = server.fresh()
    with together(url), pytest.raises(StoreUnusable), together(url, version=2):
        pass


async def test_who_lost_its_place_to_a_lone_daemon_writes_no_more(server: Cluster) -> None:
    url = server.fresh()
    with together(url) as one:
        server.cast_out()
        with open_server_store(url, "node", METADATA, 1), pytest.raises(DaemonCrash):
            await write(one, InsertRows(THING, [{"id": 1, "total": 0}]))
        with reading(one.engine) as connection:
            assert connection.execute(select(THING)).all() == []


async def test_an_announcement_is_heard_once_it_is_committed(server: Cluster) -> None:
    url = server.fresh()
    heard = trio.Event()

    def hear() -> None:
        nonlocal heard
        heard.set()
        heard = trio.Event()

    with together(url) as one, together(url) as other:
        first = heard
        async with listening(one.engine, hear):
            with trio.fail_after(PATIENCE_S):
                await first.wait()  # it listens from here on
                for _ in range(2):
                    news = heard
                    assert await write(other, Execute(announce)) is None
                    await news.wait()
                news = heard
                server.cast_out()
                await news.wait()  # a new connection, which has missed something perhaps
                news = heard
                with other.engine.begin() as connection:
                    connection.execute(insert(THING), [{"id": 1, "total": 0}])
                    announce(connection)
                await news.wait()
    assert not [t for t in threading.enumerate() if t.name == "listening"]
