"""`pledgeway bench`: what it is told, and how it ends."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.bench.escrow_command import escrow
from node.command.bench.gossip_command import gossip
from node.command.bench.options import (
    MAX_SECONDS,
    json_option,
    level_option,
    measured,
    place_options,
    require_own_server,
)
from node.command.bench.page_command import bank, page
from node.command.bench.pending_command import pending
from node.command.bench.registrar_command import registrar
from node.command.bench.registry_command import registry, spell
from node.command.bench.result import MAX_WARM_UP, WARM_UP, Wanted
from node.command.bench.route_command import route
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.core.view import MAX_PENDING_COUNT
from proto.levels import Level
from proto.limits import MAX_HOPS

ROLES: Final = ("payer", "hop", "payee")


@click.group("bench")
def bench() -> None:
    """Measure how fast this program is on this machine.

    \b
    Example:
      pledgeway bench payments --depth 512 --depth 1
      pledgeway bench pending --count 5000
      pledgeway bench page --payers 50
      pledgeway bench escrow --legs 3
      pledgeway bench registry --seconds 5
      pledgeway bench registrar --accounts 100000
      pledgeway bench route --nodes 10000 --edges 80000
      pledgeway bench gossip --adverts 100000
    """


for _command in (bank, escrow, gossip, page, pending, registrar, registry, route, spell):
    bench.add_command(_command)


@bench.command(
    "payments",
    epilog="Exit status: 0 measured, and all books are equal; 1 a payment failed, books differ, or"
    " it could not run; 2 unusable input.",
)
@click.option(
    "--hops",
    type=click.IntRange(1, MAX_HOPS),
    default=3,
    show_default=True,
    help="Promises in the chain; it has one node more.",
)
@level_option(Level.ATOMIC)
@click.option(
    "--depth",
    "depths",
    type=click.IntRange(1, MAX_PENDING_COUNT // 2),
    multiple=True,
    default=(512,),
    show_default=True,
    help="Payments in flight; repeatable, in the same processes.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=10.0,
    show_default=True,
    help="How long to measure each depth, after warming up.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(1, MAX_WARM_UP),
    default=WARM_UP,
    show_default=True,
    help="Payments before each depth is measured, which use every code path and cache.",
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
    default="payer",
    show_default=True,
    help="Which node to profile; hop is the one in the middle.",
)
@click.option(
    "--budget",
    is_flag=True,
    help="Tell what the processors' time went to: cryptography, database, gRPC and the rest.",
)
@json_option
def payments(
    hops: int,
    level: str,
    depths: Sequence[int],
    seconds: float,
    warm_up: int,
    store: str,
    server: str | None,
    directory: Path | None,
    profile: Path | None,
    profile_node: str,
    budget: bool,
    as_json: bool,
) -> None:
    """Measure payments over a chain of real nodes.

    Payer, intermediaries, payee and a registry run as processes of their own on this machine,
    under mutual TLS and with every write synced to disk. So many payments as --depth says are in
    flight at a time; each has a request of its own and, at ATOMIC, a decision of the registry of
    its own. A payment is over when its end is on the payer's disk. Afterwards all books are
    compared.

    \b
    Example:
      pledgeway bench payments --depth 512 --depth 1 --seconds 10
      pledgeway bench payments --level SECURED --depth 64 --json
      pledgeway bench payments --budget
      pledgeway bench payments --profile payer.prof --profile-node payer
    """
    require_own_server(store, server)
    # Here, so that --help does not load gRPC.
    from node.command.bench.run import node_of, run
    from node.command.bench.show import show

    if profile_node == "hop" and hops == 1:
        fail(UNUSABLE, "--profile-node hop: one promise has nobody in the middle")
    if budget and profile:
        fail(UNUSABLE, "--budget: not with --profile, whose cost would be in it")
    watched = (node_of(profile_node, hops), profile) if profile else None
    wanted = Wanted(
        hops=hops,
        level=Level[level],
        depths=tuple(depths),
        seconds=seconds,
        store=store,
        profile=watched,
        server=server,
        parent=directory,
        budget=budget,
        warm_up=warm_up,
    )
    outcome = measured(partial(run, wanted), wanted.parent)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)


@bench.command("payer", hidden=True)
@click.argument("directory", type=click.Path(path_type=Path))
def payer(directory: Path) -> None:
    """Run the node in DIRECTORY, with a verb that lets it pay in bulk."""
    from node.command.bench.driver import VERBS
    from node.command.node_home import run_node

    run_node(directory, verbose=False, more_verbs=VERBS)


@bench.command("buyer", hidden=True)
@click.argument("directory", type=click.Path(path_type=Path))
def buyer(directory: Path) -> None:
    """Run the node in DIRECTORY, with a verb that lets it exchange in bulk."""
    from node.command.bench.escrow_driver import VERBS
    from node.command.node_home import run_node

    run_node(directory, verbose=False, more_verbs=VERBS)


@bench.command("filler", hidden=True)
@click.argument("directory", type=click.Path(path_type=Path))
def filler(directory: Path) -> None:
    """Run the node in DIRECTORY, with verbs that let it promise what nobody ends."""
    from node.command.bench.driver import VERBS
    from node.command.bench.holding import VERBS as HOLDING_VERBS
    from node.command.bench.holding import PatientFinder
    from node.command.node_home import run_node

    verbs = {**VERBS, **HOLDING_VERBS}
    run_node(directory, verbose=False, more_verbs=verbs, finder=PatientFinder)


@bench.command("profiled", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def profiled(file: Path, command: Sequence[str]) -> None:
    """Run another command under the profiler."""
    from node.command.__main__ import main
    from node.command.bench.profiled import run_profiled

    run_profiled(lambda: main(list(command), prog_name="pledgeway"), file)


@bench.command("accounted", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def accounted(file: Path, command: Sequence[str]) -> None:
    """Run another command, and tell what its processor time goes to."""
    from node.command.bench.accounting import run_accounted

    def run() -> None:
        from node.command.__main__ import main

        main(list(command), prog_name="pledgeway")

    run_accounted(run, file)
