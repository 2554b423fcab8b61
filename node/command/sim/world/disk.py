"""A node's disk: takes its time, may be full, fail, or lose its process at any of its writes."""

import enum
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node.command.sim.world.agenda import Agenda
from runtime.store import IMMEDIATE
from runtime.write_plan import Execute, Write
from runtime.writer import Done, Failed, InlineWriter

QUICK_US: Final = (100, 800)  # an fsync on the machines that the figures were measured on
STALLED_US: Final = (200_000, 2_000_000)  # a disk that other programs keep busy


class Death(enum.Enum):
    """When in a write a process dies."""

    BEFORE = "before"
    TORN = "torn"  # some of the group was written; the database takes it back at the next start
    AFTER = "after"  # it is durable, and nobody was told


class PowerLost(BaseException):
    """Inside a transaction: nothing of it remains, and nobody catches this but the disk."""


class SimDisk(InlineWriter):
    """A writer as `InlineWriter`; each group costs virtual time. `dead`: its process is gone."""

    def __init__(
        self, connection: Connection, agenda: Agenda, random: Random, die: Callable[[], None]
    ) -> None:
        super().__init__(connection, lambda flush: agenda.after(self._takes_us(), flush))
        self._random = random
        self._die = die
        self.writes = 0
        self.dead = False
        self.slow = False
        self.failing: int | None = None  # a primary error code of SQLite: every write ends in it
        self.doom: tuple[int, Death] | None = None  # (at which write, counted from the start; when)

    @classmethod
    @contextmanager
    def open_on(
        cls, engine: Engine, agenda: Agenda, random: Random, die: Callable[[], None]
    ) -> Iterator["SimDisk"]:
        """The disk of one process, around a block; what is still queued at its end is dropped."""
        with engine.connect() as connection:
            yield cls(connection.execution_options(**IMMEDIATE), agenda, random, die)

    def _takes_us(self) -> int:
        return self._random.randint(*(STALLED_US if self.slow else QUICK_US))

    def heal(self) -> None:
        """It is quick and whole again, and kills nobody."""
        self.slow, self.failing, self.doom = False, None, None

    def doom_at(self, write: int, when: Death) -> None:
        """The process dies in its `write`th write from now, 1 = the next."""
        self.doom = (self.writes + write, when)

    def put(self, group: Sequence[Write], done: Done, failed: Failed | None = None) -> None:
        if self.failing is not None:
            group = self._with(group, _raise_failure(self.failing))
        super().put(group, done, failed)

    put_now = put

    def flush(self) -> None:
        if self.dead:
            return  # its engine said a last word that nobody heard
        self.writes += 1
        if self.doom is None or self.doom[0] != self.writes:
            super().flush()
            return
        match self.doom[1]:
            case Death.BEFORE:
                pass
            case Death.TORN:
                self._tear()
            case Death.AFTER:
                groups, self._queue = self._queue, []
                self._committer.commit(groups)
        self._die()

    def _tear(self) -> None:
        groups, self._queue = self._queue, []
        torn = groups[0]
        writes = self._with(torn.writes, _lose_power)
        try:
            told = self._committer.commit([replace(torn, writes=writes)])
        except PowerLost:
            return
        assert all(failure is not None for _, failure in told), "a torn write was committed"

    def _with(self, group: Sequence[Write], work: Callable[[Connection], object]) -> list[Write]:
        """With `work` somewhere among the writes of a group."""
        at = self._random.randint(0, len(group))
        return [*group[:at], Execute(work), *group[at:]]


def _lose_power(_: Connection) -> None:
    raise PowerLost


def _raise_failure(code: int) -> Callable[[Connection], object]:
    """Fails as SQLite does with this primary code (SQLITE_FULL, SQLITE_IOERR)."""

    def work(connection: Connection) -> None:
        error = sqlite3.OperationalError("simulated")
        error.sqlite_errorcode = code
        raise DBAPIError.instance("simulated", None, error, sqlite3.Error) from error

    return work
