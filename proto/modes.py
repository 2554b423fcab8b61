"""The mode of an intermediary and what it can lose in it (protocol section 3)."""

from enum import IntEnum, unique

from proto.levels import Level


@unique
class Mode(IntEnum):
    """From the pair (promise held, promise given). Numbers as in the seed: greater is safer."""

    BARE = 0
    GATEWAY = 1
    SECURED = 2
    ATOMIC = 3

    @property
    def risk(self) -> int:
        """0 = ATOMIC … 3 = BARE."""
        return 3 - self

    @property
    def relies_on_registry(self) -> bool:
        """Its escape from a missed upstream is to stamp the commit itself (V6, V12)."""
        return self in (Mode.SECURED, Mode.GATEWAY)


def mode_of(incoming: Level, outgoing: Level) -> Mode | None:
    """The mode of a node between two promises; None for the two pairs that are never used."""
    if incoming.late_ok:
        if outgoing.needs_stamp:
            return Mode.ATOMIC
        return Mode.GATEWAY if incoming.needs_stamp else Mode.SECURED
    if incoming.needs_stamp and not outgoing.needs_stamp:
        return None
    return Mode.BARE


def is_late_leak(incoming: Level, outgoing: Level) -> bool:
    """Downstream may show an early decision after the incoming promise has expired (V7).

    Such a pair is open only to a node that watches the registry.
    """
    return mode_of(incoming, outgoing) is not None and not incoming.late_ok and outgoing.late_ok


@unique
class Loss(IntEnum):
    """When an intermediary loses its whole outgoing amount (section 3, second table)."""

    NOTHING = 0
    NOT_U = 1  # iff it does not reach its upstream in time
    NOT_R = 2  # iff it does not reach the registry in time
    NOT_U_AND_NOT_R = 3
    LATE_LEAK = 4  # iff not U, or the downstream waits and it does not watch or not R


def loss_of(incoming: Level, outgoing: Level) -> Loss | None:
    """The published loss table; None where the pair is never used.

    A test derives the same table from the redemption rules alone.
    """
    if mode_of(incoming, outgoing) is None:
        return None
    if is_late_leak(incoming, outgoing):
        return Loss.LATE_LEAK
    if not incoming.late_ok:
        return Loss.NOT_U
    if outgoing.needs_stamp:
        return Loss.NOTHING
    return Loss.NOT_R if incoming.needs_stamp else Loss.NOT_U_AND_NOT_R
