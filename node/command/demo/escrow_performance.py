"""The demo of exchanges from beginning to end: build, play, compare, tear down."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from node.command.demo.escrow_acts import perform
from node.command.demo.escrow_cast import network, titles
from node.command.demo.escrow_shown import Act
from node.command.processes.books import Check, check_books
from node.command.processes.founding import found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.market import issue
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import processes, python
from node.command.processes.town import build
from node.command.processes.warm import warm
from runtime.bridge import Bridge


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo has shown. `seconds`: with building and the last check."""

    acts: tuple[Act, ...]
    check: Check
    seconds: float

    @property
    def ok(self) -> bool:
        return self.check.ok and all(act.ok for act in self.acts)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "seconds": self.seconds,
            "acts": [act.as_json() for act in self.acts],
            "check": self.check.as_json(),
        }


async def run(
    wanted: Sequence[str],
    directory: Path,
    told: Callable[[str], None],
    shown: Callable[[Act], None],
) -> Result:
    """Acts by name, in order; `shown` hears of each when it is over. All processes have ended when
    it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, OSError.
    """
    began = time.monotonic()

    async def perform_all() -> tuple[list[Act], Check]:
        async with Bridge.open() as bridge:
            town = await build(
                make_plan(network()),
                directory,
                free_ports(Random()),
                bridge,
                running,
                told,
                found=partial(found_node, service=True),
            )
            told("issuing parcels, tier and objects")
            await issue(town, titles())
            acts = []
            for name in wanted:
                told(f"exchanging: {name}")
                acts.append(await perform(town, name, directory))
                shown(acts[-1])
            told("comparing all books")
            return acts, await check_books(town)

    with warm(python()) as oven, processes(oven) as running:
        acts, check = await until_signalled(perform_all)
    return Result(tuple(acts), check, round(time.monotonic() - began, 1))
