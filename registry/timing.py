"""What a registry may conclude from its clock (registry section 4). Pure: readings come in.

Clocks decide only lateness. So a reading is an interval, and where the interval cannot be relied
upon nothing new is decided; what is stored is still answered.
"""

from dataclasses import dataclass
from typing import Final

MAX_TIME_US: Final = 2**62  # beyond it sums of times could leave a signed 64-bit column


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


def assess(sample: Sample, mark_us: int, rules: ClockRules) -> Reading:
    """Fails closed: error too large, behind the high-water mark, or outside the key's life.

    A decision outside the key's life would be one that no certificate could ever show.
    """
    usable = (
        0 <= sample.error_us <= rules.max_error_us
        and sample.now_us >= mark_us - sample.error_us
        and rules.not_before_us <= sample.now_us <= rules.not_after_us
        and sample.now_us <= MAX_TIME_US
    )
    return Reading(sample.now_us, sample.error_us, usable)


def stepped(before: Sample, after: Sample) -> bool:
    """Whether the wall clock moved against boot time by more than its error bound between both."""
    drift = (after.now_us - before.now_us) - (after.boot_us - before.boot_us)
    return abs(drift) > max(before.error_us, after.error_us)
