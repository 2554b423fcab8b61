"""One run of exchanges: the village, its people, what goes wrong, and what is said to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Final

import trio

from node.command.sim.breaking import strike
from node.command.sim.escrow.crook.mischief import mischief
from node.command.sim.escrow.ills import befall
from node.command.sim.escrow.people import People
from node.command.sim.escrow.plan import Course, Deal, Ill
from node.command.sim.escrow.result import RunResult, tricks_of
from node.command.sim.escrow.setting import set_up
from node.command.sim.escrow.titles import Titles
from node.command.sim.escrow.verdict import Breach, Verdict
from node.command.sim.escrow.world import ExchangeWorld, exchanging
from node.command.sim.oracle.ends import judge
from node.command.sim.plan import Action, Break
from node.command.sim.run import played
from node.command.sim.trace import Trace
from node.command.sim.watching import note_trouble, require_heard, require_stored, watch
from node.command.sim.world.clock import elapsed_us
from node.core.rows import Row
from node.registrar.step import Refused
from proto.limits import US

YEAR_US: Final = 365 * 86_400 * US
LOOK_EVERY_S: Final = 1.0
HEALING_S: Final = 15.0
# After all has healed: the longest D and what comes behind it (32 s), a proposal that nobody fixes
# (75 s), and whatever is asked again with the back-off of the time before.
ENDS_WITHIN_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case in one run. `committed`: everything of it came about."""

    case: str
    committed: bool
    proposed: bool
    losses: int


@dataclass(frozen=True, slots=True)
class Result(RunResult[Course, Outcome]):
    """What a run of exchanges came to."""


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
        self._world: ExchangeWorld | None = None
        self._proposed: frozenset[str] = frozenset()
        self._ended_us = 0

    async def play(self, random: Random) -> Result:
        course = self._course
        async with exchanging(course.spec, random, course.crooks, ExchangeWorld) as world:
            self._world = world
            setting = await set_up(world, course.deals)
            self._verdict = verdict = self._watch(world)
            verdict.setting = setting
            async with trio.open_nursery() as nursery:
                people = People(world, setting, nursery, Random(random.random()))
                await people.stand(course.deals)
                for name, host in world.people.items():
                    if host.crook is not None:
                        nursery.start_soon(mischief, world, name, host.crook)
                await self._happen(people)
                await self._finish(verdict)
                nursery.cancel_scope.cancel()
            self._proposed = frozenset(part.deal.case for part in people.parts if part.id)
            self._ended_us = elapsed_us()
            return self.result("")

    async def _happen(self, people: People) -> None:
        course, began_us = self._course, elapsed_us()
        events: list[Deal | Action | Ill] = [*course.deals, *course.faults, *course.ills]
        for event in sorted(events, key=lambda event: event.at_us):
            await trio.sleep_until((began_us + event.at_us) / US)
            assert self._world is not None and self._verdict is not None
            match event:
                case Deal():
                    people.begin(event)
                case Ill():
                    befall(self._world, event)
                case Break():
                    note_trouble(self._verdict.oracle, self._world, event)
                    strike(self._world, event)
        await trio.sleep_until((began_us + course.span_us) / US)

    def _watch(self, world: ExchangeWorld) -> Verdict:
        course, trace = self._course, self._trace
        crooks = frozenset(crook.who for crook in course.crooks)
        calm = not course.faults and not course.ills
        oracle = watch(world, trace, crooks, calm=calm)
        engines = {n: h.titles for n, h in world.people.items() if h.titles is not None}
        titles = Titles(engines, oracle.decisions)
        honest = frozenset(world.people) - crooks
        verdict = Verdict(world, course.deals, oracle, titles, honest)
        rows_came = world.on_commit

        def committed(name: str, rows: Iterable[Row]) -> None:
            rows = list(rows)
            rows_came(name, rows)
            if name in honest:
                verdict.complain(elapsed_us(), name, verdict.committed(name, rows))

        def wrote(keeper: str) -> None:
            trace.note(elapsed_us(), keeper, "titles")
            verdict.complain(elapsed_us(), keeper, titles.look(keeper))

        def heard(asker: str, asked: str, method: str, said: bytes, answer: bytes) -> None:
            wrongs = verdict.heard(asker, asked, method, said, answer)
            verdict.complain(elapsed_us(), asker, wrongs)

        def set_out(asker: str, asked: str, method: str, said: bytes) -> None:
            trace.note(elapsed_us(), asker, asked, method, sha256(said).hexdigest())

        world.on_commit, world.on_wrote, world.on_heard = committed, wrote, heard
        world.streets.set_out = set_out
        return verdict

    async def _finish(self, verdict: Verdict) -> None:
        """Faults heal, and everything ends in its time."""
        world, oracle = verdict.world, verdict.oracle
        world.heal()
        await trio.sleep(HEALING_S)
        until_s = trio.current_time() + ENDS_WITHIN_S
        while trio.current_time() < until_s:
            await trio.sleep(LOOK_EVERY_S)
            if self._is_quiet(verdict):
                break
        await trio.sleep(LOOK_EVERY_S)
        await self._encore(verdict)
        for where, wrong in verdict.under_way():
            verdict.complain(elapsed_us(), where, [wrong])
        for where, wrong in verdict.judge():
            verdict.complain(elapsed_us(), where, [wrong])
        judge(oracle)
        require_stored(world, oracle)
        require_heard(world, oracle)

    async def _encore(self, verdict: Verdict) -> None:
        """A year later every certificate is shown to every registrar again, twice, in any order:
        nothing more comes of it (K5), and none is refused (K4)."""
        world, random = verdict.world, Random(self._course.seed)
        shown = [
            (keeper, certificate)
            for certificate in verdict.certificates()
            for keeper in sorted(verdict.titles.engines)
        ]
        for keeper, certificate in random.sample(shown * 2, 2 * len(shown)):
            host = world.people[keeper]
            registrar, skew_us = host.context.registrar, host.clock.skew_us
            assert registrar is not None
            host.clock.skew_us += YEAR_US
            try:
                await registrar.desk.settle(certificate)
            except Refused as no:
                verdict.complain(elapsed_us(), keeper, [("K4", f"refuses it later: {no}")])
            finally:
                host.clock.skew_us = skew_us

    def _is_quiet(self, verdict: Verdict) -> bool:
        oracle = verdict.oracle
        pending = any(
            promise.pending and not oracle.is_owed(name, promise)
            for name, book in oracle.books.items()
            if name in verdict.honest
            for promise in book.promises()
        )
        return not pending and verdict.quiet()

    def result(self, crashed: str) -> Result:
        """What has been seen so far."""
        verdict, world = self._verdict, self._world
        if verdict is None or world is None:
            return Result(self._course, self._trace.digest, 0, (), crashed=crashed)
        money = [
            Breach(f"P{v.invariant}", v.at_us, v.where, v.what) for v in verdict.oracle.violations
        ]
        return Result(
            self._course,
            self._trace.digest,
            self._ended_us,
            (*verdict.breaches, *money),
            () if crashed else tuple(map(self._outcome, self._course.deals)),
            tricks_of(world),
            crashed,
        )

    def _outcome(self, deal: Deal) -> Outcome:
        assert self._verdict is not None
        lost = len(self._verdict.losses.get(deal.case, ()))
        proposed = deal.case in self._proposed
        return Outcome(deal.case, self._verdict.arrived(deal), proposed, lost)
