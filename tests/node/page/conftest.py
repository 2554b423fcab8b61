"""A house for the tests of its pages."""

from collections.abc import AsyncIterator

import pytest
import trio

from tests.node.page.house import House, house


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with trio.open_nursery() as nursery, house(nursery) as made:
        yield made
