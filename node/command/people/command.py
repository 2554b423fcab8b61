"""`pledgeway people`: what stands where."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final = {
    "invite": Place("node.command.people.invite", "invite", "a link that opens an account"),
    "withdraw": Place("node.command.people.invite", "withdraw", "take open invitations back"),
    "list": Place("node.command.people.look", "list_", "everybody, and who is invited"),
    "show": Place("node.command.people.look", "show", "one account with all that belongs to it"),
    "statement": Place("node.command.people.statement", "statement", "what went in and out"),
    "limit": Place("node.command.people.money", "limit", "what somebody may owe"),
    "pay-in": Place("node.command.people.money", "pay_in", "book what was paid to you"),
    "pay-out": Place("node.command.people.money", "pay_out", "book what you paid out"),
    "books": Place("node.command.people.books", "books", "check every entry against every purse"),
    "sessions": Place("node.command.people.invite", "sessions", "log somebody out"),
    "close": Place("node.command.people.invite", "close", "close an account"),
}
HELP: Final = """Accounts of people: one node pays for many.

A person has a purse in each brand. What he approves on the node's page, with a passkey, is paid
over the node's own lines and booked in his purse; what the node lets him owe is his limit. Every
amount that leaves one purse reaches another account by the same entry.

\b
Example:
  pledgeway people invite ada --limit 50000USD
  pledgeway people list
  pledgeway people pay-in ada 12000 USD --text "cash, receipt 81"
  pledgeway people show ada
  pledgeway people books
"""


@click.group("people", cls=LazyGroup, places=PLACES, help=HELP)
def people() -> None:
    """The group; what its help says is `HELP`."""
