"""`pledgeway escrow`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "templates": Place("node.command.escrow.templates", "templates", "list what can be exchanged"),
    "explain": Place("node.command.escrow.explain", "explain", "say what a template does to whom"),
}
HELP: Final = """Exchange anything for anything, among any number of parties: all of it, or none.

A template says who gives what and who receives it. Money moves along lines of credit, rights
(parcels, objects, passes, ...) at the registrars that keep them, and one decision of a commit
registry settles all legs at once. Nobody holds other people's things meanwhile, and nobody has to
be trusted to hand them over: whoever receives or wants something signs only when all of it is
promised to him.

\b
Example:
  pledgeway escrow templates
  pledgeway escrow explain "buy object"
  pledgeway escrow explain "buy object" --set amount=40 --set brand=USD
"""


@click.group("escrow", cls=LazyGroup, places=PLACES, help=HELP)
def escrow() -> None:
    """The group; what its help says is `HELP`."""
