"""A store on a PostgreSQL server: one daemon at a time, and nothing that is not durable."""

import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
import trio
from sqlalchemy import BigInteger, Column, MetaData, Table, create_engine, insert, select
from sqlalchemy.exc import DBAPIError

from node.registrar.tables import metadata as title_tables
from node.store import metadata as node_tables
from registry.tables import metadata as registry_tables
from runtime.faults import StoreFailed, StoreFault, fault_of, reading
from runtime.handover import DaemonCrash
from runtime.schema import create_tables
from runtime.store import StoreUnusable
from runtime.store_postgresql import open_server_store
from runtime.write_plan import InsertRows, UpdateRows, Write
from runtime.writer import ThreadWriter
from tests.cluster import Cluster

pytestmark = pytest.mark.edge

METADATA = MetaData()
THING = Table(
    "thing",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)


def refusal(url: str, kind: str = "node", version: int = 1) -> str:
    with (
        pytest.raises(StoreUnusable) as refused,
        open_server_store(url, kind, METADATA, version),
    ):
        pass
    line = str(refused.value)
    assert "\n" not in line
    return line


def test_rows_survive(server: Cluster) -> None:
    url = server.fresh()
    with open_server_store(url, "node", METADATA, 1) as store, store.engine.begin() as connection:
        connection.execute(insert(THING), [{"id": 5, "version": 1, "total": 1 << 62}])
    with open_server_store(url, "node", METADATA, 1) as store, reading(store.engine) as connection:
        assert connection.execute(select(THING)).all() == [(5, 1, 1 << 62)]


def test_a_second_daemon_is_refused(server: Cluster) -> None:
    url = server.fresh()
    with open_server_store(url, "node", METADATA, 1):
        assert "another daemon is running" in refusal(url)
    with open_server_store(url, "node", METADATA, 1):
        pass


SECOND = """
import sys
from sqlalchemy import MetaData
from runtime.store import StoreUnusable
from runtime.store_postgresql import open_server_store
try:
    with open_server_store(sys.argv[1], "node", MetaData(), 1):
        pass
except StoreUnusable as error:
    sys.exit(str(error))
"""


def test_a_second_daemon_is_refused_from_another_process(server: Cluster) -> None:
    url = server.fresh()
    command = [sys.executable, "-c", SECOND, url]
    with open_server_store(url, "node", METADATA, 1):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.strip().endswith("another daemon is running on it")
    assert subprocess.run(command, check=False).returncode == 0


def test_two_nodes_share_a_server_in_schemas_of_their_own(server: Cluster) -> None:
    with (
        open_server_store(server.fresh(), "node", METADATA, 1),
        open_server_store(server.fresh(), "node", METADATA, 1),
    ):
        pass


def test_other_schemas_are_refused(server: Cluster) -> None:
    url = server.fresh()
    with open_server_store(url, "node", METADATA, 2):
        pass
    assert "newer program" in refusal(url, version=1)
    assert "no way" in refusal(url, version=3)
    assert "not a database of" in refusal(url, kind="registry")
    assert "search path" in refusal(server.with_options("-csearch_path=nowhere"))


@pytest.mark.parametrize(
    "option", ["synchronous_commit=off", "synchronous_commit=local", "transaction_read_only=on"]
)
def test_a_server_that_would_forget_is_refused(server: Cluster, option: str) -> None:
    name = option.partition("=")[0]
    session = option.replace("transaction_read_only", "default_transaction_read_only")
    assert f"{name} is" in refusal(server.fresh(f"-c{session}"))


def test_what_cannot_be_reached_is_one_line_without_the_password() -> None:
    url = "postgresql+psycopg://alice:open-sesame@127.0.0.1:1/books"
    line = refusal(url)
    assert "cannot be reached" in line and "sesame" not in line
    assert "URL" in refusal("books")


# ---------------------------------------------------------------- writing


class Owner:
    """Puts groups and waits for their outcome."""

    def __init__(self, writer: ThreadWriter) -> None:
        self._writer = writer

    async def put(self, *writes: Write) -> StoreFault | None:
        told: list[StoreFault | None] = []
        done = trio.Event()

        def failed(failure: StoreFailed) -> None:
            told.append(failure.kind)
            done.set()

        def written() -> None:
            told.append(None)
            done.set()

        self._writer.put(writes, written, failed)
        await done.wait()
        return told[0]

    async def put_patiently(self, *writes: Write) -> list[StoreFault]:
        """As an engine does: after a failure everything is tried again. The faults met."""
        met: list[StoreFault] = []
        while (fault := await self.put(*writes)) is not None:
            met.append(fault)
            assert len(met) < 100
            self._writer.resume()
        return met


def row(number: int, version: int = 1, total: int = 0) -> dict[str, int]:
    return {"id": number, "version": version, "total": total}


async def test_versions_guard_rows_and_failures_have_names(server: Cluster) -> None:
    with open_server_store(server.fresh(), "node", METADATA, 1) as store:
        async with ThreadWriter.open(store.engine) as writer:
            owner = Owner(writer)
            many = [row(n) for n in range(100)]
            assert await owner.put(InsertRows(THING, many)) is None
            changed = [row(n, 1, n) for n in range(100)]
            assert await owner.put(UpdateRows(THING, changed)) is None
            stale = [row(n, 2, -1) for n in range(99)] + [row(99, 1, -1)]
            assert await owner.put(UpdateRows(THING, stale)) is StoreFault.STALE_VERSION
            writer.resume()
            assert await owner.put(InsertRows(THING, [row(5)])) is StoreFault.CONSTRAINT
            writer.resume()
        with reading(store.engine) as connection:
            totals = connection.scalars(select(THING.c.total).order_by(THING.c.id)).all()
        assert totals == list(range(100)), "what failed has changed nothing"


async def test_a_lost_connection_is_made_anew_and_nothing_is_lost(server: Cluster) -> None:
    with open_server_store(server.fresh(), "node", METADATA, 1) as store:
        async with ThreadWriter.open(store.engine) as writer:
            owner = Owner(writer)
            assert await owner.put(InsertRows(THING, [row(1)])) is None
            for number in range(2, 5):
                await trio.to_thread.run_sync(server.cast_out)
                met = await owner.put_patiently(InsertRows(THING, [row(number)]))
                assert met and met[0] is StoreFault.CONNECTION
                assert set(met) <= {StoreFault.CONNECTION, StoreFault.LOCKED}
        with reading(store.engine) as connection:
            assert connection.scalars(select(THING.c.id).order_by(THING.c.id)).all() == [1, 2, 3, 4]


async def test_a_daemon_that_was_replaced_cannot_write(server: Cluster) -> None:
    """It was cut off for long enough that another one took over; it must not wake up and write."""
    url = server.fresh()
    with (
        pytest.raises(DaemonCrash) as crash,
        open_server_store(url, "node", METADATA, 1) as store,
    ):
        async with ThreadWriter.open(store.engine) as writer:
            owner = Owner(writer)
            assert await owner.put(InsertRows(THING, [row(1)])) is None
            await trio.to_thread.run_sync(server.cast_out)
            with open_server_store(url, "node", METADATA, 1) as other:
                async with ThreadWriter.open(other.engine) as second:
                    assert await Owner(second).put(InsertRows(THING, [row(2)])) is None
                    assert StoreFault.CONNECTION is await owner.put(InsertRows(THING, [row(3)]))
                    writer.resume()
                    assert StoreFault.LOCKED is await owner.put(InsertRows(THING, [row(3)]))
                    writer.resume()
            # The server ends the other's session, and its lock, a moment after that was closed.
            while await owner.put(InsertRows(THING, [row(3)])) is StoreFault.LOCKED:
                writer.resume()
    assert "taken it over" in str(crash.value.__cause__)
    with open_server_store(url, "node", METADATA, 1) as store, reading(store.engine) as connection:
        assert connection.scalars(select(THING.c.id).order_by(THING.c.id)).all() == [1, 2]


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("53100", StoreFault.DISK_FULL),
        ("40001", StoreFault.SERIALISATION),
        ("40P01", StoreFault.SERIALISATION),
        ("55P03", StoreFault.LOCKED),
        ("57014", StoreFault.LOCKED),
        ("25006", StoreFault.LOCKED),
        ("57P01", StoreFault.CONNECTION),
        ("08006", StoreFault.CONNECTION),
        (None, StoreFault.CONNECTION),
        ("23505", StoreFault.CONSTRAINT),
        ("XX001", StoreFault.DATABASE),
    ],
)
def test_states_are_faults(state: str | None, fault: StoreFault) -> None:
    original = SimpleNamespace(sqlstate=state)
    error = DBAPIError("SELECT 1", {}, original)  # type: ignore[arg-type]
    assert fault_of(error) is fault


SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable,
    coalesce(column_default, '') || character_maximum_length || is_identity
    FROM information_schema.columns WHERE table_schema = '{schema}'
UNION ALL SELECT 'index', indexname, replace(indexdef, '{schema}.', ''), ''
    FROM pg_indexes WHERE schemaname = '{schema}'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), conrelid::regclass::text
    FROM pg_constraint WHERE connamespace = '{schema}'::regnamespace
ORDER BY 1, 2, 3
"""


def shape(server: Cluster, url: str) -> list[tuple[object, ...]]:
    schema = unquote(url).rpartition("search_path=")[2]
    found = server.run(SHAPE.format(schema=schema))
    return [tuple(str(part).removeprefix(f"{schema}.") for part in row) for row in found]


@pytest.mark.parametrize("metadata", [METADATA, node_tables, registry_tables, title_tables])
def test_tables_are_as_the_library_makes_them(server: Cluster, metadata: MetaData) -> None:
    """They are made from statements that were compiled without a server."""
    made: list[list[tuple[object, ...]]] = []
    for make in (create_tables, lambda connection, tables: tables.create_all(connection)):
        url = server.fresh()
        engine = create_engine(url)
        with engine.begin() as connection:
            make(connection, metadata)
        engine.dispose()
        made.append(shape(server, url))
    assert made[0] == made[1] and made[0]
