"""`pledgeway agent`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "offer": Place("node.command.agent.offer", "offer", "offer to judge sales yourself"),
    "learn": Place("node.command.agent.learn", "learn", "take agents' offers"),
    "list": Place("node.command.agent.look", "list_", "agents, their prices and scores"),
    "score": Place("node.command.agent.look", "score", "what one agent's past is worth to you"),
    "run": Place("node.command.agent.run", "run", "your cases, and whose move it is"),
    "forget": Place("node.command.agent.learn", "forget", "let go of an agent's offer"),
}
HELP: Final = """Agents judge sales of what no registrar controls: a domain, a game character.

An agent asks for a tip, and stakes a bond. After each sale buyer and seller vote on him, and the
house that kept the stakes signs a list of all votes. What that list is worth is for each viewer to
say: a vote counts as far as your own credit leads, over the lines that you grant, that those grant
to whom you grant, and so on, to who gave it. Raters that somebody has invented are granted nothing
by anybody, and so they count for nothing.

\b
Example:
  pledgeway agent learn ned.agent
  pledgeway agent list --brand deposit-usd --price 500
  pledgeway agent score Ned --brand deposit-usd --explain
  pledgeway agent offer --tip 5 --tip-permille 10 --bond-max 2000 --brand deposit-usd \\
      --judges "domain names" --house house.card > me.agent
"""


@click.group("agent", cls=LazyGroup, places=PLACES, help=HELP)
def agent() -> None:
    """The group; what its help says is `HELP`."""
