"""`pledgeway sim sweep`: what it is told, and how it ends."""

import json
import os
import sys
from typing import Any, Final

import click

from node.command.display import gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.command.sim.plan import Manner, shown
from node.command.sim.run import Result
from node.command.sim.shrink import symptom
from node.command.sim.sweep.sweep import MAX_HOPS, Payment, Swept, places_of, sweep_all

LEVELS: Final = ("BARE", "SECURED", "ATOMIC")  # PROXY stands beside others only
MAX_WORKERS: Final = 64
SHOWN_FAILURES: Final = 5  # of many crashes: the first ones tell what the others would


@click.command(
    "sweep",
    epilog="Exit status: 0 every promise of the protocol held; 1 one did not, or a daemon failed;"
    " 2 unusable input.",
)
@click.option(
    "--levels", "levels_text", default=",".join(LEVELS), show_default=True, metavar="LIST",
    help="A payment of each of these levels, all its promises alike.",
)  # fmt: skip
@click.option(
    "--hops", type=click.IntRange(1, MAX_HOPS), default=3, show_default=True,
    help="Promises from payer to payee.",
)  # fmt: skip
@click.option("--ignored", is_flag=True, help="The payee never answers: how all of it is undone.")
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), default=None,
    help="Processes that share the places.  [default: one for each core]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def sweep(levels_text: str, hops: int, ignored: bool, workers: int | None, as_json: bool) -> None:
    """Crash every node at every write and every send of one payment, one run for each crash.

    Each write is crashed before it, half-way through it, and after it before anybody is told;
    each decision of the registry likewise. Then the process starts again from its disk, and every
    promise of the protocol has to hold. Nothing is drawn: there is no crash that was not tried.

    \b
    Example:
      pledgeway sim sweep
      pledgeway sim sweep --levels ATOMIC --hops 2 --ignored --json
    """
    manner = Manner.IGNORED if ignored else Manner.PLAIN
    payments = [Payment((level,), hops, manner) for level in _levels(levels_text)]
    count = sum(len(places_of(payment)) for payment in payments)
    swept: list[Swept] = []
    for one in sweep_all(payments, workers or os.cpu_count() or 1):
        swept.append(one)
        progress(f"{len(swept)} of {count} places, {sum(s.crashes for s in swept)} crashes")
    progress("")
    failed = [result for one in swept for result in one.failed]
    if as_json:
        click.echo(json.dumps(_json(swept, failed), ensure_ascii=False))
    else:
        _show(payments, swept, failed)
    sys.exit(REFUSED if failed else 0)


def _levels(text: str) -> list[str]:
    levels = [word.strip().upper() for word in text.split(",")]
    for level in levels:
        if level not in LEVELS:
            fail(UNUSABLE, f"--levels: {level or 'nothing'} is none of {', '.join(LEVELS)}")
    return list(dict.fromkeys(levels))


def _json(swept: list[Swept], failed: list[Result]) -> dict[str, Any]:
    return {
        "sound": not failed,
        "crashes": sum(one.crashes for one in swept),
        "places": [
            {
                "levels": list(one.payment.levels),
                "hops": one.payment.hops,
                "who": one.place.who,
                "fault": one.place.fault.value,
                "when": one.place.when or None,
                "crashes": one.crashes,
                "failed": len(one.failed),
            }
            for one in swept
        ],
        "failed": [
            {"symptom": symptom(result), "events": [shown(a) for a in result.course.plan]}
            for result in failed
        ],
    }


def _show(payments: list[Payment], swept: list[Swept], failed: list[Result]) -> None:
    rows = []
    for payment in payments:
        for who in (*payment.nodes, "registry"):
            here = [s for s in swept if s.payment == payment and _name(s) == who]
            crashes = sum(s.crashes for s in here)
            if here:
                rows.append((payment.levels[0], who, str(crashes), str(_failures(here))))
    table(("promises", "process", ">crashes", ">failed"), rows, "")
    gap()
    if not failed:
        crashes = sum(one.crashes for one in swept)
        say(f"Every promise of the protocol held, whichever of {crashes:,} crashes came.")
        return
    for result in failed[:SHOWN_FAILURES]:
        say(f"{symptom(result)} did not hold, with these events:")
        for action in result.course.plan:
            say(f"  {shown(action)}")
        for violation in result.violations[:1]:
            say(f"  {violation.where} {violation.what}")


def _name(one: Swept) -> str:
    return one.place.who if one.place.who in one.payment.nodes else "registry"


def _failures(swept: list[Swept]) -> int:
    return sum(len(one.failed) for one in swept)
