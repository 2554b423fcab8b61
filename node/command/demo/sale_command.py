"""`pledgeway demo sale`: what it is told, and how it ends."""

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

SCENES: Final = ("well", "silent", "unattested", "slashed", "challenged", "refused", "killed")
MAX_PACE: Final = 20  # a quarter of an hour


@click.command(
    "sale",
    epilog="Exit status: 0 everything was as it should be; 1 something was not; 2 unusable input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use DIR, which is empty or absent, and leave books and logs there.",
)
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    type=click.Choice(SCENES),
    help="Play this scene; repeatable.  [default: all]",
)
@click.option(
    "--pace",
    type=click.IntRange(1, MAX_PACE),
    default=1,
    show_default=True,
    help="So many times as much time in every sale: for a machine that is busy.",
)
def sale(as_json: bool, keep: Path | None, scenes: Sequence[str], pace: int) -> None:
    """Run a town on this machine and let it sell domain names, which no registrar of ours keeps.

    Two buyers, a seller, three agents, the house that keeps the stakes and a registry, a process
    each; and a tiny registrar of names, where whoever has the password holds the name. A name is
    sold well; a buyer falls silent; an agent never attests, and once loses his bond for it; another
    attests on his word and is challenged; one cannot log in, and refuses; and everybody is killed
    in turn. At the end it is compared what each of them has
    with what the contract says.

    \b
    Example:
      pledgeway demo sale
      pledgeway demo sale --scene well --keep ./town
      pledgeway demo sale --json
    """
    # Here, so that --help does not load gRPC.
    import trio

    from node.command.demo import sale_show as show
    from node.command.demo.performance import PREFIX
    from node.command.demo.sale_performance import run
    from node.command.demo.sale_shown import Scene
    from node.command.processes.interruption import faults_in_lines, working_directory

    if keep is not None:
        require_usable(keep)
    wanted = [name for name in SCENES if not scenes or name in scenes]
    numbers = iter(range(1, len(wanted) + 1))

    def shown(scene: Scene) -> None:
        if not as_json:
            progress("")
            show.show_scene(next(numbers), scene)

    with faults_in_lines():
        if not as_json:
            show.show_opening()
        with working_directory(keep, PREFIX) as directory:
            result = trio.run(partial(run, wanted, directory, progress, shown, pace))
        progress("")
        if not as_json:
            show.show_end(result.scenes, result.check, result.unsound, result.seconds)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    if not result.ok:
        sys.exit(REFUSED)
