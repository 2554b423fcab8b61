"""The demo of the shop from beginning to end: build, play, check, tear down."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import trio

from node.command.browsing.chromium import browser
from node.command.browsing.window import Browser
from node.command.browsing.wire import BrowserFault
from node.command.demo.shop_cast import BANK
from node.command.demo.shop_scenes import Stage, play
from node.command.demo.shop_shown import Proof, Result, Scene
from node.command.demo.shop_town import Street, built
from node.command.processes.books import check_books
from node.command.processes.founding import TownFault
from node.command.processes.interruption import until_signalled
from node.command.processes.ports import free_ports
from node.command.processes.process import Processes, processes, python
from node.command.processes.typist import Typist
from node.command.processes.warm import Warm, warm
from runtime.bridge import Bridge

PROFILE: Final = "profile"
TYPED: Final = "typed"

Told = Callable[[str], None]


async def run(
    directory: Path, pictures: Path | None, told: Told, shown: Callable[[Scene], None]
) -> Result:
    """`shown` hears of each scene when it is over. All processes have ended when it returns or
    raises. TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, OSError."""
    began = time.monotonic()
    told("opening a browser")
    try:
        with (
            warm(python()) as oven,
            processes(oven) as running,
            browser(directory / PROFILE) as window,
        ):
            stage = partial(_stage, directory, pictures, running, oven, window, told, shown)
            made = await until_signalled(stage)
    except BrowserFault as fault:
        raise TownFault(f"the browser: {fault}") from fault
    return made(round(time.monotonic() - began, 1))


async def _stage(
    directory: Path,
    pictures: Path | None,
    running: Processes,
    oven: Warm | None,
    window: Browser,
    told: Told,
    shown: Callable[[Scene], None],
) -> Callable[[float], Result]:
    """All but the time that it took."""
    async with Bridge.open() as bridge:
        street = await built(directory, free_ports(Random()), running, bridge, told)
        stage = Stage(street, window, pictures, told, shown)
        # Abandoned where somebody interrupts us: it ends with the browser, which ends at once.
        try:
            await trio.to_thread.run_sync(play, stage, abandon_on_cancel=True)
        except BrowserFault as fault:
            words = "\n".join([f"the browser: {fault}", *street.town.last_words()])
            raise TownFault(words) from fault
        told("checking receipts and books")
        proofs = await _proofs(street, Typist(directory / TYPED, oven), directory)
        books = await street.house(BANK).control.ask("people.books")
        check = await check_books(street.town)
    scenes, files = tuple(stage.played), tuple(str(path) for path in stage.taken)
    return lambda seconds: Result(scenes, proofs, check, books["ok"] is True, files, seconds)


async def _proofs(street: Street, typist: Typist, directory: Path) -> tuple[Proof, ...]:
    """Every receipt that the shop has, against its own order: without any node."""
    found = []
    for proof, request_hash, receipt in _delivered(street.orders):
        file = directory / f"{proof.order[:8]}.receipt"
        file.write_bytes(receipt)
        words = ("verify", "receipt", str(file), "--registry", str(street.record), "--json")
        done = await typist.type(words)
        told = json.loads(done.out) if done.out else {}
        fault = ""
        if done.status:
            fault = " ".join(done.said.split()) or str(told.get("code"))
        elif (told["request_hash"], told["amount"]) != (request_hash, proof.amount):
            fault = f"it is over {told['amount']}, of request {told['request_hash']}"
        found.append(replace(proof, fault=fault))
    return tuple(found)


def _delivered(orders: Path) -> list[tuple[Proof, str, bytes]]:
    """(what it has to prove, request hash, receipt) of all, by the shop's book."""
    columns = "number, goods, amount, rests_on, lower(hex(orders.request_hash)), receipt"
    with closing(sqlite3.connect(orders)) as db:
        rows = db.execute(
            f"SELECT {columns} FROM deliveries JOIN orders USING (number) ORDER BY at_us"
        )
        return [(Proof(*proof), request, receipt) for *proof, request, receipt in rows]
