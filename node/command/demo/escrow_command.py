"""`pledgeway demo escrow`: what it is told, and how it ends."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.demo.directory import require_usable
from node.command.exit_status import REFUSED
from node.command.processes.progress import progress

ACTS: Final = ("deeded", "bought", "silent", "killed")


@click.command(
    "escrow",
    epilog="Exit status: 0 everything was as it should be; 1 something was not; 2 unusable input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use DIR, which is empty or absent, and leave books, logs and certificates there.",
)
@click.option(
    "--act",
    "acts",
    multiple=True,
    type=click.Choice(ACTS),
    help="Play this act; repeatable.  [default: all]",
)
def escrow(as_json: bool, keep: Path | None, acts: Sequence[str]) -> None:
    """Run a market on this machine and let it exchange titles and money.

    Six nodes and two registries, a process each; three of the nodes keep titles. A parcel and its
    tier are deeded to a group, an object is bought over the bank, a group never signs and
    everything returns, a registrar and a party are killed in the middle and everything completes.
    Every certificate is verified offline, and at the end all books are compared.

    \b
    Example:
      pledgeway demo escrow
      pledgeway demo escrow --act silent --keep ./market
      pledgeway verify ./market/silent.certificate
      pledgeway demo escrow --json
    """
    # Here, so that --help does not load gRPC.
    import trio

    from node.command.demo import escrow_show as show
    from node.command.demo.escrow_performance import run
    from node.command.demo.escrow_shown import Act
    from node.command.demo.performance import PREFIX
    from node.command.processes.interruption import faults_in_lines, working_directory

    if keep is not None:
        require_usable(keep)
    wanted = [name for name in ACTS if not acts or name in acts]
    numbers = iter(range(1, len(wanted) + 1))

    def shown(act: Act) -> None:
        if not as_json:
            progress("")
            show.show_act(next(numbers), act)

    with faults_in_lines():
        if not as_json:
            show.show_opening()
        with working_directory(keep, PREFIX) as directory:
            result = trio.run(partial(run, wanted, directory, progress, shown))
        progress("")
        if not as_json:
            show.show_end(result.acts, result.check, result.seconds)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    if not result.ok:
        sys.exit(REFUSED)
