"""Many runs of sales, one for each seed, and what they came to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from node.command.sim.sale.plan import COMBINATIONS, draw_course
from node.command.sim.sale.run import Result, run
from node.command.sim.spreading import spread

LOSS = "LOSS"


@dataclass(slots=True)
class Tally:
    """Sums of many runs, and the failed ones whole. `ended`: sales by how they ended; `subsets`:
    of the silent and the dishonest, that were played."""

    ended: Counter[str] = field(default_factory=Counter)
    slashed: Counter[str] = field(default_factory=Counter)
    tricks: Counter[str] = field(default_factory=Counter)
    subsets: dict[str, None] = field(default_factory=dict)
    seeds: int = 0
    losses: int = 0
    virtual_us: int = 0
    failed: list[Result] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    @property
    def sales(self) -> int:
        return self.ended.total()

    @property
    def whole(self) -> bool:
        """Whether every subset was played."""
        return len(self.subsets) == COMBINATIONS

    def add(self, result: Result) -> None:
        """One run more."""
        self.seeds += 1
        self.virtual_us += result.virtual_us
        self.tricks.update(result.tricks)
        self.traces.append(result.trace)
        self.subsets[result.course.name] = None
        for one in result.outcomes:
            self.ended[one.ended] += 1
            self.slashed[one.ended] += one.slashed
        self.losses += sum(breach.promise == LOSS for breach in result.breaches)
        if not result.sound:
            self.failed.append(result)


def play(seed: int) -> Result:
    """One run."""
    return run(draw_course(seed))


def play_all(seeds: Iterable[int], workers: int) -> Iterator[Result]:
    """A run for each seed, in their order, as they come."""
    yield from spread(play, seeds, workers)
