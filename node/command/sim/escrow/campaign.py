"""Many runs of exchanges, one for each seed, in as many processes as there are to be."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from node.command.sim.escrow.plan import draw_course
from node.command.sim.escrow.run import Result, run
from node.command.sim.spreading import spread


@dataclass(slots=True)
class Row:
    """What the schedules of one case came to. `committed`: everything of it; `lost`: honest
    parties who gave and did not get."""

    schedules: int = 0
    committed: int = 0
    lost: int = 0

    @property
    def aborted(self) -> int:
        """Nothing of it came about, whether or not it came to terms."""
        return self.schedules - self.committed


@dataclass(slots=True)
class Tally:
    """Sums of many runs, and the failed ones whole."""

    rows: dict[str, Row] = field(default_factory=dict)
    tricks: Counter[str] = field(default_factory=Counter)
    seeds: int = 0
    virtual_us: int = 0
    failed: list[Result] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """One run more."""
        self.seeds += 1
        self.virtual_us += result.virtual_us
        self.tricks.update(result.tricks)
        self.traces.append(result.trace)
        for outcome in result.outcomes:
            row = self.rows.setdefault(outcome.case, Row())
            row.schedules += 1
            row.committed += outcome.committed
            row.lost += outcome.losses
        if not result.sound:
            self.failed.append(result)


def play(cases: Sequence[str], seed: int) -> Result:
    """One run."""
    return run(draw_course(seed, cases))


def play_all(cases: Sequence[str], seeds: Iterable[int], workers: int) -> Iterator[Result]:
    """A run for each seed, in the order of the seeds, as they come."""
    yield from spread(partial(play, tuple(cases)), seeds, workers)
