"""Decides groups of items: look up, one reading of the clock, rule, insert, believe the database.

A group is whatever had queued up while the one before was on its way to the disk.
"""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError

from registry.log import (
    Answer,
    Event,
    Logged,
    Pause,
    Reason,
    Refused,
    Row,
    Terms,
    Verdict,
    decide,
    decide_unknown,
)
from registry.store import Key, Ledger
from registry.timing import ClockRules, Reading, Sample, assess, stepped
from runtime.clock import Clock

log = logging.getLogger(__name__)

CLOCK_TRIES: Final = 3  # a clock that stepped in each of three looks is not one to decide by
INDEX_STEPS: Final = 4
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

    def __init__(self, ledger: Ledger, clock: Clock, terms: Terms, rules: ClockRules) -> None:
        self._ledger = ledger
        self._clock = clock
        self._terms = terms
        self._rules = rules
        self._mark_us = ledger.mark_us()  # in memory it may run ahead of the disk, never behind
        self._durable_mark_us = self._mark_us

    def sample(self) -> Sample:
        return look_at(self._clock)

    def reading(self) -> Reading:
        """The clock as it may be relied upon now."""
        return assess(self.sample(), self._mark_us, self._rules)

    def answer(self, items: Sequence[Item]) -> list[Answer]:
        """Answers in item order; what is decided is durable. DBAPIError: see `is_passing`."""
        try:
            stored = self._ledger.find(i.subject.key for i in items if not isinstance(i, Unbound))
            unbound = self._find_unbound(items)
        except DBAPIError as error:
            self._require_passing(error)
            return [_STALLED] * len(items)
        verdicts, reading = self._judge(items, stored, unbound)
        rows = [verdict for verdict in verdicts if isinstance(verdict, Row)]
        decided: dict[Key, Logged] = {}
        if rows:
            try:
                decided = self._ledger.decide(rows, reading.now_us)
            except DBAPIError as error:
                self._require_passing(error)
                return [_STALLED if isinstance(v, Row | tuple) else v for v in verdicts]
            self._durable_mark_us = max(self._durable_mark_us, reading.now_us)
        return [_settled(verdict, decided) for verdict in verdicts]

    def keep_mark(self) -> None:
        """Persists the high-water mark of the clock, at most once a second."""
        self._raise(self.reading())
        if self._mark_us < self._durable_mark_us + MARK_EVERY_US:
            return
        try:
            self._ledger.raise_mark(self._mark_us)
        except DBAPIError as error:
            self._require_passing(error)  # decisions stall as well, so nothing outruns the mark
        self._durable_mark_us = self._mark_us

    def index_some(self) -> int:
        """One step of the archive index; how many entries are still to do."""
        try:
            return self._ledger.index_archive()
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
            reading = assess(before, self._mark_us, self._rules)
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
            verdict = decide(item, stored.get(key), reading, self._terms)
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


_STALLED: Final = Refused(Reason.LOG_STALLED)

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
    """Whether the disk is full or somebody holds the lock: nothing was written, it can pass.

    Anything else, a failed flush above all, leaves open what is on the disk. Then only a restart
    that reads it anew can be trusted.
    """
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
