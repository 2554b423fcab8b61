"""A party whose daemon dies anywhere in the course of a sale, and reads its rows from its store.

Whatever it was about to say or ask is lost with it; its rows and its clock say it again.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
from sqlalchemy import select

from node.command.sim.cast import SECOND
from node.core.apply import Applied
from node.core.events import Event
from node.core.sale.reading import known_of
from node.core.sale.rows import SalePhase
from node.store import ROWS, metadata
from proto.sale.stakes import Branch, branch_of
from runtime.schema import create_tables
from runtime.store import memory_engine
from tests.node.core import sale_table
from tests.node.core.sale_stages import (
    ARBITER,
    COURSE,
    NAMES,
    STAGES,
    any_stage,
    fork,
    remembered,
    rows,
    table_at,
)
from tests.node.core.sale_table import Person, SaleTable

P = SalePhase
EVERY = int(os.environ.get("SALE_CRASHES", "0"))  # 1: after each single event; 0: a spread of them
SPREAD = 16


def reload(person: Person) -> None:
    """The rows as a store gives them back; effects that were under way are lost."""
    engine = memory_engine()
    with engine.begin() as connection:
        create_tables(connection, metadata)
        for row in person.memory.rows.values():
            entry = ROWS[row.table]
            values = dict(zip(entry.columns, entry.inserted(row, 1), strict=True))
            connection.execute(entry.table.insert(), [values])
        found = []
        for entry in ROWS.values():
            for columns in connection.execute(select(entry.table)).mappings():
                found.append(entry.from_columns(columns))
    engine.dispose()
    person.memory = remembered(person, found)
    person.drafts, person.asks = [], []


@pytest.mark.parametrize("arbiter", ["", ARBITER])
@pytest.mark.parametrize("stage", (*STAGES, "closed", "returned"))
def test_rows_come_back_from_a_store_as_they_were(stage: str, arbiter: str) -> None:
    table = any_stage(stage, arbiter)
    before = rows(table)
    for person in table.people.values():
        reload(person)
    assert rows(table) == before


@dataclass
class Dying:
    """Whoever takes the `at`-th event of a run dies right after it."""

    at: int
    taken: Iterator[int] = field(default_factory=count)
    who: str = ""

    def after(self, person: Person) -> None:
        if next(self.taken) == self.at:
            self.who = person.name
            reload(person)


@contextmanager
def dying(at: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dying]:
    death = Dying(at)
    take = Person.take

    def dies(person: Person, event: Event) -> Applied:
        applied = take(person, event)
        death.after(person)
        return applied

    with monkeypatch.context() as patch:
        patch.setattr(sale_table.Person, "take", dies)
        yield death


def run(table: SaleTable) -> None:
    """The whole course, each step with the time that repeating something takes."""
    for at, step in enumerate(COURSE):
        step(table)
        if STAGES[at] not in ("opened", "bid", "entered", "handed", "drafting"):
            table.pass_time(max(p.now_us for p in table.people.values()) + 3 * SECOND)


def lengths() -> int:
    """How many events a run has."""
    with pytest.MonkeyPatch.context() as patch, dying(-1, patch) as death:
        run(SaleTable(agents=("ned",), arbiter=ARBITER))
    return next(death.taken)


LENGTH = 223
POINTS = range(LENGTH) if EVERY else range(3, LENGTH, LENGTH // SPREAD)


def test_the_points_cover_a_run() -> None:
    assert lengths() == LENGTH


@pytest.mark.parametrize("at", POINTS)
def test_a_death_after_any_event_loses_nothing(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table = SaleTable(agents=("ned",), arbiter=ARBITER)
    with dying(at, monkeypatch) as death:
        run(table)
    assert death.who
    for name in NAMES:
        sale = table.sale(name)
        assert sale.phase is P.ENDED, (name, death.who)
        known = known_of(table.people[name].memory, sale)
        assert branch_of(known) is Branch.RELEASED, (name, death.who)
    assert sorted(table.opened_votes) == ["bob", "sally"]


@pytest.mark.parametrize("stage", STAGES)
def test_everybody_dies_at_once(stage: str) -> None:
    """And each goes on where it was."""
    table = fork(table_at(stage, ARBITER))
    for person in table.people.values():
        reload(person)
    for step in COURSE[STAGES.index(stage) + 1 :]:
        table.pass_time(max(p.now_us for p in table.people.values()) + 3 * SECOND)
        step(table)
    assert {table.sale(name).phase for name in NAMES} == {P.ENDED}
    assert branch_of(known_of(table.people["bob"].memory, table.sale("bob"))) is Branch.RELEASED
