"""`pledgeway bench escrow`: what it is told, and what it prints."""

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

MAX_DEPTH: Final = 256
MAX_LEGS: Final = 3
ROLES: Final = ("buyer", "seller", "registrar", "hop")


@click.command(
    "escrow",
    epilog="Exit status: 0 measured, and all books are equal; 1 an exchange failed, books differ,"
    " or the processes did not come up; 2 unusable input.",
)
@click.option(
    "--legs",
    type=click.IntRange(1, MAX_LEGS),
    default=MAX_LEGS,
    show_default=True,
    help="One of money over two hops, and rights, each at a registrar of its own.",
)
@click.option(
    "--depth",
    type=click.IntRange(1, MAX_DEPTH),
    default=16,
    show_default=True,
    help="Exchanges under way at a time.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=10.0,
    show_default=True,
    help="How long to measure, after warming up.",
)
@place_options
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Profile one node into FILE, for `python -m pstats`. Costs half the speed.",
)
@click.option(
    "--profile-node",
    type=click.Choice(ROLES),
    default="buyer",
    show_default=True,
    help="Which node to profile.",
)
@json_option
def escrow(
    legs: int,
    depth: int,
    seconds: float,
    store: str,
    server: str | None,
    directory: Path | None,
    profile: Path | None,
    profile_node: str,
    as_json: bool,
) -> None:
    """Measure exchanges of money and rights, all or nothing.

    Buyer, intermediary, seller, two registrars and a registry run as processes of their own on this
    machine, under TLS and with every write synced to disk. An exchange is over when its
    deal is closed on the buyer's disk: decided by the registry, settled at every registrar, and
    known to everybody. --store is for the nodes' books; registrars keep theirs in SQLite.

    \b
    Example:
      pledgeway bench escrow --legs 3 --depth 16 --seconds 10
      pledgeway bench escrow --legs 1 --depth 1 --json
    """
    require_own_server(store, server)
    # Here, so that --help does not load gRPC.
    from node.command.bench.escrow_run import ROLES as NAMES
    from node.command.bench.escrow_run import Wanted, run
    from node.command.display import facts

    watched = (NAMES[profile_node], profile) if profile else None
    wanted = Wanted(legs, depth, seconds, store, server, directory, watched)
    outcome = measured(partial(run, wanted), directory)
    found = outcome.as_json()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        shown = {k.replace("_", " "): v for k, v in found.items() if not isinstance(v, dict | list)}
        shown |= {f"CPU ms of {name}": ms for name, ms in found["cpu_ms_by_process"].items()}
        facts(tuple((name, str(value)) for name, value in shown.items()))
        for difference in outcome.differences:
            click.echo(difference, err=True)
    if not outcome.ok:
        sys.exit(REFUSED)
