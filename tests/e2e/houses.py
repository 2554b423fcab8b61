"""Small networks in real processes, and what must be true of them when a test is over."""

import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import trio

from node.command.processes.books import check_books
from node.command.processes.control import Json
from node.command.processes.founding import Found, found_node
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import Processes, processes
from node.command.processes.town import Town, build, run_node_command, run_registry_command
from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate
from runtime.bridge import Bridge
from tests.warmed import Typed, oven

BRAND = "USD"
LIMIT = 1_000_000
STOP_S = 20.0  # how long a daemon may take to end, on a busy machine
TYPED_S = 600.0  # a command that waits for nothing else; fifty kills take half a minute
WAIT_S = 90.0  # an abort takes twelve; the machine may be busy
POLL_S = 0.02  # at first; then ever slower, for each look takes time from who is waited for
SLOWEST_POLL_S = 0.2
NOTHING = r"(?!)"  # a pattern that matches no line
FATAL = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b")

FEES = FeeSet(
    {
        Mode.ATOMIC: Fee(Rate.parse("1.001")),
        Mode.SECURED: Fee(Rate.parse("1.002"), 1),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)


def chain_network(*, b_accepts_r2: bool = False) -> Network:
    """P-A-B-Q. R1 is on everybody's list, R2 not on B's."""
    both = frozenset({"R1", "R2"})
    lists = {"P": both, "A": both, "B": both if b_accepts_r2 else frozenset({"R1"}), "Q": both}
    nodes = tuple(Node(n, a, True, fees=FEES) for n, a in lists.items())
    pairs = [("P", "A"), ("A", "B"), ("B", "Q")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1", "R2"), (), nodes, lines)


def pair_network() -> Network:
    """P-Q and one registry."""
    nodes = tuple(Node(name, frozenset({"R1"}), True, fees=FEES) for name in ("P", "Q"))
    lines = (Line("P", "Q", BRAND, LIMIT), Line("Q", "P", BRAND, LIMIT))
    return Network(("R1",), (), nodes, lines)


@asynccontextmanager
async def running(
    network: Network,
    directory: Path,
    expected: str = NOTHING,
    node_command: Callable[[str, Path], tuple[str, ...]] = run_node_command,
    registry_command: Callable[[Path], tuple[str, ...]] = run_registry_command,
    found: Found = found_node,
) -> AsyncIterator[Town]:
    """The network in processes; afterwards all ended on SIGTERM and no log holds an error.

    `expected`: a pattern of the lines that the test provokes. `registry_command`: called once the
    registry's directory is made, and before it runs. `found`: what makes a node's.
    """
    with processes(oven()) as children:
        async with Bridge.open() as bridge:
            ports = free_ports(Random())
            plan = make_plan(network)
            town = await build(
                plan,
                directory,
                ports,
                bridge,
                children,
                lambda _: None,
                node_command,
                found,
                registry_command=registry_command,
            )
            yield town
            await require_books(town)
        end(children)
    require_clean_logs(directory, expected)


async def require_books(town: Town) -> None:
    """Every line's books mirror each other, nothing is pending, every audit is sound."""
    check = await check_books(town)
    assert check.ok, "\n".join([*map(str, check.differences), *town.last_words()])


def end(children: Processes) -> None:
    """SIGTERM to all; whoever is not gone after STOP_S is a failure."""
    stubborn = children.end_all(STOP_S)
    assert not stubborn, f"{stubborn} did not end on SIGTERM"


def require_clean_logs(directory: Path, expected: str = NOTHING) -> None:
    for log in directory.glob("*.log"):
        text = log.read_text(errors="replace")
        lines = [line for line in text.splitlines() if not re.search(expected, line)]
        assert not any(FATAL.search(line) for line in lines), f"{log.name}:\n{text}"


async def until(
    what: str, predicate: Callable[[], Awaitable[bool]], wait_s: float = WAIT_S
) -> None:
    """Polls; AssertionError with `what` after `wait_s`."""
    pause_s = POLL_S
    with trio.move_on_after(wait_s):
        while True:
            if await predicate():
                return
            await trio.sleep(pause_s)
            pause_s = min(SLOWEST_POLL_S, pause_s * 1.2)
    raise AssertionError(f"not within {wait_s:.0f} s: {what}")


async def request(town: Town, payee: str, amount: int, **more: Any) -> Json:
    return await town.houses[payee].control.ask(
        "request.create", amount=amount, brand=BRAND, **more
    )


async def pay(town: Town, payer: str, text: str, **more: Any) -> Json:
    """The payment's last word."""
    return await town.houses[payer].control.pay(lambda _: None, request=text, **more)


async def connected(town: Town, name: str) -> None:
    """Until the node has links with all its neighbours again."""

    async def all_up() -> bool:
        peers = (await town.houses[name].control.ask("status"))["peers"]
        return all(peer["connected"] for peer in peers)

    await until(f"{name} is connected", all_up)


async def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """A command as its user types it, without `pledgeway`, in a process of its own."""
    return await trio.to_thread.run_sync(Typed(words).end, TYPED_S)
