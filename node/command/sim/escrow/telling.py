"""How a campaign or a sweep of exchanges or sales goes and is told: progress, JSON, tables."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import click

from node.command.display import gap, say, table
from node.command.exit_status import REFUSED
from node.command.processes.progress import progress
from node.command.sim.escrow.plan import Ill, Trouble, shown
from node.command.sim.escrow.result import RunResult
from node.command.sim.options import SHOWN_FAILURES
from node.command.sim.plan import Action, Fault
from node.command.sim.plan import shown as shown_fault
from proto.limits import US


class Place(Protocol):
    """Where a sweep crashes: whose process, at what, and when of a write."""

    @property
    def who(self) -> str: ...
    @property
    def what(self) -> Fault | Trouble: ...
    @property
    def when(self) -> str: ...


Ran = TypeVar("Ran", bound=RunResult[Any, Any])
RanOut = TypeVar("RanOut", bound=RunResult[Any, Any], covariant=True)


class Summed(Protocol[Ran]):
    """Sums of many runs, and the failed ones whole."""

    seeds: int
    failed: list[Ran]

    def add(self, result: Ran) -> None:
        """One run more."""


class Swept(Protocol[RanOut]):
    """What came of all crashes at one place; each was a run."""

    @property
    def place(self) -> Place: ...
    @property
    def crashes(self) -> int: ...
    @property
    def failed(self) -> tuple[RanOut, ...]: ...


Crashed = TypeVar("Crashed", bound=Swept[Any])


# ---------------------------------------------------------------- a campaign


def campaign(results: Iterable[Ran], tally: Summed[Ran], count: int) -> None:
    """Sums them up as they come; `count`: how many there will be."""
    for result in results:
        tally.add(result)
        progress(f"{tally.seeds:,} of {count:,} seeds, {len(tally.failed)} failed")
    progress("")


def trace_of(traces: Sequence[str]) -> str:
    """One hash, in hex, of the traces of many runs in their order."""
    return sha256("\n".join(traces).encode()).hexdigest()


def failure_json(result: RunResult[Any, Any], **named: str) -> dict[str, Any]:
    """A failed run for programs. `named`: what else names it beside its seed."""
    return {
        "seed": result.course.seed,
        **named,
        "crashed": result.crashed,
        "breaches": [
            {"promise": b.promise, "at_s": b.at_us / US, "where": b.where, "what": b.what}
            for b in result.breaches
        ],
    }


def say_breaches(result: RunResult[Any, Any]) -> None:
    """What did not hold in a failed run, the first of it."""
    for breach in result.breaches[:SHOWN_FAILURES]:
        say(f"  {breach}")
    if result.crashed:
        say(f"  a daemon failed: {result.crashed}")


def say_troubles(faults: Iterable[Action], ills: Iterable[Ill]) -> None:
    """What was to go wrong in a run."""
    for fault in faults:
        say(f"  {shown_fault(fault)}")
    for ill in ills:
        say(f"  {shown(ill)}")


# ---------------------------------------------------------------- a sweep


@dataclass(frozen=True, slots=True)
class Sweep(Generic[Crashed]):
    """How the sweep of one thing is told. `word`: for its coming about, and `came`: after how many
    crashes it did; `sound`: one line with {} for the crashes, where all was well."""

    word: str
    came: Callable[[Crashed], int]
    sound: str
    show_failure: Callable[[Any], None]

    def run(self, coming: Iterable[Crashed], places: int, *, as_json: bool) -> NoReturn:
        """Takes the places as they come, `places` of them; tells, and exits: 1 where one failed."""
        swept: list[Crashed] = []
        for one in coming:
            swept.append(one)
            crashes = sum(s.crashes for s in swept)
            progress(f"{len(swept)} of {places} places, {crashes} crashes")
        progress("")
        failed = sum(len(one.failed) for one in swept)
        if as_json:
            told = [self._json(one) for one in swept]
            click.echo(json.dumps({"sound": not failed, "places": told}))
        else:
            self._show(swept)
        sys.exit(REFUSED if failed else 0)

    def _json(self, one: Crashed) -> dict[str, Any]:
        return {
            "who": one.place.who,
            "fault": one.place.what.value,
            "when": one.place.when or None,
            "crashes": one.crashes,
            self.word: self.came(one),
            "failed": len(one.failed),
        }

    def _show(self, swept: Sequence[Crashed]) -> None:
        rows = [
            (
                one.place.who,
                f"{one.place.what.value} {one.place.when}".strip(),
                str(one.crashes),
                str(self.came(one)),
                str(len(one.failed)),
            )
            for one in swept
        ]
        table(("process", "dies at", ">crashes", f">{self.word}", ">failed"), rows, "")
        gap()
        for result in [r for one in swept for r in one.failed][:SHOWN_FAILURES]:
            self.show_failure(result)
        if not any(one.failed for one in swept):
            crashes = sum(one.crashes for one in swept)
            say(self.sound.format(f"{crashes:,}"))
