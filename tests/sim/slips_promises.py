"""Slips in what the core checks and frees, each as small as one that a tired person makes.

Every function here is a context manager: inside it all nodes of this process have the slip.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from node.command.sim.world import host as _every_room_is_loaded
from node.core import due, ending, pair, promise
from node.core.rows import Line, Promise, PromisePhase
from node.core.view import Step
from proto import levels, schedule
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Abandon, Release
from proto.money import mul_div_ceil, mul_div_floor
from proto.reason import Reason, Refusal
from tests.sim.patching import changed, everywhere

assert _every_room_is_loaded  # a slip is put into the rooms that are there


# ---------------------------------------------------------------- when credit is freed


@contextmanager
def silence_frees() -> Iterator[None]:
    """SECURED is freed at its own expiry, as BARE is."""

    def may_free(level: Level, now_us: int, expires_at_us: int, *, aborted: bool) -> bool:
        if level is Level.ATOMIC:
            return aborted
        return now_us > expires_at_us + levels.GRACE_US

    with everywhere(levels.may_free, may_free):
        yield


@contextmanager
def abort_suffices() -> Iterator[None]:
    """SECURED is freed by an abort certificate before its own expiry has passed."""

    def may_free(level: Level, now_us: int, expires_at_us: int, *, aborted: bool) -> bool:
        past = now_us > expires_at_us + levels.GRACE_US
        return aborted if level.late_ok else past

    with everywhere(levels.may_free, may_free):
        yield


@contextmanager
def no_grace() -> Iterator[None]:
    """A promisor frees its credit at e, where an answer on its way still counts."""
    with changed(levels, "GRACE_US", 0), changed(due, "GRACE_US", 0):
        yield


@contextmanager
def released_while_given() -> Iterator[None]:
    """A node in the middle takes an Abandon for the end of the promise that it holds."""
    sound = ending.on_abandon

    def on_abandon(step: Step, peer: NodeId, body: Abandon) -> None:
        sound(step, peer, body)
        held = step.promise(peer, body.promise)
        if held is not None and held.pending and held.partner_id:
            because = Refusal(Reason.ABANDONED)
            promise.move(step, held, PromisePhase.RELEASED, because)
            step.send(held.peer, Release(held.id, because))

    with everywhere(ending.on_abandon, on_abandon):
        yield


@contextmanager
def ended_still_counts() -> Iterator[None]:
    """What has expired goes on taking its amount from the line."""
    sound = promise.move

    def move(
        step: Step,
        moved: Promise,
        phase: PromisePhase,
        because: Refusal | None = None,
        ended_by: bytes = b"",
    ) -> Promise:
        line = step.the_line(moved.line)
        row = sound(step, moved, phase, because, ended_by)
        if phase is PromisePhase.EXPIRED:
            step.put(line)
        return row

    with everywhere(promise.move, move):
        yield


# ---------------------------------------------------------------- what is checked before a promise


@contextmanager
def pending_left_out() -> Iterator[None]:
    """What is promised and not yet booked is left out of what a line can still carry."""
    out = property(lambda line: line.limit_out + line.balance)
    back = property(lambda line: line.limit_in - line.balance)
    with changed(Line, "available_out", out), changed(Line, "available_in", back):
        yield


@contextmanager
def price_rounded_down() -> Iterator[None]:
    """The one rounding of a price is in favour of the payer."""

    with everywhere(mul_div_ceil, mul_div_floor):
        yield


@contextmanager
def price_not_checked() -> Iterator[None]:
    """A node in the middle takes whatever it is given."""
    with changed(pair, "_check_price", lambda *_: None):
        yield


@contextmanager
def watching_not_checked() -> Iterator[None]:
    """V7 is left out: a node that does not watch takes a pair with a late leak."""
    sound = pair.pair_rule

    def pair_rule(
        incoming: Level, outgoing: Level, node: pair.NodeFacts, members: frozenset[bytes]
    ) -> pair.Rule | None:
        rule = sound(incoming, outgoing, node, members)
        return None if rule is pair.Rule.V7 else rule

    with changed(pair, "pair_rule", pair_rule):
        yield


@contextmanager
def decline_not_checked() -> Iterator[None]:
    """V12 and V6 are left out: a decline followed by a bare commit ruins SECURED and GATEWAY."""
    sound = pair.check_pair

    def check_pair(*given: object) -> Refusal | None:
        refusal = sound(*given)  # type: ignore[arg-type]
        ours = (Reason.DECLINE_NOT_ALLOWED, Reason.ADMISSION_MISSING)
        return None if refusal is not None and refusal.reason in ours else refusal

    with everywhere(sound, check_pair):
        yield


@contextmanager
def no_margin() -> Iterator[None]:
    """The time to show a commit upstream is left out of every schedule."""
    with changed(schedule, "PRESENT_MARGIN_US", 0), changed(pair, "PRESENT_MARGIN_US", 0):
        yield
