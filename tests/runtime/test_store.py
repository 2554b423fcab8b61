"""Opening a store: settings, strangers' files, versions, and a second daemon."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError

from runtime.store import Store, StoreUnusable, memory_engine, open_store

pytestmark = pytest.mark.edge

METADATA = MetaData()
THING = Table("thing", METADATA, Column("id", Integer, primary_key=True))


def test_rows_survive_and_settings_hold(tmp_path: Path) -> None:
    path = tmp_path / "data" / "node.db"
    with open_store(path, "node", METADATA, 1) as store, store.engine.begin() as connection:
        connection.execute(insert(THING), [{"id": 5}])
    with open_store(path, "node", METADATA, 1) as store, store.engine.connect() as connection:
        assert connection.scalars(select(THING.c.id)).all() == [5]
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def refusal(path: Path, kind: str = "node", version: int = 1) -> str:
    with pytest.raises(StoreUnusable) as refused, open_store(path, kind, METADATA, version):
        pass
    line = str(refused.value)
    assert str(path) in line
    assert "\n" not in line
    return line


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with open_store(path, "node", METADATA, 1):
        pass
    assert "version 1" in refusal(path, version=2)


def test_a_database_of_another_daemon_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with open_store(path, "registry", METADATA, 1):
        pass
    refusal(path)


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    metadata = MetaData()
    Table("photos", metadata, Column("id", Integer, primary_key=True))
    with open_store(path, "album", metadata, 1) as store, store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE meta")
    refusal(path)
    with pytest.raises(StoreUnusable), open_store(path, "album", metadata, 1):
        pass


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Lorenzo, " * 500)
    before = path.read_bytes()
    refusal(path)
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path)


def test_a_second_daemon_is_refused_in_one_process(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with open_store(path, "node", METADATA, 1):
        refusal(path)
    with open_store(path, "node", METADATA, 1) as store:
        assert isinstance(store, Store)


SECOND = """
import sys
from pathlib import Path
from sqlalchemy import MetaData
from runtime.store import StoreUnusable, open_store
try:
    with open_store(Path(sys.argv[1]), "node", MetaData(), 1):
        pass
except StoreUnusable as error:
    sys.exit(str(error))
"""


def test_a_second_daemon_is_refused_from_another_process(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    command = [sys.executable, "-c", SECOND, str(path)]
    with open_store(path, "node", METADATA, 1):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.strip() == f"{path}: another daemon is running on it"
    assert subprocess.run(command, check=False).returncode == 0


def renamed(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE thing RENAME TO item")


def coloured(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE item ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


def interrupted(connection: Connection) -> None:
    coloured(connection)
    raise KeyboardInterrupt


LATER = MetaData()
ITEM = Table("item", LATER, Column("id", Integer, primary_key=True), Column("colour", Text))


def write_old(path: Path) -> None:
    with open_store(path, "node", METADATA, 1) as store, store.engine.begin() as connection:
        connection.execute(insert(THING), [{"id": 5}])


def test_an_older_schema_is_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    write_old(path)
    steps = {2: renamed, 3: coloured}
    for _ in range(2):  # the second time there is nothing left to do
        with (
            open_store(path, "node", LATER, 3, steps) as store,
            store.engine.connect() as connection,
        ):
            assert connection.execute(select(ITEM)).all() == [(5, "red")]


def test_an_interrupted_migration_leaves_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    write_old(path)
    torn = {2: renamed, 3: interrupted}
    with pytest.raises(KeyboardInterrupt), open_store(path, "node", LATER, 3, torn):
        pass
    whole = {2: interrupted, 3: coloured}  # 2 is done and does not come again
    with open_store(path, "node", LATER, 3, whole) as store, store.engine.connect() as connection:
        assert connection.execute(select(ITEM)).all() == [(5, "red")]


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with open_store(path, "node", METADATA, 2):
        pass
    assert "newer program" in refusal(path)


def test_databases_in_memory_share_what_is_compiled_and_no_events() -> None:
    """A fault that a test plants in one store must not be in all of them."""
    one, other = memory_engine(), memory_engine()
    assert one.dialect is not other.dialect and one.dialect == other.dialect

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    event.listen(one, "do_execute", fail)
    with other.connect() as connection:
        assert connection.scalar(select(literal(1))) == 1
    with pytest.raises(DBAPIError, match="disk I/O error"), one.connect() as connection:
        connection.scalar(select(literal(1)))
