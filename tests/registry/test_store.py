"""The write-once store on real SQLite: triggers, checks, log order, foreign databases."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from node.command.sim.cast import NOW_US, R1, R2, SECOND, digest
from proto.descriptor import transaction_uuid
from proto.merkle import leaf_hash
from proto.statement import DecisionReason, Outcome
from registry.log import Logged, Query, Row, decide
from registry.store import INDEX_STEP, Ledger, LedgerReader, open_ledger
from registry.tables import (
    decision,
    identity,
    log_entry,
    meta,
    position_of,
    shard_and_index,
)
from runtime.store import StoreUnusable
from tests.registry.build import (
    GUARD_US,
    ORIGIN,
    TERMS,
    commit_shown,
    declinable,
    decline_shown,
    descriptor,
    reading,
    subject,
)

YEAR = 2026  # of NOW_US
FIRST = position_of(YEAR, 0)
pytestmark = pytest.mark.edge


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with open_ledger(tmp_path / "d.sqlite") as store, store.engine.connect() as connection:
        Ledger(connection).claim(R1.id, ORIGIN, store.path)
        yield connection


def committed(label: str) -> Row:
    row = decide(commit_shown(subject(descriptor(label))), None, reading(NOW_US), TERMS)
    assert isinstance(row, Row)
    return row


def refused(label: str) -> Row:
    s = subject(descriptor(label))
    late_us = s.descriptor.deadline_us + GUARD_US + SECOND
    row = decide(Query(s), None, reading(late_us), TERMS)
    assert isinstance(row, Row)
    return row


def declined(label: str) -> Row:
    row = decide(decline_shown(declinable(label)), None, reading(NOW_US), TERMS)
    assert isinstance(row, Row)
    return row


def test_rows_come_back_as_they_went(connection: Connection) -> None:
    ledger = Ledger(connection)
    rows = [committed("a"), refused("b"), declined("c")]
    decided = ledger.decide(rows, NOW_US)
    assert {logged.row.key: logged.row for logged in decided.values()} == {r.key: r for r in rows}
    assert ledger.find([r.key for r in rows]) == decided
    assert ledger.find([(NOW_US, digest("nobody"))]) == {}
    assert sorted(logged.index for logged in decided.values()) == [0, 1, 2]


def test_the_first_row_is_the_decision(connection: Connection) -> None:
    ledger = Ledger(connection)
    first, second = committed("a"), refused("a")
    assert first.key == second.key
    (kept,) = ledger.decide([first], NOW_US).values()
    again = ledger.decide([second, committed("b")], NOW_US)
    assert again[second.key] == kept == Logged(first, 0, YEAR)
    assert again[committed("b").key].index == 1, "the log has no gap"
    assert ledger.log_size(YEAR) == 2


def test_the_log_has_no_gap_and_hashes_the_stored_leaf(connection: Connection) -> None:
    ledger = Ledger(connection)
    ledger.certify([b"a key leaf"], NOW_US)
    ledger.certify([b"a key leaf"], NOW_US)
    for start in range(0, 30, 7):
        ledger.decide([committed(f"{i}") for i in range(start, start + 7)], NOW_US)
        ledger.certify([b"leaf %d" % start], NOW_US)
    entries = connection.execute(log_entry.select().order_by(log_entry.c.position)).all()
    connection.rollback()
    assert [shard_and_index(e.position) for e in entries] == [(YEAR, i) for i in range(1 + 35 + 5)]
    assert ledger.log_size(YEAR) == len(entries)
    assert ledger.decisions() == 35
    by_key = ledger.find((e.deadline_us, e.commit_id) for e in entries if e.commit_id)
    for entry in entries:
        leaf = entry.leaf or by_key[entry.deadline_us, entry.commit_id].row.data
        assert entry.leaf_hash == leaf_hash(leaf)


@pytest.mark.parametrize(
    "statement",
    [
        update(decision).values(outcome=2),
        update(decision).values(evidence=b""),
        delete(decision),
        update(log_entry).values(position=9),
        delete(log_entry),
        update(identity).values(log_origin="elsewhere"),
        delete(identity),
        text(
            "INSERT OR REPLACE INTO log_entry"
            " SELECT position, 1, x'00', leaf_hash, NULL FROM log_entry"
        ),
        text(
            "INSERT OR REPLACE INTO log_entry"
            " SELECT position + 1, deadline_us, commit_id, leaf_hash, NULL FROM log_entry"
        ),
        text(
            "INSERT INTO log_entry SELECT position + 2, NULL, NULL, leaf_hash, x'00' FROM log_entry"
        ),
        text("INSERT INTO log_entry SELECT 0, NULL, NULL, leaf_hash, x'00' FROM log_entry"),
        text(
            "INSERT OR REPLACE INTO log_entry"
            " SELECT position, NULL, NULL, leaf_hash, x'00' FROM log_entry"
        ),
    ],
)
def test_what_is_decided_cannot_be_changed(connection: Connection, statement: object) -> None:
    ledger = Ledger(connection)
    before = ledger.decide([committed("a")], NOW_US)
    with pytest.raises(DBAPIError), connection.begin():
        connection.execute(statement)  # type: ignore[call-overload]
    assert ledger.find(before) == before


def test_a_decision_cannot_be_replaced_either(connection: Connection) -> None:
    ledger = Ledger(connection)
    before = ledger.decide([committed("a")], NOW_US)
    with connection.begin():
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO decision SELECT deadline_us, commit_id, limit_us, 2, 3,"
            " decided_at_us, leaf, evidence, descriptor FROM decision"
        )
    assert ledger.find(before) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"commit_id": b"short"},
        {"limit_us": NOW_US},
        {"outcome": 3},
        {"outcome": 2},
        {"reason": 2},
        {"reason": 4},
        {"decided_at_us": NOW_US + 60 * SECOND},
        {"descriptor": b""},
    ],
    ids=str,
)
def test_the_database_refuses_what_no_rule_decides(
    connection: Connection, changes: dict[str, object]
) -> None:
    row = committed("a")
    values = {
        "deadline_us": row.leaf.deadline_us,
        "commit_id": row.leaf.commit_id,
        "limit_us": row.leaf.limit_us,
        "outcome": int(Outcome.COMMITTED),
        "reason": int(DecisionReason.COMMIT),
        "decided_at_us": NOW_US,
        "leaf": row.data,
        "evidence": row.evidence,
        "descriptor": row.descriptor,
    }
    with connection.begin():
        connection.execute(insert(decision), [values | {"commit_id": digest("fine")}])
    with pytest.raises(DBAPIError), connection.begin():
        connection.execute(insert(decision), [values | changes])


def test_a_failed_group_leaves_nothing(connection: Connection) -> None:
    ledger = Ledger(connection)
    lying = replace(committed("b"), leaf=replace(committed("b").leaf, decided_at_us=2**60))
    with pytest.raises(DBAPIError):
        ledger.decide([committed("a"), lying], NOW_US)
    assert ledger.find([committed("a").key]) == {}
    assert ledger.log_size(YEAR) == 0
    assert ledger.decide([committed("a")], NOW_US)[committed("a").key].index == 0


def test_the_clock_mark_never_falls(connection: Connection) -> None:
    ledger = Ledger(connection)
    assert ledger.mark_us() == 0
    ledger.decide([committed("a")], NOW_US)
    assert ledger.mark_us() == NOW_US
    ledger.raise_mark(NOW_US + 5)
    ledger.raise_mark(NOW_US + 1)
    ledger.decide([committed("b")], NOW_US)
    assert ledger.mark_us() == NOW_US + 5


def test_the_archive_index_follows(connection: Connection) -> None:
    ledger = Ledger(connection)
    rows = [committed(f"{i}") for i in range(3)]
    ledger.certify([b"a key leaf"], NOW_US)
    ledger.decide(rows, NOW_US)
    uuid = transaction_uuid(rows[1].leaf.commit_id).bytes
    assert ledger.by_uuid(uuid) == []
    assert ledger.unindexed() == 4
    assert ledger.index_archive() == 0
    assert [m.row for m in ledger.by_uuid(uuid)] == [rows[1]]
    found = ledger.by_subject(rows[1].leaf.commit_id)
    assert found is not None
    assert found.row == rows[1]
    assert ledger.by_subject(uuid) == found
    # Same archive id, another commit_id: the six fixed bits and all after 16 bytes do not count.
    twin = rows[1].leaf.commit_id[:16] + digest("twin")[:16]
    assert ledger.by_subject(twin) is None


def test_two_decisions_with_one_archive_id_are_both_found(connection: Connection) -> None:
    ledger = Ledger(connection)
    row = committed("a")
    twin_leaf = replace(row.leaf, commit_id=row.leaf.commit_id[:16] + digest("twin")[:16])
    twin = replace(row, leaf=twin_leaf, data=twin_leaf.encode())
    ledger.decide([row, twin], NOW_US)
    ledger.index_archive()
    uuid = transaction_uuid(row.leaf.commit_id).bytes
    assert {m.row.leaf.commit_id for m in ledger.by_uuid(uuid)} == {
        row.leaf.commit_id,
        twin_leaf.commit_id,
    }


def test_the_index_is_built_in_steps(connection: Connection) -> None:
    ledger = Ledger(connection)
    ledger.decide([refused(f"{i}") for i in range(INDEX_STEP + 1)], NOW_US)
    assert ledger.index_archive() == 1
    assert ledger.index_archive() == 0


def test_large_groups_are_looked_up_whole(connection: Connection) -> None:
    ledger = Ledger(connection)
    rows = [refused(f"{i}") for i in range(300)]
    decided = ledger.decide(rows, NOW_US)
    assert ledger.find(r.key for r in rows) == decided
    assert len(decided) == 300


def test_a_look_up_uses_the_index(connection: Connection) -> None:
    plan = connection.exec_driver_sql(
        "EXPLAIN QUERY PLAN WITH k(d, c) AS (VALUES (1, x'00'), (2, x'01'))"
        " SELECT r.leaf, e.position FROM k"
        " CROSS JOIN decision r ON r.deadline_us = k.d AND r.commit_id = k.c"
        " CROSS JOIN log_entry e ON e.deadline_us = k.d AND e.commit_id = k.c"
    ).all()
    details = [row[-1] for row in plan]
    assert not any(d.startswith(("SCAN r", "SCAN e")) for d in details), details


def test_readers_see_only_what_is_durable(tmp_path: Path) -> None:
    """A reader beside the writer: before the commit nothing, after it everything."""
    row = committed("a")
    with (
        open_ledger(tmp_path / "d.sqlite") as store,
        store.engine.connect() as writing,
        store.engine.connect() as reading_,
    ):
        ledger, reader = Ledger(writing), LedgerReader(reading_)
        ledger.claim(R1.id, ORIGIN, store.path)
        with writing.begin():
            writing.execute(
                insert(log_entry),
                [{"position": FIRST, "leaf_hash": digest("x"), "leaf": b"x"}],
            )
            assert reader.log_size(YEAR) == 0
        assert reader.log_size(YEAR) == 1
        ledger.decide([row], NOW_US)
        assert reader.find([row.key])[row.key].row == row


def test_racing_connections_agree(tmp_path: Path) -> None:
    """Two writers on one file, as two replicas would be: whoever is first decides for both."""
    path = tmp_path / "d.sqlite"
    labels = [f"{i}" for i in range(120)]
    told: list[dict[tuple[int, bytes], Logged]] = []
    with open_ledger(path) as store:
        with store.engine.connect() as connection:
            Ledger(connection).claim(R1.id, ORIGIN, path)
        start = threading.Barrier(4)

        def race(rows: list[Row]) -> None:
            with store.engine.connect() as own:
                ledger = Ledger(own)
                start.wait()
                for i in range(0, len(rows), 5):
                    told.append(ledger.decide(rows[i : i + 5], NOW_US))

        commits, refusals = [committed(x) for x in labels], [refused(x) for x in labels]
        racers = [commits, refusals, commits[::-1], refusals[::-1]]
        threads = [threading.Thread(target=race, args=(rows,)) for rows in racers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.engine.connect() as connection:
            final = LedgerReader(connection).find(r.key for r in commits)
    assert len(final) == len(labels)
    assert len(told) == 4 * 24
    for answers in told:
        for key, logged in answers.items():
            assert logged == final[key]
    assert sorted(logged.index for logged in final.values()) == list(range(len(labels)))


def test_the_database_belongs_to_one_registry(connection: Connection, tmp_path: Path) -> None:
    ledger = Ledger(connection)
    ledger.claim(R1.id, ORIGIN, tmp_path)
    for registry, origin in ((R2.id, ORIGIN), (R1.id, "example.net/other")):
        with pytest.raises(StoreUnusable, match=r"holds the decisions of registry"):
            ledger.claim(registry, origin, tmp_path)


def test_a_newer_a_foreign_and_no_database(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    with open_ledger(path) as store, store.engine.begin() as connection:
        connection.execute(
            update(meta).where(meta.c.name == "schema_version/registry").values(value=99)
        )
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as raw:
        raw.execute("CREATE TABLE address_book (name TEXT)")
        raw.commit()
    garbage = tmp_path / "garbage.sqlite"
    garbage.write_bytes(b"this is a letter, not a database " * 100)
    for unusable in (path, foreign, garbage):
        with pytest.raises(StoreUnusable) as caught, open_ledger(unusable):
            pass
        assert str(unusable) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_one_process_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    with (
        open_ledger(path),
        pytest.raises(StoreUnusable, match=r"another daemon"),
        open_ledger(path),
    ):
        pass
