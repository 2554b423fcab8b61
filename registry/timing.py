"""What a registry may conclude from its clock (registry section 4). Pure: readings come in.

Clocks decide only lateness. So a reading is an interval, and where the interval cannot be relied
upon nothing new is decided; what is stored is still answered.
"""

from dataclasses import dataclass
from typing import Final

from proto.shard import LAST_SHARD, shard_end_us

MAX_TIME_US: Final = shard_end_us(LAST_SHARD) - 1  # what is due later has no log to stand in


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the clocks, in µs: wall clock UTC, its error bound, boot time."""

    now_us: int
    error_us: int
    boot_us: int


@dataclass(frozen=True, slots=True)
class ClockRules:
    """When a sample may decide: the largest error, and the life of the key that will sign."""

    max_error_us: int
    not_before_us: int
    not_after_us: int


@dataclass(frozen=True, slots=True)
class Reading:
    """True time lies in [earliest_us, latest_us]; `usable` = something may be decided by it."""

    now_us: int
    error_us: int
    usable: bool

    @property
    def earliest_us(self) -> int:
        return self.now_us - self.error_us

    @property
    def latest_us(self) -> int:
        return self.now_us + self.error_us


def assess(sample: Sample, mark_us: int, rules: ClockRules, begun_us: int = 0) -> Reading:
    """Fails closed: error too large, behind the high-water mark, or outside the key's life.

    A decision outside the key's life would be one that no certificate could ever show. `begun_us`:
    the mark that another process may have left behind; it is waited for until it has surely passed.
    """
    usable = (
        0 <= sample.error_us <= rules.max_error_us
        and sample.now_us >= mark_us - sample.error_us
        and sample.now_us >= begun_us + (sample.error_us if begun_us else 0)
        and rules.not_before_us <= sample.now_us <= rules.not_after_us
        and sample.now_us <= MAX_TIME_US
    )
    return Reading(sample.now_us, sample.error_us, usable)


def stepped(before: Sample, after: Sample) -> bool:
    """Whether the wall clock moved against boot time by more than its error bound between both."""
    drift = (after.now_us - before.now_us) - (after.boot_us - before.boot_us)
    return abs(drift) > max(before.error_us, after.error_us)
