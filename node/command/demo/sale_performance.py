"""The demo of sales from beginning to end: build, play, compare, tear down."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.demo.sale_cast import CASES, SCENES, Case, network
from node.command.demo.sale_scenes import Stage, perform
from node.command.demo.sale_shown import Scene
from node.command.demo.sale_town import Market, furnish
from node.command.processes.books import Check, check_books
from node.command.processes.founding import found_node
from node.command.processes.interruption import until_signalled
from node.command.processes.market import sound_titles
from node.command.processes.plan import make_plan
from node.command.processes.ports import free_ports
from node.command.processes.process import Processes, processes, python
from node.command.processes.town import build
from node.command.processes.typist import Typist
from node.command.processes.warm import Warm, warm
from runtime.bridge import Bridge

TYPED: Final = "typed"
NAMES_LOG: Final = "names.log"


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo has shown. `seconds`: with building and the last check."""

    scenes: tuple[Scene, ...]
    check: Check
    unsound: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return self.check.ok and not self.unsound and all(scene.ok for scene in self.scenes)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "seconds": self.seconds,
            "scenes": [scene.as_json() for scene in self.scenes],
            "check": self.check.as_json(),
            "unsound": list(self.unsound),
        }


async def run(
    wanted: Sequence[str],
    directory: Path,
    told: Callable[[str], None],
    shown: Callable[[Scene], None],
    pace: int = 1,
) -> Result:
    """Scenes by name, all at once; `shown` hears of them in order. All processes have ended when
    it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, OSError.
    """
    began = time.monotonic()
    cases = [CASES[name] for name in SCENES if name in wanted]

    async def perform_all() -> tuple[list[Scene], Check, list[str]]:
        async with Bridge.open() as bridge:
            market = await built(cases, directory, running, oven, bridge, told)
            stage = Stage(market, pace)
            for name in SCENES:
                if name not in wanted:
                    stage.quiet(name)
            scenes = await _play(stage, cases, told, shown)
            told("comparing all books")
            return scenes, await check_books(market.town), await sound_titles(market.town)

    with warm(python()) as oven, processes(oven) as running:
        scenes, check, unsound = await until_signalled(perform_all)
    seconds = round(time.monotonic() - began, 1)
    return Result(tuple(scenes), check, tuple(unsound), seconds)


async def built(
    cases: Sequence[Case],
    directory: Path,
    running: Processes,
    oven: Warm | None,
    bridge: Bridge,
    told: Callable[[str], None],
) -> Market:
    """The town, with all that these sales need. TownFault, StartFailed, NoPort, Refused, RpcError,
    OSError."""
    town = await build(
        make_plan(network()),
        directory,
        free_ports(Random()),
        bridge,
        running,
        told,
        found=partial(found_node, service=True),
    )
    told("opening accounts of deposits, and making agents known")
    return await furnish(town, Typist(directory / TYPED, oven), cases, directory / NAMES_LOG)


async def _play(
    stage: Stage,
    cases: Sequence[Case],
    told: Callable[[str], None],
    shown: Callable[[Scene], None],
) -> list[Scene]:
    """All together, for most of them wait for the clock; shown in their order."""
    over: dict[str, Scene] = {}
    faults: list[OSError] = []

    def show() -> None:
        """Those that are over, as far as none before them is still played."""
        while len(seen) < len(cases) and cases[len(seen)].scene in over:
            seen.append(over[cases[len(seen)].scene])
            shown(seen[-1])
        told(f"{len(over)} of {len(cases)} scenes are over")

    async def play(case: Case) -> None:
        over[case.scene] = await perform(stage, case)
        try:
            show()
        except OSError as fault:  # nobody reads any more
            faults.append(fault)
            nursery.cancel_scope.cancel()

    seen: list[Scene] = []
    told(f"playing {len(cases)} scenes at once")
    async with trio.open_nursery() as nursery:
        for case in cases:
            nursery.start_soon(play, case)
    if faults:
        raise faults[0]
    return seen
