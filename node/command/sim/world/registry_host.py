"""A machine with a registry on it: the real desk, decider and relay over a database in memory.

What a registry publishes, tiles and witnessed checkpoints, is not here: nothing that a node does
in a payment's time rests on it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final

import trio
from sqlalchemy import Engine

from node.command.sim.cast import CastRegistry
from node.command.sim.lying.registry import LyingRegistry
from node.command.sim.world.agenda import Agenda
from node.command.sim.world.clock import SkewedClock
from node.command.sim.world.disk import QUICK_US, Death
from proto.limits import US
from proto.registry_record import RegistryRecord
from registry.calendar import Calendar
from registry.decider import Decider, Item
from registry.desk import Desk, spread
from registry.examine import Examiner
from registry.examine_frames import Findings
from registry.hub import Hub
from registry.log import Answer, Logged, Terms
from registry.quota import Quota
from registry.relay_links import Channel, Relay
from registry.service import RegistryService
from registry.signer import Signer
from registry.store import Ledger
from registry.store_opening import begin_ledger
from registry.sweeper import sweep_for_ever
from registry.tables import metadata
from registry.timing import ClockRules
from runtime.buckets import Buckets
from runtime.rpc import Service
from runtime.schema import create_tables
from runtime.store import memory_engine

ERROR_US: Final = 50_000  # of a registry's clock, declared and kept
CAPACITY_PER_S: Final = 5000
MARK_EVERY_S: Final = 20.0  # while nothing is decided; the real one looks twice a second
ROOM: Final = 8192

_databases = count()  # names of databases in memory, which a process shares


class SimDecider:
    """What `registry.worker.DecisionWorker` is, in the tasks of its callers."""

    def __init__(self, host: "RegistryHost", decider: Decider) -> None:
        self._host = host
        self._decider = decider
        self._turn = trio.Lock()  # one group after the other, as they came
        self.tell: Callable[[Sequence[Logged]], None] = lambda _: None
        self.room = ROOM
        self.silent_s = 0.0

    async def answer(self, items: Sequence[Item]) -> list[Answer]:
        """Answers in item order, each decision among them durable."""
        if not items:
            return []
        async with self._turn:
            await self._host.disk_turn()
            when = self._host.doomed_now()
            if when is not None and when is not Death.AFTER:
                # Torn or not begun: its database takes back what was not committed.
                self._host.kill()
                await trio.sleep_forever()
            answers = self._decider.answer(items)
            self._decider.keep_mark()
            if when is Death.AFTER:
                self._host.kill()
                await trio.sleep_forever()
        self.tell([answer for answer in answers if isinstance(answer, Logged)])
        return answers

    async def keep_mark(self) -> None:
        """Until cancelled: the clock's mark is kept while nobody wants a decision."""
        while True:
            await trio.sleep(MARK_EVERY_S)
            async with self._turn:
                self._decider.keep_mark()


class _NoPool:
    """What `registry.examine_pool.ExaminerPool` is: no process is there."""

    async def examine(self, shown: Sequence[tuple[bytes, bytes]]) -> list[Findings] | None:
        return None


class _NoLog:
    """What `registry.publishing.release.Release` is where nothing waits for a log."""

    reserved = 0

    async def finish(
        self, answers: Sequence[Answer], *, wait: bool = True
    ) -> tuple[list[Answer], dict[int, bytes]]:
        return list(answers), {}

    def fit(self, *_: object) -> None:
        """There are no proofs to leave out."""


class _Beside:
    """What `registry.relay_members.Members` is: the other registries of this world."""

    def __init__(self, records: dict[bytes, RegistryRecord]) -> None:
        self.records = records

    async def follow(self, _: Callable[[], None]) -> None:
        await trio.sleep_forever()

    def offer(self, _: bytes) -> bool:
        return False


@dataclass
class RegistryProcess:
    """One life of a registry's process."""

    service: Service
    desk: Desk
    ledger: Ledger
    relay: Relay
    nursery: trio.Nursery
    calls: dict[int, trio.CancelScope] = field(default_factory=dict)


@dataclass
class RegistryHost:
    """Where a registry lives. Owned by trio. `process` is None while it is down."""

    name: str
    cast: CastRegistry
    others: dict[bytes, RegistryRecord]
    clock: SkewedClock
    random: Random
    agenda: Agenda
    nursery: trio.Nursery
    connect: Callable[[RegistryRecord], Channel]
    process: RegistryProcess | None = None
    liar: LyingRegistry | None = None  # it is one
    slow_us: int = 0  # more than usual, each group
    held: bool = False
    silent: bool = False  # takes questions and answers none
    decisions: int = 0
    _starting: bool = False
    doom: tuple[int, Death] | None = None
    database: Engine = field(init=False)
    on_death: Callable[[], None] = lambda: None
    on_start: Callable[[], None] = lambda: None
    on_decided: Callable[[Sequence[Logged]], None] = lambda _: None

    def __post_init__(self) -> None:
        self.database = memory_engine(f"sim{next(_databases)}")
        self._keeper = self.database.connect()  # the last connection that closes ends the data
        with self.database.begin() as connection:
            create_tables(connection, metadata)
        with self.database.connect() as connection, connection.begin():
            begin_ledger(connection)

    def close(self) -> None:
        """The machine is no more."""
        self._keeper.close()
        self.database.dispose()

    @property
    def id(self) -> bytes:
        return self.cast.id

    def start(self) -> None:
        """A process begins from what the database holds, unless one runs or a fault forbids it."""
        if self.process is None and not self._starting and not self.held:
            self._starting = True
            self.nursery.start_soon(self._live)

    async def _live(self) -> None:
        with ExitStack() as stack:
            connection = stack.enter_context(self.database.connect())
            async with trio.open_nursery() as nursery:
                ledger = Ledger(connection)
                ledger.claim(self.id, self.cast.record.log_origin, f"/{self.name}.sqlite")
                self.process = self._wire(ledger, nursery)
                self._starting = False
                self.on_start()
                await trio.sleep_forever()

    def _wire(self, ledger: Ledger, nursery: trio.Nursery) -> RegistryProcess:
        record = self.cast.record
        terms = Terms(self.id, record.guard_us, record.min_lead_us, record.max_deadline_us)
        rules = ClockRules(record.max_error_us, 0, 2**62)
        worker = SimDecider(self, Decider(ledger, self.clock, terms, rules))
        examiner = Examiner(self.id, self.others, self.clock.now_us)
        signer = Signer(self.id, record.log_origin, self.cast.online)
        calendar, hub = Calendar(CAPACITY_PER_S), Hub()
        quota = Quota(Buckets(1000, 1000, ()), calendar)
        # What stands in for the rest of a daemon has its methods, and no thread and no file.
        decides: Any = worker
        pool: Any = _NoPool()
        release: Any = _NoLog()
        beside: Any = _Beside(self.others)
        desk = Desk(decides, self.database, examiner, signer, calendar, pool, quota, release)
        relay = Relay(beside, examiner, signer, self.clock, self.database, record.guard_us)

        def decided(decisions: Sequence[Logged]) -> None:
            self.on_decided(decisions)
            spread(hub, calendar, decisions)
            relay.decided(decisions)

        worker.tell = decided
        nursery.start_soon(worker.keep_mark)
        nursery.start_soon(sweep_for_ever, calendar, self.clock, record.guard_us, worker.answer)
        nursery.start_soon(relay.run, self.connect)
        service = RegistryService(desk, hub, lambda: record.signed, examiner).methods()
        return RegistryProcess(service, desk, ledger, relay, nursery)

    def kill(self) -> None:
        """SIGKILL. What is decided stays decided."""
        process, self.process = self.process, None
        if process is not None:
            process.nursery.cancel_scope.cancel()
            for call in tuple(process.calls.values()):
                call.cancel()
            self.on_death()

    def hold_down(self, held: bool) -> None:
        """Nothing starts it while it is held; it starts when it is let go."""
        self.held = held
        self.start()

    def doom_at(self, decision: int, when: Death) -> None:
        """The process dies in its `decision`th group from now, 1 = the next."""
        self.doom = (self.decisions + decision, when)

    async def disk_turn(self) -> None:
        """The time that a group needs on the disk."""
        self.decisions += 1
        await trio.sleep((self.random.randint(*QUICK_US) + self.slow_us) / US)

    def doomed_now(self) -> Death | None:
        """Whether the process dies in this group, and when in it."""
        return self.doom[1] if self.doom is not None and self.doom[0] == self.decisions else None
