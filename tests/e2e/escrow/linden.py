"""The town of the twelve cases: six nodes, three of them registrars, and two registries.

Money goes over the bank, two promises from whoever pays to whoever is paid. The land office lets
R1 alone decide about land, the simulator R2 alone about objects.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from node.command.processes.founding import TownFault, found_node
from node.command.processes.market import (
    Bargain,
    Holdings,
    Title,
    holdings,
    issue,
    sound_titles,
    until,
)
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes
from node.command.processes.town import Town, build
from pathfinder.network import Line, Network, Node
from runtime.bridge import Bridge
from tests.e2e.houses import FEES, end, require_books, require_clean_logs
from tests.warmed import oven

BRAND = "USD"
LIMIT = 1_000_000
BOTH = frozenset({"R1", "R2"})
ALICE, BOB, GUILD = "Alice", "Bob", "Guild"
BANK, LAND, SIM = "Bank", "Land office", "Simulator"


def network() -> Network:
    """A star around the bank."""
    lists = {ALICE: BOTH, BOB: BOTH, GUILD: BOTH, BANK: BOTH,
             LAND: frozenset({"R1"}), SIM: frozenset({"R2"})}  # fmt: skip
    nodes = tuple(Node(n, a, True, fees=FEES) for n, a in lists.items())
    pairs = [(BANK, name) for name in lists if name != BANK]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1", "R2"), (), nodes, lines)


def land(number: int) -> tuple[tuple[str, str], ...]:
    return (("region", "Ahern"), ("parcel_id", str(number)))


def parcel(number: int, owner: str) -> Title:
    return Title(f"parcel {number}", LAND, "parcel", land(number), {owner: 1}, (ALICE, BOB, GUILD))


def thing(
    number: int, owner: str, kind: str = "object", more: tuple[str, str] | None = None
) -> Title:
    named = (("region", "Ahern"), ("task_id", str(number)), *((more,) if more else ()))
    return Title(f"{kind} {number}", SIM, kind, named, {owner: 1}, (ALICE, BOB))


def pass_for(number: int, owner: str) -> Title:
    named = (*land(number), ("period", "a week"))
    return Title(f"pass {number}", LAND, "parcel pass", named, {owner: 2}, (ALICE,), supply=2)


def permission(of: str, whom: str, count: int) -> Title:
    named = (("of", of), ("for", whom))
    return Title(f"{of} for {whom}", of, "permission", named, {of: count}, (whom,), supply=count)


TITLES = (
    *(parcel(number, BOB) for number in (1, 2, 12)),
    *(parcel(number, ALICE) for number in range(3, 12)),
    thing(11, BOB),
    thing(12, SIM, "contents", ("item", "a lamp")),
    thing(13, SIM, "contents", ("item", "a lamp")),
    pass_for(1, BOB),
    pass_for(2, GUILD),
    permission(ALICE, BOB, 2),
    permission(BOB, ALICE, 1),
    Title("tier", BANK, "tier", (("unit", "square metre"),), {ALICE: 1024}, (GUILD,), 4096),
    Title("member", GUILD, "membership", (("group_name", "Weavers"), ("role", "member")),
          {GUILD: 5}, (ALICE,), 5),
    Title("deposit", GUILD, "deposit", (("of", BRAND),),
          {GUILD: LIMIT}, (ALICE, BOB), LIMIT),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One of the twelve: what is exchanged, and what everybody's titles change by.

    `pays`: who pays whom how much; the payer's cost has the bank's fee in it.
    """

    bargain: Bargain
    titles: Mapping[tuple[str, str], int]
    pays: tuple[str, str, int] | None = None

    @property
    def exchange(self) -> bool:
        """Whether more than one gives."""
        givers = {name for (name, _), change in self.titles.items() if change < 0}
        return len(givers | ({self.pays[0]} if self.pays else set())) > 1


def _bargain(template: str, seats: Mapping[str, str], values: Mapping[str, Any] = {}) -> Bargain:
    return Bargain(template, seats, values)


def paid(amount: int) -> dict[str, Any]:
    return {"brand": BRAND, "amount": amount}


def plot(number: int) -> dict[str, Any]:
    return {"region": "Ahern", "parcel_id": number}


def cases() -> dict[str, Case]:
    """The twelve, in the order of the design; each can be had once."""
    inside = {"region": "Ahern", "task_id": 12, "item": "a lamp"}
    given = {**inside, "task_id": 13}
    week = {"period": "a week"}
    return {
        "friendship": Case(
            _bargain("friendship", {"A": ALICE, "B": BOB}, {"name_of_A": ALICE, "name_of_B": BOB}),
            {(ALICE, "Alice for Bob"): -1, (BOB, "Alice for Bob"): 1,
             (BOB, "Bob for Alice"): -1, (ALICE, "Bob for Alice"): 1},
        ),
        "gift": Case(
            _bargain("gift", {"giver": ALICE, "receiver": BOB}, paid(500)), {}, (ALICE, BOB, 500)
        ),
        "buy parcel": Case(
            _bargain("buy parcel", {"buyer": ALICE, "seller": BOB}, paid(9000) | plot(1)),
            {(BOB, "parcel 1"): -1, (ALICE, "parcel 1"): 1}, (ALICE, BOB, 9000),
        ),
        "buy parcel for group": Case(
            _bargain("buy parcel for group", {"buyer": ALICE, "seller": BOB, "group": GUILD},
                     paid(8000) | plot(2)),
            {(BOB, "parcel 2"): -1, (GUILD, "parcel 2"): 1}, (ALICE, BOB, 8000),
        ),
        "buy object contents": Case(
            _bargain("buy object contents", {"buyer": ALICE, "owner": BOB, "object": SIM},
                     paid(300) | inside),
            {(SIM, "contents 12"): -1, (ALICE, "contents 12"): 1}, (ALICE, BOB, 300),
        ),
        "give object contents": Case(
            _bargain("give object contents", {"receiver": ALICE, "object": SIM}, given),
            {(SIM, "contents 13"): -1, (ALICE, "contents 13"): 1},
        ),
        "buy object": Case(
            _bargain("buy object", {"buyer": ALICE, "seller": BOB},
                     paid(700) | {"region": "Ahern", "task_id": 11}),
            {(BOB, "object 11"): -1, (ALICE, "object 11"): 1}, (ALICE, BOB, 700),
        ),
        "join group": Case(
            _bargain("join group", {"applicant": ALICE, "group": GUILD},
                     paid(120) | {"group_name": "Weavers", "role": "member"}),
            {(GUILD, "member"): -1, (ALICE, "member"): 1}, (ALICE, GUILD, 120),
        ),
        "buy parcel pass": Case(
            _bargain("buy parcel pass", {"visitor": ALICE, "owner": BOB},
                     paid(40) | plot(1) | week),
            {(BOB, "pass 1"): -1, (ALICE, "pass 1"): 1}, (ALICE, BOB, 40),
        ),
        "buy parcel pass from group": Case(
            _bargain("buy parcel pass from group", {"visitor": ALICE, "group": GUILD},
                     paid(60) | plot(2) | week),
            {(GUILD, "pass 2"): -1, (ALICE, "pass 2"): 1}, (ALICE, GUILD, 60),
        ),
        "deed parcel": Case(
            _bargain("deed parcel", {"owner": ALICE, "group": GUILD}, plot(3)),
            {(ALICE, "parcel 3"): -1, (GUILD, "parcel 3"): 1},
        ),
        "deed parcel and tier": Case(
            _bargain("deed parcel and tier", {"owner": ALICE, "group": GUILD},
                     plot(4) | {"tier": 512}),
            {(ALICE, "parcel 4"): -1, (GUILD, "parcel 4"): 1,
             (ALICE, "tier"): -512, (GUILD, "tier"): 512},
        ),
    }  # fmt: skip


@asynccontextmanager
async def linden(directory: Path) -> AsyncIterator[Town]:
    """The town, with its titles. Afterwards all books are equal, every registrar's trail is sound,
    nothing is locked, all ended on SIGTERM, and no log holds an error."""
    with processes(oven()) as children:
        async with Bridge.open() as bridge:
            town = await build(
                make_plan(network()),
                directory,
                free_ports(Random()),
                bridge,
                children,
                lambda _: None,
                found=partial(found_node, service=True),
            )
            await issue(town, TITLES)
            yield town
            await require_books(town)
            await require_sound_titles(town)
        end(children)
    require_clean_logs(directory)


async def require_sound_titles(town: Town) -> None:
    """Every registrar's trail tells what every account has (K3), and nothing is locked."""
    faults: list[str] = []

    async def sound() -> bool:
        faults[:] = await sound_titles(town)
        return not faults

    try:
        await until("the registrars' books are sound", sound)
    except TownFault as error:
        error.add_note("\n".join(faults))
        raise


async def require_nothing_moved(town: Town, before: Holdings) -> None:
    """As if it had not been: every balance and every title is where it was."""
    await require_sound_titles(town)
    after = await holdings(town)
    assert before.moved(after) == {}
    assert after.locked == 0
