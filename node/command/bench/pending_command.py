"""`pledgeway bench pending`: what it is told, and how it ends."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.bench.options import (
    MAX_SECONDS,
    json_option,
    level_option,
    measured,
    place_options,
    require_own_server,
)
from node.command.bench.pending_result import ENDS, RELEASED, Wanted
from node.command.exit_status import REFUSED
from node.config import MOST_PENDING
from proto.levels import Level

LEAST_HOLD_S: Final = 12  # nobody dictates less
MAX_HOLD_S: Final = 4 * 3600  # requests live longer than that
# Of the time that filling takes, cautiously, and of everything that is measured between.
FILLED_PER_S: Final = 150
MEASURED_S: Final = 120


@click.command(
    "pending",
    epilog="Exit status: 0 measured, everything has ended, and all books are equal; 1 something"
    " failed or is left, or it could not run; 2 unusable input.",
)
@click.option(
    "--count",
    type=click.IntRange(2, MOST_PENDING),
    default=100_000,
    show_default=True,
    help="Promises that wait on the node at once; half held, half given.",
)
@level_option(Level.SECURED)
@click.option(
    "--end",
    type=click.Choice(ENDS),
    default=RELEASED,
    show_default=True,
    help="Their payer gives them up, or all of their times pass at once.",
)
@click.option(
    "--hold",
    "hold_s",
    type=click.IntRange(LEAST_HOLD_S, MAX_HOLD_S),
    metavar="SECONDS",
    help="Until their deadline, from the first one on.  [default: by --count]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=5.0,
    show_default=True,
    help="How long to measure another neighbour's payments, each time.",
)
@place_options
@json_option
def pending(
    count: int,
    level: str,
    end: str,
    hold_s: int | None,
    seconds: float,
    store: str,
    server: str | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Measure a node on which many promises wait.

    A payer fills one intermediary with promises that nobody ends, up to the cap that this node
    grants it. Printed are the memory and the disk that each one takes, payments of another
    neighbour over the same node before and with all of them pending, how long its owner waits for
    answers, and its restart after SIGKILL. Then the promises end, and all books are compared.

    \b
    Example:
      pledgeway bench pending --count 5000
      pledgeway bench pending --count 100000 --level ATOMIC --end expired --hold 600 --json
    """
    require_own_server(store, server)
    # Here, so that --help does not load gRPC.
    from node.command.bench.pending import run
    from node.command.bench.pending_show import show_pending

    hold_s = hold_s or MEASURED_S + int(10 * seconds) + count // FILLED_PER_S
    wanted = Wanted(count, Level[level], end, hold_s, seconds, store, server, directory)
    outcome = measured(partial(run, wanted), wanted.parent)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show_pending(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)
