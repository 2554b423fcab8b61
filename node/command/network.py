"""`pledgeway network`: the network as the node knows it."""

import json

import click

from node.command.display import Json
from node.command.exit_status import TaughtCommand
from node.command.network_draw import draw
from node.command.session import Session, with_node


@click.group("network")
def network() -> None:
    """Look at the network as the node knows it.

    \b
    Example:
      pledgeway network export --node ./alice > net.json
      pledgeway network draw net.svg --network net.json
    """


network.add_command(draw)


@network.command("export", cls=TaughtCommand)
@with_node
def export(session: Session) -> None:
    """Print the network as a network file, which `pledgeway route` reads.

    \b
    Example:
      pledgeway network export > net.json
      pledgeway route --network net.json --from Alice --to Bob --amount 700
    """

    def show(answer: Json) -> None:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=1))

    session.show("network", {}, show)
