"""`pledgeway escrow`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "templates": Place("node.command.escrow.templates", "templates", "list what can be exchanged"),
    "explain": Place("node.command.escrow.explain", "explain", "say what a template does to whom"),
    "propose": Place("node.command.escrow.propose", "propose", "ask others to exchange something"),
    "list": Place("node.command.escrow.look", "list_", "exchanges, the newest first"),
    "show": Place("node.command.escrow.look", "show", "whose move it is, and until when"),
    "accept": Place("node.command.escrow.seat", "accept", "take a seat that you were offered"),
    "cancel": Place("node.command.escrow.seat", "cancel", "decline, leave, or take it back"),
    "stand": Place("node.command.escrow.standing", "stand", "take a seat whenever it is offered"),
    "standing": Place("node.command.escrow.standing", "standing", "list your standing offers"),
    "unstand": Place("node.command.escrow.standing", "unstand", "end a standing offer"),
    "inbox": Place("node.command.escrow.inbox", "inbox", "what needs a human, and its evidence"),
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
  pledgeway escrow propose buy-object --seat buyer=me --seat seller=bob.card \\
      --set brand=USD --set amount=40 --set region=Ahern --set task_id=1234 --dry-run
  pledgeway escrow list
  pledgeway escrow accept 4f1c
"""


@click.group("escrow", cls=LazyGroup, places=PLACES, help=HELP)
def escrow() -> None:
    """The group; what its help says is `HELP`."""
