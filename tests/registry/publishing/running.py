"""A publisher in its thread, over leaves that a test lets grow."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from node.command.sim.cast import NOW_US, SECOND
from proto.checkpoint import cosignature_times_s, log_note_key
from registry.publishing.coverage import Coverage
from registry.publishing.history import History, metadata
from registry.publishing.plan import LogPlan
from registry.publishing.prover import Prover
from registry.publishing.publisher import Publisher
from registry.publishing.standing import LogSetBack
from registry.publishing.tile_files import LogDamaged
from runtime.clock import FakeClock
from runtime.schema import create_tables
from runtime.store import memory_engine
from tests.patience import PATIENCE_S
from tests.registry.publishing.reading import read_log
from tests.registry.publishing.witnesses import Loopback
from tests.registry.witness.cases import YEAR, GrowingLog

LOG = GrowingLog()
PREFIX = LOG.origin.rpartition("/")[0]
KEYS = [log_note_key(LOG.origin, LOG.key.public)]
MMD_US = 60 * SECOND
LOOK_AGAIN_S = 0.01
NUMBERS = count()


class Leaves:
    """A LeafSource without a database: shards of leaves that a test lets grow."""

    def __init__(self, size: int = 0, word: str = "leaf") -> None:
        self.entries: dict[int, list[bytes]] = {}
        self.word = word
        self.marked_us = NOW_US
        if size:
            self.grow(size)

    def grow(self, by: int, shard: int = YEAR) -> None:
        entries = self.entries.setdefault(shard, [])
        entries += [f"{self.word} {len(entries) + i}".encode() for i in range(by)]

    def shards(self) -> list[int]:
        return sorted(self.entries)

    def log_size(self, shard: int) -> int:
        return len(self.entries.get(shard, ()))

    def mark_us(self) -> int:
        return self.marked_us

    def leaves(self, shard: int, start: int, end: int) -> list[bytes]:
        return self.entries[shard][start:end]


@dataclass
class Running:
    """A publisher in its thread. `fault`: what it ended with."""

    plan: LogPlan
    leaves: Leaves
    clock: FakeClock
    coverage: Coverage
    publisher: Publisher
    prover: Prover
    moved: threading.Condition = field(default_factory=threading.Condition)
    fault: Exception | None = None
    ended: bool = False

    def grow(self, by: int) -> None:
        self.leaves.grow(by)
        self.coverage.entered(YEAR)
        self.publisher.nudge()

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits until it holds. What the publisher tells is looked at at once, the rest often."""
        ends_s = time.monotonic() + PATIENCE_S
        with self.moved:
            while not condition() and not self.ended and time.monotonic() < ends_s:
                self.moved.wait(LOOK_AGAIN_S)
        assert condition(), self.fault

    def covered(self, size: int) -> bool:
        return self.coverage.size(YEAR) == size

    def folder(self, shard: int = YEAR) -> Path:
        return self.plan.folder / str(shard)


def plan_of(folder: Path, *witnesses: Loopback, quorum: int = 0) -> LogPlan:
    return LogPlan(
        folder=folder,
        database="decisions.sqlite",
        prefix=PREFIX,
        key_at=lambda _: LOG.key,
        known_keys=(LOG.key.public,),
        witnesses=tuple(witness.witness for witness in witnesses),
        quorum=quorum,
        mmd_us=MMD_US,
        farthest_us=30 * 86_400 * SECOND,
        epoch_us=30 * 86_400 * SECOND,
    )


@contextmanager
def publishing(plan: LogPlan, leaves: Leaves, history: History | None = None) -> Iterator[Running]:
    """Runs a publisher around a block; with `history` it goes on with an older one's."""
    clock = FakeClock(NOW_US, 50_000)
    coverage = Coverage(clock, plan.mmd_us // 2 if plan.quorum else None)
    engine = memory_engine()
    with engine.begin() as connection:
        create_tables(connection, metadata)
    history = history or History(engine, plan.mmd_us // 4)
    publisher = Publisher(plan, engine, lambda _: leaves, history, coverage, clock)
    running = Running(plan, leaves, clock, coverage, publisher, Prover(plan, history))

    def told() -> None:
        with running.moved:
            running.moved.notify_all()

    def run() -> None:
        try:
            publisher.run()
        except (LogSetBack, LogDamaged) as fault:
            running.fault = fault
        finally:
            running.ended = True
            told()

    coverage.changed = told
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield running
    finally:
        publisher.close()
        thread.join()
        engine.dispose()


def times_of(running: Running) -> dict[str, int]:
    note = read_log(running.folder(), KEYS)[1]
    return cosignature_times_s(note, [witness.key for witness in running.plan.witnesses])
