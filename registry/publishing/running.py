"""The publisher as the daemon sees it: a thread around a block, and what trio waits for from it."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import outcome
import trio
from sqlalchemy import Engine

from registry.log import Logged
from registry.publishing.coverage import Coverage
from registry.publishing.history import History
from registry.publishing.leaf_source import place_of
from registry.publishing.plan import LogPlan
from registry.publishing.publisher import MakeSource, Publisher
from runtime.clock import Clock
from runtime.handover import Fuse, Handover, wake_trio
from runtime.schema import StoreUnusable


class Publishing:
    """Owned by trio. `coverage` may be read by any thread."""

    def __init__(self, publisher: Publisher, coverage: Coverage, fuse: Fuse) -> None:
        self.coverage = coverage
        self._publisher = publisher
        self._fuse = fuse
        self._fault: StoreUnusable | None = None
        self._ended = trio.Event()
        self._changed = trio.Event()
        wake = wake_trio(trio.lowlevel.current_trio_token())
        self._news: Handover[None] = Handover("coverage", wake, self._tell, fuse)
        self._end: Handover[StoreUnusable | None] = Handover(
            "publisher's end", wake, self._finish, fuse
        )
        coverage.changed = partial(self._news.put, None)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        plan: LogPlan,
        engine: Engine,
        make_source: MakeSource,
        history: History,
        coverage: Coverage,
        clock: Clock,
    ) -> AsyncIterator["Publishing"]:
        """Runs the thread around a block; what is not published at its end is at the next start.

        DaemonCrash where the publisher fails by a bug of ours.
        """
        publisher = Publisher(plan, engine, make_source, history, coverage, clock)
        fuse = Fuse()
        publishing = cls(publisher, coverage, fuse)
        publishing._thread.start()
        with fuse.guard():
            try:
                yield publishing
            finally:
                with trio.CancelScope(shield=True):  # bounded by disk and calls to witnesses
                    publisher.close()
                    await publishing._ended.wait()

    @property
    def silent_witnesses(self) -> tuple[str, ...]:
        """The names of witnesses that do not answer at present."""
        return tuple(link.name for link in self._publisher.links if link.silent_since_s is not None)

    @property
    def cosigned_at_us(self) -> dict[str, int]:
        """Each witness's newest cosignature in this run, by name; also one that nobody waited for.

        A checkpoint is shown once a quorum has cosigned it, so who is slower is not always on it.
        """
        return {link.name: link.cosigned_at_us for link in self._publisher.links}

    def entered(self, decisions: Sequence[Logged]) -> None:
        """These were decided just now, or looked up."""
        covered = self.coverage.covered
        shards = set()
        for logged in decisions:
            shard, index = place_of(logged)
            known = covered.get(shard)
            if known is None or index >= known.checkpoint.size:
                shards.add(shard)
        for shard in shards:
            self.coverage.entered(shard)
        if shards:
            self._publisher.nudge()

    async def confirmed(self, at_most_s: float) -> None:
        """Waits until witnesses have confirmed our standing, or for so long. StoreUnusable."""
        with trio.move_on_after(at_most_s):
            while not self.coverage.checked and not self._ended.is_set():
                await self._changed.wait()
        if self._fault is not None:
            raise self._fault

    async def cover(self, places: Mapping[int, int], at_most_s: float) -> bool:
        """Waits until entry `index` of each shard is covered; False where that takes too long."""
        with trio.move_on_after(at_most_s):
            while any(self.coverage.size(shard) <= index for shard, index in places.items()):
                await self._changed.wait()
            return True
        return False

    async def while_sound(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Waits for `stop`, unless the log turns out to be unusable before: StoreUnusable."""
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await self._ended.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await stop()
            nursery.cancel_scope.cancel()
        if self._fault is not None:
            raise self._fault

    def _tell(self, _: None) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def _finish(self, fault: StoreUnusable | None) -> None:
        self._fault = fault
        self._ended.set()
        self._tell(None)

    def _run(self) -> None:
        ended = outcome.capture(self._publisher.run)
        fault: StoreUnusable | None = None
        if isinstance(ended, outcome.Error):
            if isinstance(ended.error, StoreUnusable):
                fault = ended.error
            else:
                self._fuse.blow("the publisher", ended.error)
        self._end.put(fault)
