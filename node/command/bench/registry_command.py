"""`pledgeway bench registry`: what it is told, and how it ends."""

import json
import sys
from dataclasses import asdict
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
from node.command.bench.registry_result import BATCHED, BOTH, MODES, UNARY, Wanted
from node.command.exit_status import REFUSED, fail
from proto.limits import MAX_COMMITTERS

MAX_IN_FLIGHT: Final = 256  # calls: a registry serves twice as many at a time
MAX_FRAME: Final = 256  # registry section 6
MAX_STREAMS: Final = 16  # of full frames: beyond it a registry sheds what was not announced
MAX_ROWS: Final = 20_000_000


@click.command(
    "registry",
    epilog="Exit status: 0 measured, every answer was COMMITTED and is in the log; 1 an answer was"
    " not, the counts differ, or it could not run; 2 unusable input.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=BOTH,
    show_default=True,
    help="One decision in each call, or frames of them on streams.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=5.0,
    show_default=True,
    help="How long to measure each mode, after warming up.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, MAX_IN_FLIGHT),
    default=64,
    show_default=True,
    help="Unary calls at a time.",
)
@click.option(
    "--frame",
    type=click.IntRange(1, MAX_FRAME),
    default=256,
    show_default=True,
    help="Decisions in one frame.",
)
@click.option(
    "--streams",
    type=click.IntRange(1, MAX_STREAMS),
    default=8,
    show_default=True,
    help="Streams, each with one frame on its way.",
)
@click.option(
    "--committers",
    type=click.IntRange(1, MAX_COMMITTERS),
    default=1,
    show_default=True,
    help="Keys that sign each commit.",
)
@click.option(
    "--rows",
    type=click.IntRange(0, MAX_ROWS),
    default=0,
    show_default=True,
    help="Decisions in the table beforehand.",
)
@place_options
@json_option
def registry(
    mode: str,
    seconds: float,
    in_flight: int,
    frame: int,
    streams: int,
    committers: int,
    rows: int,
    store: str,
    server: str | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Measure how many commits a registry decides in a second.

    A registry runs as a process of its own, over gRPC and TLS and with every decision synced to
    disk before it is signed. Another process signs transactions, each with keys of its own, and
    then sends them: one in each call, and as frames on streams. When the clock has stopped it
    compares every answer with what was asked, and verifies up to 20,000 signatures.

    \b
    Example:
      pledgeway bench registry --seconds 5
      pledgeway bench registry --mode batched --frame 64 --rows 2000000 --json
    """
    require_own_server(store, server)
    # Here, so that --help does not load gRPC.
    from node.command.bench.registry_run import run
    from node.command.bench.registry_show import show

    modes = (UNARY, BATCHED) if mode == BOTH else (mode,)
    wanted = Wanted(
        modes, seconds, in_flight, frame, streams, store, rows, committers, server, directory
    )
    outcome = measured(partial(run, wanted), wanted.parent)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)


@click.command("spell", hidden=True)
@click.argument("order")
def spell(order: str) -> None:
    """Load a running registry as ORDER says, and print what came of it."""
    from node.command.bench.registry_spell import Order, SpellFailed, perform
    from registry.home import HomeFault

    try:
        found = perform(Order.decode(order))
    except (SpellFailed, HomeFault) as fault:
        fail(REFUSED, str(fault))
    click.echo(json.dumps(asdict(found)))
