"""The decision rule (registry section 3): the one place that says what becomes of a transaction.

Pure: the stored row, the reading of the clock and the checked evidence come in, a verdict goes
out. Order, and it matters: look up, validate, clock. A payee that lost its answer asks again after
the deadline and still receives COMMITTED, because the stored row is looked at before any clock.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, assert_never

from proto.commit import evidence_hash
from proto.descriptor import Descriptor
from proto.policy import RegistryPolicy
from proto.statement import DecisionLeaf, DecisionReason, InterimKind, Outcome
from registry.timing import MAX_TIME_US, Reading

NO_EVIDENCE: Final = b""  # of a deadline refusal


@unique
class Reason(Enum):
    """Why a registry refuses an item. A refusal never changes state (registry section 6)."""

    INVALID_DESCRIPTOR = 1
    NOT_A_MEMBER = 2
    TOO_FAR = 3
    TOO_SOON = 4
    BAD_EVIDENCE = 5
    OVER_QUOTA = 6
    CLOCK_UNSAFE = 7
    LOG_STALLED = 8


@dataclass(frozen=True, slots=True)
class Terms:
    """What this registry promises in its record. Spans in µs."""

    registry: bytes
    guard_us: int
    min_lead_us: int
    max_deadline_us: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A transaction with its validated descriptor; `data` are the descriptor's exact bytes."""

    commit_id: bytes
    descriptor: Descriptor
    data: bytes

    @property
    def key(self) -> tuple[int, bytes]:
        """The key of its one row: D is bound in commit_id, and keeps neighbours in time close."""
        return self.descriptor.deadline_us, self.commit_id


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody means to commit later: reserved capacity, not a decision."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class CommitShown:
    """A commit with what was found out about its evidence.

    `relayed`: how many other members' valid COMMITTED statements it carries (j of section 3).
    """

    subject: Subject
    evidence: bytes
    satisfied: bool
    relayed: int = 0


@dataclass(frozen=True, slots=True)
class DeclineShown:
    """A decline; `evidence` holds the preimage, `satisfied` whether it is the right one."""

    subject: Subject
    evidence: bytes
    satisfied: bool


@dataclass(frozen=True, slots=True)
class Query:
    """Somebody asks, with the descriptor, so that the answer can be final."""

    subject: Subject


Event = Announce | CommitShown | DeclineShown | Query


@dataclass(frozen=True, slots=True)
class Row:
    """A decision as it is stored, for ever. Evidence and descriptor are empty for DEADLINE.

    So an anonymous query about the past costs us a small row, and evidence that came too late is
    kept nowhere: it would leak its preimages for nothing.
    """

    leaf: DecisionLeaf
    data: bytes
    evidence: bytes
    descriptor: bytes

    @property
    def key(self) -> tuple[int, bytes]:
        return self.leaf.deadline_us, self.leaf.commit_id


@dataclass(frozen=True, slots=True)
class Logged:
    """A durable decision with its durable place in the log: what may be signed and released."""

    row: Row
    index: int


@dataclass(frozen=True, slots=True)
class Pause:
    """An answer that releases nothing."""

    kind: InterimKind
    subject: bytes
    as_of_us: int
    max_error_us: int
    final_after_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """`figure`: what the item would have had to keep to, or 0."""

    reason: Reason
    figure: int = 0


Verdict = Row | Logged | Pause | Refused
"""Row: to be inserted. Logged: was decided before. Pause, Refused: nothing is written."""

Answer = Logged | Pause | Refused
"""What is left once the rows are durable."""


def commit_limit_us(deadline_us: int, policy: RegistryPolicy, relayed: int) -> int:
    """D + min(j, f + 1)·delta: until when a commit with j relayed statements is in time."""
    assert relayed >= 0, relayed
    return deadline_us + min(relayed, policy.f + 1) * policy.delta_us


def abort_horizon_us(descriptor: Descriptor, terms: Terms) -> int:
    """A = D + (f + 1)·delta + guard: only after it is a commit refused by deadline."""
    return descriptor.limit_us + terms.guard_us


def decide(event: Event, stored: Logged | None, reading: Reading, terms: Terms) -> Verdict:
    """What becomes of one item. The caller inserts a Row, and then believes its database."""
    if stored is not None:
        return stored
    descriptor = event.subject.descriptor
    if terms.registry not in descriptor.policy.members:
        return Refused(Reason.NOT_A_MEMBER)
    if isinstance(event, CommitShown | DeclineShown) and not event.satisfied:
        return Refused(Reason.BAD_EVIDENCE)
    if abort_horizon_us(descriptor, terms) > MAX_TIME_US:
        return Refused(Reason.TOO_FAR, MAX_TIME_US)
    if not reading.usable:
        return Refused(Reason.CLOCK_UNSAFE, reading.error_us)
    match event:
        case Announce():
            return _announce(event.subject, reading, terms)
        case CommitShown():
            limit_us = commit_limit_us(descriptor.deadline_us, descriptor.policy, event.relayed)
            if reading.latest_us <= limit_us:
                return _row(event.subject, DecisionReason.COMMIT, limit_us, reading, event.evidence)
            return _late(event.subject, reading, terms)
        case DeclineShown():
            limit_us = descriptor.limit_us
            return _row(event.subject, DecisionReason.DECLINED, limit_us, reading, event.evidence)
        case Query():
            return _late(event.subject, reading, terms)
        case _:
            assert_never(event)


def decide_unknown(subject: bytes, reading: Reading) -> Pause | Refused:
    """The answer about an id without a row: not final, since only the descriptor binds D."""
    if not reading.usable:
        return Refused(Reason.CLOCK_UNSAFE, reading.error_us)
    return Pause(InterimKind.NO_RECORD, subject, reading.now_us, reading.error_us, 0)


def _announce(subject: Subject, reading: Reading, terms: Terms) -> Pause | Refused:
    nearest_us = reading.now_us + terms.min_lead_us
    farthest_us = reading.now_us + terms.max_deadline_us
    if subject.descriptor.deadline_us < nearest_us:
        return Refused(Reason.TOO_SOON, nearest_us)
    if subject.descriptor.deadline_us > farthest_us:
        return Refused(Reason.TOO_FAR, farthest_us)
    return _pause(InterimKind.ADMITTED, subject, reading, terms)


def _late(subject: Subject, reading: Reading, terms: Terms) -> Row | Pause:
    """No timer is needed: the refusal is written when somebody asks after A, before it is said.

    One that was said and not stored could be contradicted by a slower clock later.
    """
    if reading.earliest_us > abort_horizon_us(subject.descriptor, terms):
        limit_us = subject.descriptor.limit_us
        return _row(subject, DecisionReason.DEADLINE, limit_us, reading, NO_EVIDENCE)
    return _pause(InterimKind.PENDING, subject, reading, terms)


def _pause(kind: InterimKind, subject: Subject, reading: Reading, terms: Terms) -> Pause:
    final_after_us = abort_horizon_us(subject.descriptor, terms)
    return Pause(kind, subject.commit_id, reading.now_us, reading.error_us, final_after_us)


def _row(
    subject: Subject, reason: DecisionReason, limit_us: int, reading: Reading, evidence: bytes
) -> Row:
    committed = reason is DecisionReason.COMMIT
    final_refusal = reason is DecisionReason.DEADLINE
    leaf = DecisionLeaf(
        commit_id=subject.commit_id,
        outcome=Outcome.COMMITTED if committed else Outcome.NOT_COMMITTED,
        reason=reason,
        deadline_us=subject.descriptor.deadline_us,
        limit_us=limit_us,
        decided_at_us=reading.now_us,
        max_error_us=reading.error_us,
        evidence_hash=b"" if final_refusal else evidence_hash(evidence),
    )
    return Row(leaf, leaf.encode(), evidence, b"" if final_refusal else subject.data)
