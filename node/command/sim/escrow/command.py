"""`pledgeway sim escrow`: what it is told, and how it ends."""

import json
import os
import sys
from hashlib import sha256
from typing import Any, Final, NoReturn

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.command.sim.escrow.campaign import Tally, play_all
from node.command.sim.escrow.cases import BY_NAME, CASES
from node.command.sim.escrow.plan import shown
from node.command.sim.escrow.run import Result
from node.command.sim.escrow.sweep import Swept, places, sweep_all
from node.command.sim.plan import shown as shown_fault

MAX_SEED: Final = 2**31
MAX_SEEDS: Final = 1_000_000
MAX_WORKERS: Final = 64
SHOWN_FAILURES: Final = 5  # of many: the first ones tell what the others would
US: Final = 1_000_000


@click.command(
    "escrow",
    epilog="Exit status: 0 no honest party lost and everything ended; 1 it did not, or a daemon"
    " failed; 2 unusable input.",
)
@click.option(
    "--case", "cases", multiple=True, metavar="NAME",
    help="Only this one, by the name of its template; may be repeated.  [default: all]",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True,
    help="Of the parties, the faults, the crooks and every delay.",
)  # fmt: skip
@click.option(
    "--seeds", "count", type=click.IntRange(1, MAX_SEEDS), default=10, show_default=True,
    help="Runs, of this seed and the ones after it; each plays every case once.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), default=None,
    help="Processes that share the seeds.  [default: one for each core]",
)  # fmt: skip
@click.option(
    "--sweep", "sweeps", is_flag=True,
    help="Instead: crash every process at every write, frame, call and answer of one exchange.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="Show what happened in the runs that failed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
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
        _sweep(workers or os.cpu_count() or 1, as_json)
    tally = Tally()
    seeds = range(seed, seed + count)
    for result in play_all(names, seeds, min(workers or os.cpu_count() or 1, count)):
        tally.add(result)
        progress(f"{tally.seeds:,} of {count:,} seeds, {len(tally.failed)} failed")
    progress("")
    if as_json:
        click.echo(json.dumps(_json(seed, tally), ensure_ascii=False))
    else:
        _show(seed, tally, events)
    sys.exit(REFUSED if tally.failed else 0)


def _sweep(workers: int, as_json: bool) -> NoReturn:
    wanted = places()
    swept = []
    for one in sweep_all(wanted, workers):
        swept.append(one)
        crashes = sum(s.crashes for s in swept)
        progress(f"{len(swept)} of {len(wanted)} places, {crashes} crashes")
    progress("")
    failed = sum(len(one.failed) for one in swept)
    if as_json:
        told = [
            {
                "who": one.place.who,
                "fault": one.place.what.value,
                "when": one.place.when or None,
                "crashes": one.crashes,
                "committed": one.committed,
                "failed": len(one.failed),
            }
            for one in swept
        ]
        click.echo(json.dumps({"sound": not failed, "places": told}))
    else:
        _show_swept(swept)
    sys.exit(REFUSED if failed else 0)


def _show_swept(swept: list[Swept]) -> None:
    rows = [
        (
            one.place.who,
            f"{one.place.what.value} {one.place.when}".strip(),
            str(one.crashes),
            str(one.committed),
            str(len(one.failed)),
        )
        for one in swept
    ]
    table(("process", "dies at", ">crashes", ">committed", ">failed"), rows, "")
    gap()
    for result in [r for one in swept for r in one.failed][:SHOWN_FAILURES]:
        _show_failure(result, events=True)
    crashes = sum(one.crashes for one in swept)
    if not any(one.failed for one in swept):
        say(f"One effect each and an end, whichever of {crashes:,} crashes came.")


def _trace(tally: Tally) -> str:
    return sha256("\n".join(tally.traces).encode()).hexdigest()


def _json(seed: int, tally: Tally) -> dict[str, Any]:
    return {
        "sound": not tally.failed,
        "seed": seed,
        "seeds": tally.seeds,
        "virtual_s": tally.virtual_us / US,
        "trace": _trace(tally),
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
        "failed": [
            {
                "seed": result.course.seed,
                "crashed": result.crashed,
                "breaches": [
                    {"promise": b.promise, "at_s": b.at_us / US, "where": b.where, "what": b.what}
                    for b in result.breaches
                ],
            }
            for result in tally.failed
        ],
    }


def _show(seed: int, tally: Tally, events: bool) -> None:
    last = seed + tally.seeds - 1
    facts(
        (
            ("seeds", f"{seed} to {last}" if tally.seeds > 1 else str(seed)),
            ("tricks played", f"{tally.tricks.total():,}, of {len(tally.tricks)} kinds"),
            ("virtual time", f"{tally.virtual_us / US:,.0f} s"),
            ("trace", _trace(tally)),
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
    for breach in result.breaches[:SHOWN_FAILURES]:
        say(f"  {breach}")
    if result.crashed:
        say(f"  a daemon failed: {result.crashed}")
    if events:
        for crook in result.course.crooks:
            say(f"  {crook.who} is dishonest [{crook.strength}]")
        for fault in result.course.faults:
            say(f"  {shown_fault(fault)}")
        for ill in result.course.ills:
            say(f"  {shown(ill)}")
    names = "".join(f" --case {deal.case!r}" for deal in result.course.deals)
    every = len(result.course.deals) == len(CASES)
    say(f"again: pledgeway sim escrow --seed {seed} --seeds 1 --events{'' if every else names}")
