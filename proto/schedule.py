"""Deadlines and expiries of a chain (protocol section 5). All are offsets from the payer's now."""

from collections.abc import Sequence
from dataclasses import dataclass

from proto.levels import Level
from proto.limits import (
    DECISION_TIME_US,
    PAYEE_MARGIN_US,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
    WATCH_MARGIN_US,
)
from proto.modes import mode_of


@dataclass(frozen=True, slots=True)
class Offset:
    """max(D + after_deadline, fixed): every expiry of the table has this form.

    None stands for minus infinity. The form is closed under `plus` and `latest`, so a chain's
    expiries can be computed before its D is known.
    """

    fixed: int | None = None
    after_deadline: int | None = None

    def plus(self, us: int) -> "Offset":
        return Offset(
            None if self.fixed is None else self.fixed + us,
            None if self.after_deadline is None else self.after_deadline + us,
        )

    def latest(self, other: "Offset") -> "Offset":
        return Offset(
            _greater(self.fixed, other.fixed), _greater(self.after_deadline, other.after_deadline)
        )

    def at(self, deadline: int) -> int:
        """The offset in microseconds once D is known."""
        parts = [p for p in (self.fixed,) if p is not None]
        if self.after_deadline is not None:
            parts.append(deadline + self.after_deadline)
        return max(parts)


def _greater(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def last_expiry(level: Level, lateness_us: int, payee_margin_us: int) -> Offset | None:
    """Expiry of the promise that the payee holds; None for ATOMIC. `lateness_us` is L − D."""
    if level is Level.ATOMIC:
        return None
    if level is Level.PROXY:
        return Offset(after_deadline=lateness_us + PRESENT_MARGIN_US)
    return Offset(fixed=payee_margin_us)


def earlier_expiry(
    level: Level, following: Level, following_expiry: Offset | None, lateness_us: int
) -> Offset | None:
    """Expiry of a promise whose holder gives `following`; None for ATOMIC."""
    if level is Level.ATOMIC:
        return None
    if level is Level.SECURED:
        if following.needs_stamp:
            return Offset(fixed=PAYEE_MARGIN_US)
        assert following_expiry is not None
        return following_expiry.plus(PRESENT_MARGIN_US)
    if not following.late_ok:
        assert following_expiry is not None
        return following_expiry.plus(PRESENT_MARGIN_US)
    expiry = Offset(after_deadline=lateness_us + WATCH_MARGIN_US + PRESENT_MARGIN_US)
    if following_expiry is not None:
        expiry = expiry.latest(following_expiry.plus(PRESENT_MARGIN_US))
    return expiry


def least_deadline(outgoing_expiry: Offset) -> int | None:
    """The least D that lets a node in mode SECURED or GATEWAY stamp what arrives bare.

    None: the expiry moves with D, so no D is late enough.
    """
    if outgoing_expiry.after_deadline is not None:
        return None
    assert outgoing_expiry.fixed is not None
    return outgoing_expiry.fixed + STAMP_MARGIN_US


def lock_of(level: Level, expiry: int | None, limit: int) -> int:
    """Until when a promise locks its promisor's credit: e, L, or the later of both."""
    if level is Level.ATOMIC:
        return limit
    assert expiry is not None
    return max(expiry, limit) if level is Level.SECURED else expiry


@dataclass(frozen=True, slots=True)
class Schedule:
    """The smallest schedule of one chain. Offsets in microseconds from the payer's now.

    `limit` is L: until then a decision may still be on its way. `expiries` has None for ATOMIC.
    """

    deadline: int
    limit: int
    expiries: tuple[int | None, ...]
    locks: tuple[int, ...]


def schedule(
    levels: Sequence[Level],
    *,
    lateness_us: int = 0,
    payee_margin_us: int = PAYEE_MARGIN_US,
    deadline_floor: int = DECISION_TIME_US,
) -> Schedule | None:
    """The smallest schedule for these levels (payer first); None where none exists (V8).

    `lateness_us` is (f+1)·Δ of the policy, 0 for a single registry. `deadline_floor` raises D, for
    a chain that shares it with others. Levels whose pairs are not in the table are a caller's bug.
    """
    offsets: list[Offset | None] = [last_expiry(levels[-1], lateness_us, payee_margin_us)]
    deadline = deadline_floor
    if not levels[-1].needs_stamp:
        deadline = max(deadline, payee_margin_us)
    for level, following in zip(reversed(levels[:-1]), reversed(levels[1:]), strict=True):
        mode = mode_of(level, following)
        assert mode is not None, (level, following)
        if mode.relies_on_registry:
            outgoing = offsets[-1]
            assert outgoing is not None
            least = least_deadline(outgoing)
            if least is None:
                return None
            deadline = max(deadline, least)
        offsets.append(earlier_expiry(level, following, offsets[-1], lateness_us))
    limit = deadline + lateness_us
    expiries = tuple(None if o is None else o.at(deadline) for o in reversed(offsets))
    locks = tuple(lock_of(lv, e, limit) for lv, e in zip(levels, expiries, strict=True))
    return Schedule(deadline, limit, expiries, locks)
