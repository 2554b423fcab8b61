"""Groups on a real database: order within a group, stepping clocks, a full disk, a bad disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio
from sqlalchemy.exc import DBAPIError

from node.command.sim.cast import NOW_US, R1, SECOND
from proto.log_leaf import EPOCH_US
from proto.statement import DecisionReason, InterimKind
from registry.decider import MARK_EVERY_US, STALLED, Decider, Item, Unbound
from registry.log import Announce, Answer, Logged, Pause, Query, Reason, Refused
from registry.store import Ledger, open_ledger
from registry.tables import meta
from registry.worker import DecisionWorker
from runtime.clock import FakeClock
from runtime.handover import DaemonCrash
from tests.patience import PATIENCE_S
from tests.registry.build import (
    ERROR_US,
    GUARD_US,
    ORIGIN,
    RULES,
    TERMS,
    OpenRegistry,
    bad_commit_shown,
    commit_shown,
    declinable,
    decline_shown,
    descriptor,
    open_registry,
    subject,
)

pytestmark = pytest.mark.edge


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW_US, ERROR_US)


@pytest.fixture
def opened(tmp_path: Path, clock: FakeClock) -> Iterator[OpenRegistry]:
    with open_registry(tmp_path / "d.sqlite", clock) as registry:
        yield registry


def reason(answer: Answer) -> DecisionReason:
    assert isinstance(answer, Logged), answer
    return answer.row.leaf.reason


def test_while_the_log_stalls_no_fence_answers_either(
    opened: OpenRegistry, clock: FakeClock
) -> None:
    """A database that was set back would deny what it decided, and the fence lies behind it."""
    s, known = subject(descriptor("a")), subject(descriptor("b"))
    (stored,) = opened.decider.answer([commit_shown(known)])
    clock.advance(EPOCH_US + 2 * 86_400 * SECOND)
    opened.ledger.close_through(s.descriptor.deadline_us, clock.now_us())
    stalled = [True]
    decider = Decider(opened.ledger, clock, TERMS, RULES, lambda: stalled[0])
    assert decider.answer([Query(s), Query(known)]) == [STALLED, stored]
    stalled.clear()
    stalled.append(False)
    assert reason(decider.answer([Query(s)])[0]) is DecisionReason.EPOCH


def test_while_the_log_stalls_nobody_is_admitted(opened: OpenRegistry, clock: FakeClock) -> None:
    """Promises made on the strength of a place would wait for a decision that is not made."""
    stalled = [True]
    decider = Decider(opened.ledger, clock, TERMS, RULES, lambda: stalled[0])
    announced = Announce(subject(descriptor("a")))
    (pending,) = decider.answer([Query(announced.subject)])
    assert isinstance(pending, Pause), "a question costs nobody anything"
    assert decider.answer([announced]) == [STALLED]
    stalled[0] = False
    (admitted,) = decider.answer([announced])
    assert isinstance(admitted, Pause) and admitted.kind is InterimKind.ADMITTED


def test_within_a_group_the_first_decides(opened: OpenRegistry) -> None:
    a, b = declinable("a"), declinable("b")
    asked: list[Item] = [
        commit_shown(a),
        decline_shown(b),
        Query(a),
        decline_shown(a),
        commit_shown(b),
    ]
    answers = opened.decider.answer(asked)
    assert [reason(x).name for x in answers] == [
        *("COMMIT", "DECLINED", "COMMIT", "COMMIT", "DECLINED")
    ]
    assert opened.ledger.log_size(2026) == 2
    assert opened.decider.answer(asked) == answers, "asked again, the same answers"


def test_a_refusal_in_a_group_leaves_the_rest_alone(opened: OpenRegistry) -> None:
    a, b = declinable("a"), declinable("b")
    answers = opened.decider.answer([bad_commit_shown(a), commit_shown(b), Query(a)])
    assert answers[0] == Refused(Reason.BAD_EVIDENCE)
    assert reason(answers[1]) is DecisionReason.COMMIT
    assert isinstance(answers[2], Pause)


def test_an_id_alone_finds_the_newest_decision(opened: OpenRegistry) -> None:
    s = declinable("a")
    (no_record,) = opened.decider.answer([Unbound(s.commit_id)])
    assert isinstance(no_record, Pause)
    assert no_record.kind is InterimKind.NO_RECORD
    (decided,) = opened.decider.answer([commit_shown(s)])
    assert opened.decider.answer([Unbound(s.commit_id)]) == [decided]


class SteppingClock(FakeClock):
    """Steps by `step_us` in the middle of each of the first `times` groups."""

    def __init__(self, step_us: int, times: int) -> None:
        super().__init__(NOW_US, ERROR_US)
        self.step_us = step_us
        self.left = times
        self.looks = 0

    def now_us(self) -> int:
        self.looks += 1
        if self.looks % 2 == 0 and self.left:
            self.left -= 1
            self.set_now(super().now_us() + self.step_us)
        return super().now_us()


def test_a_group_judged_by_a_stepping_clock_is_judged_anew(tmp_path: Path) -> None:
    """The clock jumps back over D between its two looks: what counts is the time after it."""
    late_us = GUARD_US + 20 * SECOND
    clock = SteppingClock(-late_us, times=1)
    clock.set_now(NOW_US + late_us)
    s = subject(descriptor("a"))
    with open_registry(tmp_path / "d.sqlite", clock) as opened:
        (answer,) = opened.decider.answer([Query(s)])
        assert isinstance(answer, Pause), "by the first look it would have been refused for ever"


def test_a_clock_that_steps_in_every_look_decides_nothing(tmp_path: Path) -> None:
    clock = SteppingClock(SECOND, times=10**9)
    s = subject(descriptor("a"))
    with open_registry(tmp_path / "d.sqlite", clock) as opened:
        (answer,) = opened.decider.answer([commit_shown(s)])
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.CLOCK_UNSAFE
        assert opened.stored(s) is None


def test_the_mark_outlives_the_process(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "d.sqlite"
    with open_registry(path, clock) as opened:
        clock.advance(MARK_EVERY_US)
        opened.decider.keep_mark()
        marked_us = clock.now_us()
        clock.advance(MARK_EVERY_US - 1)
        opened.decider.keep_mark()
        assert opened.ledger.mark_us() == marked_us, "at most once a second"
    s = subject(descriptor("a"))
    clock.set_now(marked_us - ERROR_US - 1)
    with open_registry(path, clock) as opened:
        (refused,) = opened.decider.answer([commit_shown(s)])
        assert refused == Refused(Reason.CLOCK_UNSAFE, ERROR_US)
        clock.advance(1)
        assert reason(opened.decider.answer([commit_shown(s)])[0]) is DecisionReason.COMMIT


def test_a_full_disk_stalls_and_recovers(opened: OpenRegistry, clock: FakeClock) -> None:
    old, new = declinable("old"), declinable("new")
    (stored,) = opened.decider.answer([commit_shown(old)])
    raw = opened.ledger._connection.connection.driver_connection
    assert raw is not None
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")
    many = [commit_shown(declinable(f"{i}")) for i in range(100)]
    answers = opened.decider.answer([*many, commit_shown(new), Query(old), Query(new)])
    assert answers[-2] == stored
    assert set(answers[:-2]) | {answers[-1]} == {Refused(Reason.LOG_STALLED)}
    assert opened.ledger.log_size(2026) == 1
    clock.advance(2 * MARK_EVERY_US)
    opened.decider.keep_mark()
    raw.execute("PRAGMA max_page_count = 100000")
    assert reason(opened.decider.answer([commit_shown(new)])[0]) is DecisionReason.COMMIT


def test_a_locked_database_stalls(opened: OpenRegistry, tmp_path: Path) -> None:
    """A backup program holds the lock for too long: nothing is decided, nothing breaks."""
    s = declinable("a")
    raw = opened.ledger._connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "d.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert opened.decider.answer([commit_shown(s)]) == [Refused(Reason.LOG_STALLED)]
        assert opened.decider.index_some() == 1
    assert reason(opened.decider.answer([commit_shown(s)])[0]) is DecisionReason.COMMIT
    assert opened.decider.index_some() == 0


async def test_a_failing_disk_stops_the_daemon(tmp_path: Path, clock: FakeClock) -> None:
    """What is on the disk is then unknown: answering from memory could contradict it."""
    with open_ledger(tmp_path / "d.sqlite") as store:
        with store.engine.connect() as connection:
            Ledger(connection).claim(R1.id, ORIGIN, store.path)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE log_entry")
        with pytest.raises(DaemonCrash) as caught, trio.fail_after(PATIENCE_S):
            async with DecisionWorker.open(
                store.engine, partial(make, clock=clock), lambda _: None
            ) as worker:
                await worker.answer([commit_shown(declinable("a"))])
        assert isinstance(caught.value.__cause__, DBAPIError)


def make(ledger: Ledger, clock: FakeClock) -> Decider:
    return Decider(ledger, clock, TERMS, RULES)


async def test_callers_share_groups_and_each_gets_its_own(tmp_path: Path, clock: FakeClock) -> None:
    heard: list[bytes] = []
    subjects = [declinable(f"{i}") for i in range(60)]
    with open_ledger(tmp_path / "d.sqlite") as store:
        with store.engine.connect() as connection:
            Ledger(connection).claim(R1.id, ORIGIN, store.path)
        async with DecisionWorker.open(
            store.engine,
            partial(make, clock=clock),
            lambda decided: heard.extend(x.row.leaf.commit_id for x in decided),
        ) as worker:
            answers: dict[int, list[Answer]] = {}

            async def ask(i: int) -> None:
                mine = subjects[i : i + 3]
                answers[i] = await worker.answer([commit_shown(s) for s in mine])

            with trio.fail_after(PATIENCE_S):
                async with trio.open_nursery() as nursery:
                    for i in range(0, 60, 3):
                        nursery.start_soon(ask, i)
            assert worker.room == 8192
    for i, got in answers.items():
        ids = [x.row.leaf.commit_id for x in got if isinstance(x, Logged)]
        assert ids == [s.commit_id for s in subjects[i : i + 3]]
    assert set(heard) == {s.commit_id for s in subjects}


async def test_a_cancelled_caller_is_decided_all_the_same(tmp_path: Path, clock: FakeClock) -> None:
    s = declinable("a")
    heard = trio.Event()
    with open_ledger(tmp_path / "d.sqlite") as store:
        with store.engine.connect() as connection:
            Ledger(connection).claim(R1.id, ORIGIN, store.path)
        async with DecisionWorker.open(
            store.engine, partial(make, clock=clock), lambda _: heard.set()
        ) as worker:
            with trio.CancelScope() as scope:
                scope.cancel()
                await worker.answer([commit_shown(s)])
            assert scope.cancelled_caught
            with trio.fail_after(PATIENCE_S):
                await heard.wait()
                (answer,) = await worker.answer([Query(s)])
            assert reason(answer) is DecisionReason.COMMIT


def test_meta_names_its_numbers(opened: OpenRegistry) -> None:
    opened.decider.answer([commit_shown(declinable("a"))])
    with opened.ledger._connection.begin():
        rows = opened.ledger._connection.execute(meta.select()).all()
    assert {row.name for row in rows} == {
        *("schema_version/registry", "clock_mark_us", "closed_through_us", "lease"),
        *("archive_indexed/2026", "settled/2026"),
    }
