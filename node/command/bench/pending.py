"""A benchmark of promises that wait: fill one node with them, look how it does, end them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.bench.chain import FILLER, HOP, PAYEE, PAYER, crossing_network
from node.command.bench.driver import VERB
from node.command.bench.holding import ABANDON, HOLD, PROMISED
from node.command.bench.machine import machine, versions
from node.command.bench.pending_result import (
    EXPIRED,
    RELEASED,
    Found,
    Fresh,
    Outcome,
    Restart,
    Wanted,
)
from node.command.bench.resident import resident_bytes
from node.command.bench.result import POSTGRESQL, SQLITE
from node.command.bench.run import last_words, make_requests, stores_of
from node.command.bench.server import Server, server
from node.command.bench.storage import used_by
from node.command.processes.books import check_books
from node.command.processes.control import Json
from node.command.processes.founding import TownFault, found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes
from node.command.processes.town import Town, answers, build, run_node_command
from proto.limits import US
from runtime.bridge import Bridge
from runtime.rpc_client import RpcError

Told = Callable[[str], None]

DEPTH: Final = 256  # promises on their way at a time; more would only wait in queues
BEYOND: Final = 20  # payments of a neighbour that has filled its cap
TIMES: Final = 5  # each verb is asked
FRESH_PER_S: Final = 400  # requests for payments one after the other: more than two cores do
MARGIN_S: Final = 60.0  # beyond the time that everything needs, until it is given up
FOLLOW_S: Final = 60.0  # for the hop to have heard all that its neighbour has promised
BOOKS_TIMEOUT_S: Final = 180.0
POLL_S: Final = 0.2
QUICK_POLL_S: Final = 0.02
WARM_S: Final = 1.0
# Who runs with a verb of its own.
DRIVERS: Final = {PAYER: "payer", FILLER: "filler"}


async def run(wanted: Wanted, directory: Path, told: Told) -> Outcome:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, ServerFault, OSError.
    """
    if wanted.store == SQLITE:
        return await _run(wanted, directory, told, None)
    with server(wanted.server, [FILLER, PAYER, HOP, PAYEE], wanted.parent) as found:
        return await _run(wanted, directory, told, found)


async def _run(wanted: Wanted, directory: Path, told: Told, server: Server | None) -> Outcome:
    about = machine(directory)
    plan = make_plan(crossing_network(2 * wanted.hold_s * US))

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        # Half of it may pass on, so that the filler's promises are exactly what the hop admits.
        url = server.database(alias) if server else ""
        found_node(home, alias, ports, url, 2 * wanted.payments)

    async def measure_all() -> Outcome:
        async with Bridge.open() as bridge:
            town = await build(
                plan, directory, free_ports(Random()), bridge, running, told, _command, found
            )
            measured = await _Run(wanted, directory, town, server, told).measure()
            told("comparing all books")
            check = await check_books(town, BOOKS_TIMEOUT_S)
        differences = tuple(
            f"{d.where}: {d.what} is {d.here}, not {d.there}" for d in check.differences
        )
        software = versions() | ({POSTGRESQL: server.version()} if server else {})
        return Outcome(wanted, measured, HOP, differences, about, software)

    with processes() as running:
        return await until_signalled(measure_all)


def _command(name: str, home: Path) -> tuple[str, ...]:
    driver = DRIVERS.get(name)
    return ("bench", driver, str(home)) if driver else run_node_command(name, home)


class _Run:
    """One filling of one hop, step by step."""

    def __init__(
        self, wanted: Wanted, directory: Path, town: Town, server: Server | None, told: Told
    ) -> None:
        self._wanted = wanted
        self._directory = directory
        self._town = town
        self._told = told
        self._stores = stores_of(town, server)
        self._fresh: dict[str, Fresh] = {}
        self._promised_at = 0.0

    async def measure(self) -> Found:
        wanted = self._wanted
        held = self._directory / "held"
        await make_requests(self._town, held, wanted.payments, self._told, manual=True)
        await self._pay_fresh("warming up", WARM_S)
        self._fresh["before"] = await self._pay_fresh("before", wanted.seconds)
        resident, stored = self._resident(), used_by(self._stores)
        filled_s, first = await self._fill(held)
        pending = await self._pending()
        full = self._resident()
        both = {n: (size, full[n]) for n, size in resident.items() if n in full}
        now_stored = used_by(self._stores)
        beyond = await self._beyond()
        self._fresh["full"] = await self._pay_fresh("with everything pending", wanted.seconds)
        times = await self._answers(first)
        restart = await self._restart()
        self._fresh["restarted"] = await self._pay_fresh("after the restart", wanted.seconds)
        ended_s, left = await self._end()
        return Found(
            pending=pending,
            filled_s=filled_s,
            resident_bytes=both,
            stored_bytes={n: (size, now_stored[n]) for n, size in stored.items()},
            fresh=self._fresh,
            beyond_cap=beyond,
            answers_ms=times,
            restart=restart,
            ended_s=ended_s,
            left=left,
        )

    def _resident(self) -> dict[str, int]:
        pids = {n: self._town.processes.pid(h.daemon) for n, h in self._town.houses.items()}
        sizes = {name: resident_bytes(pid) for name, pid in pids.items()}
        return {name: size for name, size in sizes.items() if size is not None}

    async def _long(self, name: str, verb: str, seconds: float, arguments: Json) -> Json:
        try:
            return await self._town.houses[name].control.ask_long(verb, seconds, arguments)
        except RpcError as error:
            words = [f"{name}: {error}", *await last_words(self._town)]
            raise TownFault("\n".join(words)) from error

    async def _pay(self, name: str, file: Path, depth: int, seconds: float) -> Json:
        arguments: dict[str, Any] = {
            "requests": str(file),
            "depth": depth,
            "ramp_ms": 0,
            "window_ms": int(1000 * seconds),
            "level": self._wanted.level.name,
        }
        return await self._long(name, VERB, seconds + MARGIN_S, arguments)

    async def _pay_fresh(self, when: str, seconds: float) -> Fresh:
        """The payer pays the payee over the hop, one payment at a time."""
        file = self._directory / "fresh"
        await make_requests(self._town, file, int(FRESH_PER_S * seconds) + 1, self._told)
        self._told(f"fresh payments {when}")
        found = await self._pay(PAYER, file, 1, seconds)
        times = (found.get("p50_ms", 0.0), found.get("p95_ms", 0.0))
        return Fresh(found["ended"], found["failed"], *times)

    async def _fill(self, file: Path) -> tuple[float, str]:
        """Seconds until every promise waits on the hop, and one of the payments."""
        wanted, began = self._wanted, trio.current_time()
        self._told(f"{wanted.payments} payments are promised")
        arguments: dict[str, Any] = {
            "requests": str(file),
            "level": wanted.level.name,
            "depth": min(DEPTH, wanted.payments),
            "hold_us": wanted.hold_s * US,
        }
        held = await self._long(FILLER, HOLD, wanted.hold_s + MARGIN_S, arguments)
        if held["counts"] != {PROMISED: wanted.payments}:
            raise TownFault(f"{FILLER}: of {wanted.payments} payments {held['counts']}")
        self._promised_at = trio.current_time()
        await self._until(2 * wanted.payments, FOLLOW_S)
        return trio.current_time() - began, held["first"]

    async def _pending(self) -> int:
        """Of the hop; -1 while it does not answer."""
        answer = await answers(self._town.houses[HOP], "status")
        return int(answer["pending_promises"]) if answer else -1

    async def _until(self, many: int, at_most_s: float) -> None:
        with trio.move_on_after(at_most_s):
            while True:
                if (now := await self._pending()) == many:
                    return
                self._told(f"{now} promises are pending")
                await trio.sleep(POLL_S)

    async def _beyond(self) -> Mapping[str, int]:
        file = self._directory / "beyond"
        await make_requests(self._town, file, BEYOND, self._told)
        self._told("paying beyond the cap")
        found = await self._pay(FILLER, file, BEYOND, MARGIN_S)
        paid: dict[str, int] = {"COMMITTED": found["paid"]} if found["paid"] else {}
        return {**paid, **found["reasons"]}

    async def _answers(self, payment: str) -> dict[str, float]:
        """How long the slowest of several answers took, by verb and node."""
        asked: dict[str, Callable[[], Awaitable[Json]]] = {}
        hop, filler = (self._town.houses[name].control for name in (HOP, FILLER))
        asked["status of the hop"] = lambda: hop.ask("status")
        asked["status --db of the hop"] = lambda: hop.ask("status", db=True)
        asked["audit of the hop"] = lambda: hop.ask("audit")
        asked["status of the payer"] = lambda: filler.ask("status")
        asked["payment show"] = lambda: filler.ask("payment.show", id=payment)
        asked["payment list"] = lambda: filler.ask("payment.list")
        slowest = {}
        for name, ask in asked.items():
            self._told(f"asking: {name}")
            took = []
            for _ in range(TIMES):
                began = trio.current_time()
                await ask()
                took.append(trio.current_time() - began)
            slowest[name] = 1000 * max(took)
        return slowest

    async def _restart(self) -> Restart:
        self._told("killing and starting the hop")
        await self._town.kill(HOP)
        began = trio.current_time()
        await self._town.restart(HOP)
        ready_s = trio.current_time() - began
        while True:
            if (pending := await self._pending()) >= 0:
                break
            await trio.sleep(QUICK_POLL_S)
        answered_s = trio.current_time() - began
        await self._first_payment()
        return Restart(ready_s, answered_s, trio.current_time() - began, pending)

    async def _first_payment(self) -> None:
        """Until one of the payer's goes through: neighbours connect again by themselves."""
        file = self._directory / "first"
        with trio.move_on_after(MARGIN_S):
            while True:
                await make_requests(self._town, file, 1, lambda _: None)
                if (await self._pay(PAYER, file, 1, 1.0))["paid"]:
                    return
                await trio.sleep(QUICK_POLL_S)

    async def _end(self) -> tuple[float, int]:
        """Seconds until nothing is pending any more, and what is pending all the same."""
        if self._wanted.end == EXPIRED:
            self._told("waiting for the deadlines")
            await trio.sleep_until(self._promised_at + self._wanted.hold_s)
        began = trio.current_time()
        if self._wanted.end == RELEASED:
            self._told("giving up all payments")
            await self._long(FILLER, ABANDON, MARGIN_S + self._wanted.hold_s, {})
        await self._until(0, MARGIN_S + self._wanted.hold_s)
        return trio.current_time() - began, await self._pending()
