"""What is counted while deciding: on trio, a few additions for each group, behind the disk."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from proto.statement import DecisionReason
from registry.log import Answer, Logged, Reason, Refused

GROUP_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LATENCY_BOUNDS_US: Final = (
    *(500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000),
    *(250_000, 500_000, 1_000_000, 2_500_000, 5_000_000),
)

SHARD_BITS: Final = 14  # a year
SHARD_MASK: Final = (1 << SHARD_BITS) - 1


class Histogram:
    """Counts by upper bound, inclusive; the last place is for whatever lies above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[int]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Meter:
    """Counts since the start. Owned by trio. `next_index`: each shard's log size at the start."""

    def __init__(self, next_index: dict[int, int]) -> None:
        self._next_index = dict(next_index)
        self.decisions: Counter[DecisionReason] = Counter()
        self.refusals: Counter[Reason] = Counter()
        self.groups = Histogram(GROUP_BOUNDS)
        self.latency_us = Histogram(LATENCY_BOUNDS_US)

    def decided(self, told: Sequence[Logged]) -> None:
        """One group, as the deciding thread gives it. What was only looked up is not counted."""
        first = self._next_index
        # By place, since the same may be asked twice in one group. It was made once.
        fresh = {
            logged.index << SHARD_BITS | logged.shard: logged.row.leaf.reason
            for logged in told
            if logged.index >= first.get(logged.shard, 0)
            and logged.row.leaf.reason is not DecisionReason.EPOCH  # by a fence: an answer alone
        }
        for reason, count in Counter(fresh.values()).items():
            self.decisions[reason] += count
        for shard in {place & SHARD_MASK for place in fresh}:
            first[shard] = 1 + max(p >> SHARD_BITS for p in fresh if p & SHARD_MASK == shard)
        if fresh:
            self.groups.add(len(fresh))

    def answered(self, answers: Iterable[Answer], took_us: int) -> None:
        """One call from outside; `took_us` from its arrival to its answers."""
        self.latency_us.add(took_us)
        for answer in answers:
            if isinstance(answer, Refused):
                self.refusals[answer.reason] += 1
