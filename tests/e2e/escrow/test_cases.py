"""The twelve cases of the seed among real processes: each commits, and moves just what it says."""

from pathlib import Path

import pytest

from node.command.processes.market import agreed, closed, ended, holdings
from node.command.processes.town import Town
from tests.e2e.escrow.linden import BANK, BRAND, Case, cases, linden, require_sound_titles

pytestmark = pytest.mark.e2e


async def require_commit(town: Town, case: Case) -> None:
    """Everybody has what the case says, and nobody anything else."""
    before = await holdings(town)
    deal = await agreed(town, case.bargain)
    phases = await ended(town, case.bargain, deal)
    assert set(phases.values()) == {"DELIVERED"}, phases
    assert phases.keys() == case.bargain.seats.keys()
    assert await closed(town, case.bargain.initiator, deal) == "CLOSED"
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


async def test_each_of_the_twelve_cases_commits(directory: Path) -> None:
    async with linden(directory) as town:
        for name, case in cases().items():
            try:
                await require_commit(town, case)
            except BaseException as error:
                error.add_note(f"case {name}")
                raise
