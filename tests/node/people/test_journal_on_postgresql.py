"""The journal and the check of the books where they lie on a PostgreSQL server."""

import pytest
from sqlalchemy import text

from node.command.sim.cast import signing_key
from node.command.sim.cores.plan import USD
from node.core.people.rows import CASH
from node.people.journal import Cursor, Span
from tests.cluster import Cluster
from tests.node.people.house import ANN, BOB, house_in
from tests.node.test_postgresql import world_on

pytestmark = pytest.mark.edge


async def test_pages_sums_and_faults(server: Cluster) -> None:
    async with world_on(server) as world:
        at = await house_in(world)
        for amount in (5, 6, (1 << 62) - 12):
            await at.pay_in(ANN, amount)
        signed, _ = await at.asked_by(BOB)
        taken, _refusal = await at.confirmations.take(ANN, signed)
        assert await at.approve(taken, ANN, signing_key("ann")) is None
        held, _refusal = await at.confirmations.take(ANN, at.request()[0])
        assert await at.approve(held, ANN, signing_key("ann")) is None
        journal = at.confirmations.journal
        first = journal.entries(ANN, limit=2)
        assert first.next is not None
        rest = journal.entries(ANN, Span(brand=USD), Cursor.read(first.next.text()))
        found = [entry.amount for entry in (*first.entries, *rest.entries)]
        assert found == [700, (1 << 62) - 12, 6, 5]
        assert journal.balance_at(ANN, USD, at.now_us + 1) == (1 << 62) - 701
        assert [c.id for c in journal.asked(ANN).confirmations] == [held, taken]
        books = journal.books()
        assert books.faults == () and books.entries == 4
        assert books.accounts[CASH, USD.guid].given == (1 << 62) - 1
        with at.world.hosts["P"].database.begin() as connection:
            connection.execute(text("UPDATE purse SET booked_out = booked_out + 1"))
        assert len(journal.books().faults) == 2
