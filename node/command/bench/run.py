"""A benchmark of payments from beginning to end: build, warm up, measure, compare books."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.bench.chain import AMOUNT, BRAND, PAYEE, PAYER, REGISTRY, chain_network, names
from node.command.bench.driver import VERB
from node.command.bench.machine import machine, versions
from node.command.bench.result import POSTGRESQL, SQLITE, Measured, Outcome, Wanted
from node.command.bench.server import Server, server
from node.command.bench.storage import node_database, registry_database, used_by, used_bytes
from node.command.processes.books import check_books
from node.command.processes.control import Json
from node.command.processes.founding import TownFault, found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes
from node.command.processes.town import (
    Town,
    build,
    run_node_command,
    run_registry_command,
)
from node.control.requests import MAX_AT_ONCE
from runtime.bridge import Bridge
from runtime.rpc_client import RpcError

Told = Callable[[str], None]

ACCOUNTS: Final = "accounts.json"  # in the folder of each daemon
SERVER: Final = "PostgreSQL"  # the name of its share of the processors' time
WARM_UP_S: Final = 30.0  # at most; a slow machine measures with colder caches
RAMP_S: Final = 1.0  # until as many are in flight as there shall be
SPARE: Final = 1.6  # requests made, by the rate of the warm-up, which is slower than what follows
LEAST_PER_S: Final = 300.0  # of requests made: a short warm-up is mostly the first payments
EXPIRES_S: Final = 6 * 3600  # of requests: longer than any run
BOOKS_TIMEOUT_S: Final = 180.0  # audits read every row of a hundred thousand payments
DYING_S: Final = 2.0
POLL_S: Final = 0.05
OVERTIME_S: Final = 120.0  # beyond the window, until the call to the driver is given up


async def run(wanted: Wanted, directory: Path, told: Told) -> Outcome:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, ServerFault, OSError.
    """
    if wanted.store == SQLITE:
        return await _run(wanted, directory, told, None)
    told("starting a PostgreSQL server" if wanted.server is None else "making databases")
    with server(wanted.server, list(names(wanted.hops)), wanted.parent) as found:
        return await _run(wanted, directory, told, found)


async def _run(wanted: Wanted, directory: Path, told: Told, server: Server | None) -> Outcome:
    about = machine(directory)
    plan = make_plan(chain_network(wanted.hops))

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        found_node(home, alias, ports, server.database(alias) if server else "")

    async def measure_all() -> Outcome:
        async with Bridge.open() as bridge:
            town = await build(
                plan, directory, free_ports(Random()), bridge, running, told,
                _commands(wanted), found, _registry_command(wanted),
            )  # fmt: skip
            run = _Run(wanted, directory, town, server, told)
            measured = [await run.measure(depth) for depth in wanted.depths]
            told("comparing all books")
            check = await check_books(town, BOOKS_TIMEOUT_S)
        differences = tuple(
            f"{d.where}: {d.what} is {d.here}, not {d.there}" for d in check.differences
        )
        many = len(town.houses) + len(town.registries)
        software = versions() | ({POSTGRESQL: server.version()} if server else {})
        return Outcome(wanted, many, tuple(measured), differences, about, software)

    with processes() as running:
        return await until_signalled(measure_all)


def _commands(wanted: Wanted) -> Callable[[str, Path], tuple[str, ...]]:
    """The payer drives the load itself; one node may be watched by a profiler."""

    def command(name: str, home: Path) -> tuple[str, ...]:
        words = ("bench", "payer", str(home)) if name == PAYER else run_node_command(name, home)
        if wanted.budget:
            return ("bench", "accounted", str(home / ACCOUNTS), *words)
        if wanted.profile is None or wanted.profile[0] != name:
            return words
        return ("bench", "profiled", str(wanted.profile[1].absolute()), *words)

    return command


def _registry_command(wanted: Wanted) -> Callable[[Path], tuple[str, ...]]:
    def command(home: Path) -> tuple[str, ...]:
        words = run_registry_command(home)
        return ("bench", "accounted", str(home / ACCOUNTS), *words) if wanted.budget else words

    return command


class _Run:
    """Measures one depth after the other in the same processes."""

    def __init__(
        self, wanted: Wanted, directory: Path, town: Town, server: Server | None, told: Told
    ) -> None:
        self._wanted = wanted
        self._file = directory / "requests"
        self._town = town
        self._told = told
        daemons = [house.daemon for house in town.houses.values()]
        daemons += town.registries.values()
        self._pids = {daemon.name: town.processes.pid(daemon) for daemon in daemons}
        if server is not None and server.pid is not None:
            self._pids[SERVER] = server.pid
        self._stores = stores_of(town, server)
        self._accounts = {d.name: str(d.directory / ACCOUNTS) for d in daemons if wanted.budget}

    async def measure(self, depth: int) -> Measured:
        rate = await self._warm_up(depth)
        many = int(max(rate, LEAST_PER_S) * (self._wanted.seconds + RAMP_S) * SPARE) + 2 * depth
        empty = used_by(self._stores)
        await self._make_requests(many)
        before = used_by(self._stores)
        self._told(f"depth {depth}: paying for {self._wanted.seconds:g} s")
        found = await self._pay(depth, RAMP_S, self._wanted.seconds)
        grown = used_by(self._stores)
        growth = {
            name: (grown[name] - before[name]) / max(1, found["paid"])
            + (before[name] - empty[name]) / many
            for name in grown
        }
        return _measured(depth, found, growth)

    async def _warm_up(self, depth: int) -> float:
        """Payments per second, roughly and cautiously."""
        await self._make_requests(self._wanted.warm_up + 2 * depth)
        self._told(f"depth {depth}: warming up")
        began = trio.current_time()
        found = await self._pay(depth, 0.0, WARM_UP_S)
        return float(found["paid"]) / (trio.current_time() - began)

    async def _make_requests(self, many: int) -> None:
        await make_requests(self._town, self._file, many, self._told)

    async def _pay(self, depth: int, ramp_s: float, window_s: float) -> Json:
        arguments: dict[str, Any] = {
            "requests": str(self._file),
            "depth": depth,
            "ramp_ms": int(1000 * ramp_s),
            "window_ms": int(1000 * window_s),
            "level": self._wanted.level.name,
            "pids": self._pids,
            "accounts": self._accounts,
        }
        payer = self._town.houses[PAYER].control
        try:
            return await payer.ask_long(VERB, ramp_s + window_s + OVERTIME_S, arguments)
        except RpcError as error:
            words = [f"{PAYER}: {error}", *await last_words(self._town)]
            raise TownFault("\n".join(words)) from error


async def make_requests(
    town: Town, file: Path, many: int, told: Told, *, manual: bool = False
) -> None:
    """Requests of the payee, one a line of the file. `manual`: it waits for its owner."""
    payee = town.houses[PAYEE].control
    texts: list[str] = []
    while len(texts) < many:
        told(f"{len(texts)} of {many} requests are signed")
        answer = await payee.ask(
            "request.create",
            amount=AMOUNT,
            brand=BRAND,
            expires_s=EXPIRES_S,
            count=min(MAX_AT_ONCE, many - len(texts)),
            manual=manual,
        )
        texts += [request["text"] for request in answer["requests"]]
    await trio.Path(file).write_text("\n".join(texts))


def stores_of(town: Town, server: Server | None) -> dict[str, Callable[[], int]]:
    """What tells how full each store is, by the name of its daemon."""
    stores: dict[str, Callable[[], int]] = {}
    for name, house in town.houses.items():
        home = house.daemon.directory
        stores[name] = (
            partial(server.used_bytes, name)
            if server is not None
            else partial(used_bytes, node_database(home))
        )
    decisions = registry_database(town.registries[REGISTRY].directory)
    return stores | {REGISTRY: partial(used_bytes, decisions)}


async def last_words(town: Town) -> list[str]:
    """Of whoever has ended by itself; it may need a moment for that."""
    until = trio.current_time() + DYING_S
    words = town.last_words()
    while not words and trio.current_time() < until:
        await trio.sleep(POLL_S)
        words = town.last_words()
    return words


def _measured(depth: int, found: Json, growth: dict[str, float]) -> Measured:
    ended = found["ended"]
    return Measured(
        depth=depth,
        seconds=found["window_s"],
        payments=ended,
        paid_in_all=found["paid"],
        failed=found["failed"],
        reasons=found["reasons"],
        latencies_ms={name: found.get(name, 0.0) for name in ("p50_ms", "p95_ms", "p99_ms")},
        cpu_ms={name: 1000 * s / ended for name, s in found.get("cpu_s", {}).items() if ended},
        bytes_grown=growth,
        search_hits=found["search_hits"],
        searches=found["searches"],
        budget_us=found.get("budget_us", {}),
    )


def node_of(role: str, hops: int) -> str:
    """The name of the node that plays a role: "payer", "payee", or "hop", the one in the middle."""
    row = names(hops)
    return {"payer": row[0], "payee": row[-1], "hop": row[len(row) // 2]}[role]
