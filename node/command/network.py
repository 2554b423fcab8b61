"""`pledgeway network`: the network as a node knows it, or as a file describes it."""

import click

from node.command.network_draw import draw
from node.command.network_export import export
from node.command.network_import import import_
from node.command.network_learned import forget, learned
from node.command.network_show import show


@click.group("network")
def network() -> None:
    """Look at a network, take it away, and bring it to a node.

    A node knows the network from signed adverts: each node says what it charges and accepts, and
    for each of its lines what it can still promise. Neighbours pass them on.

    \b
    Example:
      pledgeway network show --at ./alice
      pledgeway network export --at ./alice --out net.json
      pledgeway network export --at ./alice --format adverts --out net.adverts
      pledgeway network import net.adverts --at ./bob
      pledgeway network draw net.svg --at ./alice
    """


for _command in (export, show, import_, draw, learned, forget):
    network.add_command(_command)
