"""A registry signs both ways while a promise waits for its word: who learns it, and what ends it.

The file reaches one node by its owner's hand and everybody else by gossip. The registry is dropped
for good, what is open is flagged, and still its certificate settles that.
"""

import subprocess
import time
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from node.command.processes.control import Json, Refused
from node.command.processes.town import Town
from pathfinder.network import Line, Network, Node
from runtime.rpc_client import RpcError
from tests.e2e.forging import Forger
from tests.e2e.houses import BRAND, FEES, LIMIT, connected, pay, request, running, typed, until

pytestmark = pytest.mark.e2e

NAMES = ("A", "B", "C")
AMOUNT = 1000
COST = 1001  # B takes the thousandth
SECOND_US = 1_000_000
DROPPED = r"is dropped: EQUIVOCATION"


def network() -> Network:
    """A-B-C and one registry that all accept."""
    nodes = tuple(Node(name, frozenset({"R1"}), True, fees=FEES) for name in NAMES)
    pairs = [("A", "B"), ("B", "C")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1",), (), nodes, lines)


async def command(town: Town, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`pledgeway node registry ...`, as the node's owner types it."""
    home = str(town.houses[name].daemon.directory)
    return await typed("node", "registry", *words, "--node", home)


async def registry_of(town: Town, name: str) -> Json:
    (known,) = (await town.houses[name].control.ask("registry.list"))["registries"]
    return dict(known)


async def flags(town: Town, name: str) -> list[int]:
    """The amounts of what is flagged there."""
    incidents = (await town.houses[name].control.ask("incidents"))["incidents"]
    return [i["amount"] for i in incidents if i["kind"] == "EXPOSED"]


async def payments(town: Town) -> list[Json]:
    return list((await town.houses["A"].control.ask("payment.list"))["payments"])


class Open:
    """A payment from A to C whose promises wait at B and C; A may die meanwhile."""

    def __init__(self, town: Town, asked: Json) -> None:
        self.town, self.asked = town, asked

    async def pay(self) -> None:
        with suppress(RpcError):  # A is killed: what became of it is asked below
            await pay(self.town, "A", self.asked["text"], levels=["ATOMIC"])

    async def held(self) -> bool:
        shown = await self.town.houses["C"].control.ask("request.show", id=self.asked["id"])
        return bool(shown["phase"] == "HELD")

    async def payment(self) -> Json:
        (found,) = [p for p in await payments(self.town) if p["request_id"] == self.asked["id"]]
        return found

    async def committed(self) -> bool:
        return bool((await self.payment())["phase"] == "COMMITTED")


async def require_dropped(town: Town, name: str, amount: int) -> None:
    """It knows the registry as a cheat, relies on it no more, and has flagged what is open."""

    async def dropped() -> bool:
        return bool((await registry_of(town, name))["exposed"]) and bool(await flags(town, name))

    await until(f"{name} has heard of it", dropped)
    known = await registry_of(town, name)
    assert (known["exposed"], known["accepted"]) == ("EQUIVOCATION", False), name
    assert await flags(town, name) == [amount], name


async def require_nothing_new(town: Town, old: Json) -> None:
    """Neither a request from before nor a new one leads to a promise under the registry."""
    said = await command(town, "A", "accept", "R1")
    assert said.returncode == 1, said
    assert "R1 was proven to cheat" in said.stderr
    assert "pledgeway node registry proof" in said.stderr
    with pytest.raises(Refused, match="R1 was proven to cheat"):
        await request(town, "C", AMOUNT, registries=["R1"])
    ended = await pay(town, "A", old["text"], levels=["ATOMIC"])
    assert (ended["phase"], ended["because"]["reason"]) == ("ABORTED", "NO_ROUTE")
    assert ended["commit_id"] == "", "nothing was promised"
    assert "A does not accept registry R1 (proven to cheat), so" in ended["reasons"][0]["text"]


async def test_one_file_drops_it_everywhere(directory: Path) -> None:
    async with running(network(), directory, DROPPED) as town:
        forger = Forger(town.registries["R1"].directory)
        old = await request(town, "C", AMOUNT)
        waiting = Open(town, await request(town, "C", AMOUNT, manual=True))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waiting.pay)
            await until("the payee holds", waiting.held)
            file = directory / "both.fraud"
            commit = bytes.fromhex((await waiting.payment())["commit_id"])
            file.write_bytes(
                forger.signed_both_ways(commit, time.time_ns() // 1000 + 10 * SECOND_US)
            )
            said = await command(town, "A", "expose", str(file))
            assert said.returncode == 0, said.stderr
            assert ", dropped" in said.stdout and "flagged         1" in said.stdout
            await town.kill("A")
        await town.restart("A")
        for name, amount in (("A", COST), ("B", AMOUNT), ("C", AMOUNT)):
            await require_dropped(town, name, amount)
        listed = await command(town, "C", "list")
        assert "EXPOSED as a cheat (equivocation), dropped" in listed.stdout
        await connected(town, "A")
        await town.houses["C"].control.ask("request.confirm", id=waiting.asked["id"])
        await until("its certificate settles what was open", waiting.committed)
        assert (await waiting.payment())["evidence"] == "commit certificate"
        await require_nothing_new(town, old)
        kept = await town.houses["B"].control.ask("registry.proof", registry="R1")
        assert b64decode(kept["proof"]) == file.read_bytes()
