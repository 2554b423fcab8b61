"""`pledgeway sim run`: what it is told, and how it ends."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.command.sim.campaign import Wanted, parse_faults, play, play_all
from node.command.sim.plan import Fault, shown
from node.command.sim.run import Result
from node.command.sim.shrink import shrink, symptom
from node.command.sim.world.spec import MAX_NODES

MAX_SEED: Final = 2**31
MAX_SEEDS: Final = 1_000_000  # a week of runs
MAX_PAYMENTS: Final = 100_000
MAX_MINUTES: Final = 60 * 24.0
MAX_WORKERS: Final = 64
SHOWN_FAILURES: Final = 5  # of many seeds: the first ones tell what the others would
US: Final = 1_000_000


@click.command(
    "run",
    epilog="Exit status: 0 every promise of the protocol held; 1 one did not, or a daemon failed;"
    " 2 unusable input.",
)
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True,
    help="Of the network, the payments, the faults and every delay.",
)  # fmt: skip
@click.option(
    "--seeds", "count", type=click.IntRange(1, MAX_SEEDS), default=1, show_default=True,
    help="Runs, of this seed and the ones after it.",
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
    help="`all`, `none`, or some of: " + ", ".join(fault.value for fault in Fault) + ".",
)  # fmt: skip
@click.option(
    "--minutes", type=click.FloatRange(0.1, MAX_MINUTES), default=2.0, show_default=True,
    help="Virtual ones, in which payments begin and things go wrong; then all heals.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), default=None,
    help="Processes that share many seeds.  [default: one for each core]",
)  # fmt: skip
@click.option(
    "--shrink/--no-shrink", "shrinks", default=True, show_default=True,
    help="Look for the shortest list of events that still fails.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="Show what happens in the run, and run it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def run_(
    seed: int, count: int, nodes: int, payments: int, faults_text: str, minutes: float,
    workers: int | None, shrinks: bool, events: bool, as_json: bool,
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
      pledgeway sim run --seed 7 --faults crash-at-write,partition --events
    """
    try:
        faults = parse_faults(faults_text)
    except ValueError as error:
        fail(UNUSABLE, f"--faults: no fault is called {error}; see `pledgeway sim run --help`")
    wanted = Wanted(nodes, payments, faults, minutes)
    seeds = range(seed, seed + count)
    results = _play(wanted, seeds, workers or os.cpu_count() or 1)
    failed = [result for result in results if not result.sound]
    if shrinks:
        failed = [_shrunk(result) for result in failed[:SHOWN_FAILURES]]
    if as_json:
        click.echo(json.dumps(_json(wanted, results, failed), ensure_ascii=False))
    else:
        _show(wanted, results, failed, events)
    sys.exit(REFUSED if failed else 0)


def _play(wanted: Wanted, seeds: Sequence[int], workers: int) -> list[Result]:
    if len(seeds) == 1:
        return [play(wanted, seeds[0])]
    done = Counter[bool]()

    def tell(result: Result) -> None:
        done[result.sound] += 1
        progress(f"{done.total()} of {len(seeds)} seeds, {done[False]} failed")

    results = play_all(wanted, seeds, workers, tell)
    progress("")
    return results


def _shrunk(result: Result) -> Result:
    def tell(runs: int, left: int) -> None:
        progress(f"seed {result.course.seed} fails: {left} events left after {runs} runs")

    shrunk = shrink(result, tell)
    progress("")
    return shrunk


# ---------------------------------------------------------------- what it says


def _json(wanted: Wanted, results: Sequence[Result], failed: Sequence[Result]) -> dict[str, Any]:
    first = results[0]
    return {
        "sound": not failed,
        "seed": first.course.seed,
        "seeds": len(results),
        "nodes": wanted.nodes,
        "payments": wanted.payments,
        "faults": [fault.value for fault in wanted.faults],
        "minutes": wanted.minutes,
        "trace": first.trace if len(results) == 1 else [r.trace for r in results],
        "happenings": sum(r.happenings for r in results),
        "virtual_s": sum(r.virtual_us for r in results) / US,
        "ends": _ends(results),
        "failed": [_failure_json(result) for result in failed],
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


def _ends(results: Sequence[Result]) -> dict[str, int]:
    ends = Counter[str]()
    for result in results:
        ends.update(result.ends)
    return dict(sorted(ends.items()))


def _show(
    wanted: Wanted, results: Sequence[Result], failed: Sequence[Result], events: bool
) -> None:
    seeds = [result.course.seed for result in results]
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    if events:
        for result in results[:SHOWN_FAILURES]:
            for action in result.course.plan:
                say(shown(action))
            gap()
    kinds = ", ".join(fault.value for fault in wanted.faults) or "none"
    facts(
        (
            ("run", f"{named}: {wanted.nodes} nodes, {wanted.payments} payments"),
            ("faults", kinds if len(wanted.faults) < len(Fault) else f"all {len(Fault)} kinds"),
            ("virtual time", f"{sum(r.virtual_us for r in results) / US:,.0f} s"),
            ("happenings", f"{sum(r.happenings for r in results):,}"),
            ("trace", results[0].trace if len(results) == 1 else None),
        )
    )
    gap()
    table(("payments ended", ">count"), [(k, f"{n:,}") for k, n in _ends(results).items()], "")
    gap()
    if not failed:
        say(f"Every promise of the protocol held, {len(results):,} of {len(results):,} seeds.")
        return
    for result in failed:
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
