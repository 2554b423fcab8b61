"""Clean refusals over real processes: what is paid twice, late, unknown, or too much."""

from pathlib import Path

import pytest
import trio

from node.command.processes.control import Refused
from node.command.processes.town import Town
from proto.request import to_text
from tests.e2e.houses import BRAND, LIMIT, pair_network, pay, request, running

pytestmark = pytest.mark.e2e


async def code_of(town: Town, name: str, verb: str, **arguments: object) -> str:
    with pytest.raises(Refused) as refused:
        await town.houses[name].control.ask(verb, **arguments)
    return refused.value.code


async def test_clean_refusals(directory: Path) -> None:
    async with running(pair_network(), directory) as town:
        await paid_twice(town)
        await expired(town)
        await too_much(town)
        await unknown(town)
        await declined(town)


async def paid_twice(town: Town) -> None:
    text = (await request(town, "Q", 700))["text"]
    assert (await pay(town, "P", text))["phase"] == "COMMITTED"
    with pytest.raises(Refused) as refused:
        await pay(town, "P", text)
    assert refused.value.code == "PAYMENT_DONE"
    (line,) = (await town.houses["Q"].control.ask("line.list"))["lines"]
    assert line["balance"] == 700, "the second payment moved something"


async def expired(town: Town) -> None:
    asked = await request(town, "Q", 5, expires_s=1)
    await trio.sleep(1.1)  # the request's own clock: nothing else can make it expire
    with pytest.raises(Refused) as refused:
        await pay(town, "P", asked["text"])
    assert refused.value.code == "REQUEST_EXPIRED" and refused.value.figure > 0
    with pytest.raises(Refused) as refused:
        await town.houses["P"].control.ask("pay.plan", request=asked["text"])
    assert refused.value.code == "REQUEST_EXPIRED"


async def too_much(town: Town) -> None:
    payment = await pay(town, "P", (await request(town, "Q", LIMIT + 1))["text"])
    assert payment["phase"] == "ABORTED" and payment["because"]["reason"] == "NO_ROUTE"
    assert payment["commit_id"] == "", "something was promised"
    (reason,) = payment["reasons"]
    # 700 of the line were used by the payment before.
    assert (reason["rule"], reason["figure"]) == ("V10", 701)
    assert BRAND in reason["text"] and "P→Q" in reason["text"]


async def unknown(town: Town) -> None:
    text = (await request(town, "Q", 5))["text"]
    assert await code_of(town, "P", "pay.plan", request=text[:-8]) == "BAD_ARGUMENT"
    assert await code_of(town, "P", "pay.plan", request=to_text(b"\x00" * 90)) == "BAD_ARGUMENT"
    with pytest.raises(Refused) as refused:
        await pay(town, "Q", text)
    assert refused.value.code == "SELF_PAYMENT"
    assert await code_of(town, "P", "payment.show", id="ffffffff") == "NOT_FOUND"
    assert await code_of(town, "P", "line.close", line="Nobody") == "NOT_FOUND"
    assert await code_of(town, "P", "registry.accept", registry="R9", accept=True) == "NOT_FOUND"
    assert await code_of(town, "P", "fees.set", fees={"NO_MODE": None}) == "BAD_ARGUMENT"
    assert await code_of(town, "P", "fees.set", line="Q", hold_max_ms=5) == "BAD_ARGUMENT"


async def declined(town: Town) -> None:
    asked = await request(town, "Q", 5, manual=True)
    await town.houses["Q"].control.ask("request.decline", id=asked["id"])
    payment = await pay(town, "P", asked["text"])
    assert payment["phase"] == "ABORTED"
    assert payment["because"]["reason"] == "PAYEE_DECLINED"
    assert await code_of(town, "Q", "request.confirm", id=asked["id"]) != "NOT_FOUND"


async def test_a_line_may_have_fees_of_its_own(directory: Path) -> None:
    """They replace the node's, last over a restart, and can be taken back."""
    async with running(pair_network(), directory) as town:
        control = town.houses["P"].control
        first = {"ATOMIC": {"rate": "1", "flat": 9}}
        await control.ask("fees.set", line="Q", fees=first)
        await control.ask("fees.set", line="Q", registry_fees={"R1": {"out_flat": 4}})
        await town.kill("P")
        await town.restart("P")
        (own,) = (await control.ask("fees.show"))["lines"]
        assert own["fees"] == first and own["registry_fees"]["R1"]["out_flat"] == 4
        shown = await control.ask("fees.set", line="Q", reset=True)
        assert shown["lines"] == []
        assert set(shown["fees"]) == {"ATOMIC", "SECURED", "GATEWAY", "BARE"}
