"""A run from beginning to end: build, pay and kill, wait for every end, compare all books."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import trio

from node.command.processes.books import Difference, check_books
from node.command.processes.interruption import until_signalled
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes, python
from node.command.processes.town import Town, build
from node.command.processes.warm import warm
from node.command.sim.kills.blows import draw_waves
from node.command.sim.kills.customers import Customer, Orders
from node.command.sim.kills.ledgers import Ledger, read_courts, read_ledgers
from node.command.sim.kills.result import Blows, LawfulLoss, Result
from node.command.sim.kills.striking import Striker, Tally
from node.command.sim.kills.verdict import (
    REDEEMED,
    Books,
    Lost,
    excused,
    find_breaches,
    find_losses,
)
from node.command.sim.kills.village import FEES, village
from node.core.rows import RequestPhase
from proto.modes import mode_of
from proto.request import from_text
from registry.home import Home, load_record
from runtime.bridge import Bridge

CUSTOMERS: Final = 10  # payments under way at once: enough that every kill meets some of them
# From the last start to the end of every payment: ATTEMPTS deadlines and guards of 12 s each,
# reconnecting, and a machine that is busy with other things.
LAST_END_S: Final = 90.0
QUIET_S: Final = 40.0  # and then until nothing is pending and nothing unacknowledged
# After its start a node is linked again within five seconds, on a machine that is very busy ten.
BACK_US: Final = 10_000_000
FATAL: Final = ("Traceback", " ERROR ", " CRITICAL ")


async def run(seed: int, kills: int, directory: Path, told: Callable[[str], None]) -> Result:
    """All processes have ended when it returns or raises; the books stay in `directory`.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, OSError.
    """
    began = time.monotonic()
    orders, tally = Orders(), Tally()

    async def live() -> tuple[Town, list[str]]:
        async with Bridge.open() as bridge:
            plan, ports = make_plan(village()), free_ports(Random())
            town = await build(plan, directory, ports, bridge, children, told)
            stuck = await _storm(town, seed, kills, orders, tally, told)
            told("waiting until nothing is under way")
            check = await check_books(town, QUIET_S)
            return town, [*stuck, *map(_difference, check.differences)]

    with warm(python()) as copies, processes(copies) as children:
        town, faults = await until_signalled(live)
        told("ending everybody, and reading all books")
        faults += [f"{name} did not end on SIGTERM" for name in children.end_all()]
    faults += [*tally.faults, *orders.surprises, *_complaints(directory)]
    return _judge(town, orders, tally, faults, seed, time.monotonic() - began)


def _difference(difference: Difference) -> str:
    return f"books: {difference.where}: {difference.what} {difference.here}, not {difference.there}"


async def _storm(
    town: Town, seed: int, kills: int, orders: Orders, tally: Tally, told: Callable[[str], None]
) -> list[str]:
    """Customers pay while the blows fall. Who is still waiting long after the last of them."""
    over = trio.Event()
    waiting: Counter[int] = Counter(range(CUSTOMERS))

    def progress() -> None:
        told(f"{tally.kills} of {kills} killed, {len(orders.deals)} payments begun")

    async def pay(number: int) -> None:
        await Customer(town, number, seed, orders).pay_on(over)
        del waiting[number]

    async with trio.open_nursery() as nursery:
        for number in range(CUSTOMERS):
            nursery.start_soon(pay, number)
        victims = [*town.houses, *town.registries]
        waves = draw_waves(seed, victims, kills)
        await Striker(town, tally, orders, progress).strike(waves)
        told("everybody runs again; waiting for the last payments")
        over.set()
        nursery.cancel_scope.deadline = trio.current_time() + LAST_END_S
    stuck = [deal for deal in orders.deals if len(deal.ends) < len(deal.payers)]
    lines = [
        f"8 everything ends: {deal.payers} to {deal.payee}, {deal.manner.name}: nobody was told how"
        for deal in stuck
    ]
    return lines or [f"8 everything ends: customer {number} waits" for number in waiting]


def _complaints(directory: Path) -> list[str]:
    """Lines of the logs that no run may hold."""
    found = []
    for log in sorted(directory.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if any(mark in line for mark in FATAL):
                found.append(f"{log.name}: {line}")
    return found


def _judge(
    town: Town, orders: Orders, tally: Tally, faults: list[str], seed: int, seconds: float
) -> Result:
    ids = {n: load_record(Home(d.directory).record).registry for n, d in town.registries.items()}
    ledgers = read_ledgers(town)
    books = Books(ledgers, FEES)
    faults += map(str, find_breaches(books, read_courts(town, ids)))
    faults += _taken_back(ledgers, orders)
    losses = find_losses(books)
    faults += _unlawful(losses, tally, {registry: name for name, registry in ids.items()})
    phases = Counter(p.phase.name for ledger in ledgers for p in ledger.payments)
    return Result(
        seed=seed,
        blows=Blows(
            tally.kills,
            tally.registry_kills,
            tally.in_start,
            tally.terms,
            tally.waves,
            tally.most_down,
        ),
        payments=sum(phases.values()),
        committed=phases["COMMITTED"],
        aborted=phases["ABORTED"],
        levels=dict(Counter(p.level.name for _, p in books.given() if p.phase is REDEEMED)),
        modes=_modes(books),
        losses=tuple(map(_lawful, losses)),
        breaches=tuple(faults),
        homes=_homes(town),
        seconds=round(seconds, 1),
    )


def _homes(town: Town) -> dict[str, str]:
    daemons = [*(house.daemon for house in town.houses.values()), *town.registries.values()]
    return {daemon.name: daemon.directory.name for daemon in daemons}


def _modes(books: Books) -> dict[str, int]:
    """How many committed pairs each mode has had."""
    modes = [mode_of(h.level, g.level) for _, h, g in books.pairs() if g.phase is REDEEMED]
    return dict(Counter(mode.name for mode in modes if mode is not None))


def _taken_back(ledgers: list[Ledger], orders: Orders) -> list[str]:
    """What a daemon had told somebody, and does not know any more."""
    by_name = {ledger.name: ledger for ledger in ledgers}
    found = []
    for deal in orders.deals:
        request = by_name[deal.payee].requests.get(bytes.fromhex(deal.request))
        if request is None:
            found.append(f"durable: {deal.payee} has forgotten request {deal.request[:8]}")
            continue
        if deal.paid and request.phase is not RequestPhase.PAID:
            found.append(f"durable: {deal.payee} said it was paid, it is {request.phase.name}")
        for payer, end in deal.ends.items():
            known = [p for p in by_name[payer].payments if p.request == from_text(deal.text)]
            if end not in [p.phase.name for p in known]:
                phases = [p.phase.name for p in known]
                found.append(f"durable: {payer} said {end} of {deal.request[:8]}, not {phases}")
    return found


def _unlawful(losses: list[Lost], tally: Tally, registries: dict[bytes, str]) -> list[str]:
    down: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for outage in tally.outages:
        down[outage.name].append((outage.from_us, outage.until_us + BACK_US))
    return [
        f"6 loss: {lost.node} in mode {lost.mode.name} lost {lost.amount} to {lost.upstream}"
        f" under {lost.commit.hex()[:8]}, though everybody was there"
        for lost in losses
        if not excused(lost, down, registries)
    ]


def _lawful(lost: Lost) -> LawfulLoss:
    return LawfulLoss(
        lost.node,
        lost.upstream,
        lost.mode.name,
        lost.allowed.name,
        lost.amount,
        lost.commit.hex(),
    )
