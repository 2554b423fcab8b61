"""Many runs, one for each seed, in as many processes as there are to be."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from node.command.sim.plan import Fault, draw_plan
from node.command.sim.run import Course, Result, run
from node.command.sim.world.spec import draw_spec

MINUTE_US: Final = 60_000_000
SEEDS_EACH: Final = 20  # runs of one process before another takes its place: none grows old


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each run is drawn from, its seed apart. `minutes`: of payments and faults, virtual."""

    nodes: int
    payments: int
    faults: tuple[Fault, ...]
    minutes: float


def course_of(wanted: Wanted, seed: int) -> Course:
    """The network and the plan of one seed: the same in any process of this version."""
    random = Random(f"pledgeway sim {seed}")
    spec = draw_spec(random, wanted.nodes)
    span_us = round(wanted.minutes * MINUTE_US)
    plan = draw_plan(random, spec, wanted.payments, wanted.faults, span_us)
    return Course(seed, spec, plan, span_us)


def play(wanted: Wanted, seed: int) -> Result:
    """One run."""
    return run(course_of(wanted, seed))


def play_all(
    wanted: Wanted,
    seeds: Sequence[int],
    workers: int,
    done: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """A run for each seed, in the order of the seeds; `done` is told of each as it comes."""
    results = []
    for result in _results(wanted, seeds, workers):
        done(result)
        results.append(result)
    return results


def _results(wanted: Wanted, seeds: Sequence[int], workers: int) -> Iterator[Result]:
    one = partial(play, wanted)
    if workers == 1 or len(seeds) == 1:
        yield from map(one, seeds)
        return
    # Spawned, not forked: threads of gRPC in this process must not be copied half-way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, max_tasks_per_child=SEEDS_EACH) as pool:
        yield from pool.map(one, seeds)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """`all`, `none`, or words of `Fault` between commas. ValueError names the one that is none."""
    if text == "all":
        return tuple(Fault)
    if text == "none":
        return ()
    return tuple(_faults(text.split(",")))


def _faults(words: Iterable[str]) -> Iterator[Fault]:
    known = {fault.value: fault for fault in Fault}
    for word in words:
        if word.strip() not in known:
            raise ValueError(word.strip())
        yield known[word.strip()]
