"""`pledgeway sim run`: what it is told, and how it ends."""

import json
import os
import sys
import time
from typing import Any, Final

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.command.sim.campaign import Tally, Wanted, course_of, parse_faults, play_all
from node.command.sim.options import (
    MAX_SEED,
    SHOWN_FAILURES,
    events_option,
    json_option,
    seed_option,
    seeds_option,
    workers_option,
)
from node.command.sim.plan import Fault, shown
from node.command.sim.run import Result
from node.command.sim.shrink import shrink, symptom
from node.command.sim.world.spec import MAX_NODES

MAX_PAYMENTS: Final = 100_000
MAX_HOURS: Final = 24.0 * 30
MAX_MINUTES: Final = 60 * 24.0
GRANTS_PER: Final = 5  # payments for each owner who changes a limit
US: Final = 1_000_000


@click.command(
    "run",
    epilog="Exit status: 0 every promise of the protocol held; 1 one did not, or a daemon failed;"
    " 2 unusable input.",
)
@seed_option("the network, the payments, the faults and every delay")
@seeds_option(1)
@click.option(
    "--hours", type=click.FloatRange(0.001, MAX_HOURS), default=None,
    help="Seed after seed for so long, instead of a number of seeds.",
)  # fmt: skip
@click.option(
    "--nodes", type=click.IntRange(2, MAX_NODES), default=8, show_default=True,
    help="In the network; three registries beside them.",
)  # fmt: skip
@click.option(
    "--payments", type=click.IntRange(1, MAX_PAYMENTS), default=20, show_default=True,
    help="Between nodes drawn at random, in all manners.",
)  # fmt: skip
@click.option(
    "--faults", "faults_text", default="all", show_default=True, metavar="LIST",
    help="`all`, `none`, `lies`, or some of: " + ", ".join(fault.value for fault in Fault) + ".",
)  # fmt: skip
@click.option(
    "--minutes", type=click.FloatRange(0.1, MAX_MINUTES), default=2.0, show_default=True,
    help="Virtual ones, in which payments begin and things go wrong; then all heals.",
)  # fmt: skip
@workers_option("many seeds")
@click.option(
    "--shrink/--no-shrink", "shrinks", default=True, show_default=True,
    help="Look for the shortest list of events that still fails.",
)  # fmt: skip
@events_option("what happens in the run, and run it")
@json_option()
def run_(
    seed: int, count: int, hours: float | None, nodes: int, payments: int, faults_text: str,
    minutes: float, workers: int | None, shrinks: bool, events: bool, as_json: bool,
) -> None:  # fmt: skip
    """Let a whole network pay under faults, and hold it to every promise of the protocol.

    Real nodes, registries and path finders run in one process, over wires, disks and clocks that
    a seed makes fail. After every step an oracle that shares no code with them looks at what they
    stored, said and booked; at the end all faults heal, and everything has to come to its end.
    The same seed of the same version gives the same run, to the byte: its trace is one hash.

    \b
    Example:
    pledgeway sim run --seed 7
    pledgeway sim run --seed 1 --seeds 1000 --faults all
    pledgeway sim run --hours 24
    pledgeway sim run --seed 7 --faults crash-at-write,partition --events
    pledgeway sim run --seed 7 --faults lies --events
    """
    try:
        faults = parse_faults(faults_text)
    except ValueError as error:
        fail(UNUSABLE, f"--faults: no fault is called {error}; see `pledgeway sim run --help`")
    wanted = Wanted(nodes, payments, faults, minutes, payments // GRANTS_PER)
    if events and not as_json:
        for action in course_of(wanted, seed).plan:
            say(shown(action))
        gap()
    seeds = range(seed, seed + count) if hours is None else range(seed, MAX_SEED)
    tally = _play(wanted, seeds, workers or os.cpu_count() or 1, hours)
    if shrinks:
        tally.failed = [_shrunk(result) for result in tally.failed[:SHOWN_FAILURES]]
    if as_json:
        click.echo(json.dumps(_json(wanted, seed, tally), ensure_ascii=False))
    else:
        _show(wanted, seed, tally)
    sys.exit(REFUSED if tally.failed else 0)


def _play(wanted: Wanted, seeds: range, workers: int, hours: float | None) -> Tally:
    tally = Tally()
    until_s = float("inf") if hours is None else time.monotonic() + hours * 3600
    for result in play_all(wanted, seeds, min(workers, len(seeds))):
        tally.add(result)
        wanted_seeds = f" of {len(seeds):,}" if hours is None else ""
        progress(f"{tally.seeds:,}{wanted_seeds} seeds, {len(tally.failed)} failed")
        if time.monotonic() > until_s:
            break
    progress("")
    return tally


def _shrunk(result: Result) -> Result:
    def tell(runs: int, left: int) -> None:
        progress(f"seed {result.course.seed} fails: {left} events left after {runs} runs")

    shrunk = shrink(result, tell)
    progress("")
    return shrunk


# ---------------------------------------------------------------- what it says


def _json(wanted: Wanted, seed: int, tally: Tally) -> dict[str, Any]:
    return {
        "sound": not tally.failed,
        "seed": seed,
        "seeds": tally.seeds,
        "nodes": wanted.nodes,
        "payments": wanted.payments,
        "faults": [fault.value for fault in wanted.faults],
        "minutes": wanted.minutes,
        "trace": tally.trace,
        "happenings": tally.happenings,
        "virtual_s": tally.virtual_us / US,
        "ends": dict(sorted(tally.ends.items())),
        "lies": dict(sorted(tally.lies.items())),
        "failed": [_failure_json(result) for result in tally.failed],
    }


def _failure_json(result: Result) -> dict[str, Any]:
    return {
        "seed": result.course.seed,
        "symptom": symptom(result),
        "crashed": result.crashed,
        "violations": [
            {"invariant": v.invariant, "at_s": v.at_us / US, "where": v.where, "what": v.what}
            for v in result.violations
        ],
        "events": [shown(action) for action in result.course.plan],
    }


def _show(wanted: Wanted, seed: int, tally: Tally) -> None:
    named = f"seed {seed}" if tally.seeds == 1 else f"seeds {seed} to {seed + tally.seeds - 1}"
    kinds = ", ".join(fault.value for fault in wanted.faults) or "none"
    facts(
        (
            ("run", f"{named}: {wanted.nodes} nodes, {wanted.payments} payments"),
            ("faults", kinds if len(wanted.faults) < len(Fault) else f"all {len(Fault)} kinds"),
            ("lies told", f"{tally.lies.total():,}" if tally.lies else None),
            ("virtual time", f"{tally.virtual_us / US:,.0f} s"),
            ("happenings", f"{tally.happenings:,}"),
            ("trace", tally.trace),
        )
    )
    gap()
    rows = [(end, f"{count:,}") for end, count in sorted(tally.ends.items())]
    table(("payments ended", ">count"), rows, "")
    gap()
    if not tally.failed:
        say(f"Every promise of the protocol held, {tally.seeds:,} of {tally.seeds:,} seeds.")
    for result in tally.failed:
        _show_failure(wanted, result)


def _show_failure(wanted: Wanted, result: Result) -> None:
    seed = result.course.seed
    say(f"seed {seed}: {symptom(result)} did not hold")
    for violation in result.violations[:SHOWN_FAILURES]:
        say(f"  {violation.at_us / US:9.3f} s  {violation.where} {violation.what}")
    if result.crashed:
        say(f"  a daemon failed: {result.crashed}")
    say("the shortest list of events that still fails:")
    for action in result.course.plan:
        say(f"  {shown(action)}")
    faults = ",".join(fault.value for fault in wanted.faults) or "none"
    if len(wanted.faults) == len(Fault):
        faults = "all"
    say(
        f"again: pledgeway sim run --seed {seed} --nodes {wanted.nodes}"
        f" --payments {wanted.payments} --faults {faults} --minutes {wanted.minutes:g}"
    )
