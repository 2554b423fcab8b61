"""The blows fall: processes are ended and started again, several at a time."""

import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import trio

from node.command.processes.process import Daemon, StartFailed
from node.command.processes.town import Town
from node.command.sim.kills.blows import Blow, Wave
from node.command.sim.kills.customers import Orders

STOP_S: Final = 10.0  # a daemon ends within one second; a busy machine takes its time
# A wave waits until no more than so many are down: on a slow machine more waves would meet nobody.
STILL_DOWN: Final = 2
MOST_PATIENT_S: Final = 1.0  # for a customer to ask; they may all be waiting themselves


@dataclass(frozen=True, slots=True)
class Outage:
    """One process was not there from a time to a time (absolute µs of this machine's clock)."""

    name: str
    from_us: int
    until_us: int


@dataclass(slots=True)
class Tally:
    """What has been done so far. `in_start`: of the kills, those before it said that it is ready.

    `faults`: what a daemon did that none may do, such as not to start or not to end.
    """

    kills: int = 0
    registry_kills: int = 0
    in_start: int = 0
    terms: int = 0
    waves: int = 0
    most_down: int = 0
    outages: list[Outage] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Striker:
    """Owned by the task that runs `strike`; every process of the town is in its hands."""

    def __init__(self, town: Town, tally: Tally, orders: Orders, told: Callable[[], None]) -> None:
        self._town = town
        self._orders = orders
        self._tally = tally
        self._told = told
        self._down = 0
        self._risen = trio.Event()
        self._turns: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)
        self._stop: Callable[[], None] = lambda: None

    async def strike(self, waves: tuple[Wave, ...]) -> None:
        """Until all waves are over and everybody runs again."""
        async with trio.open_nursery() as nursery:
            self._stop = nursery.cancel_scope.cancel
            for wave in waves:
                await trio.sleep(wave.after_s)
                self._tally.waves += 1
                while self._down > STILL_DOWN:
                    self._risen = trio.Event()
                    await self._risen.wait()
                for blow in wave.blows:
                    nursery.start_soon(self._strike, blow)

    async def _strike(self, blow: Blow) -> None:
        self._down += 1
        self._tally.most_down = max(self._tally.most_down, self._down)
        # Who is down already is struck again as soon as it is up.
        async with self._turns[blow.victim]:
            if blow.after_s is not None:
                with trio.move_on_after(MOST_PATIENT_S):
                    await self._orders.bell.wait()
                await trio.sleep(blow.after_s)
            await self._fell(blow)
        self._down -= 1
        self._risen.set()

    def _daemon(self, name: str) -> Daemon:
        return self._town.registries.get(name) or self._town.houses[name].daemon

    async def _fell(self, blow: Blow) -> None:
        from_us = time.time_ns() // 1000
        daemon = self._daemon(blow.victim)
        try:
            await self._end(daemon, gentle=blow.gentle)
            await trio.sleep(blow.down_s)
            for after_s in blow.again_s:
                await self._start_and_kill(daemon, after_s)
            await self._start(daemon)
        except StartFailed as failed:
            # It will not come back, so there is nothing more to be seen here.
            self._tally.faults.append(str(failed))
            self._stop()
            return
        self._tally.outages.append(Outage(blow.victim, from_us, time.time_ns() // 1000))

    async def _start_and_kill(self, daemon: Daemon, after_s: float) -> None:
        ready = False
        with trio.move_on_after(after_s):
            await self._town.processes.start(daemon)
            ready = True
            await trio.sleep(after_s)
        await self._kill(daemon, started=ready)

    async def _start(self, daemon: Daemon) -> None:
        await self._town.processes.start(daemon)
        if daemon.name in self._town.houses:
            await self._town.houses[daemon.name].control.again()

    async def _kill(self, daemon: Daemon, *, started: bool) -> None:
        process = self._town.processes.release(daemon)
        if started and (status := process.poll()) is not None:
            words = daemon.last_lines()
            self._tally.faults.append(f"{daemon.name}: had ended by itself, {status}\n{words}")
        process.kill()
        await trio.to_thread.run_sync(process.wait)
        self._tally.kills += 1
        self._tally.registry_kills += daemon.name in self._town.registries
        self._tally.in_start += not started
        self._told()

    async def _end(self, daemon: Daemon, *, gentle: bool) -> None:
        """One that says that it runs: at once, or by SIGTERM, on which it ends by itself."""
        if not gentle:
            await self._kill(daemon, started=True)
            return
        process = self._town.processes.release(daemon)
        process.send_signal(signal.SIGTERM)
        self._tally.terms += 1
        try:
            status = await trio.to_thread.run_sync(process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await trio.to_thread.run_sync(process.wait)
            self._tally.faults.append(f"{daemon.name}: did not end {STOP_S:.0f} s after SIGTERM")
            return
        if status:
            self._tally.faults.append(f"{daemon.name}: ended with {status} on SIGTERM")
