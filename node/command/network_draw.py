"""`pledgeway network draw`: a whole network as a picture."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.command.display import say
from node.command.drawing.picture_file import PICTURE, kind_of, require_place, write_picture
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.network_export import network_rows
from node.command.processes.progress import progress
from node.command.session import ENVIRONMENT, Session, default_directory

if TYPE_CHECKING:
    from pathfinder.network import Network


@click.command("draw", cls=TaughtCommand)
@click.argument("picture", type=PICTURE, metavar="PICTURE")
@click.option(
    "--network",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A network file, instead of what a node knows.",
)
@click.option(
    "--at",
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=f"The node to ask.  [default: {ENVIRONMENT}, else ~/.pledgeway/node]",
)
@click.option("--brand", help="Of the lines to draw.  [default: the one with most lines]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the picture.")
def draw(
    picture: Path, file: Path | None, directory: Path | None, brand: str | None, as_json: bool
) -> None:
    """Draw a network into PICTURE, a new file that ends in .svg or .png.

    Nodes by the registries that they accept, the larger the more neighbours they have; lines by
    whether credit goes both ways. Of a large network the best-connected core is drawn, and the
    picture says how much was left out.

    \b
    Example:
      pledgeway network draw net.svg --network net.json
      pledgeway network draw around-me.png --at ./alice --brand USD
    """
    require_place(picture)
    if file is not None and directory is not None:
        fail(UNUSABLE, "--network and --at exclude each other: draw a file, or what a node knows")
    # Here, so that --help does not load a plotting library, nor all that a network is made of.
    from node.command.drawing.network_picture import draw_network
    from pathfinder.network import busiest_brand

    named = directory or os.environ.get(ENVIRONMENT) or default_directory()
    session = Session(Path(named).expanduser(), as_json)
    where = str(file) if file is not None else "the node's network"
    try:
        progress(f"reading {where}")
        network = _of_file(file) if file is not None else network_of_node(session)
        brand = brand or busiest_brand(network)
        lines = sum(line.brand == brand for line in network.lines)
        if brand is None or not lines:
            fail(UNUSABLE, f"{where}: " + ("no lines" if brand is None else f"no line in {brand}"))
        progress(f"drawing {picture}")
        data = draw_network(network, brand, kind_of(picture) or "")
    finally:
        progress("")
    write_picture(picture, data)
    if as_json:
        about = {"picture": str(picture), "brand": brand, "nodes": len(network.nodes)}
        click.echo(json.dumps(about | {"lines": lines}, ensure_ascii=False))
    else:
        nodes = len(network.nodes)
        said = f"{nodes} node{'' if nodes == 1 else 's'}, {lines} line{'' if lines == 1 else 's'}"
        say(f"{picture}: {said} in {brand}")


def _of_file(file: Path) -> "Network":
    from pathfinder.files.json_place import NetworkFileError
    from pathfinder.files.network_file import read_network

    try:
        return read_network(file)
    except NetworkFileError as error:
        fail(UNUSABLE, str(error))


def network_of_node(session: Session) -> "Network":
    """What the node knows. Ends the command where it does not answer, or cannot be understood."""
    from pathfinder.files.json_place import NetworkFileError
    from pathfinder.files.network_parse import parse_network

    try:
        return parse_network("".join(network_rows(session)).encode())
    except NetworkFileError as error:
        fail(UNUSABLE, f"the node's network cannot be read: {error}")
