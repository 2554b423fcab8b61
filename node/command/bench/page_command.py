"""`pledgeway bench page`: what it is told, and how it ends."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.bench.options import (
    MAX_SECONDS,
    json_option,
    measured,
    place_options,
    require_own_server,
)
from node.command.exit_status import REFUSED
from node.core.people.confirming import MAX_WAITING

MAX_PAYERS: Final = 1000  # each is a connection of the page and one of this program
MAX_FILL: Final = 100_000
MAX_HELD: Final = 5000  # connections, below what a process may open where that was raised
MAX_THINK_S: Final = 60.0
MAX_APPROVALS: Final = 500.0  # more than a node pays in a second


@click.command(
    "page",
    epilog="Exit status: 0 measured, every page was shown, all that was approved was paid, and all"
    " books are equal; 1 something failed, or it could not run; 2 unusable input.",
)
@click.option(
    "--payers",
    type=click.IntRange(1, MAX_PAYERS),
    default=50,
    show_default=True,
    help="People who load pages at the same time.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=10.0,
    show_default=True,
    help="How long to measure, after warming up.",
)
@click.option(
    "--think",
    "think_s",
    type=click.FloatRange(0.0, MAX_THINK_S),
    default=0.0,
    show_default=True,
    help="Seconds that each looks at a page before the next one.",
)
@click.option(
    "--approvals",
    type=click.FloatRange(0.0, MAX_APPROVALS),
    default=2.0,
    show_default=True,
    help="Payments per second that are approved and made meanwhile.",
)
@click.option(
    "--waiting",
    type=click.IntRange(1, MAX_WAITING // 2),
    default=5,
    show_default=True,
    help="Requests in the list of each.",
)
@click.option(
    "--others",
    "fill",
    type=click.IntRange(0, MAX_FILL),
    default=0,
    help="Further people at the node; it starts anew before anybody looks.",
)
@click.option(
    "--others-waiting",
    "fill_each",
    type=click.IntRange(1, MAX_WAITING),
    default=100,
    show_default=True,
    help="Requests that wait for each of these.",
)
@click.option(
    "--held",
    type=click.IntRange(0, MAX_HELD),
    default=0,
    help="Connections that wait for changes meanwhile, beside 100 that send a byte a second.",
)
@place_options
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Profile the payer's node into FILE, for `python -m pstats`. Costs half the speed.",
)
@json_option
def page(
    payers: int,
    seconds: float,
    think_s: float,
    approvals: float,
    waiting: int,
    fill: int,
    fill_each: int,
    held: int,
    store: str,
    server: str | None,
    directory: Path | None,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Measure the pages of a node on which people confirm what they pay.

    A payer's node with a page, a payee's node and a registry run as processes of their own on this
    machine. People take up invitations with a key, as `wallet join` does, and load the front page,
    the files that it needs, a request and their history, each over a connection of its own, as fast
    as they are answered. Meanwhile some approve and pay. Afterwards all books are compared.

    \b
    Example:
      pledgeway bench page --payers 50 --seconds 10
      pledgeway bench page --payers 500 --think 5 --approvals 10 --json
      pledgeway bench page --others 10000 --others-waiting 100
      pledgeway bench page --held 1000
    """
    require_own_server(store, server)
    # Here, so that --help does not load gRPC.
    from node.command.bench.page_result import Wanted
    from node.command.bench.page_run import run
    from node.command.bench.page_show import show_page

    wanted = Wanted(
        payers, seconds, think_s, approvals, waiting, store, fill, fill_each, held, server,
        directory, profile,
    )  # fmt: skip
    outcome = measured(partial(run, wanted), wanted.parent)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show_page(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)


@click.command("bank", hidden=True)
@click.argument("directory", type=click.Path(path_type=Path))
def bank(directory: Path) -> None:
    """Run the node in DIRECTORY, with a verb that fills it with people."""
    from node.command.bench.page_bank import VERBS
    from node.command.node_home import run_node

    run_node(directory, verbose=False, more_verbs=VERBS)
