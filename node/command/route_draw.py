"""`pledgeway route --draw FILE`: the picture of what was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.drawing.picture_file import PICTURE, kind_of, require_place, write_picture
from node.command.exit_status import UNUSABLE, fail, plain
from node.command.processes.progress import progress
from pathfinder.answer import Route
from pathfinder.network import Network


def _checked(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    require_place(value)
    return value


DRAW_OPTION: Final = click.option(
    "--draw",
    "picture",
    type=PICTURE,
    callback=_checked,
    metavar="FILE",
    help="Draw the chain and what is around it: FILE ends in .svg or .png and is new.",
)


def draw_routes(picture: Path, network: Network, brand: str, routes: Sequence[Route]) -> None:
    """Writes the picture of the chains of one payment; says so where there is nothing to draw.

    Ends the command where the file cannot be written.
    """
    if not routes:
        click.echo(f"No picture: there is no chain to draw into {plain(picture)}.", err=True)
        return
    progress(f"drawing {picture}")
    try:
        # Here, so that a question without a picture does not load a plotting library.
        from node.command.drawing.route_picture import draw_route

        data = draw_route(network, brand, routes, kind_of(picture) or "")
    except ValueError as error:
        fail(UNUSABLE, f"{picture}: {error}")
    finally:
        progress("")
    write_picture(picture, data)
