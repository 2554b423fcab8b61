"""Moves settled payments into the archive, in small batches, when there is nothing better to do."""

import logging
from collections import deque
from functools import partial
from itertools import islice
from typing import Final

import trio

from node.archive import Archive, prune
from node.core.rows import Line, Row, Settled, replace
from node.core.settling import Bundle, bundle_of, sums_with
from node.engine import Engine, StoreUnavailable
from node.group import Group
from node.memory import Memory
from node.store import ROWS
from proto.envelope import Envelope
from proto.keys import NodeId, SigningKey
from proto.limits import US
from proto.messages import MESSAGE_KIND, LineState, encode
from runtime.clock import Clock
from runtime.write_plan import DeleteRows, Execute, Write

log = logging.getLogger(__name__)

PAUSE_S: Final = 5.0  # between rounds; a settled payment costs memory alone while it waits
IDLE_PAUSE_S: Final = 60.0  # where nothing waits: what is settled then has PATIENCE_US anyway
BATCH: Final = 64  # bundles in a block: some 40 KB; the neighbours wait some 5 ms for it
SCAN: Final = 512  # rows looked at for one batch: those that cannot leave yet go to the end
MAX_SCANS: Final = 40  # in a row that make no block: 20,000 rows that wait cost 20 ms of a round
PATIENCE_US: Final = 600 * US  # a smaller block than BATCH is written only after this long
MAX_LIVE: Final = 100_000  # rows that age: beyond it (half a GB) archiving goes on under load too
MAX_MARKS: Final = 64  # of one neighbour; it acknowledges within milliseconds or is away
PRUNE_BLOCKS: Final = 8  # in one transaction
DAY_US: Final = 86_400 * US


class Archiver:
    """Owned by the trio task that runs `run`. `keep_days` 0: nothing is ever deleted."""

    def __init__(
        self, engine: Engine, archive: Archive, key: SigningKey, clock: Clock, keep_days: int = 0
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._key = key
        self._clock = clock
        self._keep_days = keep_days
        # What we had said to a neighbour (number) by which time: acknowledged numbers make times.
        self._marks: dict[NodeId, deque[tuple[int, int]]] = {}
        self._heard_us: dict[NodeId, int] = {}
        self._waits_since_us: int | None = None

    async def run(self) -> None:
        """Until cancelled. A store that does not answer is tried again in the next round."""
        while True:
            await trio.sleep(PAUSE_S if self._engine.memory.ageing else IDLE_PAUSE_S)
            try:
                await self.round()
            except StoreUnavailable as error:
                log.warning("archiving waits for the store: %s", error)

    async def round(self) -> None:
        """Everything that may leave now leaves, and what is too old for the archive goes."""
        # Behind a hundred thousand payments that wait, one scan never gets to those that do not.
        ageing = len(self._engine.memory.ageing)
        # An idle node is left in peace: nothing ages in it.
        scans, most = 0, min(MAX_SCANS, 1 + ageing // SCAN) if ageing else 0
        while scans < most and self._has_time():
            scans = 0 if await self.batch() else scans + 1
            await trio.lowlevel.checkpoint()
        if self._keep_days:
            before_us = self._clock.now_us() - self._keep_days * DAY_US
            while await self._prune(before_us) == PRUNE_BLOCKS:
                await trio.lowlevel.checkpoint()

    def _has_time(self) -> bool:
        return not self._engine.backlog or len(self._engine.memory.ageing) > MAX_LIVE

    async def batch(self, *, patient: bool = True) -> int:
        """One block, if there is enough for it (`patient`): how many bundles have left."""
        left: list[Bundle] = []
        await self._engine.work(partial(self._take, left, patient))
        return len(left)

    async def _prune(self, before_us: int) -> int:
        gone: list[int] = []

        def work(group: Group) -> None:
            group.writes.append(Execute(lambda c: gone.append(prune(c, before_us, PRUNE_BLOCKS))))

        await self._engine.work(work)
        return sum(gone)

    # ------------------------------------------------------------------ inside the engine

    def _take(self, left: list[Bundle], patient: bool, group: Group) -> None:
        """Between two events: what is settled leaves memory and tables in this group.

        The engine hears nothing more until the group is durable, so whoever speaks of these rows
        next finds them in the archive.
        """
        now_us = self._clock.now_us()
        memory = self._engine.memory
        self._listen(now_us)
        bundles = self._settled(memory, now_us, group)
        if not bundles or (patient and self._waits_for_more(bundles, now_us)):
            return
        self._waits_since_us = None
        left.extend(bundles)
        promises = [promise for bundle in bundles for promise in bundle.promises]
        for line in sums_with(memory.settled, promises, 1).values():
            self._put(memory, replace(line, head_out=self._head_out(memory, line)), group)
        for bundle in bundles:
            for row in bundle.rows:
                memory.remove(row)
        # Crash before the commit: everything is where it was. After it: everything has left.
        group.writes.extend(self._archive.store(bundles, now_us))
        group.writes.extend(_deletions(bundles))
        group.alone = True

    def _put(self, memory: Memory, row: Settled, group: Group) -> None:
        memory.put(row)
        group.rows[row.key] = row

    def _head_out(self, memory: Memory, settled: Settled) -> bytes:
        """Our own direction as it stands, signed. It says nothing of pending promises."""
        line = memory.row((Line.table, settled.line, b""))
        assert isinstance(line, Line)
        state = LineState(line.id, line.sequence_out, line.booked_out, b"")
        payload = encode(self._key.node_id, line.peer, state)
        return Envelope.seal(self._key, MESSAGE_KIND, payload).encode()

    def _settled(self, memory: Memory, now_us: int, group: Group) -> list[Bundle]:
        bundles: list[Bundle] = []
        for key in list(islice(memory.ageing, SCAN)):
            if len(bundles) == BATCH:
                break
            row = memory.rows[key]
            bundle = bundle_of(memory, row, now_us, self._is_quiet)
            if bundle is None or any(r.key in group.rows for r in bundle.rows):
                memory.put_off(key)
            else:
                bundles.append(bundle)
        return bundles

    def _waits_for_more(self, bundles: list[Bundle], now_us: int) -> bool:
        if len(bundles) == BATCH:
            return False
        if self._waits_since_us is None or self._waits_since_us > now_us:
            self._waits_since_us = now_us
        return now_us - self._waits_since_us < PATIENCE_US

    def _listen(self, now_us: int) -> None:
        for node, neighbour in self._engine.links.neighbours.items():
            marks = self._marks.setdefault(node, deque())
            if marks and marks[-1][0] > now_us:
                marks.clear()  # the clock was set back: what it said before orders nothing now
                self._heard_us.pop(node, None)
            if len(marks) < MAX_MARKS:
                marks.append((now_us, neighbour.given))
            while marks and marks[0][1] <= neighbour.acknowledged:
                self._heard_us[node] = marks.popleft()[0]

    def _is_quiet(self, peer: NodeId, at_us: int) -> bool:
        return at_us < self._heard_us.get(peer, 0)


def _deletions(bundles: list[Bundle]) -> list[Write]:
    rows: dict[str, list[Row]] = {}
    for bundle in bundles:
        for row in bundle.rows:
            rows.setdefault(row.table, []).append(row)
    deletions: list[Write] = []
    for table, gone in rows.items():
        entry = ROWS[table]
        keys = [{name: getattr(row, name) for name in entry.key} for row in gone]
        deletions.append(DeleteRows(entry.table, keys))
    return deletions
