"""How the daemon is: what `GET /health` says and `registry status` shows."""

from dataclasses import dataclass

import trio

from registry.calendar import Calendar
from registry.decider import look_at
from registry.store import LedgerReader
from registry.store_opening import LedgerStore
from registry.timing import ClockRules, assess
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Health:
    """`ok`: new decisions are made. `pending`: announced and undecided.

    `last_log_index` counts on over the logs of all shards; -1: they are empty.
    """

    ok: bool
    name: str
    registry: str
    now_us: int
    clock_error_us: int
    clock_usable: bool
    decisions: int
    pending: int
    last_log_index: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Looks at clock and store; called on trio."""

    registry: bytes
    name: str
    store: LedgerStore
    clock: Clock
    rules: ClockRules
    calendar: Calendar

    async def __call__(self) -> Health:
        mark_us, entries, decisions, size = await trio.to_thread.run_sync(self._look)
        reading = assess(look_at(self.clock), mark_us, self.rules)
        return Health(
            ok=reading.usable,
            name=self.name,
            registry=self.registry.hex(),
            now_us=reading.now_us,
            clock_error_us=reading.error_us,
            clock_usable=reading.usable,
            decisions=decisions,
            pending=len(self.calendar),
            last_log_index=entries - 1,
            database_bytes=size,
        )

    def _look(self) -> tuple[int, int, int, int]:
        with self.store.engine.connect() as connection:
            reader = LedgerReader(connection)
            counts = reader.mark_us(), reader.entries(), reader.decisions()
            return (*counts, reader.bytes_used())
