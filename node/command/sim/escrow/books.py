"""A registrar's disk: its process may die at any write, or every write may fail."""

from collections.abc import Callable
from typing import Final, TypeVar

from node.command.sim.world.disk import Death
from node.registrar.books import Books, Rows
from node.registrar.rows import Leg
from runtime.faults import StoreFailed, StoreFault
from runtime.store import Store

T = TypeVar("T")

GONE: Final = StoreFault.CONNECTION  # whoever wrote knows no more than that


class _PowerLost(BaseException):
    """Inside a transaction: nothing of it remains."""


class SimBooks(Books):
    """As `Books`. `wrote` is told after each transaction; `die` ends the process."""

    def __init__(self, store: Store, die: Callable[[], None], wrote: Callable[[], None]) -> None:
        super().__init__(store)
        self._die = die
        self._wrote = wrote
        self.writes = 0
        self.dead = False
        self.failing: StoreFault | None = None  # every write ends in it
        self.doom: tuple[int, Death] | None = None  # (at which write, counted from the start; when)

    def doom_at(self, write: int, when: Death) -> None:
        """The process dies in its `write`th write from now, 1 = the next."""
        self.doom = (self.writes + write, when)

    def heal(self) -> None:
        """The disk is whole again, and kills nobody."""
        self.failing, self.doom = None, None

    def _try(self, work: Callable[[Rows], T]) -> tuple[T, list[Leg]]:
        if self.dead:
            raise StoreFailed(GONE)  # a last word that nobody heard
        self.writes += 1
        if self.failing is not None:
            raise StoreFailed(self.failing)
        if self.doom is None or self.doom[0] != self.writes:
            given = super()._try(work)
            self._wrote()
            return given
        match self.doom[1]:
            case Death.BEFORE:
                pass
            case Death.TORN:
                self._tear(work)
            case Death.AFTER:
                super()._try(work)
                self._wrote()
        self.dead = True
        self._die()
        raise StoreFailed(GONE)

    def _tear(self, work: Callable[[Rows], T]) -> None:
        def torn(rows: Rows) -> T:
            work(rows)
            assert self._plan is not None
            rows.write(self._plan)
            raise _PowerLost

        try:
            super()._try(torn)
        except _PowerLost:
            return
        raise AssertionError("a torn write was committed")
