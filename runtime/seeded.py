"""Runs a trio program so that one seed gives one schedule."""

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
import trio.testing

from runtime.away import on_the_spot

T = TypeVar("T")


def run_seeded(seed: int, main: Callable[[random.Random], Awaitable[T]]) -> T:
    """Runs `main(random)` on virtual time, with the order of tasks drawn from `seed`.

    Time jumps to the next deadline as soon as every task waits. No threads inside: a thread
    makes the clock jump while it works, so what goes to `run_away` is done on the spot. Not
    reentrant; one run at a time in a process.
    """
    # Two private names of trio, which is pinned for their sake. Both are needed: without the
    # flag trio shuffles with what the batch order leaves, without the seed with its own dice.
    scheduler: Any = trio._core._run
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.seed(seed)
    spot = on_the_spot.set(True)
    try:
        return trio.run(
            main, random.Random(seed), clock=trio.testing.MockClock(autojump_threshold=0)
        )
    finally:
        on_the_spot.reset(spot)
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before
