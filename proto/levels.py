"""The level of a promise: which evidence redeems it (protocol section 3)."""

from enum import IntEnum, unique

from proto.limits import GRACE_US


@unique
class Level(IntEnum):
    """Four values, two booleans. A level is never a mode, whatever their names."""

    BARE = 0
    SECURED = 1
    ATOMIC = 2
    PROXY = 3

    needs_stamp: bool
    """Only a commit certificate redeems it."""
    late_ok: bool
    """A commit certificate redeems it at any time; only an abort certificate frees it."""
    has_expiry: bool
    """The promise states an expiry of its own. For ATOMIC the certificate alone decides."""

    def __init__(self, value: int) -> None:
        self.needs_stamp = self.name in ("ATOMIC", "PROXY")
        self.late_ok = self.name in ("SECURED", "ATOMIC")
        self.has_expiry = self.name != "ATOMIC"

    @property
    def safety_rank(self) -> int:
        """0 is preferred between chains that cost the same (protocol section 6, ties)."""
        return _SAFETY[self]


_SAFETY = {Level.ATOMIC: 0, Level.SECURED: 1, Level.PROXY: 2, Level.BARE: 3}


def redeemable(level: Level, shown_at_us: int, expires_at_us: int, *, certified: bool) -> bool:
    """Whether a commit shown at that time redeems a promise of that level.

    `certified`: a commit certificate came with it. `expires_at_us` is ignored for ATOMIC.
    This is what a promisee may count on. A promisor admits an answer until it frees its credit,
    which is `GRACE_US` later: what is on its way at the expiry still counts.
    """
    in_time = shown_at_us <= expires_at_us
    if level is Level.BARE:
        return in_time
    if level is Level.SECURED:
        return in_time or certified
    if level is Level.ATOMIC:
        return certified
    return in_time and certified


def admissible(level: Level, shown_at_us: int, expires_at_us: int, *, certified: bool) -> bool:
    """Whether the promisor still books a commit that reaches it now, its grace included."""
    return redeemable(level, shown_at_us - GRACE_US, expires_at_us, certified=certified)


def may_free(level: Level, now_us: int, expires_at_us: int, *, aborted: bool) -> bool:
    """Whether the promisor may free its credit; silence never frees SECURED or ATOMIC.

    `aborted`: it holds an abort certificate. A Release by the promisee frees at any time and is
    not asked about here.
    """
    past = now_us > expires_at_us + GRACE_US
    if level is Level.ATOMIC:
        return aborted
    if level is Level.SECURED:
        return past and aborted
    return past
