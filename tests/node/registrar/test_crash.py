"""A registrar that dies at any write: one effect, one answer, and nothing half done."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, RECORDS
from node.registrar import owner
from node.registrar.books import Books, Rows, open_books
from node.registrar.core import ended
from node.registrar.court import Court
from node.registrar.desk import Desk, _Asked
from node.registrar.examining import examine
from node.registrar.step import Step
from node.registrar.tables import TABLES, audit
from proto.envelope import Envelope
from proto.escrow.batch import Asked, OpBatch, OpenAccount, sign_asked
from proto.escrow.ops import Accept, Offer, Op, Refund, Transfer
from proto.keys import SigningKey
from runtime.clock import FakeClock
from runtime.store import Store
from runtime.store_postgresql import ServerStore
from runtime.write_plan import WritePlan
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUSE_KEY,
    World,
    cap,
    deal,
    leg_of,
    right_of,
)

pytestmark = pytest.mark.edge


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


GOLD = right_of()
DEAL = deal(leg_of(GOLD, ALICE, BOB, 30))


def asked(number: int, who: SigningKey, *ops: Op) -> tuple[SigningKey, Asked]:
    name = sha256(b"%d" % number).digest()[:16]
    return who, OpBatch(who.node_id, HOUSE_KEY.node_id, name, NOW_US, ops)


def opened(number: int, who: SigningKey, label: str) -> tuple[SigningKey, Asked]:
    name = sha256(b"%d" % number).digest()[:16]
    keys = (cap(label), cap(label + "/terms"))
    wanted = (name, NOW_US, GOLD.brand.guid, *keys)
    return who, OpenAccount(who.node_id, HOUSE_KEY.node_id, *wanted)


COURSE: list[tuple[SigningKey, Asked]] = [
    opened(1, HOUSE_KEY, "house"),
    opened(2, ALICE, "alice"),
    opened(3, BOB, "bob"),
    asked(4, HOUSE_KEY, Offer(cap("house"), 30, cap("gift"))),
    asked(5, BOB, Accept(cap("bob"), cap("in"), DEAL.commit)),
    asked(6, ALICE, Accept(cap("alice"), cap("given"))),
]


def rest() -> list[tuple[SigningKey, Asked]]:
    """Alice is given 30, and prepares them for Bob; it commits."""
    return [
        asked(7, HOUSE_KEY, Transfer(cap("house/terms"), cap("gift"), cap("given"))),
        asked(8, ALICE, Refund(cap("alice"), cap("given"))),
        asked(9, ALICE, Offer(cap("alice"), 30, cap("out"), DEAL.commit),
              DEAL.prepare("alice", "out", "in")),
        asked(10, CAROL, DEAL.settle()),
        asked(11, BOB, Refund(cap("bob"), cap("in"))),
    ]  # fmt: skip


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


def found(books: Books) -> None:
    def work(rows: Rows) -> None:
        step = Step(rows, World().house, HOUSE_KEY.node_id, NOW_US)
        owner.create_brand(step, GOLD)
        rows.absorb(ended(step))

    books.perform(work)


def test_it_dies_at_every_write_and_goes_on(directory: Path) -> None:
    path, before, after = (directory / f"{name}.sqlite" for name in ("r", "before", "after"))
    with opened_books(after, Mortal(None)) as (books, _):
        found(books)
    points = 0
    for who, question in COURSE + rest():
        after.replace(before)
        shutil.copy(before, after)
        undisturbed = Mortal(None)
        with opened_books(after, undisturbed) as (books, store):
            answer, wanted = put(books, who, question), contents(store)
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
    assert points > 60


def test_what_is_damaged_is_found(directory: Path) -> None:
    """A balance that somebody changed by hand shows in the audit."""
    with opened_books(directory / "r.sqlite", Mortal(None)) as (books, store):
        found(books)
        for who, question in COURSE:
            put(books, who, question)
        with store.engine.connect() as connection, connection.begin():
            assert examine(connection).differences == ()
        with store.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("UPDATE account SET balance = balance + 1 WHERE balance > 0")
        with store.engine.connect() as connection, connection.begin():
            differences = examine(connection).differences
        assert [(d.trail, d.books) for d in differences if d.account] == [(1000, 1001)]
        assert any(not d.account for d in differences)  # K3 of the brand
