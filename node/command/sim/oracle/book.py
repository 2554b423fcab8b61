"""One node's book as the oracle keeps it: from the rows that became durable, one group at a time.

What `node.core.invariants` sums up from rows is summed up here from changes, and by another rule:
every promise is followed from its first row to its last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from node.core.rows import Direction, Key, Line, Payment, Promise, PromisePhase, Row, Transaction

Complaint = tuple[int, str]
"""(number of the invariant in protocol section 9, what is wrong)."""


@dataclass(slots=True)
class Tally:
    """Of one line in one direction: what is pending and what was booked."""

    pending: int = 0
    count: int = 0
    booked: int = 0
    sequence: int = 0


@dataclass(slots=True)
class Book:
    """`learned_us`: when a commit became known here, by transaction, in true virtual time."""

    name: str
    rows: dict[Key, Row] = field(default_factory=dict)
    tallies: dict[tuple[bytes, Direction], Tally] = field(default_factory=dict)
    learned_us: dict[bytes, int] = field(default_factory=dict)
    made_us: dict[Key, int] = field(default_factory=dict)
    ended_us: dict[Key, int] = field(default_factory=dict)
    under: dict[bytes, dict[Key, None]] = field(default_factory=dict)  # commit -> its promises
    signed: dict[bytes, dict[bytes, None]] = field(default_factory=dict)  # request -> commits

    def take(self, rows: Iterable[Row], at_us: int) -> Iterator[Complaint]:
        """A durable group. Complaints about each row, and about the sums of the group."""
        touched: dict[bytes, None] = {}
        fresh: list[Promise] = []
        # A limit that is lowered touches new promises only, and these may have come before it.
        granted: dict[bytes, int] = {}
        for row in rows:
            before = self.rows.get(row.key)
            self.rows[row.key] = row
            match row:
                case Promise():
                    assert before is None or isinstance(before, Promise)
                    touched[row.line] = None
                    if before is None:
                        self.made_us[row.key] = at_us
                        self.under.setdefault(row.commit, {})[row.key] = None
                        if row.direction is Direction.OUT and row.pending:
                            fresh.append(row)
                    if row.phase.final:
                        self.ended_us.setdefault(row.key, at_us)
                    yield from self._follow(before, row)
                case Line():
                    touched[row.id] = None
                    if isinstance(before, Line):
                        granted[row.id] = before.limit_out
                case Transaction():
                    if row.commit_evidence:
                        self.learned_us.setdefault(row.commit, at_us)
                case _:
                    pass
        for line in touched:
            yield from self._compare(line)
        # After the group: in it, what was freed may come behind what was given in its place.
        for promise in fresh:
            yield from self._within_limit(promise, granted.get(promise.line, 0))

    def _follow(self, before: Promise | None, now: Promise) -> Iterator[Complaint]:
        tally = self.tallies.setdefault((now.line, now.direction), Tally())
        if before is None or before.phase is not now.phase:
            if before is not None and before.phase.final:
                # A promisor may book what we had given up already: it owes more than it must.
                kind = now.direction is Direction.IN and now.phase is PromisePhase.REDEEMED
                if not kind or before.phase is PromisePhase.REDEEMED:
                    yield 3, f"{_of(now)} ended as {before.phase.name}, then as {now.phase.name}"
            was = before is not None and before.pending
            if was != now.pending:
                tally.pending += now.amount if now.pending else -now.amount
                tally.count += 1 if now.pending else -1
            if now.phase is PromisePhase.REDEEMED:
                tally.booked += now.amount
                tally.sequence += 1

    def _within_limit(self, given: Promise, before: int) -> Iterator[Complaint]:
        line = self.rows.get((Line.table, given.line, b""))
        if not isinstance(line, Line):
            yield 2, f"{_of(given)} goes over no line"
            return
        out = self.tallies.setdefault((given.line, Direction.OUT), Tally())
        back = self.tallies.setdefault((given.line, Direction.IN), Tally())
        owed = out.booked + out.pending - back.booked
        if owed > max(line.limit_out, before):
            yield 2, f"{_of(given)}: {owed} owed and promised, {line.limit_out} granted"

    def _compare(self, line_id: bytes) -> Iterator[Complaint]:
        line = self.rows.get((Line.table, line_id, b""))
        if not isinstance(line, Line):
            return
        for direction, stated in (
            (Direction.OUT, (line.pending_out, line.count_out, line.booked_out, line.sequence_out)),
            (Direction.IN, (line.pending_in, line.count_in, line.booked_in, line.sequence_in)),
        ):
            mine = self.tallies.setdefault((line_id, direction), Tally())
            found = (mine.pending, mine.count, mine.booked, mine.sequence)
            if found != stated:
                yield 3, f"line {line_id.hex()[:8]} {direction.name} says {stated}, holds {found}"

    # ------------------------------------------------------------------ looking

    def promises(self) -> list[Promise]:
        return [row for row in self.rows.values() if isinstance(row, Promise)]

    def promises_under(self, commit: bytes) -> list[Promise]:
        """Of one transaction: a book may hold thousands."""
        rows = (self.rows[key] for key in self.under.get(commit, ()))
        return [row for row in rows if isinstance(row, Promise)]

    def payments(self) -> list[Payment]:
        return [row for row in self.rows.values() if isinstance(row, Payment)]

    def lines(self) -> list[Line]:
        return [row for row in self.rows.values() if isinstance(row, Line)]

    def promise(self, promisor: bytes, promise: bytes) -> Promise | None:
        row = self.rows.get((Promise.table, promisor, promise))
        return row if isinstance(row, Promise) else None

    def transaction(self, commit: bytes) -> Transaction | None:
        row = self.rows.get((Transaction.table, commit, b""))
        return row if isinstance(row, Transaction) else None


def _of(promise: Promise) -> str:
    return f"promise {promise.id.hex()[:8]} {promise.level.name} of {promise.amount}"
