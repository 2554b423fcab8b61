"""How the daemon is: what `GET /health` says, the registry's page shows and `status` prints."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Final

import trio

from proto.registry_record import RegistryRecord
from registry.calendar import Calendar
from registry.decider import look_at
from registry.published import Published, read_published
from registry.store import LedgerReader
from registry.store_opening import LedgerStore
from registry.timing import ClockRules, Reading, assess
from runtime.clock import Clock

MAX_MEMBERS: Final = 64  # a policy has 16; an operator may know those of several
STORE_SILENT_S: Final = 3.0  # six turns of the deciding thread, or a group on a slow disk


@unique
class State(Enum):
    """Whether new decisions are made, and what is in the way where they are not."""

    DECIDING = "DECIDING"
    CLOCK_UNSAFE = "CLOCK_UNSAFE"  # its error is larger than the record allows
    CLOCK_BEHIND = "CLOCK_BEHIND"  # it shows a time before one that was decided at
    KEY_EXPIRED = "KEY_EXPIRED"  # the statement key's life has ended, or not begun
    STORE_SILENT = "STORE_SILENT"  # the database is away, or waits for a standby
    LOG_STALLED = "LOG_STALLED"  # witnesses did not cosign for too long


@dataclass(frozen=True, slots=True)
class ShardHealth:
    """One shard's log: its entries, and how many of them the newest checkpoint covers.

    `published_at_us` is 0 where there is no checkpoint yet.
    """

    shard: int
    entries: int
    published: int
    published_at_us: int


@dataclass(frozen=True, slots=True)
class WitnessHealth:
    """A witness of the record and its newest cosignature (µs UTC), also of an older checkpoint.

    0 where none is known: the newest checkpoint has none, and neither has this run had one.
    """

    name: str
    at_us: int


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """A registry that decides beside us (its id, hex): how many commits it still has to be told."""

    registry: str
    name: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Health:
    """`ok`: new decisions are made; `state` says why not.

    `pending`: announced and undecided; `queue`: items that wait for the deciding thread;
    `clock_mark_us`: no decision was made at a later time. Times in µs UTC, spans in µs.
    """

    ok: bool
    state: str
    name: str
    registry: str
    now_us: int
    clock_source: str
    clock_error_us: int
    clock_limit_us: int
    clock_mark_us: int
    clock_usable: bool
    decisions: int
    pending: int
    queue: int
    log_entries: int
    shards: tuple[ShardHealth, ...]
    witnesses: tuple[WitnessHealth, ...]
    witness_quorum: int
    members: tuple[MemberHealth, ...]
    key_not_after_us: int
    record_expires_at_us: int
    database_bytes: int
    disk_free_bytes: int


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Looks at clock, store and files; called on trio.

    `record` gives the signed record, `queue` the length of the decider's queue, `silent_s` for how
    long the database has let it wait, `stalled` whether the log keeps the registry from deciding,
    `cosigned_at_us` what witnesses have cosigned in this run, by their names, `relayed` what waits
    for each member.
    """

    record: Callable[[], RegistryRecord]
    store: LedgerStore
    log_folder: Path
    clock: Clock
    rules: ClockRules
    calendar: Calendar
    queue: Callable[[], int]
    stalled: Callable[[], bool] = bool
    silent_s: Callable[[], float] = float
    cosigned_at_us: Callable[[], Mapping[str, int]] = dict
    relayed: Callable[[], Sequence[tuple[RegistryRecord, int]]] = tuple

    async def __call__(self) -> Health:
        record = self.record()
        look = await trio.to_thread.run_sync(self._look, record)
        reading = assess(look_at(self.clock), look.mark_us, self.rules)
        state = self._state(reading, look.mark_us)
        return Health(
            ok=state is State.DECIDING,
            state=state.value,
            name=record.name,
            registry=record.registry.hex(),
            now_us=reading.now_us,
            clock_source="declared" if record.declared_clock else "chrony",
            clock_error_us=reading.error_us,
            clock_limit_us=self.rules.max_error_us,
            clock_mark_us=look.mark_us,
            clock_usable=reading.usable,
            decisions=look.decisions,
            pending=len(self.calendar),
            queue=self.queue(),
            log_entries=sum(shard.entries for shard in look.shards),
            shards=look.shards,
            witnesses=_witnesses(record, look.published, self.cosigned_at_us()),
            witness_quorum=record.witness_quorum,
            members=_members(self.relayed()),
            key_not_after_us=self.rules.not_after_us,
            record_expires_at_us=record.expires_at_us,
            database_bytes=look.database_bytes,
            disk_free_bytes=look.disk_free_bytes,
        )

    def _state(self, reading: Reading, mark_us: int) -> State:
        if reading.usable:
            if self.silent_s() > STORE_SILENT_S:
                return State.STORE_SILENT
            return State.LOG_STALLED if self.stalled() else State.DECIDING
        if not 0 <= reading.error_us <= self.rules.max_error_us:
            return State.CLOCK_UNSAFE
        if reading.now_us < mark_us - reading.error_us:
            return State.CLOCK_BEHIND
        return State.KEY_EXPIRED

    def _look(self, record: RegistryRecord) -> "_Look":
        """In a thread: it reads the database and files."""
        with self.store.engine.connect() as connection:
            reader = LedgerReader(connection)
            mark_us, decisions = reader.mark_us(), reader.decisions()
            sizes = {shard: reader.log_size(shard) for shard in reader.shards()}
            used = reader.bytes_used()
        published = tuple(read_published(self.log_folder, record))
        return _Look(
            mark_us,
            decisions,
            _shards(sizes, published),
            published,
            used,
            shutil.disk_usage(self.log_folder.parent).free,
        )


@dataclass(frozen=True, slots=True)
class _Look:
    mark_us: int
    decisions: int
    shards: tuple[ShardHealth, ...]
    published: tuple[Published, ...]
    database_bytes: int
    disk_free_bytes: int


def _shards(sizes: dict[int, int], published: tuple[Published, ...]) -> tuple[ShardHealth, ...]:
    newest = {checkpoint.shard: checkpoint for checkpoint in published}
    shards = []
    for shard, entries in sorted(sizes.items()):
        checkpoint = newest.get(shard)
        size, at_us = (checkpoint.size, checkpoint.at_us) if checkpoint else (0, 0)
        shards.append(ShardHealth(shard, entries, size, at_us))
    return tuple(shards)


def _members(relayed: Sequence[tuple[RegistryRecord, int]]) -> tuple[MemberHealth, ...]:
    """Those who lack most come first; what lies beyond MAX_MEMBERS is not shown."""
    most = sorted(relayed, key=lambda one: (-one[1], one[0].registry))[:MAX_MEMBERS]
    return tuple(MemberHealth(r.registry.hex(), r.name, waiting) for r, waiting in most)


def _witnesses(
    record: RegistryRecord, published: tuple[Published, ...], in_run_us: Mapping[str, int]
) -> tuple[WitnessHealth, ...]:
    """Each witness with the newest cosignature that it gave in any shard."""
    names = [witness.key.name for witness in record.witnesses]
    newest = {name: in_run_us.get(name, 0) for name in names}
    for checkpoint in published:
        for cosigned in checkpoint.cosigned:
            newest[cosigned.name] = max(newest[cosigned.name], cosigned.at_us)
    return tuple(WitnessHealth(name, at_us) for name, at_us in newest.items())
