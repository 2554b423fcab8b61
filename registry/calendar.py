"""Reserved capacity: announced commits own a share of the second they fall due in (section 10).

Refusing a commit by a rate limit forces an abort, so whoever was admitted is never rate limited.
What is admitted lives in memory alone: it is no decision, and a restart may forget it. Of several
processes each admits its own share.
"""

from typing import Final

from registry.log import Reserved

SHARE_PERCENT: Final = 60  # the rest is for those who did not announce, and for questions
MAX_ANNOUNCED: Final = 200_000  # about 70 MB
SECOND_US: Final = 1_000_000


class Calendar:
    """One-second buckets keyed by the deadline; not shared between threads."""

    def __init__(self, capacity_per_s: int) -> None:
        self._places = max(1, capacity_per_s * SHARE_PERCENT // 100)
        self._buckets: dict[int, dict[bytes, Reserved]] = {}
        self._total = 0

    def __len__(self) -> int:
        """Announced and not decided yet."""
        return self._total

    def reserve(self, kept: Reserved) -> bool:
        """Whether there is a place; announcing twice takes one."""
        bucket = self._buckets.get(kept.deadline_us // SECOND_US, {})
        if kept.commit_id in bucket:
            return True
        if len(bucket) >= self._places or self._total >= MAX_ANNOUNCED:
            return False
        bucket[kept.commit_id] = kept
        self._buckets[kept.deadline_us // SECOND_US] = bucket
        self._total += 1
        return True

    def holds(self, deadline_us: int, commit_id: bytes) -> bool:
        """Whether this commit was announced and admitted."""
        return commit_id in self._buckets.get(deadline_us // SECOND_US, ())

    def release(self, deadline_us: int, commit_id: bytes) -> None:
        """It is decided: its place is free for another."""
        second = deadline_us // SECOND_US
        bucket = self._buckets.get(second)
        if bucket is not None and bucket.pop(commit_id, None) is not None:
            self._total -= 1
            if not bucket:
                del self._buckets[second]

    def lapsed(self, surely_past_us: int, at_most: int) -> list[Reserved]:
        """Announced, not decided, and beyond L before this time, the guard included; oldest first.

        They keep their places until they are decided and `release`d.
        """
        found: list[Reserved] = []
        for second in sorted(s for s in self._buckets if s <= surely_past_us // SECOND_US):
            found += [k for k in self._buckets[second].values() if k.limit_us < surely_past_us]
            if len(found) >= at_most:
                break
        return found[:at_most]
