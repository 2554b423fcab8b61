"""What a refused payment tells its payer, and what the next payment makes of it, in real processes.

P reaches Q over A and C, cheaply, or over B, dearly. C dies: nobody advertises that.
"""

import json
from pathlib import Path

import pytest

from node.command.processes.town import Town
from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from tests.e2e.houses import BRAND, LIMIT, Json, pay, request, running, typed, until

pytestmark = pytest.mark.e2e


def fees(flat: int) -> FeeSet:
    return FeeSet({mode: Fee(flat=flat) for mode in Mode})


def two_ways() -> Network:
    flats = {"P": 0, "A": 1, "C": 1, "B": 50, "Q": 0}
    nodes = tuple(Node(n, frozenset({"R1"}), True, fees=fees(f)) for n, f in flats.items())
    pairs = [("P", "A"), ("A", "C"), ("C", "Q"), ("P", "B"), ("B", "Q")]
    lines = [Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1])]
    return Network(("R1",), (), nodes, tuple(lines))


async def heard(town: Town, available: int) -> bool:
    """Whether A's newest advert is P's: one that comes later would say more than a refusal."""
    network = await town.houses["P"].control.ask("network")
    said = [x["available"] for x in network["lines"] if (x["from"], x["to"]) == ("A", "C")]
    return said == [available]


async def asked(town: Town, amount: int, **more: object) -> str:
    text: str = (await request(town, "Q", amount, **more))["text"]
    return text


async def said(town: Town, *words: str) -> Json:
    done = await typed(*words, "--node", str(town.houses["P"].daemon.directory), "--json")
    answer: Json = json.loads(done.stdout)
    return answer


async def shown(town: Town, *words: str) -> str:
    done = await typed(*words, "--node", str(town.houses["P"].daemon.directory))
    assert done.returncode in (0, 1), done
    return done.stdout


async def test_a_line_that_refused_is_not_asked_again_for_a_while(directory: Path) -> None:
    async with running(two_ways(), directory) as town:
        assert (await pay(town, "P", await asked(town, 700)))["cost"] == 702
        await until("P has heard what that left on the line", lambda: heard(town, LIMIT - 701))
        await town.kill("C")
        await first_asks_and_learns(town)
        await next_one_knows(town)
        await forgotten_is_asked_again(town)
        await all_else_fails(town)
        await town.restart("C")


async def first_asks_and_learns(town: Town) -> None:
    payment = await pay(town, "P", await asked(town, 700))
    assert (payment["phase"], payment["attempt"], payment["cost"]) == ("COMMITTED", 2, 750)
    (one,) = (await said(town, "network", "learned"))["lines"]
    assert (one["from"], one["to"], one["brand"]) == ("A", "C", BRAND)
    assert (one["refused"], one["at_most"], one["reason"]) == (701, 0, "NEXT_HOP_DOWN")
    assert one["certain"] and one["asked_again_at_us"] > one["refused_at_us"]
    text = await shown(town, "network", "learned")
    assert "A→C" in text and "701 USD" in text


async def next_one_knows(town: Town) -> None:
    text = await asked(town, 600)
    plan = await said(town, "pay", text, "--dry-run")
    (reason,) = plan["reasons"]
    assert (reason["code"], reason["figure"], reason["cost"]) == ("LEARNED", 601, 602)
    assert "line A→C has just refused" in reason["text"] and plan["cost"] == 650
    assert "network forget --line A-C" in await shown(town, "pay", text, "--dry-run")
    payment = await pay(town, "P", text)
    assert (payment["phase"], payment["attempt"], payment["cost"]) == ("COMMITTED", 1, 650)


async def forgotten_is_asked_again(town: Town) -> None:
    assert (await said(town, "network", "forget", "--line", "A-X"))["failure"][
        "code"
    ] == "NOT_FOUND"
    assert (await said(town, "network", "forget", "--line", "A-C"))["forgotten"] == 1
    assert (await said(town, "network", "learned"))["lines"] == []
    payment = await pay(town, "P", await asked(town, 500))
    assert (payment["phase"], payment["attempt"]) == ("COMMITTED", 2)


async def all_else_fails(town: Town) -> None:
    """What is learned hides no only way: it is asked once more, and what it says is told."""
    line = next(
        one["id"]
        for one in (await town.houses["P"].control.ask("line.list"))["lines"]
        if one["alias"] == "B"
    )
    await town.houses["B"].control.ask("line.limit", line=line, limit=0)
    text = await asked(town, 400)
    payment = await pay(town, "P", text)
    assert payment["phase"] == "ABORTED"
    assert payment["because"]["reason"] == "NEXT_HOP_DOWN"
    (tried,) = payment["tried"]
    assert (tried["attempt"], tried["cost"], tried["certain"]) == (1, 402, True)
    assert tried["blamed"] == [{"line": ["A", "C"], "asked": 401, "carries": 0}]
    assert payment["despite"] == [["A", "C"]]
    named = [(r["code"], [r["names"][n] for n in r["line"] or ()]) for r in payment["reasons"]]
    assert named[:2] == [("LEARNED", ["A", "C"]), ("CREDIT_SHORT", ["P", "B"])]
    whole = await shown(town, "payment", "show", payment["id"])
    assert "a node on the route is not connected" in whole
    assert "Nothing else was left" in whole and "CREDIT_SHORT" in whole
    (one,) = (await said(town, "network", "learned"))["lines"]
    assert one["repeats"] == 1
