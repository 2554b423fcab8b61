"""Requests that leave the amount to their payer, over real processes and three lines with fees."""

from pathlib import Path
from typing import Any

import pytest

from node.command.processes.control import Refused
from node.command.processes.town import Town
from proto.keys import SigningKey
from proto.request import countersign, from_text, read_request, request_hash, to_text
from tests.e2e import houses
from tests.e2e.houses import BRAND, chain_network, running

pytestmark = pytest.mark.e2e

SHOP = SigningKey(b"s" * 32)


async def create(town: Town, **wish: Any) -> dict[str, Any]:
    return dict(await town.houses["Q"].control.ask("request.create", brand=BRAND, **wish))


async def pay(town: Town, text: str, **more: Any) -> dict[str, Any]:
    told = dict(await houses.pay(town, "P", text, **more))
    assert told["phase"] == "COMMITTED", told
    return told


async def code_of(town: Town, text: str, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        await town.houses["P"].control.ask("pay.plan", request=text, **more)
    with pytest.raises(Refused) as again:
        await pay(town, text, **more)
    assert again.value.code == refused.value.code
    return refused.value.code


async def received(town: Town, asked: dict[str, Any]) -> tuple[str, int]:
    shown = await town.houses["Q"].control.ask("request.show", id=asked["id"])
    return shown["phase"], shown["received"]


async def test_chosen_amounts(directory: Path) -> None:
    async with running(chain_network(), directory) as town:
        await any_amount(town)
        await from_least_to_most(town)
        await the_payee_bears_the_fees(town)
        await another_asks(town)


async def any_amount(town: Town) -> None:
    asked = await create(town, open=True)
    assert await code_of(town, asked["text"]) == "AMOUNT_NEEDED"
    plan = await town.houses["P"].control.ask("pay.plan", request=asked["text"], amount=12_345)
    paid = await pay(town, asked["text"], amount=12_345)
    assert paid["amount"] == plan["amount"] == 12_345 and paid["cost"] == plan["cost"] > 12_345
    assert await received(town, asked) == ("PAID", 12_345)
    # Once paid, it is paid, whatever another amount would be.
    for more in ({}, {"amount": 1}):
        with pytest.raises(Refused) as refused:
            await pay(town, asked["text"], **more)
        assert refused.value.code == "PAYMENT_DONE"


async def from_least_to_most(town: Town) -> None:
    asked = await create(town, amount=700, amount_min=500)
    for wrong in (499, 701):
        assert await code_of(town, asked["text"], amount=wrong) == "AMOUNT_OUTSIDE"
    await pay(town, asked["text"], amount=500)
    assert await received(town, asked) == ("PAID", 500)
    exact = await create(town, amount=700)
    assert await code_of(town, exact["text"], amount=699) == "AMOUNT_OUTSIDE"
    await pay(town, exact["text"], amount=700)


async def the_payee_bears_the_fees(town: Town) -> None:
    asked = await create(town, amount=100_000, amount_min=95_000, fees_by_payee=True)
    plan = await town.houses["P"].control.ask("pay.plan", request=asked["text"])
    assert plan["asked"] == {"amount": 100_000, "amount_min": 95_000, "fees_by_payee": True}
    assert plan["cost"] + plan["kept"] == 100_000 and 95_000 <= plan["amount"] < 100_000
    more = await town.houses["P"].control.ask(
        "pay.plan", request=asked["text"], amount=plan["amount"] + 1
    )
    assert not more["found"], "one more would have been too much"
    paid = await pay(town, asked["text"])
    assert (paid["amount"], paid["cost"]) == (plan["amount"], plan["cost"])
    assert await received(town, asked) == ("PAID", plan["amount"])
    dear = await create(town, amount=100_000, amount_min=99_999, fees_by_payee=True)
    assert not (await town.houses["P"].control.ask("pay.plan", request=dear["text"]))["found"]
    with pytest.raises(Refused) as refused:
        await pay(town, dear["text"])
    assert refused.value.code == "COST_ABOVE_MAX"
    assert await received(town, dear) == ("OPEN", 0)


async def another_asks(town: Town) -> None:
    """A shop's request is paid with both signatures, and named by what its payee signed."""
    requester = {"key": SHOP.public.hex(), "name": "Shop", "notify_url": "https://shop.example/n"}
    asked = await create(town, amount=9, amount_min=2, requester=requester)
    assert await code_of(town, asked["text"], amount=5) == "BAD_ARGUMENT"
    signed = from_text(asked["text"])
    stranger = to_text(countersign(SigningKey(b"t" * 32), signed))
    assert await code_of(town, stranger, amount=5) == "BAD_ARGUMENT"
    paid = await pay(town, to_text(countersign(SHOP, signed)), amount=5)
    assert await received(town, asked) == ("PAID", 5)
    assert request_hash(signed).hex() == asked["request_hash"]
    assert paid["request_id"] == asked["id"]
    assert read_request(signed, 2**62).created_at_us == asked["created_at_us"] > 0
    elsewhere = await create(town, amount=9, audience="ab" * 32)
    with pytest.raises(Refused) as refused:
        await pay(town, elsewhere["text"])
    assert refused.value.code == "ANOTHER_PAYER"
