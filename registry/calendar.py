"""Reserved capacity: announced commits own a share of the second they fall due in (section 10).

Refusing a commit by a rate limit forces an abort, so whoever was admitted is never rate limited.
What is admitted lives in memory alone: it is no decision, and a restart may forget it.
"""

from typing import Final

SHARE_PERCENT: Final = 60  # the rest is for those who did not announce, and for questions
MAX_ANNOUNCED: Final = 200_000  # about 30 MB of ids
SECOND_US: Final = 1_000_000


class Calendar:
    """One-second buckets keyed by the deadline; not shared between threads."""

    def __init__(self, capacity_per_s: int) -> None:
        self._places = max(1, capacity_per_s * SHARE_PERCENT // 100)
        self._buckets: dict[int, set[bytes]] = {}
        self._total = 0

    def __len__(self) -> int:
        """Announced and not decided yet."""
        return self._total

    def reserve(self, deadline_us: int, commit_id: bytes, now_us: int) -> bool:
        """Whether there is a place; announcing twice takes one."""
        self._forget_before(now_us)
        bucket = self._buckets.get(deadline_us // SECOND_US, set())
        if commit_id in bucket:
            return True
        if len(bucket) >= self._places or self._total >= MAX_ANNOUNCED:
            return False
        bucket.add(commit_id)
        self._buckets[deadline_us // SECOND_US] = bucket
        self._total += 1
        return True

    def holds(self, deadline_us: int, commit_id: bytes) -> bool:
        """Whether this commit was announced and admitted."""
        return commit_id in self._buckets.get(deadline_us // SECOND_US, ())

    def release(self, deadline_us: int, commit_id: bytes) -> None:
        """It is decided: its place is free for another."""
        second = deadline_us // SECOND_US
        bucket = self._buckets.get(second)
        if bucket is not None and commit_id in bucket:
            bucket.remove(commit_id)
            self._total -= 1
            if not bucket:
                del self._buckets[second]

    def _forget_before(self, now_us: int) -> None:
        # Commits after D are refused by the clock, not by quota: their place is of no more use.
        past = [second for second in self._buckets if second < now_us // SECOND_US]
        for second in past:
            self._total -= len(self._buckets.pop(second))
