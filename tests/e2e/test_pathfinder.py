"""A light payer and the path finders that it asks: an honest one, a dead one, and a liar."""

import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from node.command.processes.control import Control
from node.command.processes.ports import free_ports
from node.command.processes.process import Daemon
from node.command.processes.town import Town
from pathfinder.config import PathFinderConfig
from pathfinder.network import Line, Network, Node
from pathfinder.serving.home import Home, create, service_card
from proto.card import read_pathfinder_card
from proto.v1 import pathfinder_pb2 as pb
from runtime.bridge import Bridge
from runtime.rpc import CallContext, Service, Unary
from runtime.rpc_client import RpcChannel
from runtime.rpc_server import RpcServer
from runtime.tls import server_credentials
from tests.e2e.houses import BRAND, FEES, LIMIT, connected, pay, request, running, typed, until

pytestmark = pytest.mark.e2e

FIND = "/pledgeway.v1.PathFinder/FindRoute"
Find = Callable[[pb.RouteQuery, CallContext], Awaitable[pb.RouteAnswer]]


def row_network() -> Network:
    """P–M–Q and one registry."""
    nodes = tuple(Node(name, frozenset({"R1"}), True, fees=FEES) for name in "PMQ")
    pairs = [("P", "M"), ("M", "Q")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1",), (), nodes, lines)


async def done(*words: str | Path) -> str:
    """What a command says; it must be done."""
    result = await typed(*map(str, words))
    assert result.returncode == 0, result
    return result.stdout


class Finder:
    """A path finder in a process of its own, linked with M."""

    def __init__(self, town: Town, home: Path, bridge: Bridge) -> None:
        self.town = town
        self.home = home
        self.daemon = Daemon("Finder", ("pathfinder", "run", str(home)), home)
        self.control = Control(bridge, home)
        self.card = home.with_name("finder.card")

    async def found(self, port: int) -> None:
        """Made, and introduced to M on both sides, as the help says."""
        town, middle = self.town, self.town.houses["M"]
        await done("pathfinder", "init", self.home, "--listen", f"127.0.0.1:{port}")
        self.card.write_text(await done("pathfinder", "card", self.home))
        of_m = self.home.with_name("m.card")
        of_m.write_text(middle.card)
        await done("node", "peer", "add", self.card, "--node", middle.daemon.directory)
        await done("pathfinder", "peer", "add", self.home, of_m)
        await town.processes.start(self.daemon)

    async def knows_all(self) -> None:
        async def knows() -> bool:
            status = await self.control.ask("status")
            return bool(status["graph"] == {"nodes": 3, "lines": 4})

        await until("the path finder has heard of everything", knows)

    async def again(self) -> None:
        """After SIGKILL."""
        await self.town.processes.start(self.daemon)
        await self.control.again()
        await self.knows_all()


async def ask_only(town: Town, *cards: Path) -> None:
    """P asks these path finders from now on, in this order, and hears no adverts."""
    home = town.houses["P"].daemon.directory
    for known in (await town_pathfinders(town))[:]:
        await done("node", "pathfinder", "drop", known, "--node", home)
    for card in cards:
        await done("node", "pathfinder", "use", card, "--no-gossip", "--node", home)
    await town.kill("P")
    await town.restart("P")
    await connected(town, "P")


async def town_pathfinders(town: Town) -> list[str]:
    """Ids of those whom P asks."""
    status = await town.houses["P"].control.ask("status")
    return [one["node"] for one in status["pathfinders"]]


async def paid(town: Town, amount: int) -> dict[str, Any]:
    return await pay(town, "P", (await request(town, "Q", amount))["text"])


def rules_of(payment: dict[str, Any]) -> list[str]:
    return [reason["rule"] for reason in payment["reasons"]]


@asynccontextmanager
async def liar(bridge: Bridge, home: Home, port: int, find: Find) -> AsyncIterator[Path]:
    """A path finder with an identity, a card and a tongue of its own."""
    config = PathFinderConfig("Liar", f"127.0.0.1:{port}")
    identity = create(home, config, time.time_ns() // 1000, os.urandom)
    card = home.path.with_name("liar.card")
    card.write_text(service_card(identity, config))
    methods = {"FindRoute": Unary(pb.RouteQuery, pb.RouteAnswer, find)}
    async with trio.open_nursery() as nursery:
        server = RpcServer(bridge, nursery, [Service("pledgeway.v1.PathFinder", methods)])
        await server.bind_tcp(config.listen, server_credentials(identity.tls))
        await server.start()
        try:
            yield card
        finally:
            with trio.CancelScope(shield=True):
                await server.stop(0.1)
        nursery.cancel_scope.cancel()


async def test_a_light_payer_pays_through_a_path_finder(directory: Path) -> None:
    async with (
        Bridge.open() as bridge,
        running(row_network(), directory) as town,
    ):
        ports = free_ports(Random())
        finder = Finder(town, directory / "finder", bridge)
        await finder.found(next(ports))
        await finder.knows_all()
        await looked_at(finder.home)
        await ask_only(town, finder.card)

        first = await paid(town, 1000)
        assert first["phase"] == "COMMITTED" and first["cost"] == 1001, first
        status = await town.houses["P"].control.ask("status")
        assert status["graph"] == {"nodes": 0, "lines": 0}, "it hears nothing of the network"
        (asked,) = status["pathfinders"]
        assert (asked["alias"], asked["trouble"]) == ("path finder", None)

        await trio.to_thread.run_sync(town.processes.kill, finder.daemon)
        without = await paid(town, 1000)
        assert without["phase"] == "ABORTED" and without["attempt"] == 0
        assert rules_of(without) == ["PATHFINDER_SILENT"]
        await finder.again()
        assert (await paid(town, 1000))["phase"] == "COMMITTED"

        await lied_to(town, finder, bridge, directory, next(ports))
        await finder.control.close()


async def looked_at(home: Path) -> None:
    """A path finder is asked by its owner as a node is."""
    asked = ("--from", "P", "--to", "Q", "--amount", "1000", "--json")
    answer = json.loads(await done("route", "--at", home, *asked))
    assert answer["found"] and answer["cost"] == 1001
    assert [hop["to"] for hop in answer["hops"]] == ["M", "Q"]
    file = json.loads(await done("network", "export", "--at", home))
    assert sorted(file["nodes"]) == ["M", "P", "Q"] and len(file["lines"]) == 4
    adverts = await done("network", "export", "--at", home, "--format", "adverts")
    assert len(adverts.splitlines()) == 1 + 3 + 4 + 1  # its first line, nodes, lines, the registry
    assert "M" in await done("network", "show", "--at", home)
    nobody = await typed("route", "--at", str(home), "--to", "Q", "--amount", "1000")
    assert nobody.returncode == 2 and nobody.stderr.count("\n") == 1, "it pays nobody itself"


async def lied_to(town: Town, finder: Finder, bridge: Bridge, directory: Path, port: int) -> None:
    """By somebody who hands on what the honest one says, with a present for M in it."""
    card = read_pathfinder_card(finder.card.read_text(), time.time_ns() // 1000)
    channel = RpcChannel.to_pinned(bridge, card.service, card.node.tls_certificate)

    async def lie(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
        answer = await channel.unary(FIND, m, pb.RouteAnswer, 8)
        answer.found.chains[0].hops[0].amount += 50
        return answer

    async with liar(bridge, Home(directory / "liar"), port, lie) as liars_card:
        await ask_only(town, liars_card)
        before = await books(town)
        cheated = await paid(town, 1000)
        assert cheated["phase"] == "ABORTED" and cheated["attempt"] == 0
        assert rules_of(cheated) == ["PATHFINDER_LIES"]
        assert "would hold" in cheated["reasons"][0]["text"]
        assert await books(town) == before, "nothing was promised"
        await ask_only(town, liars_card, finder.card)
        honest = await paid(town, 1000)
        assert honest["phase"] == "COMMITTED" and honest["cost"] == 1001
        status = await town.houses["P"].control.ask("status")
        assert [one["alias"] for one in status["pathfinders"]] == ["path finder", "Liar"]
    await channel.close()


async def books(town: Town) -> list[Any]:
    """Of P's only line: what was booked, promised and said."""
    audit = await town.houses["P"].control.ask("audit")
    return [(x["booked_out"], x["sequence_out"], x["pending_out"]) for x in audit["lines"]]
