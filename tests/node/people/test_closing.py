"""An account is closed: what its person still has at registrars, and what it still owes."""

from typing import Any

import pytest
import trio.testing

from node.command.sim.world.spec import BRAND
from node.core.people.rows import PersonPhase
from runtime.control import ControlFailure
from tests.node.people.goods_town import Town, town


async def refused(the: Town, verb: str, **arguments: Any) -> ControlFailure:
    with pytest.raises(ControlFailure) as no:
        await the.bank.ask(verb, **arguments)
    return no.value


async def bought(the: Town) -> int:
    """Ann has a lamp now; what she owes for it."""
    row = await the.offered()
    assert await the.approve(row) is None
    # Under way: the lamp comes to an account whose person could not do anything with it.
    no = await refused(the, "people.close", name="ann")
    assert (no.code, "an exchange under way" in no.message) == ("STILL_OWNS", True)
    debited = (await the.over(row)).debited
    await the.until(lambda: not the.goods(row).seat.waiting)
    return debited


async def test_belongings_are_named_before_an_account_closes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        await bought(the)
        no = await refused(the, "people.close", name="ann")
        assert no.code == "STILL_OWNS" and "1 of 'Lamp' at K1" in no.message
        assert "--anyway" in no.next_step
        assert (await the.bank.ask("people.show", name="ann"))["phase"] == "ACTIVE"
        closed = await the.bank.ask("people.close", name="ann", anyway=True)
        assert closed["phase"] == "CLOSED"
        (left,) = closed["belongings"]
        assert (left["name"], left["amount"], left["registrar"]) == ("Lamp", 1, "K1")
        # Under this label an exchange of the owner's can give it.
        labels = {one["label"] for one in (await the.bank.ask("account.list"))["accounts"]}
        assert left["label"] in labels
        again = await the.bank.ask("people.close", name="ann")
        assert again["phase"] == "CLOSED", "closed twice is closed"
        empty = await the.bank.ask("people.close", name="ben")
        assert (empty["phase"], empty["belongings"]) == ("CLOSED", [])


async def test_a_registrar_that_is_silent_is_not_taken_for_an_empty_account(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        await bought(the)
        the.keeper.kill()
        no = await refused(the, "people.close", name="ann")
        assert no.code == "STILL_OWNS" and "does not answer" in no.message
        closed = await the.bank.ask("people.close", name="ann", anyway=True)
        assert [one["amount"] for one in closed["belongings"]] == [None]


async def test_who_owes_something_can_still_pay_it_in(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        owed = await bought(the)
        await the.bank.ask("people.close", name="ann", anyway=True)
        arguments = {"name": "ann", "brand": BRAND}
        no = await refused(the, "people.pay_in", amount=owed + 1, **arguments)
        assert no.code == "PERSON_UNKNOWN" and f"owes {owed}" in no.message
        paid = await the.bank.ask("people.pay_in", amount=owed, **arguments)
        assert paid["purses"][0]["balance"] == 0
        assert paid["phase"] == PersonPhase.CLOSED.name
        await refused(the, "people.pay_in", amount=1, **arguments)
        assert (await the.bank.ask("people.books"))["ok"]
