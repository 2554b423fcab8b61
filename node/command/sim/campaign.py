"""Many runs, one for each seed, in as many processes as there are to be."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import Final

from node.command.sim.plan import LIES, Fault, draw_grants, draw_plan, in_order
from node.command.sim.run import Course, Result, run
from node.command.sim.spreading import spread
from node.command.sim.world.spec import draw_spec

MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each run is drawn from, its seed apart. `minutes`: of payments and faults, virtual;
    `grants`: limits that their owners change in that time."""

    nodes: int
    payments: int
    faults: tuple[Fault, ...]
    minutes: float
    grants: int = 0


def course_of(wanted: Wanted, seed: int) -> Course:
    """The network and the plan of one seed: the same in any process of this version."""
    random = Random(f"pledgeway sim {seed}")
    spec = draw_spec(random, wanted.nodes)
    span_us = round(wanted.minutes * MINUTE_US)
    plan = draw_plan(random, spec, wanted.payments, wanted.faults, span_us)
    grants = draw_grants(random, spec, wanted.grants, span_us)
    return Course(seed, spec, in_order([*plan, *grants]), span_us)


def play(wanted: Wanted, seed: int) -> Result:
    """One run."""
    return run(course_of(wanted, seed))


@dataclass(slots=True)
class Tally:
    """What many runs came to: the failed ones whole, of the others no more than sums."""

    seeds: int = 0
    virtual_us: int = 0
    happenings: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lies: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """One run more."""
        self.seeds += 1
        self.virtual_us += result.virtual_us
        self.happenings += result.happenings
        self.ends.update(result.ends)
        self.lies.update(result.lies)
        self.traces.append(result.trace)
        if not result.sound:
            self.failed.append(result)

    @property
    def trace(self) -> str:
        """Of one run its own; of many the hash over theirs, in the order of the seeds."""
        if len(self.traces) == 1:
            return self.traces[0]
        return sha256("\n".join(self.traces).encode()).hexdigest()


def play_all(wanted: Wanted, seeds: Iterable[int], workers: int) -> Iterator[Result]:
    """A run for each seed, in the order of the seeds; as they come, so that one may stop."""
    yield from spread(partial(play, wanted), seeds, workers)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """`all`, `none`, or words of `Fault` between commas, `lies` for all those of liars among them.
    ValueError names the one that is none."""
    if text == "all":
        return tuple(Fault)
    if text == "none":
        return ()
    return tuple(_faults(text.split(",")))


def _faults(words: Iterable[str]) -> Iterator[Fault]:
    known = {fault.value: fault for fault in Fault}
    for word in words:
        if word.strip() == "lies":
            yield from LIES
        elif word.strip() in known:
            yield known[word.strip()]
        else:
            raise ValueError(word.strip())
