"""A registrar's books that die at a write of one's choice, and questions put to them again."""

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, RECORDS
from node.registrar.books import Books, Rows, open_books
from node.registrar.court import Court
from node.registrar.desk import Desk, _Asked
from node.registrar.examining import examine
from node.registrar.tables import TABLES, audit
from proto.envelope import Envelope
from proto.escrow.batch import Asked, sign_asked
from proto.keys import SigningKey
from runtime.clock import FakeClock
from runtime.store import Store
from runtime.store_postgresql import ServerStore
from runtime.write_plan import WritePlan
from tests.node.registrar.world import HOUSE_KEY


class Died(BaseException):
    """The process is gone."""


class Mortal:
    """Counts what a transaction does, and dies before the write or the answer of this number."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed = 0

    def step(self) -> None:
        if self.passed == self.at:
            raise Died
        self.passed += 1


class MortalBooks(Books):
    """Dies before a write, before the commit, or between the commit and the answer."""

    def __init__(self, store: Store | ServerStore, mortal: Mortal) -> None:
        super().__init__(store)
        self._mortal = mortal

    def perform(self, work: Callable[[Rows], Any]) -> Any:
        def mortal_work(rows: Rows) -> Any:
            given = work(rows)
            write = rows.write

            def dying(plan: WritePlan) -> None:
                self._mortal.step()
                write(_Dying(plan, self._mortal))  # type: ignore[arg-type]
                self._mortal.step()

            rows.write = dying  # type: ignore[method-assign]
            return given

        given = super().perform(mortal_work)
        self._mortal.step()
        return given


class _Dying:
    def __init__(self, plan: WritePlan, mortal: Mortal) -> None:
        self._plan, self._mortal = plan, mortal

    def run(self, write: Any) -> None:
        if getattr(write, "rows", None) or getattr(write, "keys", None):
            self._mortal.step()
        self._plan.run(write)


def put(books: Books, who: SigningKey, question: Asked) -> bytes:
    """The answer, as the service would give it."""
    envelope = Envelope.decode(sign_asked(who, question))
    desk = Desk(books, HOUSE_KEY, FakeClock(NOW_US), lambda: (RECORDS, {}), lambda legs: None)
    court = Court((RECORDS, {}), NOW_US)
    answers, _ = desk._perform([_Asked(envelope, question)], court, NOW_US)
    assert isinstance(answers[0], bytes), answers
    return answers[0]


@contextmanager
def opened_books(path: Path, mortal: Mortal) -> Iterator[tuple[MortalBooks, Store]]:
    with open_books(path) as store:
        assert isinstance(store, Store)
        books = MortalBooks(store, mortal)
        try:
            yield books, store
        finally:
            books.close()


def contents(store: Store) -> dict[str, list[Any]]:
    with store.engine.connect() as connection:
        tables = [*(t.table for t in TABLES.values()), audit]
        return {
            t.name: sorted(tuple(row) for row in connection.execute(t.select())) for t in tables
        }


def dies_everywhere(
    directory: Path,
    found: Callable[[Books], None],
    course: Sequence[tuple[SigningKey, Asked]],
    skipped: Collection[int] = (),
) -> int:
    """Puts each question to books that die at each of their writes, and again to whole ones: one
    answer, one effect, and a trail that agrees. How many points it died at; none in those `skipped`
    (by their place)."""
    path, before, after = (directory / f"{name}.sqlite" for name in ("r", "before", "after"))
    with opened_books(after, Mortal(None)) as (books, _):
        found(books)
    points = 0
    for place, (who, question) in enumerate(course):
        after.replace(before)
        shutil.copy(before, after)
        undisturbed = Mortal(None)
        with opened_books(after, undisturbed) as (books, store):
            answer, wanted = put(books, who, question), contents(store)
        if place in skipped:
            continue
        for at in range(undisturbed.passed):
            shutil.copy(before, path)
            with opened_books(path, Mortal(at)) as (books, _), pytest.raises(Died):
                put(books, who, question)
            with opened_books(path, Mortal(None)) as (books, store):
                # Whoever got no answer asks again, and again where that one is lost too.
                assert put(books, who, question) == put(books, who, question) == answer
                assert contents(store) == wanted, (question, at)
                with store.engine.connect() as connection, connection.begin():
                    assert examine(connection).differences == ()
        points += undisturbed.passed
    return points
