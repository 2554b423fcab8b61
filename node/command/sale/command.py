"""`pledgeway sale`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "open": Place("node.command.sale.open", "open_", "buyer: offer to buy something"),
    "offer": Place("node.command.sale.bid", "offer", "seller: look at an offer, answer it"),
    "choose-agent": Place("node.command.sale.bid", "choose_agent", "bid again for an agent"),
    "take": Place("node.command.sale.judge", "take", "agent, arbiter: take the case"),
    "hand-over": Place("node.command.sale.hand", "hand_over", "seller, agent: the credential"),
    "reveal": Place("node.command.sale.hand", "reveal", "buyer: open what was handed over"),
    "control": Place("node.command.sale.control", "control", "the proof that the buyer has it"),
    "attest": Place("node.command.sale.judge", "attest", "agent: say that it was delivered"),
    "release": Place("node.command.sale.decide", "release", "sign that the seller is paid"),
    "refund": Place("node.command.sale.decide", "refund", "sign that the buyer is paid back"),
    "concede": Place("node.command.sale.decide", "concede", "seller: give the sale up"),
    "challenge": Place("node.command.sale.decide", "challenge", "buyer: object"),
    "slash": Place("node.command.sale.decide", "slash", "sign that the bond is forfeited"),
    "vote": Place("node.command.sale.decide", "vote", "say whether the agent did well"),
    "close": Place("node.command.sale.decide", "close", "end it while nobody is bound"),
    "list": Place("node.command.sale.look", "list_", "sales, the newest first"),
    "show": Place("node.command.sale.look", "show", "whose move it is, and all figures"),
}
HELP: Final = """Sell what nobody keeps a register of: a domain, a game character.

Only a person can see whether the buyer got it. So both sides choose an agent, and all three put
stakes at a house (a registrar): the buyer the price, both a deposit, the agent a bond. The seller
seals the credential to the agent, who checks it, changes it, and seals it to the buyer under a key.
That key becomes public in the very decision that locks the stakes: before it nobody has given
anything. The buyer then shows in public that he controls the thing, the agent says so, and the
house pays by certificates of the registry alone. `sale show` always says whose move it is, until
when, and what happens if nobody moves.

\b
Example, the buyer:
  pledgeway sale open --seller Sally --thing lamp.example --price 1000 --deposit deposit-usd \\
      --deposit-buyer 120 --deposit-seller 430 --agent Ned --highest-tip 30 --dry-run
  pledgeway sale reveal 4f1c
  pledgeway sale control 4f1c
\b
The seller:
  pledgeway sale offer 4f1c
  pledgeway sale offer 4f1c --agent Ned --highest-tip 30
  pledgeway sale hand-over 4f1c
\b
The agent:
  pledgeway agent run
  pledgeway sale take 4f1c
  pledgeway sale hand-over 4f1c --show
  pledgeway sale attest 4f1c --page page.html
"""


@click.group("sale", cls=LazyGroup, places=PLACES, help=HELP)
def sale() -> None:
    """The group; what its help says is `HELP`."""
