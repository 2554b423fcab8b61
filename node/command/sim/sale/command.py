"""`pledgeway sim sale`: what it is told, and how it ends."""

import json
import os
import sys
from functools import partial
from typing import Any, Final

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
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
from node.command.sim.sale.campaign import Tally, play_all
from node.command.sim.sale.plan import COMBINATIONS
from node.command.sim.sale.run import Result
from node.command.sim.sale.sweep import Swept, places, sweep_all
from proto.limits import US


@click.command(
    "sale",
    epilog="Exit status: 0 nobody honest lost more than he can and everything ended; 1 it did not,"
    " or a daemon failed; 2 unusable input.",
)
@seed_option("who is silent and who dishonest, of faults and every delay", least=1)
@seeds_option(COMBINATIONS, ": so many play every subset of the silent and the dishonest once.")
@workers_option("the seeds")
@sweep_option("write, call and answer of one sale")
@click.option(
    "--place", "wanted", multiple=True, metavar="NAME",
    help="Of a sweep only this one: Bob, Sally, Ned, Ada, House or the registry; may be repeated.",
)  # fmt: skip
@events_option("who did what in the runs that failed")
@json_option()
def sale(
    seed: int, count: int, workers: int | None, sweeps: bool, wanted: tuple[str, ...],
    events: bool, as_json: bool,
) -> None:  # fmt: skip
    """Let people sell what no registrar controls, judged by an agent: bounded losses, whoever lies.

    Bob buys from Sally, Ned judges, Ada arbitrates, a house keeps the stakes and one registry
    decides. Each of the four is honest, silent from some moment on, or dishonest: hands over
    rubbish, forms another lock, signs without a stake, shows the key too late, swaps, replays and
    forges letters, draws another contract, votes otherwise than sealed. A seed draws all that, and
    which processes die and which letters are lost. Every moment the pool must hold what it owes;
    in the end everything must be over, a key be known only where the money was locked, and nobody
    honest have lost more than the table of a sale allows.

    \b
    Example:
    pledgeway sim sale
    pledgeway sim sale --seed 7 --seeds 1 --events
    pledgeway sim sale --seeds 1080 --json
    pledgeway sim sale --sweep --place Ned
    """
    known = sorted({place.who for place in places()})
    for name in wanted:
        if name not in known:
            fail(UNUSABLE, f"--place: nobody is called {name!r}; it is one of {', '.join(known)}")
    if wanted and not sweeps:
        fail(UNUSABLE, "--place is of a sweep: add --sweep")
    if sweeps:
        found = [place for place in places() if place.who in (wanted or known)]
        SWEEP.run(sweep_all(found, workers or os.cpu_count() or 1), len(found), as_json=as_json)
    tally = Tally()
    seeds = range(seed, seed + count)
    campaign(play_all(seeds, min(workers or os.cpu_count() or 1, count)), tally, count)
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
        "subsets": len(tally.subsets),
        "virtual_s": tally.virtual_us / US,
        "trace": trace_of(tally.traces),
        "sales": [
            {"ended": ended, "sales": sales, "slashed": tally.slashed[ended]}
            for ended, sales in sorted(tally.ended.items())
        ],
        "honest_losses": tally.losses,
        "tricks": dict(sorted(tally.tricks.items())),
        "failed": [failure_json(result, parties=result.course.name) for result in tally.failed],
    }


def _show(seed: int, tally: Tally, events: bool) -> None:
    last = seed + tally.seeds - 1
    facts(
        (
            ("seeds", f"{seed} to {last}" if tally.seeds > 1 else str(seed)),
            ("silent and dishonest", f"{len(tally.subsets)} of {COMBINATIONS} subsets"),
            ("tricks played", f"{tally.tricks.total():,}, of {len(tally.tricks)} kinds"),
            ("virtual time", f"{tally.virtual_us / US:,.0f} s"),
            ("trace", trace_of(tally.traces)),
        )
    )
    gap()
    rows = [
        (ended, f"{sales:,}", f"{tally.slashed[ended]:,}")
        for ended, sales in sorted(tally.ended.items())
    ]
    table(("ended", ">sales", ">bond slashed"), rows, "")
    gap()
    if not tally.failed:
        say(f"Nobody honest lost more than he can, and everything ended, in {tally.sales:,} sales.")
    for result in tally.failed[:SHOWN_FAILURES]:
        _show_failure(result, events)


def _show_failure(result: Result, events: bool) -> None:
    seed, course = result.course.seed, result.course
    say(f"seed {seed} did not hold: {course.name}")
    say_breaches(result)
    if events:
        for crook in course.crooks:
            say(f"  {crook.who} knows {', '.join(sorted(crook.only))} [{crook.strength}]")
        for party in course.parties:
            if party.silent_us:
                how = "node and all" if party.dead else "its owner"
                say(
                    f"  {party.role.name.lower()} falls silent at {party.silent_us / US:g} s, {how}"
                )
        say_troubles(course.faults, course.ills)
    say(f"again: pledgeway sim sale --seed {seed} --seeds 1 --events")


SWEEP: Final[Sweep[Swept]] = Sweep(
    word="released",
    came=lambda one: one.released,
    sound="Everybody was paid once, whichever of {} crashes came.",
    show_failure=partial(_show_failure, events=True),
)
