"""Logs by year, their first entries, fences, and a database from before there were any."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from node.command.sim.cast import NOW_US, R1, RECORDS, SECOND, digest
from proto.certificate import AbortCertificate, verify_abort_certificate
from proto.log_leaf import EPOCH_US, FenceLeaf, KeyLeaf, read_leaf
from proto.merkle import leaf_hash
from proto.shard import shard_end_us, shard_of
from proto.statement import DecisionReason, Statement
from registry.decider import FENCE_STEP_US, MARK_EVERY_US, Unbound
from registry.log import Logged, Pause, Query, Row, Subject, decide
from registry.store import Closed, Ledger, open_ledger
from registry.tables import log_entry
from runtime.clock import FakeClock
from tests.registry.build import (
    ERROR_US,
    GUARD_US,
    ORIGIN,
    SIGNER,
    TERMS,
    commit_shown,
    declinable,
    descriptor,
    open_registry,
    reading,
    subject,
)

pytestmark = pytest.mark.edge

DAY_US = 86_400 * SECOND
NEW_YEAR_US = shard_end_us(2026)
KEYS = [KeyLeaf(b"statement key").encode(), KeyLeaf(b"log key").encode()]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with open_ledger(tmp_path / "d.sqlite") as store, store.engine.connect() as connection:
        Ledger(connection).claim(R1.id, ORIGIN, store.place)
        yield connection


def refused(label: str, deadline_us: int) -> Row:
    s = subject(descriptor(label, deadline_us=deadline_us))
    row = decide(Query(s), None, reading(deadline_us + GUARD_US + SECOND), TERMS)
    assert isinstance(row, Row)
    return row


@pytest.mark.parametrize("year", [1970, 1971, 1999, 2000, 2026, 2100, 9998])
def test_a_shard_is_a_year(year: int) -> None:
    end_us = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    assert shard_end_us(year) == end_us
    assert (shard_of(end_us - 1), shard_of(end_us)) == (year, year + 1)


def test_each_shard_counts_from_zero_and_begins_with_the_keys(connection: Connection) -> None:
    ledger = Ledger(connection)
    ledger.certify(KEYS, NOW_US)
    ledger.close_through(NOW_US - EPOCH_US, NOW_US)
    rows = [refused(f"{i}", NEW_YEAR_US + i - 3) for i in range(6)]
    placed = ledger.decide(rows, NOW_US)
    assert [(x.shard, x.index) for x in placed.values()] == [
        *((2026, 3), (2026, 4), (2026, 5)),
        *((2027, 3), (2027, 4), (2027, 5)),
    ]
    assert ledger.find(placed) == placed
    assert ledger.shards() == [2026, 2027]
    fence = FenceLeaf(NOW_US - EPOCH_US).encode()
    for shard, own in ((2026, rows[:3]), (2027, rows[3:])):
        assert ledger.log_size(shard) == 6
        assert ledger.leaves(shard, 0, 6) == [*KEYS, fence, *(row.data for row in own)]
        assert ledger.leaves(shard, 4, 5) == [own[1].data]
    assert ledger.log_size(2028) == 0
    assert ledger.decisions() == 6
    while ledger.index_archive():
        pass
    assert ledger.unindexed() == 0
    for logged in placed.values():
        assert ledger.by_subject(logged.row.leaf.commit_id) == logged


def test_statements_name_the_log_of_their_shard(connection: Connection) -> None:
    ledger = Ledger(connection)
    for deadline_us, origin in ((NEW_YEAR_US - 1, "2026"), (NEW_YEAR_US, "2027")):
        row = refused("a", deadline_us)
        logged = ledger.decide([row], NOW_US)[row.key]
        statement = Statement.decode(SIGNER.statement(logged).statement)
        assert (statement.log_origin, statement.log_index) == (f"{ORIGIN}/{origin}", 0)


def test_a_new_key_is_logged_in_every_open_shard(connection: Connection) -> None:
    ledger = Ledger(connection)
    ledger.certify(KEYS[:1], NOW_US)
    ledger.decide([refused("a", NEW_YEAR_US)], NOW_US)
    ledger.close_through(NEW_YEAR_US - 1, NEW_YEAR_US + EPOCH_US)  # 2026 is closed by now
    ledger.certify(KEYS, NEW_YEAR_US + EPOCH_US)
    ledger.certify(KEYS, NEW_YEAR_US + EPOCH_US)
    last = FenceLeaf(NEW_YEAR_US - 1).encode()
    assert ledger.leaves(2026, 0, 9) == [KEYS[0], last], "its last entry is a fence"
    assert ledger.leaves(2027, 0, 1) + ledger.leaves(2027, 2, 9) == [KEYS[0], last, KEYS[1]]


def test_a_fence_never_falls_and_nothing_passes_it(connection: Connection) -> None:
    ledger = Ledger(connection)
    through_us = NOW_US - EPOCH_US
    first = ledger.decide([refused("first", through_us)], NOW_US)
    ledger.close_through(through_us, NOW_US)
    ledger.close_through(through_us - 1, NOW_US)
    ledger.close_through(through_us, NOW_US)
    (fence,) = ledger.fences()
    assert (fence.closed_through_us, fence.shard) == (through_us, 2026)
    assert read_leaf(ledger.leaves(2026, fence.index, fence.index + 1)[0]) == FenceLeaf(through_us)
    for labels in (("late",), ("late", "in time")):
        rows = [refused(x, through_us + (x == "in time")) for x in labels]
        with pytest.raises(Closed):
            ledger.decide(rows, NOW_US)
    in_time = refused("in time", through_us + 1)
    assert ledger.decide([in_time], NOW_US)[in_time.key].row == in_time
    again = refused("first", through_us)
    assert ledger.decide([again], NOW_US) == first, "what was decided before stays decided"


def test_the_database_itself_holds_the_fence(connection: Connection) -> None:
    ledger = Ledger(connection)
    ledger.close_through(NOW_US - EPOCH_US, NOW_US)
    late = refused("late", NOW_US - EPOCH_US)
    with pytest.raises(DBAPIError), connection.begin():
        ledger._statements.insert_decisions(connection, [late])
        place = (2026 << 40) + ledger.log_size(2026)
        entry = (place, late.key, leaf_hash(late.data), None)
        ledger._statements.insert_entries(connection, [entry])
    assert ledger.find([late.key]) == {}


def epoch_of(answer: object) -> Logged:
    assert isinstance(answer, Logged)
    assert answer.row.leaf.reason is DecisionReason.EPOCH
    return answer


def test_the_decider_raises_the_fence_and_answers_by_it(tmp_path: Path) -> None:
    clock = FakeClock(NOW_US, ERROR_US)
    path = tmp_path / "d.sqlite"
    early = declinable("early", deadline_us=NOW_US + SECOND)
    unknown = declinable("unknown", deadline_us=NOW_US + SECOND)
    with open_registry(path, clock) as opened:
        opened.decider.keep_mark()
        (first,) = opened.ledger.fences()
        assert first.closed_through_us == (NOW_US - ERROR_US - EPOCH_US) // DAY_US * DAY_US
        (kept,) = opened.decider.answer([commit_shown(early)])
        clock.advance(EPOCH_US + 2 * DAY_US)
        opened.decider.keep_mark()
        assert opened.ask(early) == kept
        size = opened.ledger.log_size(2026)
        for item in (Query(unknown), commit_shown(unknown)):
            (answer,) = opened.decider.answer([item])
            assert_proves(unknown, epoch_of(answer))
        assert opened.ledger.log_size(2026) == size, "nothing is stored"
        assert opened.stored(unknown) is None
        clock.set_error(10**6)
        epoch_of(opened.ask(unknown))  # no clock is needed for what is closed
    with open_registry(path, clock) as opened:
        assert_proves(unknown, epoch_of(opened.ask(unknown)))
        (no_record,) = opened.decider.answer([Unbound(unknown.commit_id)])
        assert not isinstance(no_record, Logged)


def assert_proves(s: Subject, answer: Logged) -> None:
    signed = SIGNER.statement(answer)
    statement = Statement.decode(signed.statement)
    assert (statement.commit_id, statement.log_origin) == (s.commit_id, f"{ORIGIN}/2026")
    certificate = AbortCertificate(s.data, (signed,))
    assert verify_abort_certificate(certificate, RECORDS, NOW_US) == s.descriptor


def test_a_fence_of_another_process_is_learnt(tmp_path: Path) -> None:
    """It had not heard of the fence when it judged: nothing is written, and it judges anew."""
    clock = FakeClock(NOW_US, ERROR_US)
    s = declinable("a", deadline_us=NOW_US - EPOCH_US)
    with open_registry(tmp_path / "d.sqlite", clock) as opened:
        assert isinstance(opened.ask(declinable("b")), Pause)
        opened.ledger.close_through(NOW_US - EPOCH_US, NOW_US)
        epoch_of(opened.ask(s))


def test_a_fence_rises_once_a_day(tmp_path: Path) -> None:
    clock = FakeClock(NOW_US // DAY_US * DAY_US + ERROR_US, ERROR_US)
    with open_registry(tmp_path / "d.sqlite", clock) as opened:
        for step_us in (0, DAY_US - SECOND, SECOND, DAY_US - 1):
            clock.advance(step_us)
            opened.decider.keep_mark()
        assert opened.ledger.log_size(2026) == 2
        assert FENCE_STEP_US == DAY_US > MARK_EVERY_US


# ---------------------------------------------------------------- before there were shards


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database that version 1 of the schema wrote, as it left it."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((Path(__file__).parent / "stores" / "version1.sql").read_text())
    return path


OLD = {
    "old commit": (1, DecisionReason.COMMIT),
    "old decline": (2, DecisionReason.DECLINED),
    "old refusal": (3, DecisionReason.DEADLINE),
}


def test_an_old_database_keeps_its_log_as_it_was(old: Path) -> None:
    with open_registry(old, FakeClock(NOW_US + 20 * SECOND, ERROR_US)) as opened:
        ledger = opened.ledger
        assert ledger.shards() == [0]
        assert ledger.log_size(0) == 4
        leaves = ledger.leaves(0, 0, 4)
        hashes = [entry.leaf_hash for entry in entries(ledger)]
        assert [leaf_hash(leaf) for leaf in leaves] == hashes
        for label, (index, reason) in OLD.items():
            s = declinable(label) if "decline" in label else subject(descriptor(label))
            answer = opened.ask(s)
            assert isinstance(answer, Logged)
            assert (answer.shard, answer.index) == (0, index)
            assert answer.row.leaf.reason is reason
            assert leaves[index] == answer.row.data
            statement = Statement.decode(SIGNER.statement(answer).statement)
            assert (statement.log_origin, statement.log_index) == (ORIGIN, index)
            assert opened.decider.answer([Unbound(s.commit_id)]) == [answer]


def test_an_old_database_goes_on_in_shards(old: Path) -> None:
    new = subject(descriptor("new"))
    for _ in range(2):
        with open_registry(old, FakeClock(NOW_US, ERROR_US)) as opened:
            opened.ledger.certify(KEYS, NOW_US)
            opened.decider.keep_mark()
            (answer,) = opened.decider.answer([commit_shown(new)])
            assert isinstance(answer, Logged)
            assert answer.shard == 2026
            assert opened.ledger.log_size(0) == 4, "the old log has ended"
            assert opened.ledger.shards() == [0, 2026]
            with pytest.raises(DBAPIError), opened.ledger._connection.begin():
                entry = (4, None, digest("x"), b"x")
                opened.ledger._statements.insert_entries(opened.ledger._connection, [entry])


def entries(ledger: Ledger) -> list[object]:
    with ledger._connection.begin():
        return list(ledger._connection.execute(log_entry.select().order_by(log_entry.c.position)))


def test_an_interrupted_migration_leaves_the_old_database(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry import store_opening

    class Crash(BaseException):
        pass

    def crash(connection: Connection) -> None:
        store_opening._into_shards(connection)
        raise Crash

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(store_opening, "MIGRATIONS", {2: crash})
        with open_ledger(old):
            pass
    test_an_old_database_keeps_its_log_as_it_was(old)
