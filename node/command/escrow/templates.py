"""`pledgeway escrow templates`: what can be exchanged."""

import json
from pathlib import Path

import click

from node.command.display import gap, say, table
from node.command.escrow.choosing import NODE_HELP, own
from node.command.session import ENVIRONMENT
from node.escrow.library import library
from node.escrow.templates import Template


@click.command("templates", epilog="Exit status: 0 listed; 2 a template of one's own is unusable.")
@click.option(
    "--node",
    "directory",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    metavar="DIR",
    help=NODE_HELP,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def templates(directory: Path | None, as_json: bool) -> None:
    """List the templates that ship, and with --node those of a node's owner.

    A template of one's own is a JSON file in the folder `templates` of the node's home; it may not
    take the name of one that ships. `pledgeway escrow explain NAME --source` prints one to begin
    with.

    \b
    Example:
      pledgeway escrow templates
      pledgeway escrow templates --node ./alice --json
    """
    shipped = library()
    mine = {name: template for name, (template, _) in own(directory).items()}
    if as_json:
        rows = [_row(t, True) for t in shipped.values()] + [_row(t, False) for t in mine.values()]
        click.echo(json.dumps({"templates": rows}, ensure_ascii=False))
        return
    if mine:
        say("Yours:")
        _print(mine)
        gap()
    _print(shipped)
    gap()
    say("Next: pledgeway escrow explain NAME")


def _row(template: Template, shipped: bool) -> dict[str, object]:
    return {
        "template": template.name,
        "version": template.version,
        "sha256": template.hash.hex(),
        "about": template.about,
        "seats": [seat.name for seat in template.seats],
        "signs": [seat.name for seat in template.seats if seat.commits],
        "ships": shipped,
    }


def _print(found: dict[str, Template]) -> None:
    table(
        ("template", "seats", "what happens"),
        (
            (t.name, ", ".join(seat.name for seat in t.seats), t.about or "-")
            for t in found.values()
        ),
        empty="",
    )
