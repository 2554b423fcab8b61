"""Real processes are ended while they pay: at random and often, and one after the other at the
moment at which most is at stake.
"""

import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from node.command.processes.control import Json, Refused
from node.command.processes.town import Town
from runtime.rpc_client import RpcError
from tests.e2e.houses import (
    STOP_S,
    chain_network,
    connected,
    request,
    require_books,
    running,
    typed,
    until,
)

pytestmark = pytest.mark.e2e

VICTIMS = ("P", "A", "B", "Q", "R1")
EVERYBODY = "everybody"  # as when the power fails
FINAL = ("COMMITTED", "ABORTED")
AMOUNT = 1000
KILLS = int(os.environ.get("KILLS", "50"))  # each costs half a second of two processors
SEED = 1
End = Callable[[Town, str], Awaitable[None]]


@dataclass(frozen=True)
class Manner:
    """A way to pay: which registry the payee offers, which levels the payer allows."""

    registry: str
    levels: tuple[str, ...]


SECURED = Manner("R1", ("SECURED",))
MANNERS = (Manner("R1", ("ATOMIC",)), Manner("R2", ("ATOMIC", "PROXY")), SECURED)


class Attempt:
    """One payment under way, seen from both ends; either may be dead at times."""

    def __init__(self, town: Town, manner: Manner, asked: Json) -> None:
        self.town, self.manner, self.asked = town, manner, asked
        self.confirmed = False

    async def pay(self) -> None:
        # Killed meanwhile: what became of the payment is asked later.
        with suppress(RpcError):
            await self.town.houses["P"].control.pay(
                lambda _: None, request=self.asked["text"], levels=list(self.manner.levels)
            )

    async def payment(self) -> Json | None:
        listed = (await self.town.houses["P"].control.ask("payment.list"))["payments"]
        return next((p for p in listed if p["request_id"] == self.asked["id"]), None)

    async def phase(self) -> str:
        shown = await self.town.houses["Q"].control.ask("request.show", id=self.asked["id"])
        return str(shown["phase"])

    async def final(self) -> bool:
        """The payer's end has come, with the payee's confirmation as soon as it can be given."""
        payment = await self.payment()
        if payment is None or payment["phase"] in FINAL:
            return True
        if not self.confirmed and await self.phase() == "HELD":
            await self.confirm()
        return False

    async def ends(self) -> None:
        try:
            await until(f"{self.manner} ends", self.final)
        except AssertionError as error:
            error.add_note(f"payer: {await self.payment()}")
            error.add_note(f"payee: {await self.phase()}, confirmed: {self.confirmed}")
            for house in self.town.houses.values():
                error.add_note(f"{house.name}: {await house.control.ask('audit')}")
            raise

    async def confirm(self) -> None:
        try:
            await self.town.houses["Q"].control.ask("request.confirm", id=self.asked["id"])
        except Refused:
            return  # it has ended between two looks
        self.confirmed = True

    async def held_or_over(self) -> bool:
        payment = await self.payment()
        over = payment is None or payment["phase"] in FINAL
        return over or await self.phase() in ("HELD", "PAID")


def names(town: Town, victim: str) -> list[str]:
    return [*town.registries, *town.houses] if victim == EVERYBODY else [victim]


async def kill(town: Town, victim: str) -> None:
    for name in names(town, victim):
        if name in town.houses:
            await town.kill(name)
        else:
            await trio.to_thread.run_sync(town.processes.kill, town.registries[name])


async def terminate(town: Town, victim: str) -> None:
    """SIGTERM: it ends by itself, soon and without a fault."""
    daemon = town.registries.get(victim) or town.houses[victim].daemon
    process = town.processes.release(daemon)
    process.send_signal(signal.SIGTERM)
    with trio.fail_after(STOP_S):
        assert await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True) == 0, victim


async def restart(town: Town, victim: str) -> None:
    async with trio.open_nursery() as nursery:
        for name in names(town, victim):
            if name in town.houses:
                nursery.start_soon(town.restart, name)
            else:
                nursery.start_soon(town.processes.start, town.registries[name])


async def act(town: Town, victim: str, end: End) -> list[Attempt]:
    """Three payments at once; the victim is ended when their payee has just confirmed them."""
    asked = [await request(town, "Q", AMOUNT, manual=True, registries=[m.registry])
             for m in MANNERS]  # fmt: skip
    attempts = [Attempt(town, m, a) for m, a in zip(MANNERS, asked, strict=True)]
    async with trio.open_nursery() as nursery:
        for attempt in attempts:
            nursery.start_soon(attempt.pay)
        for attempt in attempts:
            await until("held", attempt.held_or_over)
        for attempt in attempts:
            await attempt.confirm()
        await end(town, victim)
        await restart(town, victim)
        for attempt in attempts:
            await attempt.ends()
    return attempts


async def require_one_end(attempt: Attempt, victim: str) -> str:
    """COMMITTED at the payer exactly where the payee is paid."""
    payment = await attempt.payment()
    committed = payment is not None and payment["phase"] == "COMMITTED"
    ended = payment["phase"] if payment else "NEVER"
    if victim == EVERYBODY and attempt.manner is SECURED:
        # Section 3: mode SECURED loses where neither the node before nor the registry is reached
        # in time, and here nobody is reached for as long as the start of six processes takes.
        return str(ended)

    async def agreed() -> bool:
        return (await attempt.phase() == "PAID") == committed

    await until(f"{victim} was killed, the payee agrees with {payment}", agreed)
    return str(ended)


async def test_many_kills() -> None:
    """As a user types it. Its own verdict is the test; the rest is that it was worth its name."""
    done = await typed("sim", "kills", "--kills", str(KILLS), "--seed", str(SEED), "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said = json.loads(done.stdout)
    blows = said["blows"]
    assert said["ok"] and said["breaches"] == [] and said["directory"] is None
    assert blows["kills"] == KILLS
    assert min(blows["registry_kills"], blows["in_start"], blows["terms"]) > 0
    assert blows["most_down"] > 2
    assert said["committed"] + said["aborted"] == said["payments"]
    assert said["committed"] >= KILLS // 10, "people pay meanwhile"
    assert {"ATOMIC", "SECURED", "BARE"} <= said["levels"].keys()


async def test_whoever_is_killed(directory: Path) -> None:
    """ATOMIC under a registry that all accept, ATOMIC and PROXY under one that B does not accept,
    and SECURED: whoever dies once all of it is confirmed, everybody agrees on what happened."""
    ends: dict[str, list[str]] = {}
    async with running(chain_network(), directory) as town:
        for victim in (*VICTIMS, EVERYBODY):
            attempts = await act(town, victim, kill)
            ends[victim] = [await require_one_end(attempt, victim) for attempt in attempts]
            await require_books(town)
            for name in town.houses:
                await connected(town, name)
    # Whoever is killed once all promises are made takes nothing from a chain of ATOMIC ones.
    assert {v: ends[v][0] for v in VICTIMS} == dict.fromkeys(VICTIMS, "COMMITTED"), ends


async def test_whoever_is_stopped(directory: Path) -> None:
    """As by an operator who updates one machine after the other while people pay. Payer and payee
    of a held promise are stopped in test_ends."""
    async with running(chain_network(), directory) as town:
        for victim in ("A", "Q", "R1"):
            for attempt in await act(town, victim, terminate):
                ended = await require_one_end(attempt, victim)
                # What was confirmed is paid: a stop takes less than any deadline leaves.
                assert ended == "COMMITTED", (victim, attempt.manner)
            await require_books(town)
            for name in town.houses:
                await connected(town, name)
