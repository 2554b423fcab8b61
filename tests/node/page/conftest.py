"""A house for the tests of its pages, and a bank for those who come in."""

from collections.abc import AsyncIterator

import pytest
import trio

from tests.node.page.bank import Bank, Browser
from tests.node.page.house import House, house


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
async def browser(bank: Bank) -> AsyncIterator[Browser]:
    async with bank.browser() as made:
        yield made


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with trio.open_nursery() as nursery, house(nursery) as made:
        yield made
