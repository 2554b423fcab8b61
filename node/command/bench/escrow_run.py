"""A benchmark of exchanges from beginning to end: build, issue, measure, compare books."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.bench.chain import BRAND, exchange_network
from node.command.bench.escrow_driver import VERB
from node.command.bench.machine import machine, versions
from node.command.bench.result import FSYNC, POSTGRESQL, TLS
from node.command.bench.server import Server, server
from node.command.bench.storage import node_database, used_bytes
from node.command.processes.books import check_books
from node.command.processes.founding import found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.market import Title, issue, sound_titles, until
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes
from node.command.processes.town import Town, build, run_node_command
from node.core.escrow.rows import LetterKind
from node.escrow.standing import unbounded
from node.escrow.templates import read_template
from runtime.bridge import Bridge

BUYER: Final = "Buyer"
SELLER: Final = "Seller"
REGISTRARS: Final = ("Registrar 1", "Registrar 2")
NODES: Final = (BUYER, "Hop", SELLER, *REGISTRARS)
SUPPLY: Final = 10**12
AMOUNT: Final = 1000  # of the money leg
RAMP_S: Final = 2.0  # every code path has been used, and so many are under way as shall be
OVERTIME_S: Final = 120.0
BOOKS_TIMEOUT_S: Final = 120.0
ROLES: Final = {"buyer": BUYER, "seller": SELLER, "registrar": REGISTRARS[0], "hop": "Hop"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`legs`: one of money, and up to two rights. `profile`: (which node, file)."""

    legs: int
    depth: int
    seconds: float
    store: str
    server: str | None = None
    parent: Path | None = None
    profile: tuple[str, Path] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `found` is what the driver says; `calls` None where they were not counted."""

    wanted: Wanted
    found: Mapping[str, Any]
    calls: Mapping[str, float] | None
    processes: int
    differences: tuple[str, ...]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return bool(self.found["escrows"]) and not self.found["failed"] and not self.differences

    def as_json(self) -> dict[str, Any]:
        """Times per exchange are means over the window."""
        found, many = self.found, self.found["escrows"]
        cpu_ms = {n: round(1000 * s / many, 3) for n, s in found["cpu_s"].items()} if many else {}
        return {
            "escrows_per_s": round(many / found["seconds"], 2),
            **{name: round(found.get(name, 0.0), 2) for name in ("p50_ms", "p95_ms", "p99_ms")},
            "cpu_ms_per_escrow": round(sum(cpu_ms.values()), 3) if cpu_ms else None,
            "cpu_ms_by_process": cpu_ms,
            "letters_per_escrow": self.calls and round(self.calls["letters"], 2),
            "batches_per_escrow": self.calls and round(self.calls["batches"], 2),
            "bytes_per_escrow": self.calls and round(self.calls["bytes"]),
            "legs": self.wanted.legs,
            "money_hops": 2,
            "depth": self.wanted.depth,
            "seconds": round(found["seconds"], 2),
            "escrows": many,
            "escrows_in_all": found["in_all"],
            "failed": found["failed"],
            "reasons": found["reasons"],
            "store": self.wanted.store,
            "fsync": FSYNC,
            "tls": TLS,
            "processes": self.processes,
            "ok": self.ok,
            "books_equal": not self.differences,
            "differences": list(self.differences),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
        }


async def run(wanted: Wanted, directory: Path, told: Callable[[str], None]) -> Outcome:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, ServerFault, OSError.
    """
    if wanted.store != POSTGRESQL:
        return await _run(wanted, directory, told, None)
    told("starting a PostgreSQL server" if wanted.server is None else "making databases")
    with server(wanted.server, list(NODES), wanted.parent) as found:
        return await _run(wanted, directory, told, found)


async def _run(
    wanted: Wanted, directory: Path, told: Callable[[str], None], server: Server | None
) -> Outcome:
    about = machine(directory)

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        found_node(home, alias, ports, server.database(alias) if server else "", service=True)

    def command(name: str, home: Path) -> tuple[str, ...]:
        words = ("bench", "buyer", str(home)) if name == BUYER else run_node_command(name, home)
        if wanted.profile is None or wanted.profile[0] != name:
            return words
        return ("bench", "profiled", str(wanted.profile[1].absolute()), *words)

    async def measure() -> Outcome:
        async with Bridge.open() as bridge:
            plan = make_plan(exchange_network(NODES, BUYER, SELLER))
            ports = free_ports(Random())
            town = await build(plan, directory, ports, bridge, running, told, command, found)
            before = _used(town)
            measured = await _measured(wanted, town, server, told)
            told("comparing all books")
            differences = await _differences(town)
            calls = None if server else _calls(town, before, measured["in_all"])
        software = versions() | ({POSTGRESQL: server.version()} if server else {})
        many = len(town.houses) + len(town.registries)
        return Outcome(wanted, measured, calls, many, differences, about, software)

    with processes() as running:
        return await until_signalled(measure)


async def _measured(
    wanted: Wanted, town: Town, server: Server | None, told: Callable[[str], None]
) -> dict[str, Any]:
    told("issuing what is exchanged")
    rights = [
        Title(f"right {no}", name, f"thing {no}", (), {SELLER: SUPPLY}, (BUYER,), SUPPLY)
        for no, name in enumerate(REGISTRARS[: wanted.legs - 1], 1)
    ]
    brands = await issue(town, rights)
    template = template_of(wanted.legs)
    rule = json.loads(unbounded(read_template(template.encode()), "seller").to_json())
    await town.houses[SELLER].control.ask("escrow.stand", rule=rule, template=template)
    values = {"buyer": town.houses[BUYER].node, "seller": town.houses[SELLER].node, "brand": BRAND}
    values |= {f"right_{no}": brands[right.name] for no, right in enumerate(rights, 1)}
    cards = [town.houses[name].card for name in (BUYER, SELLER)]
    daemons = [h.daemon for h in town.houses.values()] + list(town.registries.values())
    pids = {daemon.name: town.processes.pid(daemon) for daemon in daemons}
    if server is not None and server.pid is not None:
        pids["PostgreSQL"] = server.pid
    told(f"{wanted.depth} exchanges at a time for {wanted.seconds:g} s")
    arguments = {
        "wish": {"template": template, "values": values, "cards": cards},
        "depth": wanted.depth,
        "ramp_ms": int(1000 * RAMP_S),
        "window_ms": int(1000 * wanted.seconds),
        "pids": pids,
    }
    timeout_s = RAMP_S + wanted.seconds + OVERTIME_S
    return await town.houses[BUYER].control.ask_long(VERB, timeout_s, arguments)


def template_of(legs: int) -> str:
    """A purchase of as many rights as there are legs besides the money."""
    numbers = range(1, legs)
    money = {"type": "money", "brand": {"?": "brand"}, "amount": AMOUNT}
    gather: list[Any] = [{"name": "payment", "from": "buyer", "is": money}]
    gather += [
        {"name": f"thing{no}", "from": "seller",
         "is": {"type": "right", "brand": {"?": f"right_{no}"}, "amount": 1}}
        for no in numbers
    ]  # fmt: skip
    distribute = [{"name": f"thing{no}", "to": "buyer"} for no in numbers]
    distribute.append({"name": "payment", "to": "seller"})
    whole = {"template": "bench", "version": 1, "about": "What a benchmark exchanges.",
             "seats": ["buyer", "seller"], "gather": gather, "distribute": distribute}  # fmt: skip
    return json.dumps(whole)


async def _differences(town: Town) -> tuple[str, ...]:
    wrong: list[str] = []

    async def sound() -> bool:
        wrong[:] = await sound_titles(town)
        return not wrong

    with trio.move_on_after(BOOKS_TIMEOUT_S):
        await until("nothing is locked", sound, BOOKS_TIMEOUT_S * 2)
    check = await check_books(town, BOOKS_TIMEOUT_S)
    return (
        *(f"{d.where}: {d.what} is {d.here}, not {d.there}" for d in check.differences),
        *wrong,
    )


def _used(town: Town) -> int:
    """Bytes of all nodes' and registrars' books, in SQLite."""
    homes = [house.daemon.directory for house in town.houses.values()]
    return sum(used_bytes(file) for home in homes for file in home.rglob("*.sqlite"))


def _calls(town: Town, before: int, exchanges: int) -> dict[str, float]:
    """Letters and batches of one exchange, and what all stores keep of it for now."""
    counts = dict.fromkeys(LetterKind, 0)
    for house in town.houses.values():
        file = node_database(house.daemon.directory)
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            sql = "SELECT kind, count(*) FROM letter GROUP BY kind"
            for kind, many in connection.execute(sql):
                counts[LetterKind(kind)] += many
    most = max(1, exchanges)
    return {
        "letters": counts[LetterKind.LETTER] / most,
        "batches": counts[LetterKind.BATCH] / most,
        "bytes": (_used(town) - before) / most,
    }
