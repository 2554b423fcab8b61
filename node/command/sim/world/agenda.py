"""What happens later: frames that arrive, disks that answer. One task, in the order of time."""

import heapq
from collections.abc import Callable
from typing import Final

import trio

from proto.limits import US

NEVER_S: Final = 1e9  # thirty virtual years: beyond every simulation

Act = Callable[[], None]


class Agenda:
    """Owned by trio. Two things of one moment happen in the order in which they were noted."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Act]] = []
        self._noted = 0
        self._sooner = trio.Event()

    def after(self, delay_us: int, act: Act) -> float:
        """`act` is called `delay_us` from now; gives the moment, on trio's clock."""
        return self.at(trio.current_time() + delay_us / US, act)

    def at(self, moment_s: float, act: Act) -> float:
        """`act` is called at a moment of trio's clock."""
        self._noted += 1
        if not self._heap or moment_s < self._heap[0][0]:
            self._sooner.set()
        heapq.heappush(self._heap, (moment_s, self._noted, act))
        return moment_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._sooner = trio.Event()
            next_s = self._heap[0][0] if self._heap else NEVER_S
            if next_s > trio.current_time():
                with trio.move_on_at(next_s):
                    await self._sooner.wait()
            else:
                await trio.lowlevel.checkpoint()
            while self._heap and self._heap[0][0] <= trio.current_time():
                heapq.heappop(self._heap)[2]()
