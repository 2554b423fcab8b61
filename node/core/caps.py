"""What one neighbour may hold of a node at a time: promises, value, and value for how long.

Credit that is promised is locked until its promise ends, so whoever makes many, large or long
promises without letting them commit jams a line (protocol section 11). The caps bound each of
the three for each neighbour, so that what one of them fills is not what another one needs.
"""

from dataclasses import dataclass

from node.core.rows import Direction, Line, Promise
from node.core.view import Step
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import US
from proto.reason import Reason, Refusal
from proto.schedule import lock_of


@dataclass(frozen=True, slots=True)
class Load:
    """What promises weigh: their number, sum and value-seconds (amount × seconds locked)."""

    count: int = 0
    amount: int = 0
    value_s: int = 0

    def plus(self, other: "Load") -> "Load":
        return Load(
            self.count + other.count, self.amount + other.amount, self.value_s + other.value_s
        )


def load_of(amount: int, level: Level, expires_at_us: int, limit_us: int, made_us: int) -> Load:
    """One promise. `limit_us`: when its transaction's decision is known to be late (L)."""
    until_us = lock_of(level, expires_at_us if level.has_expiry else None, limit_us)
    return Load(1, amount, amount * lock_s_ceil(made_us, until_us))


def lock_s_ceil(made_us: int, until_us: int) -> int:
    """Seconds between two times, rounded up: against whoever locks."""
    return max(0, -(-(until_us - made_us) // US))


def load_of_promise(step: Step, promise: Promise) -> Load:
    """As `load_of`, from rows: the same at its beginning and at its end."""
    limit_us = step.the_transaction(promise.commit).limit_us
    return load_of(
        promise.amount, promise.level, promise.expires_at_us, limit_us, promise.made_at_us
    )


def check_caps(
    step: Step, line: Line, direction: Direction, fresh: Load, *, passed_on: bool = False
) -> Refusal | None:
    """Whether `fresh` may be added to what is pending with this neighbour, in this direction.

    Numbers are counted over all lines with it, values on the line, which has one brand.
    `passed_on`: only half of the number, because the node ahead most likely grants us no more
    than we grant: no neighbour alone may use up what all of them share there.
    """
    settings = step.settings
    most = settings.max_pending_count
    if passed_on:
        most = (most + 1) // 2
    pending = pending_count(step, line.peer, direction)
    if direction is Direction.IN:
        amount, value_s = line.pending_in, line.held_in
    else:
        amount, value_s = line.pending_out, line.held_out
    if (
        pending + fresh.count > most
        or amount + fresh.amount > settings.max_pending_amount
        or value_s + fresh.value_s > settings.max_held_value_s
    ):
        return Refusal(Reason.PENDING_FULL, pending)
    return None


def pending_count(step: Step, peer: NodeId, direction: Direction) -> int:
    """Promises that have not ended, over all lines with one neighbour."""
    count = 0
    for known in step.view.lines_with(peer):
        line = step.the_line(known.id)
        count += line.count_in if direction is Direction.IN else line.count_out
    return count
