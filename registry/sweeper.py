"""Writes the deadline refusals of what was announced (registry section 3).

Correctness needs no timer: whoever asks after A gets the refusal written. This only saves the nodes
that wait for it the asking, and lets the places of the calendar go. A restart may forget what was
announced.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from registry.calendar import Calendar
from registry.decider import Item
from registry.log import Answer, Lapse
from runtime.clock import Clock

SWEEP_S: Final = 1.0
IDLE_S: Final = 2.0  # while nothing is announced: what is now lapses no sooner, by the guard alone
MOST_AT_ONCE: Final = 256  # as many as a frame: commits behind them wait no longer than usual

Decide = Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]


async def sweep_for_ever(calendar: Calendar, clock: Clock, guard_us: int, decide: Decide) -> None:
    """Runs on trio. `decide` releases what it decides from the calendar."""
    while True:
        await trio.sleep(SWEEP_S if len(calendar) else IDLE_S)
        await sweep(calendar, clock, guard_us, decide)


async def sweep(calendar: Calendar, clock: Clock, guard_us: int, decide: Decide) -> None:
    """Has everything decided that lapsed, unless the clock is unsafe or nothing can be written."""
    surely_past_us = clock.now_us() - clock.error_us() - guard_us
    while lapsed := calendar.lapsed(surely_past_us, MOST_AT_ONCE):
        await decide([Lapse(kept) for kept in lapsed])
        if any(calendar.holds(*kept.key) for kept in lapsed):
            return  # refused or not surely past: later
