"""A whole network in processes: founded on disk, started, joined by lines, known to everybody."""

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Final

import trio

from node.command.processes.control import Control, Json, Refused
from node.command.processes.founding import (
    Found,
    TownFault,
    found_again,
    found_node,
    found_registry,
)
from node.command.processes.plan import (
    CreditLine,
    Plan,
    fee_argument,
    policy_argument,
    registry_fee_argument,
)
from node.command.processes.ports import NoPort
from node.command.processes.process import Daemon, Processes, StartFailed
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Line, Network
from registry.home import Home, HomeFault, load_record
from registry.relay_members import keep_member
from runtime.bridge import Bridge
from runtime.rpc_client import RpcError

AT_ONCE: Final = 6  # daemons that start together: more only wait for each other's imports
START_TRIES: Final = 3  # a port may be taken between our look and the daemon's
LINE_WAIT_S: Final = 30
KNOWN_TIMEOUT_S: Final = 40.0
POLL_S: Final = 0.15

Told = Callable[[str], None]


@dataclass(slots=True)
class House:
    """One node: its process, its owner's socket, and what neighbours need to meet it."""

    name: str
    daemon: Daemon
    control: Control
    node: str = ""
    card: str = ""


@dataclass(slots=True)
class Town:
    """Everything that runs. `lines` are ids, in the order of the plan's."""

    plan: Plan
    processes: Processes
    houses: dict[str, House]
    registries: dict[str, Daemon]

    def last_words(self) -> list[str]:
        """Of daemons that have ended by themselves: which, and the end of their logs."""
        dead = self.processes.statuses()
        daemons = [*self.registries.values(), *(h.daemon for h in self.houses.values())]
        return [f"{d.name} {dead[d.name]}\n{d.last_lines()}" for d in daemons if d.name in dead]

    async def kill(self, name: str) -> int:
        """SIGKILL to a house; its process id, which is gone."""
        house = self.houses[name]
        pid = self.processes.pid(house.daemon)
        await trio.to_thread.run_sync(self.processes.kill, house.daemon)
        return pid

    async def restart(self, name: str) -> None:
        """StartFailed."""
        house = self.houses[name]
        await self.processes.start(house.daemon)
        await house.control.again()


def run_node_command(_: str, home: Path) -> tuple[str, ...]:
    """The ordinary way to run a node."""
    return ("node", "run", str(home))


def run_registry_command(home: Path) -> tuple[str, ...]:
    """The ordinary way to run a registry."""
    return ("registry", "run", str(home))


async def build(
    plan: Plan,
    directory: Path,
    ports: Iterator[int],
    bridge: Bridge,
    running: Processes,
    told: Told,
    node_command: Callable[[str, Path], tuple[str, ...]] = run_node_command,
    found: Found = found_node,
    registry_command: Callable[[Path], tuple[str, ...]] = run_registry_command,
    registry_found: Found = found_registry,
) -> Town:
    """Founds, starts and joins everything. TownFault, StartFailed, NoPort.

    `node_command`: what runs the node of a name in its directory, as words after `pledgeway`.
    `found`: what makes that directory. `registry_command`: what runs a registry in its own, and
    `registry_found` what makes that one.
    """
    registries = {}
    for i, name in enumerate(plan.network.registries):
        home = directory / f"registry{i}"
        registry_found(home, name, ports)
        registries[name] = Daemon(name, registry_command(home), home)
    houses = _found(plan, directory, ports, bridge, node_command, found)
    town = Town(plan, running, houses, registries)
    await _start_all(town, ports, told, found, registry_found)
    await trio.to_thread.run_sync(_introduce, town)
    await together(town, [partial(_set_terms, town, house) for house in town.houses.values()])
    told("opening lines of credit")
    await _open_lines(town)
    told("waiting until every house knows the whole network")
    await together(town, [partial(_until_known, town)])
    return town


def _found(
    plan: Plan,
    directory: Path,
    ports: Iterator[int],
    bridge: Bridge,
    node_command: Callable[[str, Path], tuple[str, ...]],
    found: Found,
) -> dict[str, House]:
    houses = {}
    for i, node in enumerate(plan.network.nodes):
        home = directory / f"house{i:02}"
        found(home, node.name, ports)
        daemon = Daemon(node.name, node_command(node.name, home), home)
        houses[node.name] = House(node.name, daemon, Control(bridge, home))
    return houses


async def _start_all(
    town: Town, ports: Iterator[int], told: Told, found: Found, registry_found: Found
) -> None:
    limit = trio.CapacityLimiter(AT_ONCE)
    total = len(town.registries) + len(town.houses)
    started: list[str] = []

    async def start(daemon: Daemon, refound: Callable[[], None]) -> None:
        async with limit:
            await _start_one(town.processes, daemon, refound)
        started.append(daemon.name)
        told(f"{len(started)} of {total} processes run")

    def again(made: Found, daemon: Daemon) -> Callable[[], None]:
        return partial(found_again, made, daemon, ports)

    jobs = [partial(start, d, again(registry_found, d)) for d in town.registries.values()]
    jobs += [partial(start, h.daemon, again(found, h.daemon)) for h in town.houses.values()]
    await together(town, jobs)


def _introduce(town: Town) -> None:
    """Registries of one policy know each other, so that they pass commits on. TownFault."""
    for policy in town.plan.network.policies:
        homes = [Home(town.registries[name].directory) for name in policy.members]
        for one, other in permutations(homes, 2):
            try:
                keep_member(one, load_record(other.record))
            except (HomeFault, OSError) as fault:
                raise TownFault(f"{policy.name}: {fault}") from fault


async def together(town: Town, jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """All at once; the first that fails ends the others. TownFault, StartFailed."""
    faults: list[Exception] = []

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except (TownFault, StartFailed, NoPort, Refused, RpcError) as fault:
            faults.append(fault)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(one, job)
    if not faults:
        return
    if isinstance(faults[0], TownFault | StartFailed | NoPort):
        raise faults[0]
    raise TownFault("\n".join([str(faults[0]), *town.last_words()])) from faults[0]


async def _start_one(processes: Processes, daemon: Daemon, refound: Callable[[], None]) -> None:
    for left in reversed(range(START_TRIES)):
        try:
            await processes.start(daemon)
            return
        except StartFailed:
            if not left:
                raise
            # Whatever it was, a port that was taken meanwhile is the one thing we can cure.
            refound()


async def _set_terms(town: Town, house: House) -> None:
    node = town.plan.node(house.name)
    ids = {}
    for name, daemon in town.registries.items():
        record = load_record(Home(daemon.directory).record)
        ids[name] = record.registry.hex()
        await house.control.ask(
            "registry.add",
            record=b64encode(record.signed).decode(),
            accept=name in node.accepts,
        )
    for policy in town.plan.network.policies:
        if len(policy.members) > 1:
            await house.control.ask("policy.add", **policy_argument(policy, ids))
    await house.control.ask(
        "fees.set",
        fees=fee_argument(node.fees),
        registry_fees={
            ids[name]: registry_fee_argument(fee) for name, fee in node.registry_fees.items()
        },
        watches_registry=node.watches_registry,
        hold_max_ms=node.hold_max_us // 1000,
    )
    card = await house.control.ask("card")
    house.node, house.card = card["node"], card["card"]


async def _open_lines(town: Town) -> None:
    pairs: dict[tuple[str, str], list[CreditLine]] = {}
    for line in town.plan.lines:
        low, high = sorted(line.ends)
        pairs.setdefault((low, high), []).append(line)

    async def of_pair(lines: list[CreditLine]) -> None:
        # One after the other: who accepts by a card takes the first line that was offered.
        for first, line in enumerate(lines):
            await _open_line(town, line, by_card=first == 0)

    await together(town, [partial(of_pair, lines) for lines in pairs.values()])


async def _open_line(town: Town, line: CreditLine, *, by_card: bool) -> None:
    first, second = (town.houses[name] for name in line.ends)
    offered = await first.control.ask(
        "line.offer", card=second.card, brand=line.brand, limit=line.limits[1]
    )
    if by_card:
        await second.control.ask(
            "line.accept", card=first.card, limit=line.limits[0], wait_s=LINE_WAIT_S
        )
    else:
        await _arrived(second, offered["id"])
        await second.control.ask("line.accept", line=offered["id"], limit=line.limits[0])
    for house, terms in zip((first, second), line.terms, strict=True):
        if terms is not None:
            await _set_line_terms(town, house, offered["id"], terms)


async def _arrived(house: House, line: str) -> None:
    with trio.move_on_after(LINE_WAIT_S):
        while True:
            answer = await house.control.ask("line.list")
            if any(known["id"] == line for known in answer["lines"]):
                return
            await trio.sleep(POLL_S)
    raise TownFault(f"{house.name} has not received the offer of a line within {LINE_WAIT_S} s")


async def _set_line_terms(town: Town, house: House, line: str, terms: Line) -> None:
    changes: Json = {}
    if terms.fees is not None:
        priced = fee_argument(terms.fees)
        changes["fees"] = {mode: fee for mode, fee in priced.items() if fee is not None}
    if terms.registry_fees is not None:
        changes["registry_fees"] = {
            name: registry_fee_argument(fee) for name, fee in terms.registry_fees.items()
        }
    if changes:
        await house.control.ask("fees.set", line=line, **changes)


async def _until_known(town: Town) -> None:
    """Every node must know the network as the plan has it: terms, lines, and what they carry."""
    expected = _comparable(town.plan.network)
    lacking = dict(town.houses)
    with trio.move_on_after(KNOWN_TIMEOUT_S):
        while lacking:
            for name, house in list(lacking.items()):
                if _comparable(await _known_to(house)) == expected:
                    del lacking[name]
            if lacking:
                await trio.sleep(POLL_S)
        return
    raise TownFault(
        f"within {KNOWN_TIMEOUT_S:.0f} s gossip has not told everything to: "
        + ", ".join(sorted(lacking))
    )


async def _known_to(house: House) -> Network:
    return parse_network(json.dumps(await house.control.ask("network")).encode())


def _comparable(network: Network) -> tuple[object, ...]:
    return (
        sorted(network.registries),
        {node.name: node for node in network.nodes},
        {(line.promisor, line.promisee, line.brand): line for line in network.lines},
    )


async def answers(house: House, verb: str) -> Json | None:
    """None while the node does not answer, as right after its restart."""
    try:
        return await house.control.ask(verb)
    except (RpcError, Refused):
        return None
