"""A registry under skewed and stepping clocks that crashes anywhere (registry section 11, I1–I6).

The real rule on a real database; what is virtual is time. A crash loses everything that was not
committed, and every answer that had not left. A second registry process, whose clock is wrong
within its bound, may take over after a crash, as a replica would.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.command.sim.cast import NOW_US, SECOND
from proto.merkle import leaf_hash
from proto.statement import (
    DecisionLeaf,
    DecisionReason,
    InterimKind,
    Outcome,
    SignedStatement,
    Statement,
)
from registry.decider import Item, Unbound
from registry.log import (
    Announce,
    Answer,
    Lapse,
    Logged,
    Pause,
    Query,
    Reason,
    Refused,
    Row,
    Subject,
    abort_horizon_us,
)
from registry.store import Key, Ledger
from registry.tables import log_entry, position_of
from runtime.clock import FakeClock
from tests.registry.build import (
    ERROR_US,
    RULES,
    SIGNER,
    TERMS,
    OpenRegistry,
    bad_commit_shown,
    commit_shown,
    declinable,
    decline_shown,
    open_registry,
)

SUBJECTS = [declinable(f"transaction {i}", deadline_us=NOW_US + (i + 1) * SECOND) for i in range(4)]
ITEMS: dict[str, list[Item]] = {
    "announce": [Announce(s) for s in SUBJECTS],
    "commit": [commit_shown(s) for s in SUBJECTS],
    "bad commit": [bad_commit_shown(s) for s in SUBJECTS],
    "decline": [decline_shown(s) for s in SUBJECTS],
    "bad decline": [decline_shown(s, b"wrong") for s in SUBJECTS],
    "query": [Query(s) for s in SUBJECTS],
    "lapse": [Lapse(s.kept) for s in SUBJECTS],
    "by id": [Unbound(s.commit_id) for s in SUBJECTS],
}
ASK = st.tuples(st.sampled_from(sorted(ITEMS)), st.integers(0, len(SUBJECTS) - 1))

Ask = tuple[str, int]  # what, and which of SUBJECTS


class Crash(BaseException):
    """The process is gone."""


def items(asks: list[Ask]) -> list[Item]:
    return [ITEMS[what][which] for what, which in asks]


def crash_before_commit(ledger: Ledger, rows: list[Row], mark_us: int) -> dict[Key, Logged]:
    """Everything is written, nothing is committed."""
    with ledger._connection.begin():
        ledger._raise_mark(mark_us)
        raise Crash


class RegistryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.process = ExitStack()
        self.true_us = NOW_US
        self.skew_us = 0
        self.boot_us = 0
        self.clock = FakeClock(NOW_US, ERROR_US)
        self.registry: OpenRegistry  # from the first start on
        self.signed: dict[bytes, bytes] = {}  # every statement that left, by commit_id
        self.log: list[bytes] = []
        self.mark_us = 0

    def start(self) -> OpenRegistry:
        path = Path(self.folder) / "d.sqlite"
        self.process = ExitStack()
        self.clock = FakeClock(self.true_us + self.skew_us, ERROR_US)
        registry = self.process.enter_context(open_registry(path, self.clock))
        # Virtual crashes lose nothing that was committed, so flushing would prove nothing.
        raw = registry.ledger._connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA synchronous = OFF")
        return registry

    def crash(self) -> None:
        self.process.close()
        self.registry = self.start()

    def teardown(self) -> None:
        self.process.close()
        self.open.close()

    # ------------------------------------------------------------- what may happen

    @initialize(skew_us=st.integers(-ERROR_US, ERROR_US))
    def first_start(self, skew_us: int) -> None:
        self.folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.skew_us = skew_us
        self.registry = self.start()

    @rule(by_us=st.sampled_from([1, ERROR_US, SECOND // 2, SECOND, 2 * SECOND, 5 * SECOND]))
    def time_passes(self, by_us: int) -> None:
        self.true_us += by_us
        self.clock.advance(by_us)

    @rule(which=st.integers(0, len(SUBJECTS) - 1), off_us=st.integers(-1, 1), at=st.integers(0, 3))
    def time_reaches_a_boundary(self, which: int, off_us: int, at: int) -> None:
        subject = SUBJECTS[which]
        d_us = subject.descriptor.deadline_us
        a_us = abort_horizon_us(subject.descriptor, TERMS)
        boundary_us = (d_us - ERROR_US, d_us, a_us, a_us + ERROR_US)[at] + off_us
        by_us = boundary_us - self.clock.now_us()
        if by_us >= 0:
            self.time_passes(by_us)

    @rule(skew_us=st.integers(-ERROR_US, ERROR_US))
    def the_clock_is_stepped_within_its_bound(self, skew_us: int) -> None:
        self.skew_us = skew_us
        self.clock.set_now(self.true_us + skew_us)

    @rule(back_us=st.integers(10 * SECOND, 20 * SECOND), asks=st.lists(ASK, max_size=3))
    def the_clock_is_wrong_for_a_while(self, back_us: int, asks: list[Ask]) -> None:
        """Far beyond its bound, backwards: nothing new may be decided by it."""
        self.registry.decider.keep_mark()
        decided = set(self.registry.ledger.find(s.key for s in SUBJECTS))
        self.clock.set_now(self.true_us - back_us)
        for answer in self.answers(asks):
            assert isinstance(answer, Logged | Refused), answer
        assert set(self.registry.ledger.find(s.key for s in SUBJECTS)) == decided
        self.clock.set_now(self.true_us + self.skew_us)

    @rule(asks=st.lists(ASK, min_size=1, max_size=6))
    def asked(self, asks: list[Ask]) -> None:
        answers = self.answers(asks)
        for (what, which), answer in zip(asks, answers, strict=True):
            self.check(what, SUBJECTS[which], answer)

    @rule(asks=st.lists(ASK, min_size=1, max_size=4))
    def crashed_before_the_commit(self, asks: list[Ask]) -> None:
        before = self.registry.ledger.find(s.key for s in SUBJECTS)
        decider = self.registry.decider
        decide = Ledger.decide
        Ledger.decide = crash_before_commit  # type: ignore[assignment, method-assign]
        try:
            decider.answer(items(asks))
        except Crash:
            pass
        finally:
            Ledger.decide = decide  # type: ignore[method-assign]
        self.crash()
        assert self.registry.ledger.find(s.key for s in SUBJECTS) == before

    @rule(asks=st.lists(ASK, min_size=1, max_size=4))
    def crashed_after_the_commit(self, asks: list[Ask]) -> None:
        """Decided, but neither signed nor told: whoever asks next gets exactly that."""
        answers = self.answers(asks)
        self.crash()
        for (_, which), answer in zip(asks, answers, strict=True):
            if isinstance(answer, Logged):
                assert self.registry.stored(SUBJECTS[which]) == answer

    @rule(skew_us=st.integers(-ERROR_US, ERROR_US))
    def another_process_takes_over(self, skew_us: int) -> None:
        self.skew_us = skew_us
        self.crash()

    # ------------------------------------------------------------- what must hold

    def answers(self, asks: list[Ask]) -> list[Answer]:
        return self.registry.decider.answer(items(asks))

    def check(self, what: str, subject: Subject, answer: Answer) -> None:
        match answer:
            case Logged():
                signed = SIGNER.statement(answer).encode()
                first = self.signed.setdefault(subject.commit_id, signed)
                assert signed == first, "I1, I3: one outcome ever signed, and always the same bytes"
                self.check_row(subject, answer)
            case Pause(kind=InterimKind.PENDING):
                horizon_us = abort_horizon_us(subject.descriptor, TERMS)
                assert answer.final_after_us == horizon_us
                assert self.clock.now_us() - ERROR_US <= horizon_us
                assert subject.commit_id not in self.signed, "a final answer was given before"
            case Refused(reason=Reason.BAD_EVIDENCE):
                assert what.startswith("bad")
                assert subject.commit_id not in self.signed, "a final answer was given before"
            case Refused(reason=reason):
                assert reason in (Reason.TOO_SOON, Reason.CLOCK_UNSAFE)

    def check_row(self, subject: Subject, answer: Logged) -> None:
        leaf = answer.row.leaf
        assert leaf.commit_id == subject.commit_id
        d_us = subject.descriptor.deadline_us
        if leaf.outcome is Outcome.COMMITTED:
            assert leaf.decided_at_us + leaf.max_error_us <= leaf.limit_us == d_us, "I2"
            assert commit_shown(subject).satisfied
        if leaf.reason is DecisionReason.DEADLINE:
            horizon_us = abort_horizon_us(subject.descriptor, TERMS)
            assert leaf.decided_at_us - leaf.max_error_us > horizon_us, "I4"
            assert self.true_us > horizon_us, "I4, by true time"

    @precondition(lambda self: self.signed)
    @rule()
    def what_was_signed_is_what_is_stored(self) -> None:
        for subject in SUBJECTS:
            if subject.commit_id in self.signed:
                stored = self.registry.stored(subject)
                assert stored is not None, "nothing signed is ever lost"
                assert SIGNER.statement(stored).encode() == self.signed[subject.commit_id]

    @invariant()
    def the_log_only_grows(self) -> None:
        connection = self.registry.ledger._connection
        with connection.begin():
            entries = connection.execute(log_entry.select().order_by(log_entry.c.position)).all()
        hashes = [entry.leaf_hash for entry in entries]
        assert [entry.position for entry in entries] == [
            position_of(2026, i) for i in range(len(entries))
        ], "I5: no gap"
        assert hashes[: len(self.log)] == self.log, "I5: append-only"
        self.log = hashes
        for commit_id, signed in self.signed.items():
            statement = Statement.decode(_payload(signed))
            assert hashes[statement.log_index] == leaf_hash(statement.leaf), "I5: logged"
            assert DecisionLeaf.decode(statement.leaf).commit_id == commit_id

    @invariant()
    def the_mark_only_rises(self) -> None:
        mark_us = self.registry.ledger.mark_us()
        assert mark_us >= self.mark_us, "I6"
        self.mark_us = mark_us

    @invariant()
    def the_rules_are_those_of_the_record(self) -> None:
        assert RULES.max_error_us > ERROR_US, "or this machine would test nothing"


def _payload(signed: bytes) -> bytes:
    return SignedStatement.decode(signed).statement


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
