"""A benchmark of the page: a town of two nodes, people who join one of them, and what they load."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import trio

from node.command.bench.chain import AMOUNT, BRAND, PAYEE, PAYER, chain_network
from node.command.bench.cpu import all_cpu_s
from node.command.bench.machine import machine, versions
from node.command.bench.page_bank import FILL, multiply
from node.command.bench.page_client import Client, NoAnswer
from node.command.bench.page_held import held_of, hold
from node.command.bench.page_people import (
    PageFault,
    Payer,
    Samples,
    come_in,
    join,
    look,
    pay,
    phase,
    take,
)
from node.command.bench.page_result import Filled, Found, Outcome, Wanted
from node.command.bench.registry_load import unpredictable
from node.command.bench.resident import resident_bytes
from node.command.bench.result import POSTGRESQL, SQLITE
from node.command.bench.run import EXPIRES_S, stores_of
from node.command.bench.server import Server, server
from node.command.bench.storage import node_database
from node.command.processes.books import check_books
from node.command.processes.founding import TownFault, found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.plan import make_plan
from node.command.processes.ports import HOST, free_ports
from node.command.processes.process import processes
from node.command.processes.town import Town, build, run_node_command
from node.config import CONFIG_NAME, read_config
from node.control.requests import MAX_AT_ONCE
from node.core.people.rows import ConfirmationPhase
from node.page_config import NO_PAGE, PageConfig
from runtime.bridge import Bridge

Told = Callable[[str], None]

HOPS: Final = 1  # the payer's node has a line with the payee's
SERVER: Final = "PostgreSQL"
WARM_UP_S: Final = 2.0
FILL_TIMEOUT_S: Final = 3600.0  # a million requests take some minutes
SETTLED_S: Final = 60.0  # after the load, until what was approved has ended
POLL_S: Final = 0.1
BOOKS_TIMEOUT_S: Final = 180.0
AT_ONCE: Final = 8  # people who join at a time
GRANTED: Final = 10**12  # what each may owe: no run comes near it
PAID: Final = ConfirmationPhase.COMMITTED.name
LIVE: Final = frozenset(phase.name for phase in ConfirmationPhase if not phase.final)


async def run(wanted: Wanted, directory: Path, told: Told) -> Outcome:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, ServerFault, OSError.
    """
    if wanted.store == SQLITE:
        return await _run(wanted, directory, told, None)
    told("starting a PostgreSQL server" if wanted.server is None else "making databases")
    with server(wanted.server, [PAYER, PAYEE], wanted.parent) as found:
        return await _run(wanted, directory, told, found)


async def _run(wanted: Wanted, directory: Path, told: Told, server: Server | None) -> Outcome:
    about = machine(directory)
    plan = make_plan(chain_network(HOPS))

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        page = _page(next(ports)) if alias == PAYER else NO_PAGE
        found_node(home, alias, ports, server.database(alias) if server else "", page=page)

    def command(name: str, home: Path) -> tuple[str, ...]:
        if name != PAYER:
            return run_node_command(name, home)
        words = ("bench", "bank", str(home))
        if wanted.profile is None:
            return words
        return ("bench", "profiled", str(wanted.profile.absolute()), *words)

    async def measure() -> Outcome:
        async with Bridge.open() as bridge:
            ports = free_ports(Random())
            town = await build(plan, directory, ports, bridge, running, told, command, found)
            measured = await _Run(wanted, town, server, told).measure()
            told("comparing all books")
            check = await check_books(town, BOOKS_TIMEOUT_S)
        differences = tuple(
            f"{d.where}: {d.what} is {d.here}, not {d.there}" for d in check.differences
        )
        software = versions() | ({POSTGRESQL: server.version()} if server else {})
        return Outcome(wanted, measured, PAYER, differences, about, software)

    with processes() as running:
        try:
            return await until_signalled(measure)
        except (PageFault, NoAnswer) as fault:
            raise TownFault(str(fault)) from fault


def _page(port: int) -> PageConfig:
    return PageConfig(f"{HOST}:{port}", f"http://bank.localhost:{port}")


class _Run:
    """One load, step by step."""

    def __init__(self, wanted: Wanted, town: Town, server: Server | None, told: Told) -> None:
        self._wanted = wanted
        self._town = town
        self._server = server
        self._told = told
        page = read_config(town.houses[PAYER].daemon.directory / CONFIG_NAME).page
        self._origin = page.origin
        self._host = page.origin.partition("//")[2]
        self._port = int(page.listen.rpartition(":")[2])
        self._samples = Samples()
        self._random = unpredictable()

    def _client(self) -> Client:
        return Client(self._port, self._host)

    async def measure(self) -> Found:
        wanted = self._wanted
        filled = await self._fill() if wanted.fill else None
        payers = await self._join()
        await self._give(payers)
        many = int(wanted.approvals * (wanted.seconds + WARM_UP_S)) + 1 if wanted.approvals else 0
        texts = await self._requests(many)
        if not wanted.held:
            return await self._load(payers, texts, filled)
        self._told(f"{wanted.held} connections wait")
        async with hold(self._port, self._host, wanted.held) as counts:
            found = await self._load(payers, texts, filled)
            return replace(found, held=held_of(counts, wanted.held))

    # ------------------------------------------------------------------ who is there

    async def _fill(self) -> Filled:
        """Then it starts anew: what a process has in memory just after writing says little."""
        wanted, house = self._wanted, self._town.houses[PAYER]
        self._told(f"{wanted.fill:,} people get {wanted.fill_each} requests each")
        began = trio.current_time()
        arguments = {"people": wanted.fill, "brand": BRAND}
        await house.control.ask_long(FILL, FILL_TIMEOUT_S, arguments)
        await self._town.kill(PAYER)
        url = (
            f"sqlite:///{node_database(house.daemon.directory)}"
            if self._server is None
            else self._server.database(PAYER)
        )
        requests = await trio.to_thread.run_sync(multiply, url, wanted.fill_each)
        filled_s = trio.current_time() - began
        self._told("starting it anew")
        began = trio.current_time()
        await self._town.restart(PAYER)
        return Filled(
            people=wanted.fill,
            requests=requests,
            filled_s=filled_s,
            ready_s=trio.current_time() - began,
            resident_bytes=self._resident(),
            stored_bytes=stores_of(self._town, self._server)[PAYER](),
        )

    def _resident(self) -> int | None:
        return resident_bytes(self._town.processes.pid(self._town.houses[PAYER].daemon))

    async def _join(self) -> list[Payer]:
        payers: list[Payer] = []
        names = [f"payer{number}" for number in range(self._wanted.payers)]

        async def one(name: str) -> None:
            invited = await self._invited(name)
            async with room, self._client() as client:
                payer = await join(client, self._origin, name, invited, self._random)
                again = await self._invited(name)  # its browser comes by an invitation of its own
                payer.cookies = await come_in(client, self._origin, again, name)
            payers.append(payer)
            self._told(f"{len(payers)} of {len(names)} people have joined")

        room = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(one, name)
        return payers

    async def _invited(self, name: str) -> str:
        """The token of an invitation."""
        control = self._town.houses[PAYER].control
        answer = await control.ask("people.invite", name=name, limits=[[BRAND, str(GRANTED)]])
        return str(answer["token"])

    async def _requests(self, many: int) -> list[str]:
        payee, texts = self._town.houses[PAYEE].control, list[str]()
        while len(texts) < many:
            self._told(f"{len(texts)} of {many} requests are signed")
            count = min(MAX_AT_ONCE, many - len(texts))
            answer = await payee.ask(
                "request.create", amount=AMOUNT, brand=BRAND, expires_s=EXPIRES_S, count=count,
                description="Three bound books and a lamp",
            )  # fmt: skip
            texts += [request["text"] for request in answer["requests"]]
        return texts

    async def _give(self, payers: Sequence[Payer]) -> None:
        """What waits for each, in its list."""
        texts = iter(await self._requests(self._wanted.waiting * len(payers)))
        for number, payer in enumerate(payers):
            self._told(f"{number} of {len(payers)} people are asked for money")
            async with payer.program(self._port, self._host) as client:
                for _ in range(self._wanted.waiting):
                    payer.waiting.append(await take(client, next(texts)))

    # ------------------------------------------------------------------ what they do

    async def _load(
        self, payers: Sequence[Payer], texts: Sequence[str], filled: Filled | None
    ) -> Found:
        wanted, samples, paid = self._wanted, self._samples, list[tuple[Payer, str]]()
        daemons = [house.daemon for house in self._town.houses.values()]
        daemons += self._town.registries.values()
        pids = {daemon.name: self._town.processes.pid(daemon) for daemon in daemons}
        if self._server is not None and self._server.pid is not None:
            pids[SERVER] = self._server.pid
        async with trio.open_nursery() as payments:
            async with trio.open_nursery() as nursery:
                for payer in payers:
                    nursery.start_soon(self._browse, payer)
                if texts:
                    nursery.start_soon(self._approve, payers, texts, paid, payments)
                self._told("warming up")
                await trio.sleep(WARM_UP_S)
                self._told(f"{len(payers)} people look for {wanted.seconds:g} s")
                before, used, began = self._resident(), all_cpu_s(pids), trio.current_time()
                samples.open = True
                await trio.sleep(wanted.seconds)
                samples.open = False
                seconds, now = trio.current_time() - began, all_cpu_s(pids)
                nursery.cancel_scope.cancel()
            after = self._resident()
        return Found(
            seconds=seconds,
            took_ms={kind: tuple(took) for kind, took in samples.took_ms.items()},
            errors=dict(samples.errors),
            cpu_s={name: s - used[name] for name, s in now.items() if name in used},
            resident_bytes=(before, after),
            approved=len(paid),
            paid=await self._arrived(paid),
            filled=filled,
        )

    async def _browse(self, payer: Payer) -> None:
        async with payer.browser(self._port, self._host) as client:
            await look(payer, client, self._wanted.think_s, self._samples)

    async def _approve(
        self,
        payers: Sequence[Payer],
        texts: Sequence[str],
        paid: list[tuple[Payer, str]],
        payments: trio.Nursery,
    ) -> None:
        """So many begin in a second, whether or not the last ones are over: in `payments`, so that
        none is cut off at the end."""

        async def one(payer: Payer, text: str) -> None:
            async with payer.program(self._port, self._host) as client:
                if identity := await pay(payer, client, text, self._samples):
                    paid.append((payer, identity))

        began = trio.current_time()
        for number, text in enumerate(texts):
            await trio.sleep_until(began + number / self._wanted.approvals)
            payments.start_soon(one, payers[number % len(payers)], text)

    async def _arrived(self, paid: Sequence[tuple[Payer, str]]) -> int:
        """How many of those that were approved were paid in the end."""
        self._told("waiting for what was approved")
        phases: dict[str, str] = {}
        with trio.move_on_after(SETTLED_S):
            for payer, identity in paid:
                async with payer.program(self._port, self._host) as client:
                    phases[identity] = await self._end_of(client, identity)
        return sum(stands == PAID for stands in phases.values())

    async def _end_of(self, client: Client, identity: str) -> str:
        while True:
            stands = await phase(client, identity)
            if stands not in LIVE:
                return stands
            await trio.sleep(POLL_S)
