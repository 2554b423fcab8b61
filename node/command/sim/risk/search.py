"""All schedules around one intermediary, the shortest that makes it lose first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from node.command.sim.risk.moves import (
    Adversary,
    arrival,
    certificate,
    moves,
    step_of,
    tolerates,
)
from node.command.sim.risk.stage import Stage, Told
from proto.limits import US
from proto.messages import Claim
from proto.statement import Outcome

MAX_STATES = 200_000
"""Beyond it a search says that it gave up: a cell needs some thousand at the usual depth."""

END_US = 300 * US  # after everything is healed: longer than any row waits for anything


@dataclass(frozen=True, slots=True)
class Found:
    """`loss`: the shortest schedule in which X loses; None: there is none.

    `states`: how many different ones were reached. `whole`: all that the choices allow were, so
    that "none" is a proof within them. `breach`: what the core itself found broken, if anything.
    `lost`: what X paid without being paid, in smallest units. `begun_us`: when the search began.
    """

    loss: tuple[Told, ...] | None
    states: int
    whole: bool = True
    breach: str = ""
    lost: int = 0
    begun_us: int = 0


def search(starts: Sequence[Stage], adversary: Adversary, *, max_states: int = MAX_STATES) -> Found:
    """From any of the starts, which are at one moment. There is a choice at each stage's marks;
    between them what is due happens: timers, and messages whose time has come."""
    order, begun_us = count(), starts[0].now_us
    seen = {start.key() for start in starts}
    queue = [(0, 0, next(order), start) for start in starts]
    while queue:
        events, waits, _, stage = heappop(queue)
        if stage.lost:
            return Found(stage.history, len(seen), lost=stage.paid_out(), begun_us=begun_us)
        if stage.safe:
            continue
        if len(seen) > max_states:
            return Found(None, len(seen), whole=False)
        try:
            for cost, after in _next(stage, adversary):
                if (key := after.key()) not in seen:
                    seen.add(key)
                    heappush(queue, (events + cost, waits + 1 - cost, next(order), after))
        except AssertionError as broken:
            # The core checks its own books after every step: a breach is a finding too.
            return Found(
                stage.history, len(seen), breach=str(broken) or "an invariant", begun_us=begun_us
            )
    return Found(None, len(seen))


def _next(stage: Stage, adversary: Adversary) -> Iterator[tuple[int, Stage]]:
    """Every stage after one choice, with 1 for an event or 0 for waiting."""
    for move in moves(stage, adversary):
        after = stage.fork()
        move.do(after)
        yield 1, after
    if not tolerates(stage, adversary):
        return
    later = next((mark for mark in stage.marks if mark > stage.now_us), None)
    after = stage.fork()
    if later is None:
        end(after, adversary)
        yield 1, after
    else:
        wait_until(after, later)
        yield 0, after


def wait_until(stage: Stage, until_us: int) -> None:
    """Time passes to the next mark; what is due on the way happens in its order."""
    _overdue(stage)
    while stage.now_us < until_us:
        dues = [f.by_us for f in stage.flights] + [q.by_us for q in stage.questions]
        times = [due for due in dues if due is not None]
        timer = stage.next_timer_us()
        stage.now_us = min([until_us, *times, *([] if timer is None else [timer])])
        stage.fire()
        stage.settle()
        if stage.now_us < until_us:
            _overdue(stage)  # at the mark itself it is a choice what comes first


def _overdue(stage: Stage) -> None:
    while True:
        flights = [f for f in stage.flights if f.by_us is not None and f.by_us <= stage.now_us]
        asked = [q for q in stage.questions if q.by_us is not None and q.by_us <= stage.now_us]
        if flights:
            arrival(stage, flights[0]).do(stage)
        elif asked:
            step_of(stage, asked[0]).do(stage)
        else:
            return


def end(stage: Stage, adversary: Adversary) -> None:
    """Everybody reaches everybody again; whoever holds evidence shows it once more."""
    stage.note("everybody reaches everybody again")
    stage.calm()
    wait_until(stage, stage.now_us + END_US)
    if stage.given.pending and stage.outcome is Outcome.COMMITTED:
        stage.say(Claim(stage.given.id, certificate(stage, adversary)))
        wait_until(stage, stage.now_us + END_US)
