"""One run: a network, its people, what goes wrong, and what the oracle says to it."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

import trio

from node.command.sim.breaking import strike
from node.command.sim.cast import NOW_US
from node.command.sim.oracle.ends import judge
from node.command.sim.oracle.oracle import Oracle, Violation
from node.command.sim.people import Deal, People
from node.command.sim.plan import (
    LIES,
    Action,
    Break,
    Grant,
    Pay,
    liars_in,
)
from node.command.sim.trace import Trace
from node.command.sim.watching import note_trouble, require_heard, require_stored, watch
from node.command.sim.world.clock import elapsed_us
from node.command.sim.world.spec import Spec
from node.command.sim.world.world import SimWorld, running
from node.core.rows import Payment, Promise, Transaction
from proto.descriptor import decode_descriptor
from proto.limits import US
from runtime.seeded import run_seeded

Made = TypeVar("Made")

# After the faults have healed: a link is dialled, a process reads its store, a registry is asked.
HEALING_US: Final = 15 * US
# The latest of all e_i and the abort horizon, plus GRACE and WATCH_INTERVAL (section 9), and what
# messages and disks need over twenty hops.
SLACK_US: Final = 5 * US
# A registry that says PENDING long after the end of it is asked so rarely that nobody minds.
WITHHELD_US: Final = 30 * US
LOOK_EVERY_S: Final = 0.5
LONGEST_S: Final = 1200.0  # attempts of one payment follow each other: beyond it, it hangs


@dataclass(frozen=True, slots=True)
class Course:
    """What a run is made of. `span_us`: for how long payments and faults go on."""

    seed: int
    spec: Spec
    plan: Sequence[Action]
    span_us: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. `crashed`: a daemon's own assertion or bug, as text."""

    course: Course
    trace: str
    happenings: int
    virtual_us: int
    violations: tuple[Violation, ...]
    deals: tuple[Deal, ...] = ()
    ends: dict[str, int] = field(default_factory=dict)
    lies: dict[str, int] = field(default_factory=dict)  # told, by the word of `Fault`
    crashed: str = ""

    @property
    def sound(self) -> bool:
        return not self.violations and not self.crashed


def run(course: Course, progress: Callable[[int], None] = lambda _: None) -> Result:
    """Plays it. The same course gives the same result in any process."""
    trace = Trace()
    attempt = _Attempt(course, trace, progress)
    return played(course.seed, attempt.play, attempt.crashed)


def played(
    seed: int, play: Callable[[Random], Awaitable[Made]], crashed: Callable[[str], Made]
) -> Made:
    """What `play` makes of the seed, on virtual time and in silence; what `crashed` makes of a
    daemon's own error, as `told`, where one was let through."""
    logging.disable(logging.CRITICAL)  # what daemons say of faults is of no use to anybody here
    try:
        return run_seeded(seed, play)
    except ExceptionGroup as group:
        # Whatever a daemon let through is a finding like another; what ends us is no such group.
        return crashed(told(group))
    finally:
        logging.disable(logging.NOTSET)


class _Attempt:
    """The parts of one run, tied together."""

    def __init__(self, course: Course, trace: Trace, progress: Callable[[int], None]) -> None:
        self._course = course
        self._trace = trace
        self._progress = progress
        self._oracle: Oracle | None = None

    def crashed(self, error: str) -> Result:
        violations = tuple(self._oracle.violations) if self._oracle else ()
        return Result(self._course, self._trace.digest, self._trace.happenings, 0, violations,
                      crashed=error)  # fmt: skip

    async def play(self, random: Random) -> Result:
        course = self._course
        able = frozenset(a.who for a in course.plan if isinstance(a, Break) and a.fault in LIES)
        async with running(course.spec, random, able) as world:
            self._world = world
            self._oracle = oracle = watch(
                world, self._trace, liars_in(course.plan), calm=_is_calm(course)
            )
            async with trio.open_nursery() as nursery:
                people = People(world, nursery, Random(random.random()))
                began_us = elapsed_us()
                for action in course.plan:
                    await trio.sleep_until((began_us + action.at_us) / US)
                    self._act(people, action)
                    if oracle.violations:
                        break
                else:
                    await trio.sleep_until((began_us + course.span_us) / US)
                    await self._finish(people)
                nursery.cancel_scope.cancel()
            return self._result(people)

    def _act(self, people: People, action: Action) -> None:
        self._progress(elapsed_us())
        match action:
            case Pay():
                people.begin(action)
            case Grant():
                people.grant(action)
            case Break():
                assert self._oracle is not None
                note_trouble(self._oracle, self._world, action)
                strike(self._world, action)

    # ------------------------------------------------------------------ the end

    async def _finish(self, people: People) -> None:
        """Faults heal, and everything ends in its time (invariant 8)."""
        world, oracle = self._world, self._oracle
        assert oracle is not None
        world.heal()
        await trio.sleep(HEALING_US / US)
        healed_us = elapsed_us()
        bounds = {
            (name, promise.key): self._bound_us(name, promise, healed_us)
            for name, book in oracle.books.items()
            for promise in book.promises()
            if promise.pending
        }
        give_up_s = trio.current_time() + LONGEST_S
        while trio.current_time() < give_up_s and not oracle.violations:
            for name, key in [key for key, us in bounds.items() if us < elapsed_us()]:
                del bounds[name, key]
                row = oracle.books[name].rows[key]
                if isinstance(row, Promise) and row.pending and not oracle.is_owed(name, row):
                    oracle.complain(name, [(8, f"{row.level.name} {row.amount} does not end")])
            if not self._waits(oracle) and all(map(self._may_hang, people.under_way())):
                break
            await trio.sleep(LOOK_EVERY_S)
        await trio.sleep(SLACK_US / US)
        if not oracle.violations:
            judge(oracle)
            require_stored(world, oracle)
            require_heard(world, oracle)

    def _waits(self, oracle: Oracle) -> bool:
        return any(
            promise.pending and not oracle.is_owed(name, promise)
            for name, book in oracle.books.items()
            for promise in book.promises()
        )

    def _may_hang(self, deal: Deal) -> bool:
        """Whether nobody honest can bring it to its end."""
        assert self._oracle is not None
        payer = deal.pay.payer
        if payer in self._oracle.liars:
            return True
        key = Payment.table, bytes.fromhex(deal.payment), b""
        row = self._oracle.books[payer].rows.get(key)
        return isinstance(row, Payment) and self._oracle.hangs(payer, row)

    def _bound_us(self, name: str, promise: Promise, healed_us: int) -> int:
        """In virtual time: the latest of all e_i, and the abort horizon, of its transaction."""
        assert self._oracle is not None
        latest_us = 0
        for other, book in self._oracle.books.items():
            skew_us = self._world.hosts[other].clock.skew_us
            transaction = book.transaction(promise.commit)
            if not isinstance(transaction, Transaction):
                continue
            for one in book.promises():
                if one.commit == promise.commit:
                    latest_us = max(latest_us, one.expires_at_us - skew_us)
            limit_us = decode_descriptor(transaction.descriptor).limit_us
            latest_us = max(latest_us, limit_us + 2 * US)
        withheld = any(r.liar is not None for r in self._world.registries.values())
        slack_us = SLACK_US + WITHHELD_US * withheld
        return max(latest_us - NOW_US, healed_us) + 2 * US + slack_us

    def _result(self, people: People) -> Result:
        assert self._oracle is not None
        ends: dict[str, int] = {}
        for deal in people.deals:
            end = self._end_of(deal)
            ends[end] = ends.get(end, 0) + 1
        return Result(
            self._course,
            self._trace.digest,
            self._trace.happenings,
            elapsed_us(),
            tuple(self._oracle.violations),
            tuple(people.deals),
            dict(sorted(ends.items())),
            _liestold(self._world),
        )

    def _end_of(self, deal: Deal) -> str:
        """What a payment has come to at its payer; the refusal where none was made."""
        assert self._oracle is not None
        if not deal.payment:
            return deal.said or "NOT_ASKED"
        row = self._oracle.books[deal.pay.payer].rows.get(
            (Payment.table, bytes.fromhex(deal.payment), b"")
        )
        return row.phase.name if isinstance(row, Payment) else deal.phase


def _is_calm(course: Course) -> bool:
    return not any(isinstance(action, Break) for action in course.plan)


def _liestold(world: SimWorld) -> dict[str, int]:
    told = Counter[str]()
    for host in world.hosts.values():
        told.update({} if host.liar is None else host.liar.counts)
    for registry in world.registries.values():
        told.update({} if registry.liar is None else registry.liar.counts)
    return dict(sorted(told.items()))


def told(error: BaseException) -> str:
    """The innermost error of a group, and where it was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trail = error.__traceback__
    while trail is not None and trail.tb_next is not None:
        trail = trail.tb_next
    code = trail.tb_frame.f_code if trail is not None else None
    where = f" in {code.co_qualname}" if code is not None else ""
    return f"{type(error).__name__}{where}: {error}"
