"""Several processes of one registry on one PostgreSQL (registry sections 5.1, 5.2 and 5.4)."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from node.command.sim.cast import NOW_US, R1, R2, SECOND
from proto.descriptor import transaction_uuid
from proto.log_leaf import EPOCH_US, FenceLeaf, KeyLeaf
from proto.merkle import leaf_hash
from proto.statement import Outcome
from registry.decider import STALLED, Decider, Unbound
from registry.log import Logged, Query, Reason, Refused, Row, decide
from registry.store import STALE_US, Closed, Key, Ledger, LedgerReader, Stale, open_ledger
from registry.store_opening import LedgerStore
from registry.tables import position_of
from runtime.clock import FakeClock
from runtime.store import StoreUnusable
from tests.cluster import Cluster
from tests.registry.build import (
    ERROR_US,
    GUARD_US,
    ORIGIN,
    RULES,
    SIGNER,
    TERMS,
    commit_shown,
    declinable,
    decline_shown,
    reading,
)

pytestmark = pytest.mark.edge

KEYS = [KeyLeaf(b"statement key").encode(), KeyLeaf(b"log key").encode()]
YEAR = 2026
GRANTS = Path(__file__).parents[2] / "deploy" / "postgresql" / "grants.sql"


@contextmanager
def replica(url: str) -> Iterator[tuple[LedgerStore, Connection, Ledger]]:
    with open_ledger(url) as store, store.engine.connect() as connection:
        ledger = Ledger(connection)
        ledger.claim(R1.id, ORIGIN, store.place)
        yield store, connection, ledger


def row_of(label: str, what: str = "commit") -> Row:
    s = declinable(label)
    if what == "commit":
        row = decide(commit_shown(s), None, reading(NOW_US), TERMS)
    elif what == "decline":
        row = decide(decline_shown(s), None, reading(NOW_US), TERMS)
    else:
        late_us = s.descriptor.deadline_us + GUARD_US + SECOND
        row = decide(Query(s), None, reading(late_us), TERMS)
    assert isinstance(row, Row)
    return row


def test_rows_come_back_and_the_first_is_the_decision(server: Cluster) -> None:
    with replica(server.fresh()) as (_, _, ledger):
        assert ledger.shared
        ledger.certify(KEYS, NOW_US)
        rows = [row_of("a"), row_of("b", "refusal"), row_of("c", "decline")]
        decided = ledger.decide(rows, NOW_US)
        assert {x.row.key: x.row for x in decided.values()} == {r.key: r for r in rows}
        assert sorted((x.shard, x.index) for x in decided.values()) == [
            (YEAR, i) for i in (2, 3, 4)
        ]
        assert ledger.find(decided) == decided
        again = ledger.decide([row_of("a", "refusal"), row_of("d")], NOW_US)
        assert again[rows[0].key] == decided[rows[0].key]
        assert again[row_of("d").key].index == 5
        ledger.raise_mark(NOW_US + 5)
        ledger.raise_mark(NOW_US)
        assert ledger.mark_us() == NOW_US + 5
        leaves = ledger.leaves(YEAR, 0, ledger.log_size(YEAR))
        by_place = sorted((x.index, x.row.data) for x in (decided | again).values())
        assert leaves == [*KEYS, *(data for _, data in by_place)]
        assert ledger.decisions() == 4
        assert ledger.bytes_used() > 0


FORBIDDEN = [
    "UPDATE decision SET outcome = 2",
    "UPDATE decision SET evidence = ''",
    "DELETE FROM decision",
    "TRUNCATE decision CASCADE",
    "UPDATE log_entry SET position = position + 1",
    "DELETE FROM log_entry",
    "TRUNCATE log_entry",
    "UPDATE identity SET log_origin = 'elsewhere'",
    "DELETE FROM identity",
    "INSERT INTO log_entry SELECT position + 2, NULL, NULL, leaf_hash, 'x' FROM log_entry LIMIT 1",
    "INSERT INTO log_entry SELECT 7, NULL, NULL, leaf_hash, 'x' FROM log_entry LIMIT 1",
    "INSERT INTO log_entry SELECT position + 1, deadline_us, commit_id, leaf_hash, NULL"
    " FROM log_entry LIMIT 1",
    "INSERT INTO log_entry SELECT position + 1, 1, 'x', leaf_hash, NULL FROM log_entry LIMIT 1",
    "INSERT INTO decision SELECT deadline_us, commit_id, limit_us, 2, 3, decided_at_us, leaf,"
    " evidence, descriptor FROM decision LIMIT 1",
]


def test_what_is_decided_cannot_be_changed(server: Cluster) -> None:
    """Not even by the owner of the tables."""
    with replica(server.fresh()) as (_, connection, ledger):
        before = ledger.decide([row_of("a")], NOW_US)
        for statement in FORBIDDEN:
            with pytest.raises(DBAPIError), connection.begin():
                connection.execute(text(statement))
            assert ledger.find(before) == before


def test_a_service_needs_no_right_to_change_anything(server: Cluster) -> None:
    """The owner makes the tables; the service decides, logs, indexes with less."""
    owner = server.fresh()
    with replica(owner) as (_, connection, _), connection.begin():
        schema = connection.scalar(text("SELECT current_schema()"))
        connection.execute(text("DROP ROLE IF EXISTS deciding"))
        connection.execute(text("CREATE ROLE deciding LOGIN"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO deciding"))
        connection.exec_driver_sql(GRANTS.read_text().replace(":role", "deciding"))
    with replica(owner.replace("postgres:@", "deciding:@")) as (_, connection, ledger):
        with connection.begin():
            assert connection.scalar(text("SELECT current_user")) == "deciding"
        ledger.certify(KEYS, NOW_US)
        decided = ledger.decide([row_of("a")], NOW_US)
        ledger.close_through(NOW_US - EPOCH_US, NOW_US)
        while ledger.index_archive():
            pass
        assert ledger.by_subject(row_of("a").leaf.commit_id) == decided[row_of("a").key]
        for statement in FORBIDDEN[:9]:
            with pytest.raises(DBAPIError) as caught, connection.begin():
                connection.execute(text(statement))
            assert getattr(caught.value.orig, "sqlstate", None) == "42501", "no right to"


def test_a_fence_holds_against_a_process_that_has_not_heard_of_it(server: Cluster) -> None:
    url = server.fresh()
    deadline_us = declinable("a").descriptor.deadline_us
    with replica(url) as (_, _, one), replica(url) as (_, connection, other):
        one.close_through(deadline_us, NOW_US + EPOCH_US)
        with pytest.raises(Closed):
            other.decide([row_of("a", "refusal")], NOW_US)
        assert other.find([row_of("a").key]) == {}
        (fence,) = other.fences()
        assert fence.data == FenceLeaf(deadline_us).encode()
        late = row_of("a")
        entry = (position_of(YEAR, fence.index + 1), late.key, leaf_hash(late.data), None)
        with pytest.raises(DBAPIError), connection.begin():
            other._statements.insert_decisions(connection, [late])
            other._statements.insert_entries(connection, [entry])


# ---------------------------------------------------------------- races (5.2)


def race(url: str, jobs: list[list[Row]], step: int) -> list[dict[Key, Logged]]:
    """Each job in a replica of its own, all at once, `step` rows in a group."""
    told: list[dict[Key, Logged]] = []
    start = threading.Barrier(len(jobs))

    def work(rows: list[Row]) -> None:
        with replica(url) as (_, _, ledger):
            start.wait()
            for i in range(0, len(rows), step):
                told.append(ledger.decide(rows[i : i + step], NOW_US))

    threads = [threading.Thread(target=work, args=(rows,)) for rows in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.parametrize("step", [1, 7, 64])
def test_replicas_that_race_sign_one_outcome(server: Cluster, step: int) -> None:
    """400 transactions, committed, declined and refused at once by four replicas: one decision."""
    url = server.fresh()
    count = 400 if step > 1 else 60
    labels = [f"{step} {i}" for i in range(count)]
    with replica(url) as (_, _, ledger):
        ledger.certify(KEYS, NOW_US)
    kinds = ("commit", "refusal", "decline", "refusal")
    # Whoever is fastest, both outcomes happen.
    jobs = [[row_of(x, kinds[(i + j) % 4]) for i, x in enumerate(labels)] for j in range(4)]
    jobs[2].reverse()
    jobs[3].reverse()
    told = race(url, jobs, step)
    assert len(told) == 4 * -(-count // step), "no replica failed"
    signed: dict[Key, set[bytes]] = {}
    for answers in told:
        for key, logged in answers.items():
            signed.setdefault(key, set()).add(SIGNER.statement(logged).statement)
    assert len(signed) == count
    assert all(len(statements) == 1 for statements in signed.values())
    with replica(url) as (_, _, ledger):
        final = ledger.find(signed)
        assert sorted(x.index for x in final.values()) == list(range(2, count + 2)), "no gap"
        outcomes = {x.row.leaf.outcome for x in final.values()}
        assert outcomes == set(Outcome)
        leaves = ledger.leaves(YEAR, 2, count + 2)
        assert leaves == [x.row.data for x in sorted(final.values(), key=lambda x: x.index)]


def test_two_processes_found_one_registry(server: Cluster) -> None:
    url = server.fresh()
    start = threading.Barrier(3)
    faults: list[BaseException] = []

    def found(registry: bytes) -> None:
        try:
            with open_ledger(url) as store, store.engine.connect() as connection:
                start.wait()
                Ledger(connection).claim(registry, ORIGIN, store.place)
        except StoreUnusable as fault:
            faults.append(fault)

    threads = [threading.Thread(target=found, args=(r,)) for r in (R1.id, R1.id, R2.id)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(faults) <= 2, "one registry has it, the other is turned away"
    assert server.run("SELECT 1") == [(1,)]


# ---------------------------------------------------------------- deciders


def decider(ledger: Ledger, clock: FakeClock) -> Decider:
    return Decider(ledger, clock, TERMS, RULES)


def test_a_promoted_replica_waits_until_the_mark_has_surely_passed(server: Cluster) -> None:
    url, s = server.fresh(), declinable("a")
    with replica(url) as (_, _, ledger):
        ledger.raise_mark(NOW_US)
    clock = FakeClock(NOW_US + ERROR_US - 1, ERROR_US)
    with replica(url) as (_, _, ledger):
        promoted = decider(ledger, clock)
        assert promoted.answer([commit_shown(s)]) == [Refused(Reason.CLOCK_UNSAFE, ERROR_US)]
        clock.advance(1)
        (answer,) = promoted.answer([commit_shown(s)])
        assert isinstance(answer, Logged)


def test_two_deciders_by_turns(server: Cluster) -> None:
    """With clocks at both ends of their bound, what one says the other says as well."""
    url = server.fresh()
    early = FakeClock(NOW_US - ERROR_US, ERROR_US)
    late = FakeClock(NOW_US + ERROR_US, ERROR_US)
    subjects = [declinable(f"{i}", deadline_us=NOW_US + SECOND + i * 9000) for i in range(60)]
    with ExitStack() as stack:
        one, other = (
            decider(stack.enter_context(replica(url))[2], clock) for clock in (early, late)
        )
        first: dict[bytes, object] = {}
        for step in range(60):
            early.advance(70_000)
            late.advance(70_000)
            for which in (one, other):
                items = [Query(s) if step % 2 else commit_shown(s) for s in subjects[: step + 1]]
                for s, answer in zip(subjects, which.answer(items), strict=False):
                    if isinstance(answer, Logged):
                        signed = SIGNER.statement(answer)
                        assert first.setdefault(s.commit_id, signed) == signed
        outcomes = {
            Outcome(x.row.leaf.outcome)
            for x in (one.answer([Query(s)])[0] for s in subjects)
            if isinstance(x, Logged)
        }
        assert outcomes == set(Outcome)


def test_whoever_stood_still_while_others_decided_looks_at_the_clock_again(server: Cluster) -> None:
    """Else its decision would be logged long after its time, and witnesses would show that (E6)."""
    url, s = server.fresh(), declinable("a", deadline_us=NOW_US + 600 * SECOND)
    clock = FakeClock(NOW_US, ERROR_US)
    with replica(url) as (_, _, mine), replica(url) as (_, _, other):
        slow = decider(mine, clock)
        row = decide(commit_shown(s), None, reading(NOW_US), TERMS)
        assert isinstance(row, Row)
        other.raise_mark(NOW_US + STALE_US + 1)
        with pytest.raises(Stale):
            mine.decide([row], NOW_US)
        assert mine.find([row.key]) == {}
        other.raise_mark(NOW_US + 100 * SECOND)
        take = mine.decide

        def late(rows: list[Row], mark_us: int) -> dict[Key, Logged]:
            """The process stood still between its look at the clock and its row."""
            if clock.now_us() == NOW_US:
                clock.advance(101 * SECOND)
            return take(rows, mark_us)

        mine.decide = late  # type: ignore[assignment, method-assign]
        (answer,) = slow.answer([commit_shown(s)])
        assert isinstance(answer, Logged)
        assert answer.row.leaf.decided_at_us == NOW_US + 101 * SECOND


def test_what_a_process_left_behind_is_settled_by_an_idle_one(server: Cluster) -> None:
    """Its log goes on, else it would look as if its last decisions had been withheld (E7)."""
    url = server.fresh()
    with replica(url) as (store, _, dead), replica(url) as (_, _, idle):
        idle.raise_mark(NOW_US)
        with store.engine.connect() as reading_:
            dead.decide([row_of("a")], NOW_US)
            idle.raise_mark(NOW_US - 1)
            idle.raise_mark(NOW_US - 1)
            assert LedgerReader(reading_).log_size(YEAR) == 1


def test_a_server_that_lost_what_was_told_is_not_used(server: Cluster) -> None:
    url, empty = server.fresh(), server.fresh()
    with replica(url) as (_, _, before), replica(empty) as (_, _, promoted):
        before.decide([row_of("a"), row_of("b")], NOW_US)
        promoted.decide([row_of("a")], NOW_US)
        before.require_kept(before.settled)
        with pytest.raises(StoreUnusable, match="must not decide"):
            promoted.require_kept(before.settled)


def test_a_lease_that_is_not_given_back_stalls_and_passes(server: Cluster) -> None:
    """Another process stands still in the middle of its turn: told decisions are still told."""
    url, old, new = server.fresh(), declinable("old"), declinable("new")
    clock = FakeClock(NOW_US, ERROR_US)
    with replica(url) as (_, _, ledger), replica(url) as (_, holding, holder):
        mine = decider(ledger, clock)
        (stored,) = mine.answer([commit_shown(old)])
        with ledger._connection.begin():
            ledger._connection.execute(text("SET lock_timeout = '50ms'"))
        with holding.begin():
            holder._statements.take_lease(holding)
            assert mine.answer([commit_shown(new), Query(old)]) == [STALLED, stored]
        (answer,) = mine.answer([commit_shown(new)])
        assert isinstance(answer, Logged)


def test_a_start_while_another_holds_the_lease_says_so(server: Cluster) -> None:
    url = server.fresh("-clock_timeout=50ms")
    with replica(url) as (_, holding, holder), holding.begin():
        holder._statements.take_lease(holding)
        with pytest.raises(StoreUnusable, match="cannot be written") as caught, replica(url):
            pass
        assert "\n" not in str(caught.value)


def test_the_archive_tells_what_is_settled_alone(server: Cluster) -> None:
    url = server.fresh()
    row = row_of("a")
    uuid = transaction_uuid(row.leaf.commit_id).bytes
    with replica(url) as (store, _, ledger), store.engine.connect() as reading_:
        reader = LedgerReader(reading_)
        placed = ledger.decide([row], NOW_US)[row.key]
        assert reader.log_size(YEAR) == 0, "it is told with the next write"
        assert reader.by_uuid(uuid) == []
        assert ledger.index_archive() == 0
        assert reader.log_size(YEAR) == 1
        assert reader.by_uuid(uuid) == [placed]
        mine = decider(ledger, FakeClock(NOW_US, ERROR_US))
        assert mine.answer([Unbound(row.leaf.commit_id)]) == [placed]


# ---------------------------------------------------------------- servers that are not trusted


@pytest.mark.parametrize("setting", ["off", "local", "remote_write"])
def test_a_server_that_forgets_is_refused(server: Cluster, setting: str) -> None:
    with (
        pytest.raises(StoreUnusable, match="synchronous_commit"),
        open_ledger(server.fresh(f"-csynchronous_commit={setting}")),
    ):
        pass


def test_the_database_belongs_to_one_registry(server: Cluster, tmp_path: Path) -> None:
    url = server.fresh()
    with replica(url) as (_, _, ledger):
        for registry, origin in ((R2.id, ORIGIN), (R1.id, "example.net/other")):
            with pytest.raises(StoreUnusable, match="holds the decisions of registry"):
                ledger.claim(registry, origin, url)
