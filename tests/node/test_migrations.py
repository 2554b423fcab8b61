"""Books that an earlier program has written, opened by this one.

`stores/*.sql.gz` are dumps of a payer, a hop and a payee that had paid for one lamp with ATOMIC
and for one with BARE, and had given up a third.
"""

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select

from node.core.invariants import check
from node.core.rows import Line, Payment, PaymentPhase, Request, RequestPhase
from node.loading import claim_books, load_neighbours
from node.migrations import MIGRATIONS
from node.store import SCHEMA_VERSION, STORE_KIND, load_rows, metadata, outbox
from proto.keys import NodeId
from runtime.store import Store, StoreUnusable, open_store

pytestmark = pytest.mark.edge

STORES = Path(__file__).parent / "stores"
EARLIER = [1, 2, 3, 4, 5, 6]


def restore(dump: str, path: Path) -> Path:
    database = sqlite3.connect(path)
    database.executescript(gzip.decompress((STORES / f"{dump}.sql.gz").read_bytes()).decode())
    database.close()
    return path


def opened(path: Path) -> Any:
    return open_store(path, STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)


def layout(connection: Connection) -> dict[str, object]:
    seen = inspect(connection)
    return {
        table: (
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)),
            seen.get_pk_constraint(table)["constrained_columns"],
            seen.get_indexes(table),
            seen.get_foreign_keys(table),
        )
        for table in seen.get_table_names()
    }


def test_there_is_a_way_from_every_earlier_version() -> None:
    assert sorted(MIGRATIONS) == list(range(2, SCHEMA_VERSION + 1))
    assert list(range(1, SCHEMA_VERSION)) == EARLIER


@pytest.mark.parametrize("version", EARLIER)
def test_the_outcome_is_a_fresh_schema(version: int, tmp_path: Path) -> None:
    path = restore(f"hop_v{version}", tmp_path / "old.sqlite")
    with (
        opened(path) as old,
        opened(tmp_path / "new.sqlite") as new,
        old.engine.connect() as older,
        new.engine.connect() as newer,
    ):
        assert layout(older) == layout(newer)


@pytest.mark.parametrize("version", EARLIER)
@pytest.mark.parametrize("role", ["payer", "hop", "payee"])
def test_every_row_is_kept_and_sound(role: str, version: int, tmp_path: Path) -> None:
    path = restore(f"{role}_v{version}", tmp_path / "node.sqlite")
    with opened(path) as store, store.engine.connect() as connection:
        rows = [row for row, _ in load_rows(connection)]
    check(rows)
    assert sum(isinstance(r, Line) for r in rows) == (2 if role == "hop" else 1)
    paid = [r.phase for r in rows if isinstance(r, Payment)]
    assert paid.count(PaymentPhase.COMMITTED) == (2 if role == "payer" else 0)
    asked = [r.phase for r in rows if isinstance(r, Request)]
    assert asked.count(RequestPhase.PAID) == (2 if role == "payee" else 0)


def messages(store: Store) -> dict[NodeId, tuple[int, list[bytes]]]:
    with store.engine.connect() as connection:
        found = load_neighbours(connection)
    return {node: (n.outbox_first, list(n.outbox)) for node, n in found.items()}


def test_version_1_unacknowledged_messages_keep_their_numbers(tmp_path: Path) -> None:
    path = restore("hop_v1", tmp_path / "node.sqlite")
    database = sqlite3.connect(path)
    database.execute("DELETE FROM outbox")
    (node, sent), *_ = database.execute("SELECT node, sent FROM peer ORDER BY node").fetchall()
    waiting = {sent - 1: b"one before the last", sent: b"", sent + 1: b"x" * 5000}
    rows = [(node, number, envelope) for number, envelope in waiting.items()]
    database.executemany("INSERT INTO outbox VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()
    for _ in range(2):  # and once more, when there is nothing left to migrate
        with opened(path) as store:
            assert messages(store)[NodeId(node)] == (sent - 1, list(waiting.values()))
            with store.engine.connect() as connection:
                assert len(connection.execute(select(outbox)).all()) == 3


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_version_1_what_pending_promises_hold_is_summed_up(level: int, tmp_path: Path) -> None:
    path = restore("hop_v1", tmp_path / "node.sqlite")
    database = sqlite3.connect(path)
    database.execute(
        "UPDATE promise SET phase = 2, ended_at_us = 0, level = ?,"
        " expires_at_us = made_at_us + 5500000 WHERE phase NOT IN (1, 2, 3)",
        (level,),
    )
    for direction, way in ((1, "out"), (2, "in")):
        mine = f"FROM promise p WHERE p.line = line.id AND p.direction = {direction}"
        database.execute(
            f"UPDATE line SET count_{way} = (SELECT count(*) {mine} AND p.phase = 2),"
            f" pending_{way} = (SELECT coalesce(sum(p.amount), 0) {mine} AND p.phase = 2)"
        )
    database.commit()
    database.close()
    with opened(path) as store, store.engine.connect() as connection:
        rows = [row for row, _ in load_rows(connection)]
    check(rows)
    lines = [row for row in rows if isinstance(row, Line)]
    assert sum(line.held_in for line in lines) > 0 < sum(line.held_out for line in lines)


def test_the_books_of_another_node_are_refused(tmp_path: Path) -> None:
    path = restore("hop_v1", tmp_path / "node.sqlite")
    mine, theirs = NodeId(bytes(32)), NodeId(b"\1" * 32)
    with opened(path) as store:
        claim_books(store.engine, store.place, mine)  # those of version 1 did not say whose
        claim_books(store.engine, store.place, mine)
        with pytest.raises(StoreUnusable) as refused:
            claim_books(store.engine, store.place, theirs)
    assert mine.hex() in str(refused.value) and "\n" not in str(refused.value)
