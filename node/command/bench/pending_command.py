"""`pledgeway bench pending`: what it is told, and how it ends."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import LEVELS, NameType
from node.command.bench.pending_result import ENDS, RELEASED, Wanted
from node.command.bench.result import POSTGRESQL, SQLITE, STORES
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from node.config import MOST_PENDING
from proto.levels import Level

PREFIX: Final = "pledgeway-bench-"
# PROXY is no level of a whole chain: it stands for one node that a level before it covers.
BENCH_LEVELS: Final = tuple(name for name in LEVELS if name != Level.PROXY.name)
LEAST_HOLD_S: Final = 12  # nobody dictates less
MAX_HOLD_S: Final = 4 * 3600  # requests live longer than that
MAX_SECONDS: Final = 600.0
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
@click.option(
    "--level",
    type=NameType("level", BENCH_LEVELS),
    default="SECURED",
    show_default=True,
    help="Of every promise.",
)
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
@click.option(
    "--store",
    type=click.Choice(STORES),
    default=SQLITE,
    show_default=True,
    help="What the nodes keep their books in.",
)
@click.option(
    "--server",
    metavar="URL",
    help="A PostgreSQL server where databases may be made.  [default: one is started]",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A folder on the disk to measure; nothing is left in it.  [default: the temporary one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
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
    if server is not None and store != POSTGRESQL:
        fail(UNUSABLE, f"--server: goes with --store {POSTGRESQL} alone")
    # Here, so that --help does not load gRPC.
    import trio

    from node.command.bench.pending import run
    from node.command.bench.pending_show import show_pending
    from node.command.processes.interruption import faults_in_lines, working_directory

    hold_s = hold_s or MEASURED_S + int(10 * seconds) + count // FILLED_PER_S
    wanted = Wanted(count, Level[level], end, hold_s, seconds, store, server, directory)
    with faults_in_lines():
        with working_directory(None, PREFIX, wanted.parent) as made:
            outcome = trio.run(partial(run, wanted, made, progress))
        progress("")
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show_pending(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)
