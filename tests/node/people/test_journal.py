"""The journal of accounts, page by page, and the check of the books against a tampered disk."""

import pytest
from sqlalchemy import text

from node.command.sim.cast import signing_key
from node.command.sim.cores.plan import USD
from node.core.people.rows import CASH, LINES, OWNER, EntryKind
from node.people.journal import Cursor, Span
from tests.node.people.house import ANN, BOB, House, house


async def some(at: House, count: int) -> None:
    for i in range(1, count + 1):
        await at.pay_in(ANN, i)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_follow_each_other_without_a_gap(size: int) -> None:
    async with house() as at:
        await some(at, 7)
        journal, found, after = at.confirmations.journal, [], None
        for _ in range(9):
            page = journal.entries(ANN, after=after, limit=size)
            assert len(page.entries) <= size
            found += [entry.amount for entry in page.entries]
            after = None if page.next is None else Cursor.read(page.next.text())
            if after is None:
                break
        assert found == [7, 6, 5, 4, 3, 2, 1]
        assert [e.amount for e in journal.all_entries(ANN)] == found
        assert journal.entries(BOB).entries == ()
        assert len(journal.entries(CASH, limit=9).entries) == 7


async def test_entries_of_one_moment_are_neither_lost_nor_shown_twice() -> None:
    async with house() as at:
        await some(at, 6)
        with at.world.hosts["P"].database.begin() as connection:
            connection.execute(text("UPDATE entry SET at_us = 1790000000000000"))
        journal, found, after = at.confirmations.journal, [], None
        while True:
            page = journal.entries(ANN, after=after, limit=2)
            found += [entry.amount for entry in page.entries]
            after = page.next
            if after is None:
                break
        assert sorted(found) == [1, 2, 3, 4, 5, 6]


async def test_a_span_has_its_begin_in_it_and_its_end_not() -> None:
    async with house() as at:
        await some(at, 3)
        journal = at.confirmations.journal
        last, middle, first = journal.entries(ANN).entries
        assert [e.amount for e in journal.entries(ANN, Span(middle.at_us)).entries] == [3, 2]
        span = Span(first.at_us, last.at_us)
        assert [e.amount for e in journal.entries(ANN, span).entries] == [2, 1]
        assert journal.balance_at(ANN, USD, last.at_us) == 3
        assert journal.balance_at(ANN, USD, last.at_us + 1) == 6
        assert journal.entries(ANN, Span(brand=USD)).entries[0].amount == 3


@pytest.mark.parametrize("given", ["", "1", "1-2-3-4", "x-aa-bb", "-1-aa-", "1-zz-", "9" * 20])
def test_a_place_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Cursor.read(given)


async def test_sums_beyond_64_bits_are_added_up() -> None:
    async with house() as at:
        most = (1 << 62) - 1
        for person in (ANN, BOB):
            for kind in (EntryKind.PAID_IN, EntryKind.PAID_OUT):
                await at.pay_in(person, most, kind)
        await at.pay_in(ANN, 1)
        books = at.confirmations.journal.books()
        assert books.faults == () and books.entries == 5
        cash = books.accounts[CASH, USD.guid]
        assert (cash.given, cash.taken) == (2 * most + 1, 2 * most)
        assert [(p.lines, p.people, p.cash, p.own) for p in books.positions] == [(0, 1, 1, 0)]


TAMPERED = {
    "an amount": "UPDATE entry SET amount = amount + 1",
    "a giver": "UPDATE entry SET giver = (SELECT id FROM person WHERE name = 'bob')",
    "a line moves nothing": "UPDATE entry SET amount = 0",
    "to itself": "UPDATE entry SET giver = taker",
    "an entry is gone": "DELETE FROM entry",
    "a purse is gone": "DELETE FROM purse",
    "a purse has more": "UPDATE purse SET booked_in = booked_in + 1",
    "a purse owes less": "UPDATE purse SET booked_out = booked_out + 1",
    "a purse holds more": "UPDATE purse SET reserved = 1",
}


@pytest.mark.parametrize("case", TAMPERED)
async def test_what_was_changed_on_the_disk_shows(case: str) -> None:
    async with house() as at:
        await at.pay_in(ANN, 500)
        assert at.confirmations.journal.books().faults == ()
        with at.world.hosts["P"].database.begin() as connection:
            connection.execute(text(TAMPERED[case]))
        assert at.confirmations.journal.books().faults, case


async def test_what_is_held_is_held_by_live_payments() -> None:
    async with house() as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        assert await at.approve(taken, ANN, signing_key("ann")) is None
        assert at.purse(ANN).reserved > 700
        assert at.confirmations.journal.books().faults == ()
        with at.world.hosts["P"].database.begin() as connection:
            connection.execute(text("UPDATE confirmation SET reserved = 0"))
        (fault,) = at.confirmations.journal.books().faults
        assert "live payments" in fault


async def test_old_requests_are_found_where_memory_has_let_go_of_them() -> None:
    async with house() as at:
        ids = []
        for _ in range(3):
            taken, _refusal = await at.confirmations.take(ANN, at.request()[0])
            assert await at.confirmations.deny(taken, ANN) is None
            ids.append(taken)
        memory = at.world.engine("P").memory
        for taken in ids:
            row = at.confirmations.find(taken)
            assert row is not None
            memory.remove(row)
        assert at.confirmations.find(ids[0]) is not None
        assert at.confirmations.find_of(ids[0], BOB) is None
        journal = at.confirmations.journal
        page = journal.asked(ANN, limit=2)
        assert [c.id for c in page.confirmations] == ids[:0:-1] and page.next is not None
        rest = journal.asked(ANN, Cursor.read(page.next.text()))
        assert [c.id for c in rest.confirmations] == ids[:1] and rest.next is None
        assert journal.asked(OWNER).confirmations == ()
        assert journal.entries(LINES).entries == ()
