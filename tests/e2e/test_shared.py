"""A payer, a node of two processes over one PostgreSQL, a payee; one of the two is killed."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import trio

from node.command.processes.control import Control, Json
from node.command.processes.founding import found_node
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import Daemon, Processes, processes
from node.command.processes.town import House, Town, build
from node.config import CONFIG_NAME
from pathfinder.network import Line, Network, Node
from runtime.bridge import Bridge
from runtime.rpc_client import RpcError
from tests.cluster import Cluster
from tests.e2e.houses import (
    BRAND,
    FEES,
    LIMIT,
    WAIT_S,
    connected,
    end,
    pay,
    request,
    require_books,
    require_clean_logs,
    until,
)
from tests.warmed import oven

pytestmark = pytest.mark.e2e

FINAL = ("COMMITTED", "ABORTED")
AT_ONCE = 6
PAYMENTS = 60


@dataclass
class Shared:
    """`town` sees X's first process, `other` is the second."""

    town: Town
    other: House
    children: Processes

    def survivor_only(self) -> None:
        self.town.houses["X"] = self.other


@asynccontextmanager
async def pxq(server: Cluster, directory: Path) -> AsyncIterator[Shared]:
    nodes = tuple(Node(n, frozenset({"R1"}), True, fees=FEES) for n in "PXQ")
    pairs = (("P", "X"), ("X", "P"), ("X", "Q"), ("Q", "X"))
    lines = tuple(Line(one, other, BRAND, LIMIT) for one, other in pairs)
    url = server.fresh()

    def found(home: Path, name: str, ports: Iterator[int]) -> None:
        found_node(home, name, ports, url if name == "X" else "")

    def command(name: str, home: Path) -> tuple[str, ...]:
        return ("node", "run", str(home), *(["--shared"] if name == "X" else []))

    with processes(oven()) as children:
        async with Bridge.open() as bridge:
            ports = free_ports(Random())
            plan = make_plan(Network(("R1",), (), nodes, lines))
            town = await build(
                plan, directory, ports, bridge, children, lambda _: None, command, found
            )
            home = directory / "second"
            shutil.copytree(
                town.houses["X"].daemon.directory, home, ignore=lambda *_: ["control.sock"]
            )
            config = (home / CONFIG_NAME).read_text()
            listen = f'\nlisten = "127.0.0.1:{next(ports)}"'
            # The first is for neighbours; it takes part in no exchange.
            (home / CONFIG_NAME).write_text(re.sub(r'\nlisten = "[^"]*"', listen, config, count=1))
            daemon = Daemon("X2", command("X", home), home)
            await children.start(daemon)
            first = town.houses["X"]
            other = House("X", daemon, Control(bridge, home), first.node, first.card)
            yield Shared(town, other, children)
            await require_books(town)
            await other.control.close()
        end(children)


async def load(town: Town, count: int, ended: list[Json]) -> None:
    """So many payments from P to Q, a few at a time."""
    limit = trio.CapacityLimiter(AT_ONCE)

    async def one() -> None:
        async with limit:
            asked = await request(town, "Q", 1000)
            ended.append(await pay(town, "P", asked["text"]))

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)


async def test_what_one_of_two_began_the_other_ends(server: Cluster, directory: Path) -> None:
    """The second has no stream: what it promises leaves by the first, which hears the answers.
    Killed with a promise in the air, it leaves the payment to the first."""
    async with pxq(server, directory) as both:
        town, phases = both.town, list[str]()

        async def knows_the_way() -> bool:
            asked = await request(town, "Q", 700)
            plan = await both.other.control.ask("pay.plan", request=asked["text"])
            return bool(plan["found"])

        await until("the second knows the network", knows_the_way)
        asked = await request(town, "Q", 700)
        done = await both.other.control.pay(lambda _: None, request=asked["text"])
        assert done["phase"] == "COMMITTED"
        shown = await town.houses["X"].control.ask("payment.show", id=done["id"])
        assert shown["phase"] == "COMMITTED"
        asked = await request(town, "Q", 900, manual=True)

        async def pay_by_second() -> None:
            with pytest.raises(RpcError):
                await both.other.control.pay(
                    lambda answer: phases.append(answer["phase"]), request=asked["text"]
                )

        async def held() -> bool:
            shown = await town.houses["Q"].control.ask("request.show", id=asked["id"])
            return bool(shown["phase"] == "HELD")

        async def told() -> bool:
            return phases[-1:] == ["PROMISED"]

        async def paid() -> bool:
            listed = (await town.houses["X"].control.ask("payment.list"))["payments"]
            return any(p["amount"] == 900 and p["phase"] == "COMMITTED" for p in listed)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pay_by_second)
            await until("it is promised", held)
            await until("its owner hears of it", told)
            await trio.to_thread.run_sync(both.children.kill, both.other.daemon)
        assert phases[-1] == "PROMISED"
        await town.houses["Q"].control.ask("request.confirm", id=asked["id"])
        await until("it is paid", paid)
    require_clean_logs(directory)


async def test_one_of_two_processes_is_killed_under_load(server: Cluster, directory: Path) -> None:
    async with pxq(server, directory) as both:
        town, ended = both.town, list[Json]()
        await town.houses["X"].control.ask("fees.set", hold_max_ms=59_000)

        async def heard() -> bool:
            return bool((await both.other.control.ask("fees.show"))["hold_max_ms"] == 59_000)

        await until("the other hears what the owner has changed", heard, 5)
        with trio.fail_after(WAIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(load, town, PAYMENTS, ended)
                await until("some have ended", lambda: _more_than(ended, 10))
                await trio.to_thread.run_sync(both.children.kill, town.houses["X"].daemon)
                both.survivor_only()
        assert len(ended) == PAYMENTS
        assert all(payment["phase"] in FINAL for payment in ended)
        for name in "PQX":
            await connected(town, name)
        after: list[Json] = []
        await load(town, 10, after)
        assert [payment["phase"] for payment in after] == ["COMMITTED"] * 10
        paid = sum(p["phase"] == "COMMITTED" for p in [*ended, *after])
        booked = (await town.houses["Q"].control.ask("audit"))["lines"][0]["booked_in"]
        assert booked == 1000 * paid
    require_clean_logs(directory)


async def _more_than(ended: list[Json], count: int) -> bool:
    return len(ended) > count
