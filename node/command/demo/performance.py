"""The demo from beginning to end: build, play, compare, tear down."""

import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import trio

from node.command.demo.books import Check, check_books
from node.command.demo.casting import SILENT, Role
from node.command.demo.founding import TownFault
from node.command.demo.plan import Plan
from node.command.demo.ports import NoPort, free_ports
from node.command.demo.process import StartFailed, processes
from node.command.demo.scene import Shown
from node.command.demo.scenes import perform
from node.command.demo.town import Town, build
from runtime.bridge import Bridge

T = TypeVar("T")

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PREFIX: Final = "pledgeway-demo-"


class Interrupted(Exception):
    """A signal told us to stop; everything has been taken down."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


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


@contextmanager
def working_directory(keep: Path | None) -> Iterator[Path]:
    """`keep` itself, made if need be; else one that is gone afterwards. OSError."""
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made:
        yield Path(made)


async def run(plan: Plan, roles: Sequence[Role], directory: Path, watcher: Watcher) -> Result:
    """All processes have ended when it returns or raises.

    TownFault, StartFailed, NoPort, Interrupted, OSError.
    """
    began = time.monotonic()

    async def perform_all() -> tuple[list[Shown], Check]:
        async with Bridge.open() as bridge:
            ports = free_ports(Random())
            town = await build(plan, directory, ports, bridge, running, watcher.progress)
            scenes = await _play(town, roles, watcher)
            return scenes, await check_books(town)

    with processes() as running:
        scenes, check = await _until_signalled(perform_all)
    watcher.check(check)
    return Result(tuple(scenes), check, round(time.monotonic() - began, 1))


async def _until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns or raises; a signal cancels it: Interrupted."""
    caught: list[int] = []
    done: list[T] = []
    fault: Exception | None = None

    async def listen() -> None:
        async for number in signals:
            caught.append(number)
            nursery.cancel_scope.cancel()

    with trio.open_signal_receiver(*STOPPING) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            try:
                done.append(await work())
            except (TownFault, StartFailed, NoPort, OSError) as found:
                fault = found  # raised below: out of the nursery it would come as a group
            nursery.cancel_scope.cancel()
    if fault is not None:
        raise fault
    if not done:
        raise Interrupted(caught[0])
    return done[0]


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
