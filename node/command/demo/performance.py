"""The demo from beginning to end: build, play, compare, tear down."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.command.demo.casting import SILENT, Role
from node.command.demo.scene import Shown
from node.command.demo.scenes import perform
from node.command.processes.books import Check, check_books
from node.command.processes.founding import Found, found_registry
from node.command.processes.interruption import until_signalled
from node.command.processes.plan import Plan
from node.command.processes.ports import free_ports
from node.command.processes.process import Processes, processes, python
from node.command.processes.town import Town, build
from node.command.processes.warm import warm
from node.command.processes.watching import start_watchman
from runtime.bridge import Bridge

PREFIX: Final = "pledgeway-demo-"
WITNESS: Final = "notary.example"  # no registry's name, in the demo's town or in another's file


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to hear: `progress` of building, every scene when it is over, and the check."""

    progress: Callable[[str], None]
    scene: Callable[[Shown], None]
    check: Callable[[Check], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo has shown. `seconds`: with building and the last check."""

    scenes: tuple[Shown, ...]
    check: Check
    seconds: float

    @property
    def ok(self) -> bool:
        return self.check.ok and all(shown.ok for shown in self.scenes)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "seconds": self.seconds,
            "scenes": [shown.as_json() for shown in self.scenes],
            "check": self.check.as_json(),
        }


async def run(plan: Plan, roles: Sequence[Role], directory: Path, watcher: Watcher) -> Result:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Refused, RpcError, Interrupted, OSError.
    """
    began = time.monotonic()

    async def perform_all() -> tuple[list[Shown], Check]:
        async with Bridge.open() as bridge:
            ports = free_ports(Random())
            found = await _registry_found(plan, directory, running, watcher)
            town = await build(
                plan, directory, ports, bridge, running, watcher.progress, registry_found=found
            )
            scenes = await _play(town, roles, watcher)
            return scenes, await check_books(town)

    with warm(python()) as oven, processes(oven) as running:
        scenes, check = await until_signalled(perform_all)
    watcher.check(check)
    return Result(tuple(scenes), check, round(time.monotonic() - began, 1))


async def _registry_found(
    plan: Plan, directory: Path, running: Processes, watcher: Watcher
) -> Found:
    """What makes the registries: with a witness, where there is anything for one to see."""
    if not plan.network.registries:
        return found_registry
    watcher.progress("starting the witness of the registries")
    # Members of one policy pass commits on to each other: waiting for a witness would delay them.
    covered = all(len(policy.members) == 1 for policy in plan.network.policies)
    watchman = await start_watchman(directory, WITNESS, running, covered=covered)
    return watchman.found_registry


async def _play(town: Town, roles: Sequence[Role], watcher: Watcher) -> list[Shown]:
    """In order, apart from the silent payee: its twelve seconds pass while the others play."""
    found: dict[int, Shown] = {}
    faults: list[OSError] = []

    async def play(index: int) -> None:
        found[index] = shown = await perform(town, roles[index])
        try:
            watcher.scene(shown)
        except OSError as fault:  # nobody reads any more
            faults.append(fault)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for i in (i for i, role in enumerate(roles) if role.scene == SILENT):
            nursery.start_soon(play, i)
        for i in (i for i, role in enumerate(roles) if role.scene != SILENT):
            await play(i)
        if len(found) < len(roles):
            watcher.progress("waiting for the registry to decide about the silent payee")
    if faults:
        raise faults[0]
    return [found[i] for i in range(len(roles))]
