"""`pledgeway registrar`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "brand": Place("node.command.registrar_brand", "brand", "kinds of rights: make, list, show"),
    "issue": Place("node.command.registrar_brand", "issue", "make more of a brand"),
    "account": Place("node.command.registrar_account", "account", "who owns some of it"),
    "terms": Place("node.command.registrar_terms", "terms", "conditions of transfer for one node"),
    "list": Place("node.command.registrar_terms", "list_", "who may own rights of listed brands"),
    "legs": Place("node.command.registrar_books", "legs", "what is locked, and what is claimed"),
    "pools": Place("node.command.registrar_pools", "pools", "stakes of sales that you keep"),
    "audit": Place("node.command.registrar_books", "audit", "replay every transfer, and compare"),
}
HELP: Final = """Keep titles for others: parcels, objects, passes, deposits, anything.

A node is a registrar once its config.toml says under [escrow] where it listens for others. It keeps
brands of rights: who owns how much of each, on which terms they change hands, and a trail of every
transfer. What is issued begins in your treasury, and fees end there. In an exchange rights are
locked until a commit registry has decided, and nobody can touch them meanwhile, neither their owner
nor you.

\b
Example, a landlord who sells a parcel:
  pledgeway registrar brand create ahern7 --type parcel --attr region=Ahern --attr parcel_id=7
  pledgeway registrar account create ahern7 --for alice.card --out alice.grant
  pledgeway registrar brand show ahern7
  pledgeway registrar legs
  pledgeway registrar pools
  pledgeway registrar audit
"""


@click.group("registrar", cls=LazyGroup, places=PLACES, help=HELP)
def registrar() -> None:
    """The group; what its help says is `HELP`."""
