"""The life of a promise as a table, and the moves along it (protocol section 8)."""

from types import MappingProxyType
from typing import Final

from node.core.caps import load_of_promise
from node.core.people import hooks as people
from node.core.rows import Direction, Line, Promise, PromisePhase, replace
from node.core.view import Step
from proto.messages import Redeemed
from proto.reason import Refusal

_ENDS: Final = frozenset(
    {
        PromisePhase.REDEEMED,
        PromisePhase.RELEASED,
        PromisePhase.EXPIRED,
        PromisePhase.ABORTED,
    }
)

TRANSITIONS: Final = MappingProxyType(
    {
        # An acknowledgement may be lost, so every end is open to an OFFERED promise as well.
        PromisePhase.OFFERED: _ENDS | {PromisePhase.ACCEPTED, PromisePhase.REFUSED},
        PromisePhase.ACCEPTED: _ENDS,
        PromisePhase.REDEEMED: frozenset[PromisePhase](),
        PromisePhase.RELEASED: frozenset[PromisePhase](),
        PromisePhase.EXPIRED: frozenset[PromisePhase](),
        PromisePhase.ABORTED: frozenset[PromisePhase](),
        PromisePhase.REFUSED: frozenset[PromisePhase](),
    }
)
"""Phase -> phases it may go to. Final ones have none: a promise ends exactly once."""


def hold(step: Step, promise: Promise) -> None:
    """A new promise: it takes its amount from what the line can still carry."""
    assert promise.phase in (PromisePhase.OFFERED, PromisePhase.ACCEPTED)
    assert step.promise(promise.promisor, promise.id) is None
    line = step.the_line(promise.line)
    free = line.available_out if promise.direction is Direction.OUT else line.available_in
    assert promise.amount <= free  # invariant 2
    step.put(_weigh(step, line, promise, 1))
    step.put(promise)


def move(
    step: Step,
    promise: Promise,
    phase: PromisePhase,
    because: Refusal | None = None,
    ended_by: bytes = b"",
) -> Promise:
    """Moves a promise along the table; a final phase frees what it held. Returns the new row."""
    assert phase in TRANSITIONS[promise.phase], (promise.phase, phase)
    ended_at_us = step.now_us if phase.final else 0
    moved = replace(
        promise, phase=phase, because=because, ended_at_us=ended_at_us, ended_by=ended_by
    )
    step.put(moved)
    if phase.final:
        step.put(_weigh(step, step.the_line(promise.line), promise, -1))
    return moved


def _weigh(step: Step, line: Line, promise: Promise, sign: int) -> Line:
    """The line with this promise among its pending ones (+1), or no more (-1)."""
    load = load_of_promise(step, promise)
    amount, value_s = sign * load.amount, sign * load.value_s
    if promise.direction is Direction.OUT:
        line = replace(
            line,
            pending_out=line.pending_out + amount,
            count_out=line.count_out + sign,
            held_out=line.held_out + value_s,
        )
        assert min(line.pending_out, line.count_out, line.held_out) >= 0
        return line
    line = replace(
        line,
        pending_in=line.pending_in + amount,
        count_in=line.count_in + sign,
        held_in=line.held_in + value_s,
    )
    assert min(line.pending_in, line.count_in, line.held_in) >= 0
    return line


def book_given(step: Step, promise: Promise, ended_by: bytes = b"") -> Promise:
    """A promise that we gave becomes debt, and its holder is told our direction's new head.

    From the commit of this change on the debt stands, whether or not the message arrives: it is
    repeated until it is acknowledged.
    """
    assert promise.direction is Direction.OUT
    moved = move(step, promise, PromisePhase.REDEEMED, ended_by=ended_by)
    line = step.the_line(promise.line)
    line = replace(
        line,
        booked_out=line.booked_out + promise.amount,
        sequence_out=line.sequence_out + 1,
    )
    step.put(line)
    step.send(promise.peer, Redeemed(promise.id, line.id, line.sequence_out, line.booked_out))
    if promise.owner:
        people.on_given_booked(step, moved)
    return moved


def book_held(step: Step, promise: Promise, ended_by: bytes) -> Promise:
    """A promise that we hold became debt of the peer: our mirror of its direction.

    Only the promisor writes its direction. Where we had given the promise up while its booking
    was on its way, its word is the end of the promise, and ours never was one.
    """
    assert promise.direction is Direction.IN
    if promise.pending:
        moved = move(step, promise, PromisePhase.REDEEMED, ended_by=ended_by)
    else:
        assert promise.phase is not PromisePhase.REDEEMED
        moved = replace(promise, phase=PromisePhase.REDEEMED, because=None, ended_by=ended_by)
        step.put(moved)
    line = step.the_line(promise.line)
    step.put(
        replace(line, booked_in=line.booked_in + promise.amount, sequence_in=line.sequence_in + 1)
    )
    if promise.owner:
        people.on_held_booked(step, moved)
    return moved


def partner_of(step: Step, promise: Promise) -> Promise | None:
    """The promise on the other side of this node; None at payer and payee."""
    if not promise.partner_id:
        return None
    return step.promise(promise.partner, promise.partner_id)
