"""Replaying one shard's log, leaf by leaf: is everything in it as it has to be? Pure.

Nothing is kept of the leaves but the edge of their tree, so that a log of any size can be replayed.
Which ids were met before, the caller knows (`Places`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Protocol

from proto.limits import US
from proto.log_leaf import FenceLeaf, read_leaf
from proto.merkle import leaf_hash
from proto.shard import shard_of
from proto.statement import DecisionLeaf, DecisionReason, Outcome
from proto.wire import WireFault
from registry.tlog import Frontier

LAST_TIME_US: Final = 253_402_300_799 * US  # the end of the year 9999: beyond it there is no shard


@unique
class Wrong(Enum):
    """What an auditor can find. Some of it a fraud file can show, the rest an operator must ask."""

    CHECKPOINT = "its checkpoint is not signed by a log key of its record"
    MISSING = "its entries cannot be read"
    ROOT = "its entries do not give the root of its own checkpoint"
    SHRUNK = "its log is shorter than it was seen before"
    SPLIT = "it showed others another log"
    LEAF = "an entry that cannot be read"
    SHARD = "a decision in the log of another year"
    FENCE_BACK = "a fence behind an earlier one"
    LATE_COMMIT = "a commit decided after its own limit"
    EARLY_REFUSAL = "a deadline refusal decided before its limit had surely passed"
    TWICE = "a second entry about one transaction"
    BEHIND_FENCE = "a commit behind the fence that had closed its deadline"
    BACK_DATED = "older than a checkpoint that lacks it"
    AHEAD = "decided later than witnesses saw it logged"
    DIFFERS = "a statement that differs from the entry it names"
    WITHHELD = "a statement whose entry was not in the log in time"
    INVALID = "a statement that does not follow from its descriptor and evidence"
    TWO_ANSWERS = "two statements about one transaction"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at an index of a shard; `before`: (shard, index) of what it contradicts."""

    wrong: Wrong
    shard: int
    index: int
    detail: str = ""
    before: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that was signed before or to others, with its merged note.

    `late_us`: a quorum of witnesses cosigned it at this time or later; None: fewer did.
    `early_us`: the first of them did so then; None: none did.
    """

    size: int
    root: bytes
    note: bytes
    late_us: int | None
    early_us: int | None
    whence: str


class Places(Protocol):
    """Where each id was met first."""

    def meet(self, shard: int, ids: Sequence[tuple[bytes, int]]) -> dict[int, tuple[int, int]]:
        """Takes (commit_id, index) in order; index -> (shard, index) where it was met before."""
        ...


class Replay:
    """One shard from its first entry. `seen`: other checkpoints of the same log, by size."""

    def __init__(self, shard: int, mmd_us: int, seen: Sequence[Seen], places: Places) -> None:
        self.shard = shard
        self.frontier = Frontier()
        self._mmd_us = mmd_us
        self._seen = sorted(seen, key=lambda s: s.size)
        self._next = 0  # the first of `_seen` whose size is not reached yet
        self._late_us = -1  # until then, a quorum saw the log without the next entry
        self._late_at = 0
        self._early = [s for s in self._seen if s.early_us is not None]
        self._places = places
        self._closed_us = -1
        self._closed_at = 0

    def take(self, leaves: Sequence[bytes]) -> list[Finding]:
        """The next leaves, exact bytes. What is wrong with them, in their order."""
        found: list[Finding] = []
        ids: list[tuple[bytes, int]] = []
        for data in leaves:
            index = self.frontier.size
            self._compare(found)
            self.frontier.append(leaf_hash(data))
            try:
                leaf = read_leaf(data)
            except WireFault as fault:
                found.append(Finding(Wrong.LEAF, self.shard, index, str(fault)))
                continue
            if isinstance(leaf, DecisionLeaf):
                ids.append((leaf.commit_id, index))
                self._decision(leaf, index, found)
            elif isinstance(leaf, FenceLeaf):
                self._fence(leaf, index, found)
        for index, before in self._places.meet(self.shard, ids).items():
            found.append(Finding(Wrong.TWICE, self.shard, index, before=before))
        return found

    def end(self) -> list[Finding]:
        """What a comparison with the checkpoints of this size, and with larger ones, shows."""
        found: list[Finding] = []
        self._compare(found)
        size = self.frontier.size
        for s in self._seen[self._next :]:
            detail = f"{s.whence} has {s.size} entries, the log {size}"
            found.append(Finding(Wrong.SHRUNK, self.shard, s.size, detail))
        return found

    def _compare(self, found: list[Finding]) -> None:
        size = self.frontier.size
        while self._next < len(self._seen) and self._seen[self._next].size == size:
            s = self._seen[self._next]
            self._next += 1
            if s.root != self.frontier.root():
                found.append(Finding(Wrong.SPLIT, self.shard, size, f"at {size}: {s.whence}"))
            elif s.late_us is not None and s.late_us > self._late_us:
                self._late_us, self._late_at = s.late_us, size

    def _fence(self, leaf: FenceLeaf, index: int, found: list[Finding]) -> None:
        if leaf.closed_through_us < self._closed_us:
            found.append(Finding(Wrong.FENCE_BACK, self.shard, index))
            return
        self._closed_us, self._closed_at = leaf.closed_through_us, index

    def _decision(self, leaf: DecisionLeaf, index: int, found: list[Finding]) -> None:
        def add(wrong: Wrong, detail: str = "", before: int | None = None) -> None:
            place = None if before is None else (self.shard, before)
            found.append(Finding(wrong, self.shard, index, detail, place))

        in_calendar = 0 <= leaf.deadline_us <= LAST_TIME_US
        if self.shard and not (in_calendar and shard_of(leaf.deadline_us) == self.shard):
            add(Wrong.SHARD, f"deadline {leaf.deadline_us} us")
        committed = leaf.outcome is Outcome.COMMITTED
        if committed and leaf.decided_at_us + leaf.max_error_us > leaf.limit_us:
            add(Wrong.LATE_COMMIT, f"{leaf.decided_at_us} us, limit {leaf.limit_us} us")
        refused = leaf.reason is DecisionReason.DEADLINE
        if refused and leaf.decided_at_us - leaf.max_error_us <= leaf.limit_us:
            add(Wrong.EARLY_REFUSAL, f"{leaf.decided_at_us} us, limit {leaf.limit_us} us")
        if committed and leaf.deadline_us <= self._closed_us:
            add(Wrong.BEHIND_FENCE, f"deadline {leaf.deadline_us} us", self._closed_at)
        if self._mmd_us > 0 and leaf.decided_at_us + self._mmd_us < self._late_us:
            detail = f"decided {leaf.decided_at_us} us, not there at {self._late_us} us"
            add(Wrong.BACK_DATED, detail, self._late_at)
        while self._early and self._early[0].size <= index:
            self._early.pop(0)
        if self._early:
            first_us = self._early[0].early_us
            assert first_us is not None
            # Both clocks may err, and a witness tells whole seconds only.
            if leaf.decided_at_us - leaf.max_error_us > first_us + self._mmd_us + US:
                add(Wrong.AHEAD, f"decided {leaf.decided_at_us} us, logged by {first_us} us")
