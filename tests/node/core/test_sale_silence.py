"""Somebody falls silent for ever, at any step: everybody else comes to an end by his own clock."""

from itertools import chain, combinations

import pytest

from node.command.sim.cast import NOW_US, SECOND
from node.core.apply import NOTHING
from node.core.escrow.rows import Letter
from node.core.rows import Transaction
from node.core.sale.reading import known_of
from node.core.sale.rows import SalePhase
from proto.certificate import CommitCertificate
from proto.descriptor import commit_id
from proto.sale.stakes import Decision, Outcome, bond_branch_of, branch_of
from tests.node.core.sale_stages import (
    ARBITER,
    NAMES,
    STAGES,
    phase_of,
    remembered,
    rows,
    table_at,
)
from tests.node.core.sale_table import KEY, SaleTable

P = SalePhase
OVER_US = NOW_US + 420 * SECOND  # the offer's time and that of every decision, votes and polls
SIDES = NAMES[:-1]
SOME = tuple(chain.from_iterable(combinations(SIDES, n) for n in range(len(SIDES))))
WITH_ARBITER = ((), *((name,) for name in NAMES))


def silence(table: SaleTable, names: tuple[str, ...]) -> None:
    """Their nodes are gone, with whatever they were about to say."""
    for name in names:
        person = table.people[name]
        person.memory = remembered(person, ())
        person.asks, person.drafts = [], []
        person.take = lambda _: NOTHING


def check_ended(table: SaleTable, name: str) -> None:
    """Final, and what it has put in is not locked: T1 is decided, and then a branch is proven."""
    phase = phase_of(table, name)
    if phase is None:
        return  # it never heard of the sale
    assert phase.final, name
    sale, memory = table.sale(name), table.people[name].memory
    if not sale.lock:
        assert phase in (P.CLOSED, P.RETURNED)
        return
    known = known_of(memory, sale)
    assert isinstance(memory.row((Transaction.table, commit_id(sale.lock), b"")), Transaction)
    if known[Decision.LOCK] is Outcome.ABORTED:
        assert phase is P.RETURNED
        assert KEY not in table.shown_keys
        return
    assert phase is P.ENDED
    assert branch_of(known) is not None
    if table.arbiter:
        assert bond_branch_of(known) is not None


def check_branches(table: SaleTable, names: tuple[str, ...]) -> None:
    """Everybody has seen the same, and the key is public only where the stakes are locked."""
    seen = set()
    for name in names:
        if phase_of(table, name) is P.ENDED:
            sale = table.sale(name)
            seen.add(branch_of(known_of(table.people[name].memory, sale)))
    assert len(seen) <= 1
    locks = {table.sale(n).lock for n in names if phase_of(table, n) is not None} - {b""}
    made = [table.decided.get(commit_id(lock)) for lock in locks]
    assert KEY not in table.shown_keys or any(isinstance(m, CommitCertificate) for m in made)


@pytest.mark.parametrize("silent", SOME, ids="+".join)
@pytest.mark.parametrize("stage", STAGES)
def test_nobody_waits_for_ever(stage: str, silent: tuple[str, ...]) -> None:
    table = table_at(stage)
    silence(table, silent)
    table.pass_time(OVER_US)
    honest = tuple(name for name in SIDES if name not in silent)
    for name in honest:
        check_ended(table, name)
    check_branches(table, honest)


@pytest.mark.parametrize("silent", WITH_ARBITER, ids="+".join)
@pytest.mark.parametrize("stage", STAGES[STAGES.index("asked") :])
def test_nobody_waits_for_ever_in_an_arbitrated_sale(stage: str, silent: tuple[str, ...]) -> None:
    table = table_at(stage, ARBITER)
    silence(table, silent)
    table.pass_time(OVER_US)
    for name in NAMES:
        if name not in silent:
            check_ended(table, name)


@pytest.mark.parametrize("stage", STAGES)
def test_a_sale_that_is_over_is_quiet(stage: str) -> None:
    """No timer, no question and no new letter is left of it."""
    table = table_at(stage)
    table.pass_time(OVER_US)
    before = rows(table)
    table.pass_time(OVER_US + 600 * SECOND)
    changed = {
        row.key
        for name, person in table.people.items()
        for row in person.memory.rows.values()
        if before[name].get(row.key) != row and not isinstance(row, Letter | Transaction)
    }
    assert changed == set()
    assert all(set(before[name]) == set(table.people[name].memory.rows) for name in before)


@pytest.mark.parametrize("name", SIDES)
def test_a_registry_that_is_away_while_stakes_are_locked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the whole sale: nothing is decided without it, and everything once it is back."""
    table = table_at("locked")
    with monkeypatch.context() as patch:
        patch.setattr(SaleTable, "ask_registry", lambda *_: False)
        table.pass_time(OVER_US)
        assert phase_of(table, name) is P.LOCKED
    table.pass_time(OVER_US + 120 * SECOND)
    check_ended(table, name)
