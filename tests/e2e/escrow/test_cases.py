"""The twelve cases of the seed among real processes: each commits and moves
just what it says, and each exchange fails in one way or another and moves nothing."""

from pathlib import Path

import pytest

from node.command.processes.control import Refused
from node.command.processes.founding import TownFault
from node.command.processes.market import agreed, closed, ended, holdings, show
from node.command.processes.town import Town
from runtime.rpc_client import RpcError
from tests.e2e.escrow.aborting import WAYS, Way, coordinator_dies, never_signs
from tests.e2e.escrow.counting import said
from tests.e2e.escrow.lasting import lasts_an_hour
from tests.e2e.escrow.linden import (
    BANK,
    BRAND,
    Case,
    cases,
    linden,
    require_nothing_moved,
    require_sound_titles,
)
from tests.e2e.houses import require_books

pytestmark = pytest.mark.e2e

UNTIL_D = (never_signs, coordinator_dies)
LAST = "friendship"  # it fails because it has been


async def require_commit(town: Town, case: Case) -> None:
    """Everybody has what the case says, and nobody anything else."""
    before = await holdings(town)
    deal = await agreed(town, case.bargain)
    phases = await ended(town, case.bargain, deal)
    assert set(phases.values()) == {"DELIVERED"}, phases
    assert phases.keys() == case.bargain.seats.keys()
    assert await closed(town, case.bargain.initiator, deal) == "CLOSED"
    said(town, deal).require(case.bargain.template)
    await require_sound_titles(town)
    moved = before.moved(await holdings(town))
    money = {key: moved.pop(key) for key in list(moved) if key[1] == BRAND}
    assert moved == case.titles
    if case.pays is None:
        assert money == {}
        return
    payer, payee, amount = case.pays
    assert money.keys() == {(payer, BRAND), (BANK, BRAND), (payee, BRAND)}, "over two hops"
    assert money[payee, BRAND] == amount
    assert amount < -money[payer, BRAND] <= amount + amount // 1000 + 1
    assert sum(money.values()) == 0


async def require_abort(town: Town, case: Case, way: Way) -> None:
    """Everybody has what he had, by nobody's grace."""
    before = await holdings(town)
    deal = await way(town, case.bargain)
    phases = await ended(town, case.bargain, deal)
    assert set(phases.values()) == {"RETURNED"}, phases
    assert await closed(town, case.bargain.initiator, deal) == "CLOSED"
    for name in () if way in UNTIL_D else case.bargain.houses:
        shown = await show(town.houses[name], deal)
        assert shown is not None
        seats = shown["seats_of_ours"]
        assert all(s["ended_at_us"] < shown["deadline_us"] for s in seats), "it need not wait for D"
    await require_books(town)
    await require_nothing_moved(town, before)


async def test_each_of_the_twelve_cases(directory: Path) -> None:
    """All commit; those in which more than one gives fail before, each in another way."""
    table = cases()
    assert {name for name, case in table.items() if case.exchange} == WAYS.keys()
    first = [name for name in WAYS if name != LAST]
    async with linden(directory) as town:
        for act, name in [*(("abort", n) for n in first), *(("commit", n) for n in table),
                          ("abort", LAST)]:  # fmt: skip
            try:
                if act == "abort":
                    await require_abort(town, table[name], WAYS[name])
                else:
                    await require_commit(town, table[name])
            except (AssertionError, TownFault, Refused, RpcError) as error:
                error.add_note(f"{act} of {name}")
                raise
        await lasts_an_hour(town)
