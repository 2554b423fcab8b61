"""An exchange that may take an hour: money becomes a deposit before, and money again afterwards."""

import pytest

from node.command.processes.control import Refused
from node.command.processes.market import Bargain, agreed, ended, holdings, propose
from node.command.processes.town import Town
from tests.e2e.escrow.linden import ALICE, BANK, BOB, BRAND, GUILD, paid, plot

HOUR_S = 3600
PRICE = 2000


async def lasts_an_hour(town: Town) -> None:
    """Alice buys Bob's parcel, and has an hour for it."""
    before = await holdings(town)
    money = Bargain("buy parcel", {"buyer": ALICE, "seller": BOB}, paid(PRICE) | plot(12), HOUR_S)
    with pytest.raises(Refused, match="use deposits") as refused:
        await propose(town, money)
    assert refused.value.code == "NOT_SAFE"
    await _done(town, Bargain("deposit", {"owner": ALICE, "house": GUILD}, paid(PRICE)))
    known = (await town.houses[ALICE].control.ask("account.list", balances=False))["accounts"]
    brands = {account["name"]: account["brand"] for account in known}
    swapped = {"first_right": brands["deposit"], "first_right_amount": PRICE,
               "second_right": brands["parcel 12"]}  # fmt: skip
    await _done(town, Bargain("swap", {"first": ALICE, "second": BOB}, swapped, HOUR_S))
    await _done(town, Bargain("cash out", {"owner": BOB, "house": GUILD}, paid(PRICE)))
    moved = before.moved(await holdings(town))
    assert moved.pop((BOB, "parcel 12")) == -1 and moved.pop((ALICE, "parcel 12")) == 1
    assert moved[BOB, BRAND] == PRICE
    assert {key[1] for key in moved} == {BRAND} and sum(moved.values()) == 0, moved
    assert -PRICE // 100 < moved.pop((GUILD, BRAND)) <= 0, "all that the house paid was the fee"
    assert moved.keys() == {(ALICE, BRAND), (BOB, BRAND), (BANK, BRAND)}


async def _done(town: Town, bargain: Bargain) -> None:
    deal = await agreed(town, bargain)
    assert set((await ended(town, bargain, deal)).values()) == {"DELIVERED"}, bargain.template
