"""Decides groups of items: look up, one reading of the clock, rule, insert, believe the database.

A group is whatever had queued up while the one before was on its way to the disk.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from sqlalchemy.exc import DBAPIError

from proto.limits import US
from proto.log_leaf import EPOCH_US
from proto.statement import DecisionReason, InterimKind
from registry.log import (
    Answer,
    Event,
    Fence,
    Logged,
    Pause,
    Reason,
    Refused,
    Row,
    Terms,
    Verdict,
    decide,
    decide_unknown,
    fence_for,
)
from registry.store import Closed, Key, Ledger, Stale
from registry.timing import ClockRules, Reading, Sample, assess, stepped
from runtime.clock import Clock
from runtime.faults import StoreFault, StoreLocked, fault_of

log = logging.getLogger(__name__)

CLOCK_TRIES: Final = 3  # a clock that stepped in each of three looks is not one to decide by
INDEX_STEPS: Final = 4
FENCE_TRIES: Final = 3  # a fence is raised once a day: two in a row are two clocks that disagree
FENCE_STEP_US: Final = 86_400 * US
MARK_EVERY_US: Final = 1_000_000  # registry 4.4


@dataclass(frozen=True, slots=True)
class Unbound:
    """A question by id alone: 32 bytes of a commit_id, or the 16 of an archive id."""

    subject: bytes


Item = Event | Unbound


def look_at(clock: Clock) -> Sample:
    """One look at a clock."""
    return Sample(clock.now_us(), clock.error_us(), clock.monotonic_us())


class Decider:
    """Owned by one thread. It alone reads the clock for decisions, and it alone writes."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        terms: Terms,
        rules: ClockRules,
        stalled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stalled`: whether the log has stood still for too long; asked by the deciding thread."""
        self._ledger = ledger
        self._clock = clock
        self._terms = terms
        self._rules = rules
        self._stalled = stalled
        self._mark_us = ledger.mark_us()  # in memory it may run ahead of the disk, never behind
        self._durable_mark_us = self._mark_us
        # Another process may have decided by a clock that runs ahead of ours within its bound.
        self._begun_us = self._mark_us if ledger.shared else 0
        self._fences: tuple[Fence, ...] = ()
        self._learn_fences()

    def sample(self) -> Sample:
        return look_at(self._clock)

    def reading(self) -> Reading:
        """The clock as it may be relied upon now."""
        return assess(self.sample(), self._mark_us, self._rules, self._begun_us)

    def answer(self, items: Sequence[Item]) -> list[Answer]:
        """Answers in item order; what is decided is durable. DBAPIError: see `is_passing`."""
        for _ in range(FENCE_TRIES):
            try:
                answers = self._answer_unless_closed(items)
            except StoreLocked:
                break
            except DBAPIError as error:
                self._require_passing(error)
                break
            if answers is not None:
                return answers
        return self._answer_stored(items)

    def _answer_unless_closed(self, items: Sequence[Item]) -> list[Answer] | None:
        """None where it is to be judged anew: a fence was raised meanwhile, or we stood still."""
        try:
            return self._answer(items)
        except Closed:
            self._learn_fences()
            return None
        except Stale:
            log.warning("we stood still while others decided; the group is judged anew")
            return None

    def _answer(self, items: Sequence[Item]) -> list[Answer]:
        stored = self._ledger.find(i.subject.key for i in items if not isinstance(i, Unbound))
        unbound = self._find_unbound(items)
        self._ledger.settle(stored.values())
        verdicts, reading = self._judge(items, stored, unbound)
        rows = [verdict for verdict in verdicts if isinstance(verdict, Row)]
        decided: dict[Key, Logged] = {}
        if rows:
            decided = self._ledger.decide(rows, reading.now_us)
            self._durable_mark_us = max(self._durable_mark_us, reading.now_us)
        return [_settled(verdict, decided) for verdict in verdicts]

    def _answer_stored(self, items: Sequence[Item]) -> list[Answer]:
        """What was decided before is told even while nothing can be written."""
        try:
            stored = self._ledger.find(i.subject.key for i in items if not isinstance(i, Unbound))
            unbound = {} if self._ledger.shared else self._find_unbound(items)
        except StoreLocked:
            return [STALLED] * len(items)
        except DBAPIError as error:
            self._require_passing(error)
            return [STALLED] * len(items)
        verdicts, _ = self._judge(items, stored, unbound)
        return [v if self._may_tell(v) else STALLED for v in verdicts]

    def _may_tell(self, verdict: "_Pending") -> TypeGuard[Answer]:
        if isinstance(verdict, Logged):
            return self._ledger.is_settled(verdict)
        return isinstance(verdict, Pause | Refused)

    def keep_mark(self) -> None:
        """Persists the clock's high-water mark, at most once a second, and raises the fence."""
        reading = self.reading()
        self._raise(reading)
        if self._mark_us < self._durable_mark_us + MARK_EVERY_US:
            return
        try:
            self._ledger.raise_mark(self._mark_us)
            self._keep_fence(reading)
        except StoreLocked:
            log.warning("another process writes to the database; the clock's mark waits")
        except DBAPIError as error:
            self._require_passing(error)  # decisions stall as well, so nothing outruns the mark
        self._durable_mark_us = self._mark_us

    def _keep_fence(self, reading: Reading) -> None:
        """Closes what lies EPOCH_US behind the clock, a whole day at a time."""
        through_us = (reading.earliest_us - EPOCH_US) // FENCE_STEP_US * FENCE_STEP_US
        known_us = max((fence.closed_through_us for fence in self._fences), default=0)
        if reading.usable and through_us > known_us:
            self._ledger.close_through(through_us, reading.now_us)
            self._learn_fences()

    def _learn_fences(self) -> None:
        fences = self._ledger.fences()
        # As with decisions: told only once no failover can lose it.
        self._ledger.settle(fences)
        self._fences = fences

    def index_some(self) -> int:
        """One step of the archive index; how many entries are still to do."""
        try:
            return self._ledger.index_archive()
        except StoreLocked:
            return 1
        except DBAPIError as error:
            self._require_passing(error)
            return 1

    def _require_passing(self, error: DBAPIError) -> None:
        if not is_passing(error):
            raise error
        log.error("nothing can be written, so nothing is decided: %s", error.orig)

    def _judge(
        self, items: Sequence[Item], stored: dict[Key, Logged], unbound: dict[bytes, Logged]
    ) -> tuple[list["_Pending"], Reading]:
        for _ in range(CLOCK_TRIES):
            before = self.sample()
            reading = assess(before, self._mark_us, self._rules, self._begun_us)
            verdicts = self._apply(items, stored, unbound, reading)
            # A stall between here and the insert is harmless: the row decides. A step is not.
            if not stepped(before, self.sample()):
                self._raise(reading)
                return verdicts, reading
            log.warning("the clock stepped while deciding; the group is judged anew")
        reading = Reading(before.now_us, before.error_us, usable=False)
        return self._apply(items, stored, unbound, reading), reading

    def _apply(
        self,
        items: Sequence[Item],
        stored: dict[Key, Logged],
        unbound: dict[bytes, Logged],
        reading: Reading,
    ) -> list["_Pending"]:
        verdicts: list[_Pending] = []
        fresh: set[Key] = set()
        for item in items:
            if isinstance(item, Unbound):
                known = unbound.get(item.subject)
                verdicts.append(known or decide_unknown(item.subject, reading))
                continue
            key = item.subject.key
            if key in fresh:
                verdicts.append(key)  # the same transaction earlier in this group: its row wins
                continue
            fence = fence_for(self._fences, key[0])
            verdict = decide(item, stored.get(key), reading, self._terms, fence)
            if _is_new(verdict) and self._stalled():
                verdict = STALLED  # registry 8: nothing is decided that no witness would see
            if isinstance(verdict, Row):
                fresh.add(key)
            verdicts.append(verdict)
        return verdicts

    def _find_unbound(self, items: Sequence[Item]) -> dict[bytes, Logged]:
        ids = {item.subject for item in items if isinstance(item, Unbound)}
        if not ids:
            return {}
        # A backlog beyond these steps stays one: whoever asks by id must not stall decisions.
        for _ in range(INDEX_STEPS):
            if not self.index_some():
                break
        found: dict[bytes, Logged] = {}
        for subject in ids:
            logged = self._ledger.by_subject(subject)
            if logged is not None:
                found[subject] = logged
        return found

    def _raise(self, reading: Reading) -> None:
        if reading.usable:
            self._mark_us = max(self._mark_us, reading.now_us)


STALLED: Final = Refused(Reason.LOG_STALLED)


def _is_new(verdict: Verdict) -> bool:
    """Whether it must wait while the log stalls. It rests on there being no row, and a database
    that was set back may have lost it; or it promises a decision that may not be made."""
    match verdict:
        case Row():
            return True
        case Logged(row):
            return row.leaf.reason is DecisionReason.EPOCH
        case Pause():
            # A place that cannot be used: promises made on its strength would only be held up.
            return verdict.kind is InterimKind.ADMITTED
        case _:
            return False


_Pending = Verdict | Key
"""A Key stands for whatever is decided about it in this group."""


def _settled(verdict: _Pending, decided: dict[Key, Logged]) -> Answer:
    match verdict:
        case Row():
            return decided[verdict.key]
        case Logged() | Pause() | Refused():
            return verdict
        case _:
            return decided[verdict]


def is_passing(error: DBAPIError) -> bool:
    """Whether nothing was written, and it can pass: a full disk, a lock, two writers that met.

    Anything else, a failed flush above all, leaves open what is on the disk. Then only a restart
    that reads it anew can be trusted; after a lost connection, a new one that does.
    """
    return fault_of(error) in (
        StoreFault.DISK_FULL,
        StoreFault.LOCKED,
        StoreFault.SERIALISATION,
    )


def is_lost(error: DBAPIError) -> bool:
    """Whether the connection broke: what it was writing may be there, or not."""
    return fault_of(error) is StoreFault.CONNECTION
