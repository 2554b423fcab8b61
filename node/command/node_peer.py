"""`pledgeway node peer`: neighbours without a line, which only listen."""

import click

from node.command.argument_types import read_file
from node.command.display import Json, facts, say, short, table, who, yes_no
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node
from proto.card import CARD_PREFIX, PATHFINDER_CARD_PREFIX
from proto.limits import MAX_ADVERT_BYTES


@click.group("peer")
def node_peer() -> None:
    """Let a path finder listen: link with it, without any line of credit.

    It hears the adverts that every neighbour hears, and no promise ever goes through it. A
    neighbour with whom there is a line needs none of this.

    \b
    Example:
      pledgeway node peer add finder.card --node ./bob
      pledgeway node peer list --node ./bob
    """


@node_peer.command("add", cls=TaughtCommand)
@click.argument("card", metavar="CARD")
@with_node
def add(session: Session, card: str) -> None:
    """Let the path finder (or node) of CARD link with this node. CARD is a file, or the text.

    Its owner has to know this node as well: `pledgeway pathfinder peer add DIR NODE.card`. A newer
    card of one that is known replaces its address and keys.

    \b
    Example:
      pledgeway pathfinder card ./finder > finder.card
      pledgeway node peer add finder.card --node ./bob
    """
    text = card
    if not card.startswith((CARD_PREFIX, PATHFINDER_CARD_PREFIX)):
        data = read_file(card, "path finder's or node's card", 2 * MAX_ADVERT_BYTES)
        text = data.decode("ascii", errors="replace")

    def show(answer: Json) -> None:
        facts(
            (
                ("neighbour", answer.get("node")),
                ("alias", answer.get("alias")),
                ("address", answer.get("address") or "none: it dials this node"),
            )
        )
        say("Its owner has to add this node's card as well: `pledgeway node card` prints it.")
        if text.startswith(PATHFINDER_CARD_PREFIX):
            say("There: `pledgeway pathfinder peer add DIR NODE.card`.")

    session.show("peer.add", {"card": text}, show)


@node_peer.command("list", cls=TaughtCommand)
@with_node
def list_(session: Session) -> None:
    """List all neighbours: those with lines, and those that only listen.

    \b
    Example:
      pledgeway node peer list --node ./bob
    """

    def show(answer: Json) -> None:
        table(
            ("neighbour", "node", "address", "state", ">lines"),
            (
                (
                    who(peer, node="node"),
                    short(peer.get("node")),
                    peer.get("address") or "-",
                    yes_no(peer.get("connected"), "connected", "not connected"),
                    peer.get("lines"),
                )
                for peer in answer.get("peers", ())
            ),
            empty="No neighbours yet: `pledgeway line offer CARD` makes one.",
        )

    session.show("peer.list", {}, show)
