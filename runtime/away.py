"""Work that would hold up the loop, done elsewhere: in a thread, or on the spot under virtual time.

A thread makes virtual time jump while it works, and comes back whenever the machine pleases. Under
a seeded run (runtime.seeded) the same work is therefore done in its caller's turn: it takes no
time there, and the run repeats.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

on_the_spot: ContextVar[bool] = ContextVar("on_the_spot", default=False)
"""Whether there are to be no threads; tasks inherit it from whoever starts them."""


async def run_away(
    work: Callable[[*Ts], T], *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """What `work(*args)` gives or raises. `limiter`: how many may do so at a time."""
    if not on_the_spot.get():
        return await trio.to_thread.run_sync(work, *args, limiter=limiter)
    if limiter is None:
        await trio.lowlevel.checkpoint()
        return work(*args)
    async with limiter:
        return work(*args)
