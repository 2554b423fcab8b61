"""One of several processes of a node: shows that it lives, takes what is free, buries the dead."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import trio
from sqlalchemy import Connection

from node.engine import StoreUnavailable
from node.group import Group
from node.shared.adverts import prune_adverts
from node.shared.engine import SharedEngine
from node.shared.feed import prune_feed
from node.shared.sharing import KEEPER, Sharing, beat
from runtime.clock import Clock
from runtime.write_plan import Execute

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
# Of our own beats, while another stands still. Counted, not timed: where nobody reaches the store
# for a while nobody is dead, and clocks of machines are not compared.
SILENT_BEATS: Final = 5
PRUNE_BEATS: Final = 60  # between two looks at what is not needed any more


class Membership:
    """Owned by the tasks of `run`.

    `noticed` is called whenever leases have moved; `orphaned` where a process is no more, by
    whoever keeps.
    """

    def __init__(
        self,
        engine: SharedEngine,
        sharing: Sharing,
        clock: Clock,
        noticed: Callable[[], None],
        orphaned: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._sharing = sharing
        self._clock = clock
        self._noticed = noticed
        self._orphaned = orphaned
        self._beats = 0
        self._heard: dict[bytes, tuple[int, int]] = {}  # count, and at which beat of ours
        self._adopted: frozenset[bytes] | None = None  # with whom nothing was left to adopt

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_beating)
            nursery.start_soon(self._keep_taking)

    async def _keep_beating(self) -> None:
        while True:
            try:
                await self._beat()
            except StoreUnavailable as error:
                log.warning("the other processes may think that this one is dead: %s", error)
            await trio.sleep(BEAT_S)

    async def _keep_taking(self) -> None:
        while True:
            self._sharing.moved = trio.Event()
            try:
                await self._take_free()
            except StoreUnavailable:
                await trio.sleep(BEAT_S)
                continue
            self._engine.keep()
            self._noticed()
            await self._sharing.moved.wait()

    # ------------------------------------------------------------------ living and dying

    async def _beat(self) -> None:
        beats: dict[bytes, int] = {}

        def show(connection: Connection) -> None:
            beats.clear()
            beats.update(beat(connection, self._sharing.process))
            if self._sharing.holds(KEEPER) and self._beats % PRUNE_BEATS == 0:
                prune_feed(connection)
                prune_adverts(connection, self._clock.now_us())

        await self._engine.work(lambda group: group.writes.append(Execute(show)))
        self._beats += 1
        if self._sharing.leaving:
            return
        if self._sharing.process not in beats:
            self._sharing.expelled.set()
            return
        self._heard = {p: self._heard_of(p, count) for p, count in beats.items()}
        self._sharing.processes = frozenset(beats)
        silent = [p for p, (_, at) in self._heard.items() if self._beats - at >= SILENT_BEATS]
        if silent:
            log.warning("%d processes of this node have fallen silent", len(silent))
            await self._engine.work(partial(self._engine.end_processes, gone=silent))
            self._sharing.processes -= frozenset(silent)
        if self._sharing.holds(KEEPER) and self._adopted != self._sharing.processes:
            self._adopted = self._sharing.processes
            self._orphaned()

    def _heard_of(self, process: bytes, count: int) -> tuple[int, int]:
        known = self._heard.get(process)
        if known is None or known[0] != count or process == self._sharing.process:
            return count, self._beats
        return known

    # ------------------------------------------------------------------ what is free

    async def _take_free(self) -> None:
        while self._free():
            await self._engine.work(self._take)

    def _take(self, group: Group) -> None:
        for name in self._free():
            self._engine.take_lease(group, name)

    def _free(self) -> list[bytes]:
        """Duties that nobody has, and neighbours that can be dialled and nobody dials."""
        dialled = [n.node for n in self._engine.links.neighbours.values() if n.address]
        if self._sharing.leaving:
            return []
        return [name for name in (KEEPER, *dialled) if name not in self._sharing.leases]
