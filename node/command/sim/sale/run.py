"""One run of sales: the town, its people, what goes wrong, and what is said to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Final

import trio
from google.protobuf.message import Message

from node.command.sim.breaking import strike
from node.command.sim.escrow.ills import befall
from node.command.sim.escrow.plan import Ill
from node.command.sim.escrow.result import RunResult, tricks_of
from node.command.sim.escrow.world import exchanging
from node.command.sim.plan import Action, Break
from node.command.sim.run import played
from node.command.sim.sale.crook.rogue import mischief
from node.command.sim.sale.owners import DUTIES
from node.command.sim.sale.plan import BEGIN_US, NAMES, Conduct, Course, Party
from node.command.sim.sale.seat import Seat
from node.command.sim.sale.setting import Setting, set_up
from node.command.sim.sale.verdict import Ended, Verdict
from node.command.sim.sale.world import SaleWorld
from node.command.sim.trace import Trace
from node.command.sim.world.clock import elapsed_us
from node.core.rows import Row
from proto.limits import US

LOOK_EVERY_S: Final = 2.0
# From the offer to the last end of votes (some 200 s), and whatever is asked again with the
# back-off of the time before: half a minute at most between two questions.
ENDS_WITHIN_S: Final = 500.0


@dataclass(frozen=True, slots=True)
class Result(RunResult[Course, Ended]):
    """What a run of sales came to."""


def run(course: Course) -> Result:
    """Plays it. The same course gives the same result in any process."""
    attempt = _Attempt(course)
    return played(course.seed, attempt.play, attempt.result)


class _Attempt:
    """The parts of one run, tied together."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._trace = Trace()
        self._verdict: Verdict | None = None
        self._ended_us = 0

    async def play(self, random: Random) -> Result:
        course = self._course
        async with exchanging(course.spec, random, course.crooks, SaleWorld) as world:
            setting = await set_up(world, course)
            verdict = self._verdict = Verdict(world, course, setting)
            self._watch(world, verdict)
            async with trio.open_nursery() as nursery:
                self._begin(world, setting, nursery, Random(random.random()))
                await self._happen(world)
                await self._finish(world, verdict)
                nursery.cancel_scope.cancel()
            self._ended_us = elapsed_us()
            return self.result("")

    def _begin(
        self, world: SaleWorld, setting: Setting, nursery: trio.Nursery, random: Random
    ) -> None:
        for name, crook in world.crooks():
            nursery.start_soon(mischief, world, name, crook)
        for party in self._course.parties:
            if party.conduct is Conduct.SILENT and party.dead:
                nursery.start_soon(self._die, world, party)
            for sale in setting.sales:
                seat = Seat(world, sale, party, Random(random.random()))
                nursery.start_soon(self._live, seat)

    async def _live(self, seat: Seat) -> None:
        party = seat.party
        ends_s = float("inf")
        if party.conduct is Conduct.SILENT:
            ends_s = trio.current_time() + (BEGIN_US + party.silent_us) / US
        with trio.move_on_at(ends_s):
            await trio.sleep(BEGIN_US / US)
            await seat.host.ready.wait()
            await DUTIES[party.role](seat)

    async def _die(self, world: SaleWorld, party: Party) -> None:
        await trio.sleep((BEGIN_US + party.silent_us) / US)
        world.put_to_sleep(NAMES[party.role])

    async def _happen(self, world: SaleWorld) -> None:
        course, began_us = self._course, elapsed_us()
        events: list[Action | Ill] = [*course.faults, *course.ills]
        for event in sorted(events, key=lambda event: event.at_us):
            await trio.sleep_until((began_us + event.at_us) / US)
            match event:
                case Ill():
                    befall(world, event)
                case Break():
                    strike(world, event)
                case _:
                    raise AssertionError(event)
        await trio.sleep_until((began_us + course.span_us) / US)

    def _watch(self, world: SaleWorld, verdict: Verdict) -> None:
        trace = self._trace

        def committed(name: str, rows: Iterable[Row]) -> None:
            rows = list(rows)
            for row in rows:
                trace.row(elapsed_us(), name, row)
            verdict.committed(name, rows)

        def wrote(keeper: str) -> None:
            trace.note(elapsed_us(), keeper, "titles")
            verdict.wrote(keeper)

        def set_out(asker: str, asked: str, method: str, said: bytes) -> None:
            trace.note(elapsed_us(), asker, asked, method, sha256(said).hexdigest())
            verdict.said(asker, asked, said)

        def came(asker: str, registry: str, request: Message) -> None:
            verdict.shown(asker, registry, request.SerializeToString())

        def heard(asker: str, registry: str, _: str, __: Message, answer: Message) -> None:
            verdict.told(registry, asker, answer.SerializeToString())

        world.on_commit, world.on_wrote = committed, wrote
        world.on_decided = verdict.decided
        world.streets.set_out = set_out
        world.roads.came, world.roads.heard = came, heard

    async def _finish(self, world: SaleWorld, verdict: Verdict) -> None:
        """Faults heal, and everything ends in its time; who was silent comes back afterwards."""
        world.heal()
        await self._calm_down(verdict, every=False)
        verdict.judge()
        world.wake()
        await self._calm_down(verdict, every=True)
        verdict.judge_returned()

    async def _calm_down(self, verdict: Verdict, *, every: bool) -> None:
        until_s = trio.current_time() + ENDS_WITHIN_S
        while trio.current_time() < until_s:
            await trio.sleep(LOOK_EVERY_S)
            if verdict.quiet(every=every):
                break

    def result(self, crashed: str) -> Result:
        """What has been seen so far."""
        verdict = self._verdict
        if verdict is None:
            return Result(self._course, self._trace.digest, 0, (), crashed=crashed)
        return Result(
            self._course,
            self._trace.digest,
            self._ended_us,
            tuple(verdict.breaches),
            tuple(verdict.outcome(sale) for sale in verdict.setting.sales),
            tricks_of(verdict.world),
            crashed,
        )
