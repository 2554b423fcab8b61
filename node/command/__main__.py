"""The `pledgeway` command: what stands where. Subcommands are imported when they are called."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "demo": Place("node.command.demo", "demo", "a whole network on this machine, with payments"),
    "node": Place("node.command.node", "node", "make a node, run it, look at it"),
    "line": Place("node.command.line", "line", "lines of credit with neighbours"),
    "fees": Place("node.command.fees", "fees", "what the node charges for standing in between"),
    "request": Place("node.command.request", "request", "ask to be paid"),
    "pay": Place("node.command.pay", "pay", "pay a request"),
    "payment": Place("node.command.payment", "payment", "payments made: how they stand, evidence"),
    "wallet": Place("node.command.wallet", "wallet", "your account at somebody else's node"),
    "pending": Place(
        "node.command.people.pending", "pending", "what you are asked to pay: approve, deny"
    ),
    "people": Place(
        "node.command.people.command", "people", "accounts of people who pay by your node"
    ),
    "requester": Place(
        "node.command.people.requester", "requester", "who may ask your people for money"
    ),
    "escrow": Place("node.command.escrow", "escrow", "exchange several things, all or nothing"),
    "sale": Place("node.command.sale", "sale", "sell what an agent has to judge"),
    "agent": Place("node.command.agent", "agent", "who judges sales, and how well"),
    "rights": Place("node.command.rights", "rights", "what registrars keep"),
    "account": Place("node.command.account", "account", "what you own at registrars"),
    "balance": Place("node.command.balance", "balance", "who owes whom, in every brand"),
    "network": Place("node.command.network", "network", "what a node knows: show, export, import"),
    "route": Place("node.command.route", "route", "find the cheapest chain"),
    "max-sendable": Place(
        "node.command.max_sendable", "max_sendable_", "how much can be paid at most"
    ),
    "registry": Place("node.command.registry", "registry", "found and run a commit registry"),
    "registrar": Place("node.command.registrar", "registrar", "keep titles for others"),
    "pathfinder": Place("node.command.pathfinder", "pathfinder", "find routes for light payers"),
    "witness": Place("node.command.witness", "witness", "cosign what registries log"),
    "bench": Place("node.command.bench", "bench", "measure how fast this machine pays"),
    "sim": Place("node.command.sim", "sim", "put the protocol's promises to the test"),
    "verify": Place("node.command.verify", "verify", "say what a certificate file proves"),
}
HELP: Final = """Pay over credit that people grant each other.

Neighbours grant each other lines of credit. A payment is a chain of promises along such lines; a
commit registry decides once and for ever whether it happened, so that nobody in the middle is
left having paid and not been paid.

\b
Example, two nodes on one machine:
  pledgeway node init ./alice --alias Alice --listen 127.0.0.1:7001
  pledgeway node run ./alice
  pledgeway node card --node ./alice > alice.card
  pledgeway line offer alice.card --node ./bob --brand USD --limit 50000
  pledgeway request create 700 USD --node ./bob --out invoice.txt
  pledgeway pay invoice.txt --node ./alice

Commands find their node by --node DIR, else by PLEDGEWAY_NODE, else in ~/.pledgeway/node. All take
--json. NO_COLOR=1 switches colours off.

\b
Exit status: 0 done; 1 a clean no, nothing was changed; 2 unusable input, or no node is running;
3 the answer was lost, so whether it took effect is not known.
"""


@click.group(
    cls=LazyGroup,
    places=PLACES,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="pledgeway", prog_name="pledgeway")
def main() -> None:
    """The group of everything; what its help says is `HELP`."""


if __name__ == "__main__":
    main(prog_name="pledgeway")
