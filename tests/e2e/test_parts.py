"""Payments that no single line carries, in real processes: several chains, one decision."""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from node.command.bench.holding import HOLD, PROMISED
from node.command.processes.control import Json, Refused
from node.command.processes.town import Town, run_node_command
from pathfinder.network import Line, Network, Node
from proto.limits import US
from tests.e2e.houses import BRAND, FEES, pay, request, require_books, running, until

pytestmark = pytest.mark.e2e

WIDTHS = {"A": 600, "B": 500, "C": 400}  # of P-A-Q, P-B-Q and P-C-Q
FINAL = ("COMMITTED", "ABORTED")
PATIENT_S = 45  # of a request's minute


def fan_network() -> Network:
    """Three ways from P to Q, each too narrow for what is paid here."""
    nodes = tuple(Node(name, frozenset({"R1"}), True, fees=FEES) for name in "PABCQ")
    lines = tuple(
        Line(one, other, BRAND, width)
        for name, width in WIDTHS.items()
        for one, other in (("P", name), (name, "P"), (name, "Q"), ("Q", name))
    )
    return Network(("R1",), (), nodes, lines)


async def balance(town: Town, name: str) -> int:
    (brand,) = (await town.houses[name].control.ask("balance"))["brands"]
    return int(brand["balance"])


async def plan(town: Town, asked: Json, **more: object) -> Json:
    return await town.houses["P"].control.ask("pay.plan", request=asked["text"], **more)


def stop(town: Town, name: str) -> None:
    os.kill(town.processes.pid(town.houses[name].daemon), signal.SIGSTOP)


def go_on(town: Town, name: str) -> None:
    os.kill(town.processes.pid(town.houses[name].daemon), signal.SIGCONT)


async def held_by_payee(town: Town) -> list[int]:
    """Amounts that are pending for Q, line by line."""
    lines = (await town.houses["Q"].control.ask("line.list"))["lines"]
    return [line["pending_in"] for line in lines if line["pending_in"]]


async def payment(town: Town, asked: Json) -> Json:
    listed = (await town.houses["P"].control.ask("payment.list"))["payments"]
    return next(p for p in listed if p["request_id"] == asked["id"])


async def ended(town: Town, asked: Json) -> Json:
    async def over() -> bool:
        return (await payment(town, asked))["phase"] in FINAL

    await until("the payment ends", over)
    return await payment(town, asked)


async def test_more_than_any_line_carries(directory: Path) -> None:
    async with running(fan_network(), directory) as town:
        asked = await request(town, "Q", 1300)
        for parts in (1, 2):
            refused = await plan(town, asked, parts=parts)
            assert not refused["found"]
        assert "PARTS" in {reason["rule"] for reason in refused["reasons"]}
        planned = await plan(town, asked, levels=["ATOMIC"])
        assert {part["hops"][1]["from"] for part in planned["parts"]} == set("ABC")
        assert planned["hops"] == planned["parts"][0]["hops"]
        assert sum(part["amount"] for part in planned["parts"]) == 1300
        paid = await pay(town, "P", asked["text"], levels=["ATOMIC"])
        assert (paid["phase"], paid["paid"], paid["attempt"]) == ("COMMITTED", planned["cost"], 1)
        assert paid["evidence"] == "commit certificate" and len(paid["parts"]) == 3
        await require_books(town)
        assert await balance(town, "Q") == 1300
        assert await balance(town, "P") == -planned["cost"]
        # Each way back carries its width and what has come along it, 1,200 at most: two parts.
        back = await request(town, "P", 1300)

        async def heard_of() -> bool:
            ask = town.houses["Q"].control.ask
            planned = await ask("pay.plan", request=back["text"], parts=2)
            return bool(planned["found"])

        await until("Q has heard what the lines carry now", heard_of)
        returned = await pay(town, "Q", back["text"], parts=2)
        assert returned["phase"] == "COMMITTED" and len(returned["parts"]) == 2


async def test_more_than_all_lines_carry(directory: Path) -> None:
    async with running(fan_network(), directory) as town:
        asked = await request(town, "Q", 1501)
        planned = await plan(town, asked)
        assert (planned["found"], planned["exact"]) == (False, True)
        (reason,) = [r for r in planned["reasons"] if r["rule"] == "PARTS"]
        assert reason["figure"] == 1 and "1500 USD" in reason["text"]
        refused = await pay(town, "P", asked["text"])
        assert refused["phase"] == "ABORTED" and refused["because"]["reason"] == "NO_ROUTE"


async def in_two_parts(town: Town, text: str) -> None:
    """As anybody pays: the registry decides ten seconds later."""
    try:
        await pay(town, "P", text, levels=["ATOMIC"], parts=2)
    except Refused:
        raise AssertionError("the payment was refused") from None


def patient(name: str, home: Path) -> tuple[str, ...]:
    """P can promise for longer than it must."""
    return ("bench", "filler", str(home)) if name == "P" else run_node_command(name, home)


async def in_its_own_time(town: Town, text: str) -> None:
    """The registry decides after PATIENT_S: the restart of a node may take its time before."""
    payer = town.houses["P"]
    file = payer.daemon.directory / "request"
    file.write_text(text)
    arguments = {"requests": str(file), "level": "ATOMIC", "depth": 1, "hold_us": PATIENT_S * US}
    held = await payer.control.ask_long(HOLD, PATIENT_S, arguments)
    assert held["counts"] == {PROMISED: 1}


async def start_with_half(
    town: Town, nursery: trio.Nursery, promise: Callable[[Town, str], Awaitable[None]]
) -> Json:
    """A payment in two parts of which the payee holds one: B does not get to pass its own on."""
    stop(town, "B")
    asked = await request(town, "Q", 1000)
    nursery.start_soon(promise, town, asked["text"])

    async def half() -> bool:
        return len(await held_by_payee(town)) == 1

    await until("the payee holds one part", half)
    assert (await town.houses["Q"].control.ask("request.show", id=asked["id"]))["phase"] != "PAID"
    return asked


async def test_the_payee_is_killed_while_it_holds_half(directory: Path) -> None:
    made = running(fan_network(), directory, node_command=patient)
    async with made as town, trio.open_nursery() as nursery:
        asked = await start_with_half(town, nursery, in_its_own_time)
        await town.kill("Q")
        await town.restart("Q")
        assert len(await held_by_payee(town)) == 1
        go_on(town, "B")
        paid = await ended(town, asked)
        assert paid["phase"] == "COMMITTED" and len(paid["parts"]) == 2
        assert paid["attempt"] == 1
        await require_books(town)
        assert await balance(town, "Q") == 1000


async def test_half_of_the_parts_is_never_half_a_payment(directory: Path) -> None:
    """B is gone for longer than the deadline, and the payee is killed too: nobody pays anything."""
    async with running(fan_network(), directory) as town, trio.open_nursery() as nursery:
        asked = await start_with_half(town, nursery, in_two_parts)
        go_on(town, "B")
        await town.kill("Q")
        shown = await payment(town, asked)
        assert shown["phase"] in ("PROMISED", "ABORTED") and len(shown["parts"]) == 2

        async def over() -> bool:
            return (await payment(town, asked))["phase"] in FINAL

        await until("the registry has decided", over)
        await town.restart("Q")
        assert (await payment(town, asked))["phase"] == "ABORTED"

        async def free() -> bool:
            return not await held_by_payee(town)

        await until("the payee holds nothing", free)
        await require_books(town)
        assert await balance(town, "Q") == 0
