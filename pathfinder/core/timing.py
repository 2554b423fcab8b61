"""How long a chain's promises lock credit, carried from the payee backwards (section 5).

D couples a whole chain: some promises demand that it be late, others that it be early. A label
carries the expiry of its newest promise as a function of D, the least D that its chain needs and
the greatest that it bears. Everything is µs from the payer's now.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from proto.levels import Level
from proto.limits import (
    BOUND_LEAD_US,
    DECISION_TIME_US,
    MAX_HOPS,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
)
from proto.modes import Mode
from proto.schedule import Offset, earlier_expiry, last_expiry, least_deadline

NEVER: Final = -(2**62)  # minus infinity of an expiry that has no such part
CACHED_STEPS: Final = 1 << 16  # schedules of a network repeat: few offsets, sixteen pairs


class Timing(NamedTuple):
    """The expiry is max(`fixed`, D + `after`); `least` ≤ D ≤ `most` keeps every rule so far."""

    fixed: int
    after: int
    least: int
    most: int

    def no_worse(self, other: "Timing") -> bool:
        """Whatever can be put before `other`'s chain can be put before this one's."""
        return (
            self.fixed <= other.fixed
            and self.after <= other.after
            and self.least <= other.least
            and self.most >= other.most
        )


def _timing(expiry: Offset | None, least: int, most: int) -> Timing | None:
    """None where no D is left."""
    if least > most:
        return None
    fixed = NEVER if expiry is None or expiry.fixed is None else expiry.fixed
    after = NEVER
    if expiry is not None and expiry.after_deadline is not None:
        after = expiry.after_deadline
        if fixed <= least + after:
            fixed = NEVER  # never decides: said in one way, so that equal timings compare equal
    return Timing(fixed, after, least, most)


def least_lock_us(level: Level, lateness_us: int) -> int:
    """How long a promise of that level locks its promisor's credit at least, whatever follows, and
    however near others have fixed D."""
    if level is Level.BARE:
        return 0
    limit = BOUND_LEAD_US + lateness_us
    return limit + PRESENT_MARGIN_US if level is Level.PROXY else limit


@lru_cache(maxsize=CACHED_STEPS)
def last_timing(
    level: Level,
    lateness_us: int,
    payee_margin_us: int,
    latest_deadline: int | None,
    deadline_floor: int = DECISION_TIME_US,
) -> Timing | None:
    """Of a chain's last promise, before its promisor is known."""
    margin = 0 if level.needs_stamp else payee_margin_us
    least = max(deadline_floor, margin)
    # No chain needs a D later than this, so bearing a still later one makes no difference.
    most = max(DECISION_TIME_US, payee_margin_us) + MAX_HOPS * PRESENT_MARGIN_US + STAMP_MARGIN_US
    most = max(most, least)
    if latest_deadline is not None:
        most = min(most, latest_deadline)
    return _timing(last_expiry(level, lateness_us, payee_margin_us), least, most)


@lru_cache(maxsize=CACHED_STEPS)
def held(timing: Timing, level: Level, lateness_us: int, hold_max_us: int) -> Timing | None:
    """The same chain once a promisor with this `hold_max` gives its first promise; None = V8."""
    fixed, after, least, most = timing
    if level is not Level.ATOMIC:
        if fixed > hold_max_us:
            return None
        if after != NEVER:
            most = min(most, hold_max_us - after)
    if level.late_ok:
        most = min(most, hold_max_us - lateness_us)
    return Timing(fixed, after, least, most) if least <= most else None


@lru_cache(maxsize=CACHED_STEPS)
def earlier_timing(
    timing: Timing, incoming: Level, outgoing: Level, mode: Mode, lateness_us: int
) -> Timing | None:
    """The chain with one promise more, before that one's promisor is known; None = V8."""
    expiry = None
    if timing.fixed != NEVER or timing.after != NEVER:
        expiry = Offset(
            None if timing.fixed == NEVER else timing.fixed,
            None if timing.after == NEVER else timing.after,
        )
    least = timing.least
    if mode.relies_on_registry:
        assert expiry is not None
        needed = least_deadline(expiry)
        if needed is None:
            return None
        least = max(least, needed)
    return _timing(earlier_expiry(incoming, outgoing, expiry, lateness_us), least, timing.most)
