"""`pledgeway demo shop`: what it is told, and how it ends."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click

from node.command.demo.directory import require_usable
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress

SCENES: Final = 6


@click.command(
    "shop",
    epilog="Exit status: 0 everything was as it should be; 1 something was not; 2 unusable input,"
    " or no Chromium.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use DIR, which is empty or absent, and leave books and logs there.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write pictures of the pages there, as PNG.",
)
def shop(as_json: bool, keep: Path | None, pictures: Path | None) -> None:
    """Run a shop on this machine, and somebody who buys there with a browser and a passkey.

    The payer's node with its page, a node between, the payee's node, a registry and the shop of
    deploy/examples/shop, a process each. A real Chromium joins by an invitation, approves one
    payment, denies another, lets one expire, and gives a standing approval that pays twice and is
    ended. Callbacks are forged. At the end every receipt is checked offline, and all books.

    \b
    Example:
      pledgeway demo shop
      pledgeway demo shop --pictures ./pictures
      pledgeway demo shop --json
    """
    # Here, so that --help loads neither gRPC nor a browser's driver.
    import trio

    from node.command.browsing.chromium import missing
    from node.command.demo import shop_show as show
    from node.command.demo.performance import PREFIX
    from node.command.demo.shop_performance import run
    from node.command.demo.shop_shown import Scene
    from node.command.demo.shop_town import program_missing
    from node.command.processes.interruption import faults_in_lines, working_directory

    if absent := missing() or program_missing():
        fail(UNUSABLE, absent)
    if keep is not None:
        require_usable(keep)
    numbers = iter(range(1, SCENES + 1))

    def shown(scene: Scene) -> None:
        if not as_json:
            progress("")
            show.show_scene(next(numbers), scene)

    with faults_in_lines():
        if not as_json:
            show.show_opening()
        with working_directory(keep, PREFIX) as directory:
            result = trio.run(partial(run, directory, pictures, progress, shown))
        progress("")
        if not as_json:
            show.show_end(result)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    if not result.ok:
        sys.exit(REFUSED)
