"""`pledgeway people limit`, `pay-in` and `pay-out`: what the keeper of accounts books himself."""

import click

from node.command.argument_types import AMOUNT, LIMIT
from node.command.exit_status import TaughtCommand
from node.command.people.look import show_person
from node.command.session import Session, with_node

TEXT_HELP = "What it was for; the person sees it."


@click.command("limit", cls=TaughtCommand)
@click.argument("name")
@click.argument("amount", type=LIMIT)
@click.argument("brand")
@with_node
def limit(session: Session, name: str, amount: int, brand: str) -> None:
    """Set what NAME may owe this node: AMOUNT smallest units of BRAND; 0 for nothing.

    What was approved before goes on, even where the limit has become too low for it.

    \b
    Example:
      pledgeway people limit ada 50000 USD
    """
    arguments = {"name": name, "amount": amount, "brand": brand}
    session.show("people.limit", arguments, show_person)


@click.command("pay-in", cls=TaughtCommand)
@click.argument("name")
@click.argument("amount", type=AMOUNT)
@click.argument("brand")
@click.option("--text", default="", help=TEXT_HELP)
@with_node
def pay_in(session: Session, name: str, amount: int, brand: str, text: str) -> None:
    """Book that NAME has paid AMOUNT smallest units of BRAND to you, outside of this network.

    Where the answer is lost, look at `people statement` before you book it again.

    \b
    Example:
      pledgeway people pay-in ada 12000 USD --text "cash, receipt 81"
    """
    arguments = {"name": name, "amount": amount, "brand": brand, "text": text}
    session.show("people.pay_in", arguments, show_person)


@click.command("pay-out", cls=TaughtCommand)
@click.argument("name")
@click.argument("amount", type=AMOUNT)
@click.argument("brand")
@click.option("--text", default="", help=TEXT_HELP)
@with_node
def pay_out(session: Session, name: str, amount: int, brand: str, text: str) -> None:
    """Book that you have paid AMOUNT smallest units of BRAND out to NAME: what the purse has left.

    Where the answer is lost, look at `people statement` before you book it again.

    \b
    Example:
      pledgeway people pay-out ada 2000 USD --text "cash, receipt 82"
    """
    arguments = {"name": name, "amount": amount, "brand": brand, "text": text}
    session.show("people.pay_out", arguments, show_person)
