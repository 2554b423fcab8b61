"""The decision rule (registry section 3): the one place that says what becomes of a transaction.

Pure: the stored row, the reading of the clock and the checked evidence come in, a verdict goes
out. Order, and it matters: look up, validate, clock. A payee that lost its answer asks again after
the deadline and still receives COMMITTED, because the stored row is looked at before any clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, assert_never

from proto.commit import evidence_hash
from proto.descriptor import Descriptor
from proto.log_leaf import FenceLeaf, epoch_decision
from proto.policy import RegistryPolicy
from proto.shard import shard_of
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
class Reserved:
    """What is kept of an announced transaction: enough to refuse it. `limit_us`: L, registry 3."""

    commit_id: bytes
    deadline_us: int
    limit_us: int

    @property
    def key(self) -> tuple[int, bytes]:
        return self.deadline_us, self.commit_id


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

    @property
    def kept(self) -> Reserved:
        """What is enough to refuse it by deadline."""
        d = self.descriptor
        return Reserved(self.commit_id, d.deadline_us, d.limit_us)


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


@dataclass(frozen=True, slots=True)
class Lapse:
    """Nobody asks, but it was announced: after A its refusal is written (the sweeper)."""

    subject: Reserved


Event = Announce | CommitShown | DeclineShown | Query | Lapse


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
    """A durable decision with its durable place in the log: what may be signed and released.

    Of an answer by a fence the row is not stored: `data` is the fence, whose place this is.
    `shard` is a year, or 0 for the one log that there was before there were shards.
    """

    row: Row
    index: int
    shard: int = 0


@dataclass(frozen=True, slots=True)
class Fence:
    """A durable fence and its place: nothing due at or before it is decided any more."""

    closed_through_us: int
    shard: int
    index: int
    data: bytes


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


def fence_for(fences: Iterable[Fence], deadline_us: int) -> Fence | None:
    """The fence that answers for a deadline: of its own shard where there is one."""
    closing = [fence for fence in fences if deadline_us <= fence.closed_through_us]
    own = shard_of(deadline_us) if closing else 0
    return max(closing, key=lambda f: (f.shard == own, f.closed_through_us, f.shard), default=None)


def decide(
    event: Event,
    stored: Logged | None,
    reading: Reading,
    terms: Terms,
    fence: Fence | None = None,
) -> Verdict:
    """What becomes of one item. The caller inserts a Row, and then believes its database.

    `fence`: the one that has closed this transaction's deadline. It was durable before `stored`
    was looked up.
    """
    if stored is not None:
        return stored
    if isinstance(event, Lapse):
        due = event.subject
        return _closed(due.key, fence) if fence is not None else _lapse(due, reading, terms)
    descriptor = event.subject.descriptor
    if terms.registry not in descriptor.policy.members:
        return Refused(Reason.NOT_A_MEMBER)
    if fence is not None:
        return _closed(event.subject.key, fence)
    if isinstance(event, CommitShown | DeclineShown) and not event.satisfied:
        return Refused(Reason.BAD_EVIDENCE)
    if abort_horizon_us(descriptor, terms) > MAX_TIME_US:
        return Refused(Reason.TOO_FAR, MAX_TIME_US)
    if not reading.usable:
        return Refused(Reason.CLOCK_UNSAFE, reading.error_us)
    match event:
        case Announce():
            return _announce(event.subject, reading, terms)
        case CommitShown() | DeclineShown() if _too_far(event.subject, reading, terms):
            # A year that nobody may announce in yet would be a log that strangers can open.
            return Refused(Reason.TOO_FAR, reading.latest_us + terms.max_deadline_us)
        case CommitShown():
            limit_us = commit_limit_us(descriptor.deadline_us, descriptor.policy, event.relayed)
            if reading.latest_us <= limit_us:
                return _shown(event, DecisionReason.COMMIT, limit_us, reading)
            return _late(event.subject, reading, terms)
        case DeclineShown():
            return _shown(event, DecisionReason.DECLINED, descriptor.limit_us, reading)
        case Query():
            return _late(event.subject, reading, terms)
        case _:
            assert_never(event)


def decide_unknown(subject: bytes, reading: Reading) -> Pause | Refused:
    """The answer about an id without a row: not final, since only the descriptor binds D."""
    if not reading.usable:
        return Refused(Reason.CLOCK_UNSAFE, reading.error_us)
    return Pause(InterimKind.NO_RECORD, subject, reading.now_us, reading.error_us, 0)


def _too_far(subject: Subject, reading: Reading, terms: Terms) -> bool:
    return subject.descriptor.deadline_us > reading.latest_us + terms.max_deadline_us


def _closed(key: tuple[int, bytes], fence: Fence) -> Logged:
    """Nothing was decided before the fence, and nothing is after it: final, and not stored."""
    deadline_us, commit_id = key
    assert deadline_us <= fence.closed_through_us, (deadline_us, fence)
    said = epoch_decision(FenceLeaf(fence.closed_through_us), commit_id, deadline_us)
    return Logged(Row(said, fence.data, NO_EVIDENCE, b""), fence.index, fence.shard)


def _announce(subject: Subject, reading: Reading, terms: Terms) -> Pause | Refused:
    nearest_us = reading.now_us + terms.min_lead_us
    farthest_us = reading.now_us + terms.max_deadline_us
    if subject.descriptor.deadline_us < nearest_us:
        return Refused(Reason.TOO_SOON, nearest_us)
    if subject.descriptor.deadline_us > farthest_us:
        return Refused(Reason.TOO_FAR, farthest_us)
    return _pause(InterimKind.ADMITTED, subject, reading, terms)


def _late(subject: Subject, reading: Reading, terms: Terms) -> Row | Pause | Refused:
    """No timer is needed: the refusal is written when somebody asks after A, before it is said.

    One that was said and not stored could be contradicted by a slower clock later.
    """
    return _lapse(subject.kept, reading, terms)


def _lapse(kept: Reserved, reading: Reading, terms: Terms) -> Row | Pause | Refused:
    if not reading.usable:
        return Refused(Reason.CLOCK_UNSAFE, reading.error_us)
    horizon_us = kept.limit_us + terms.guard_us
    if reading.earliest_us > horizon_us:
        return _row(kept, DecisionReason.DEADLINE, kept.limit_us, reading, NO_EVIDENCE, b"")
    now_us, error_us = reading.now_us, reading.error_us
    return Pause(InterimKind.PENDING, kept.commit_id, now_us, error_us, horizon_us)


def _pause(kind: InterimKind, subject: Subject, reading: Reading, terms: Terms) -> Pause:
    final_after_us = abort_horizon_us(subject.descriptor, terms)
    return Pause(kind, subject.commit_id, reading.now_us, reading.error_us, final_after_us)


def _shown(
    event: CommitShown | DeclineShown, reason: DecisionReason, limit_us: int, reading: Reading
) -> Row:
    subject = event.subject
    return _row(subject.kept, reason, limit_us, reading, event.evidence, subject.data)


def _row(
    kept: Reserved,
    reason: DecisionReason,
    limit_us: int,
    reading: Reading,
    evidence: bytes,
    descriptor: bytes,
) -> Row:
    committed = reason is DecisionReason.COMMIT
    leaf = DecisionLeaf(
        commit_id=kept.commit_id,
        outcome=Outcome.COMMITTED if committed else Outcome.NOT_COMMITTED,
        reason=reason,
        deadline_us=kept.deadline_us,
        limit_us=limit_us,
        decided_at_us=reading.now_us,
        max_error_us=reading.error_us,
        evidence_hash=b"" if reason is DecisionReason.DEADLINE else evidence_hash(evidence),
    )
    return Row(leaf, leaf.encode(), evidence, descriptor)
