"""Goods in the same decision, on the payer's page: what comes in return, and what one has then."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio.testing

from node.core.people.rows import Confirmation, ConfirmationPhase, Person
from node.page.site import app
from node.page_config import PageConfig
from tests.node.page.bank import Browser
from tests.node.page.house import ORIGIN, House
from tests.node.page.test_requests import approve
from tests.node.people.goods_town import ANN, PRICE, Town, town


@asynccontextmanager
async def at_page(the: Town) -> AsyncIterator[Browser]:
    """Ann before the bank's page, logged in by a passkey."""
    context = the.bank.context
    clock: Any = the.bank.clock
    made = House(context, app(context, PageConfig("127.0.0.1:0", ORIGIN)), clock)
    ann = context.engine.memory.row((Person.table, ANN, b""))
    assert isinstance(ann, Person)
    async with made.browser(ann) as browser:
        yield browser


def path(row: Confirmation) -> str:
    return f"/requests/{row.id.hex()}"


async def test_what_comes_in_return_is_seen_and_then_owned(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        row = await the.offered()
        await the.signed(row)
        async with at_page(the) as browser:
            page = await browser.look("/belongings")
            assert "There is nothing yet" in page.text
            page = await browser.look(path(row))
            for text in (
                "1 × Lamp",
                "region: Ahern; task_id: 7",
                "kept by K1, as it calls itself",
                "An account is opened for you there when you approve",
                "Money and goods change hands by one decision, or neither does",
                "most of it for the others to take their part",
                f"{PRICE} USD",
            ):
                assert text in page.text, text
            done = await approve(browser, path(row))
            assert (done.status, done.where) == (303, path(row))
            page = await browser.look(path(row))
            assert "Your place in the exchange is taken" in page.text
            ended = await the.over(row)
            await the.until(lambda: not the.goods(ended).seat.waiting)
            page = await browser.look(path(row))
            assert "1 × Lamp" in page.text and "Look into your belongings" in page.text
            receipt = await browser.look(path(row) + "/receipt")
            assert receipt.status == 200
            certificate = await browser.look(path(row) + "/certificate")
            assert certificate.status == 200
            page = await browser.look("/belongings")
            assert "You have1 " in page.text and "K1" in page.text
            # Whose registrar does not answer still has a page, and knows what it is about.
            the.keeper.held = True
            the.keeper.kill()
            page = await browser.look("/belongings")
            assert "You havenot known: K1 does not answer" in page.text


async def test_a_page_says_what_it_waits_for_and_how_it_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        the.world.streets.cut.add(frozenset(("Shop", "Bank")))
        exchange = await the.proposed()
        row = await the.brought(await the.asked(exchange))
        async with at_page(the) as browser:
            page = await browser.look(path(row))
            assert "The goods' invitation has not arrived here" in page.text
            assert "goods whose invitation has not arrived here yet" in page.text
            assert "data-passkey" not in page.answer.text  # there is nothing to be signed
            the.world.streets.cut.clear()
            await the.until(lambda: the.invited(exchange))
            await the.signed(row)
            await the.shop.ask("escrow.leave", id=exchange)
            await the.until(lambda: not the.invited(exchange))
            page = await browser.look(path(row))
            assert "has been taken up already, or withdrawn" in page.text
        assert the.row(row.id).phase is ConfirmationPhase.PRESENTED
        assert the.purse().reserved == 0


async def test_words_of_a_registrar_are_text(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever keeps rights chooses their names and attributes, and its own."""
    async with town("<b>Lamp</b>{{ 7*7 }}") as the:
        row = await the.offered()
        await the.signed(row)
        async with at_page(the) as browser:
            page = await browser.look(path(row))
            assert "<b>Lamp" not in page.answer.text and "&lt;b&gt;Lamp" in page.answer.text
            assert "{{ 7*7 }}" in page.text
