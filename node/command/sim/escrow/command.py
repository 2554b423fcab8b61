"""`pledgeway sim escrow`: what it is told, and how it ends."""

import json
import os
import sys
from functools import partial
from typing import Any, Final

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.sim.escrow.campaign import Tally, play_all
from node.command.sim.escrow.cases import BY_NAME, CASES
from node.command.sim.escrow.run import Result
from node.command.sim.escrow.sweep import Swept, places, sweep_all
from node.command.sim.escrow.telling import (
    Sweep,
    campaign,
    failure_json,
    say_breaches,
    say_troubles,
    trace_of,
)
from node.command.sim.options import (
    SHOWN_FAILURES,
    events_option,
    json_option,
    seed_option,
    seeds_option,
    sweep_option,
    workers_option,
)
from proto.limits import US


@click.command(
    "escrow",
    epilog="Exit status: 0 no honest party lost and everything ended; 1 it did not, or a daemon"
    " failed; 2 unusable input.",
)
@click.option(
    "--case", "cases", multiple=True, metavar="NAME",
    help="Only this one, by the name of its template; may be repeated.  [default: all]",
)  # fmt: skip
@seed_option("the parties, the faults, the crooks and every delay")
@seeds_option(10, "; each plays every case once.")
@workers_option("the seeds")
@sweep_option("write, frame, call and answer of one exchange")
@events_option("what happened in the runs that failed")
@json_option()
def escrow(
    cases: tuple[str, ...], seed: int, count: int, workers: int | None, sweeps: bool, events: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Let a village exchange rights and money under faults and lies: nobody honest may lose.

    Five parties, three registrars that also link them by credit, three commit registries and a
    helper who coordinates. A seed draws who exchanges what with whom, which processes die at which
    write or call, which letters are lost, doubled or late, and who is dishonest: who withholds,
    forges, swaps, replays, spends twice, or makes other terms than were proposed. After all has
    healed everything must have ended, and each honest party must have what it wanted or what it
    gave. The same seed of the same version gives the same run.

    \b
    Example:
    pledgeway sim escrow
    pledgeway sim escrow --case "buy parcel" --case loan --seeds 100
    pledgeway sim escrow --seed 7 --seeds 1 --events
    pledgeway sim escrow --seeds 10000 --json
    pledgeway sim escrow --sweep
    """
    for case in cases:
        if case not in BY_NAME:
            known = ", ".join(BY_NAME)
            fail(UNUSABLE, f"--case: nothing is called {case!r}; it is one of {known}")
    if sweeps and cases:
        fail(UNUSABLE, "--sweep has an exchange of its own: leave out --case")
    names = tuple(dict.fromkeys(cases)) or tuple(case.name for case in CASES)
    if sweeps:
        found = places()
        SWEEP.run(sweep_all(found, workers or os.cpu_count() or 1), len(found), as_json=as_json)
    tally = Tally()
    seeds = range(seed, seed + count)
    campaign(play_all(names, seeds, min(workers or os.cpu_count() or 1, count)), tally, count)
    if as_json:
        click.echo(json.dumps(_json(seed, tally), ensure_ascii=False))
    else:
        _show(seed, tally, events)
    sys.exit(REFUSED if tally.failed else 0)


def _json(seed: int, tally: Tally) -> dict[str, Any]:
    return {
        "sound": not tally.failed,
        "seed": seed,
        "seeds": tally.seeds,
        "virtual_s": tally.virtual_us / US,
        "trace": trace_of(tally.traces),
        "cases": [
            {
                "case": case,
                "schedules": row.schedules,
                "committed": row.committed,
                "aborted": row.aborted,
                "honest_losses": row.lost,
            }
            for case, row in tally.rows.items()
        ],
        "tricks": dict(sorted(tally.tricks.items())),
        "failed": [failure_json(result) for result in tally.failed],
    }


def _show(seed: int, tally: Tally, events: bool) -> None:
    last = seed + tally.seeds - 1
    facts(
        (
            ("seeds", f"{seed} to {last}" if tally.seeds > 1 else str(seed)),
            ("tricks played", f"{tally.tricks.total():,}, of {len(tally.tricks)} kinds"),
            ("virtual time", f"{tally.virtual_us / US:,.0f} s"),
            ("trace", trace_of(tally.traces)),
        )
    )
    gap()
    rows = [
        (case, f"{r.schedules:,}", f"{r.committed:,}", f"{r.aborted:,}", f"{r.lost:,}")
        for case, r in tally.rows.items()
    ]
    table(("case", ">schedules", ">committed", ">aborted", ">honest losses"), rows, "")
    gap()
    if not tally.failed:
        schedules = sum(row.schedules for row in tally.rows.values())
        say(f"0 honest losses, and everything ended, in {schedules:,} of {schedules:,} schedules.")
    for result in tally.failed[:SHOWN_FAILURES]:
        _show_failure(result, events)


def _show_failure(result: Result, events: bool) -> None:
    seed = result.course.seed
    say(f"seed {seed} did not hold:")
    say_breaches(result)
    if events:
        for crook in result.course.crooks:
            say(f"  {crook.who} is dishonest [{crook.strength}]")
        say_troubles(result.course.faults, result.course.ills)
    names = "".join(f" --case {deal.case!r}" for deal in result.course.deals)
    every = len(result.course.deals) == len(CASES)
    say(f"again: pledgeway sim escrow --seed {seed} --seeds 1 --events{'' if every else names}")


SWEEP: Final[Sweep[Swept]] = Sweep(
    word="committed",
    came=lambda one: one.committed,
    sound="One effect each and an end, whichever of {} crashes came.",
    show_failure=partial(_show_failure, events=True),
)
