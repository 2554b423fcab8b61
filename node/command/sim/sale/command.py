"""`pledgeway sim sale`: what it is told, and how it ends."""

import json
import os
import sys
from hashlib import sha256
from typing import Any, Final, NoReturn

import click

from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.command.sim.escrow.command import MAX_SEEDS, MAX_WORKERS, SHOWN_FAILURES
from node.command.sim.escrow.plan import shown
from node.command.sim.plan import shown as shown_fault
from node.command.sim.sale.campaign import Tally, play_all
from node.command.sim.sale.plan import COMBINATIONS
from node.command.sim.sale.run import Result
from node.command.sim.sale.sweep import Swept, places, sweep_all
from proto.limits import US

MAX_SEED: Final = 2**31


@click.command(
    "sale",
    epilog="Exit status: 0 nobody honest lost more than he can and everything ended; 1 it did not,"
    " or a daemon failed; 2 unusable input.",
)
@click.option(
    "--seed", type=click.IntRange(1, MAX_SEED), default=1, show_default=True,
    help="Of who is silent and who dishonest, of faults and every delay.",
)  # fmt: skip
@click.option(
    "--seeds", "count", type=click.IntRange(1, MAX_SEEDS), default=COMBINATIONS, show_default=True,
    help="Runs, of this seed and the ones after it: so many play every subset of the silent and"
    " the dishonest once.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), default=None,
    help="Processes that share the seeds.  [default: one for each core]",
)  # fmt: skip
@click.option(
    "--sweep", "sweeps", is_flag=True,
    help="Instead: crash every process at every write, call and answer of one sale.",
)  # fmt: skip
@click.option(
    "--place", "wanted", multiple=True, metavar="NAME",
    help="Of a sweep only this one: Bob, Sally, Ned, Ada, House or the registry; may be repeated.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="Show who did what in the runs that failed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
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
        _sweep(wanted or tuple(known), workers or os.cpu_count() or 1, as_json)
    tally = Tally()
    seeds = range(seed, seed + count)
    for result in play_all(seeds, min(workers or os.cpu_count() or 1, count)):
        tally.add(result)
        progress(f"{tally.seeds:,} of {count:,} seeds, {len(tally.failed)} failed")
    progress("")
    if as_json:
        click.echo(json.dumps(_json(seed, tally), ensure_ascii=False))
    else:
        _show(seed, tally, events)
    sys.exit(REFUSED if tally.failed else 0)


def _sweep(who: tuple[str, ...], workers: int, as_json: bool) -> NoReturn:
    wanted = [place for place in places() if place.who in who]
    swept: list[Swept] = []
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
                "released": one.released,
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
            str(one.released),
            str(len(one.failed)),
        )
        for one in swept
    ]
    table(("process", "dies at", ">crashes", ">released", ">failed"), rows, "")
    gap()
    for result in [r for one in swept for r in one.failed][:SHOWN_FAILURES]:
        _show_failure(result, events=True)
    if not any(one.failed for one in swept):
        crashes = sum(one.crashes for one in swept)
        say(f"Everybody was paid once, whichever of {crashes:,} crashes came.")


def _trace(tally: Tally) -> str:
    return sha256("\n".join(tally.traces).encode()).hexdigest()


def _json(seed: int, tally: Tally) -> dict[str, Any]:
    return {
        "sound": not tally.failed,
        "seed": seed,
        "seeds": tally.seeds,
        "subsets": len(tally.subsets),
        "virtual_s": tally.virtual_us / US,
        "trace": _trace(tally),
        "sales": [
            {"ended": ended, "sales": sales, "slashed": tally.slashed[ended]}
            for ended, sales in sorted(tally.ended.items())
        ],
        "honest_losses": tally.losses,
        "tricks": dict(sorted(tally.tricks.items())),
        "failed": [
            {
                "seed": result.course.seed,
                "parties": result.course.name,
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
            ("silent and dishonest", f"{len(tally.subsets)} of {COMBINATIONS} subsets"),
            ("tricks played", f"{tally.tricks.total():,}, of {len(tally.tricks)} kinds"),
            ("virtual time", f"{tally.virtual_us / US:,.0f} s"),
            ("trace", _trace(tally)),
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
    for breach in result.breaches[:SHOWN_FAILURES]:
        say(f"  {breach}")
    if result.crashed:
        say(f"  a daemon failed: {result.crashed}")
    if events:
        for crook in course.crooks:
            say(f"  {crook.who} knows {', '.join(sorted(crook.only))} [{crook.strength}]")
        for party in course.parties:
            if party.silent_us:
                how = "node and all" if party.dead else "its owner"
                say(
                    f"  {party.role.name.lower()} falls silent at {party.silent_us / US:g} s, {how}"
                )
        for fault in course.faults:
            say(f"  {shown_fault(fault)}")
        for ill in course.ills:
            say(f"  {shown(ill)}")
    say(f"again: pledgeway sim sale --seed {seed} --seeds 1 --events")
