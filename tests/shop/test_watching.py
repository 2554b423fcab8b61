"""Orders of which nobody calls: followed by long polls, and swept by the shop's own clock."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.command.sim.cast import NOW_US, SECOND
from tests.proto import receipts as r
from tests.shop.till import ORDER, FakeBanks, Till, bank, program, till


class Slow(FakeBanks):
    """Says nothing new before `opened`; then that it is over."""

    opened: trio.Event
    ends: str

    async def standing(self, poll: str, wait_s: int = 0) -> object:
        if wait_s:
            await self.opened.wait()
            self.said = self.ends
        return await super().standing(poll)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Till]:
    made = till(tmp_path)
    yield made
    made.orders.close()


@pytest.mark.parametrize("ends", ["COMMITTED", "DENIED"])
async def test_who_cannot_be_called_follows_to_the_end(
    ends: str, shop: Till, autojump_clock: MockClock
) -> None:
    banks = Slow(shows=r.certified().encode())
    banks.opened, banks.ends = trio.Event(), ends
    shop.selling._banks = banks
    async with trio.open_nursery() as nursery:
        watchman = program.Watchman(shop.selling, banks, nursery)
        watchman.watch(replace(ORDER, called=1), True)
        assert not watchman.followed, "its node calls"
        watchman.watch(ORDER, True)
        await trio.testing.wait_all_tasks_blocked()
        assert watchman.followed == {ORDER.number} and not shop.sold
        shop.node.phase = "PAID" if ends == "COMMITTED" else "OPEN"
        banks.opened.set()
    assert not watchman.followed and shop.sold == (ends == "COMMITTED")


@pytest.mark.parametrize("shows", [True, False])
async def test_what_was_paid_is_found_though_nobody_calls(
    shows: bool, shop: Till, autojump_clock: MockClock
) -> None:
    """Not even a buyer's node that has vanished: our own has the money and the receipt."""
    shop.banks.said = "COMMITTED" if shows else ""
    shop.banks.shows = r.certified().encode()
    shop.node.phase, shop.node.has = "PAID", r.certified().encode()
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            await program.Watchman(shop.selling, shop.banks, nursery).sweep()
    assert shop.sold


async def test_a_node_that_has_gone_is_not_asked_for_ever(tmp_path: Path) -> None:
    now_us = NOW_US
    shop = till(tmp_path, lambda: now_us)
    shop.banks.said = ""
    assert not await shop.selling.is_due(ORDER)
    now_us = ORDER.expires_at_us + 3600 * SECOND
    assert await shop.selling.is_due(ORDER)
    await shop.selling.look(ORDER)
    assert shop.orders.open() == []
    shop.node.phase, shop.node.has = "PAID", r.certified().encode()
    late = shop.orders.find("number", ORDER.number)
    assert await shop.selling.look(late) is not None, "paid is paid, however late it is seen"
    shop.orders.close()


async def test_a_slow_node_does_not_hold_the_others(shop: Till, autojump_clock: MockClock) -> None:
    class Stuck(FakeBanks):
        async def standing(self, poll: str, wait_s: int = 0) -> object:
            await trio.sleep_forever()
            return bank.Standing("", False)

    shop.selling._banks = Stuck()
    shop.node.phase, shop.node.has = "PAID", r.certified().encode()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        sweep = program.Watchman(shop.selling, shop.banks, nursery).sweep
        nursery.start_soon(sweep)
        await trio.sleep(program.SWEEP_S / 2)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began < program.SWEEP_S and shop.sold
