"""`pledgeway escrow accept` and `cancel`: take a seat, or let it be."""

from collections.abc import Sequence
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, SPAN
from node.command.escrow.following import STATUSES, show_followed
from node.command.escrow.naming import pairs
from node.command.escrow.view import show_exchange
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node

CALL_S: Final = 60.0  # opening accounts asks each registrar once
SEAT_HELP: Final = "Which seat, where several are yours."


@click.command("accept", cls=TaughtCommand, epilog=STATUSES)
@click.argument("identifier", metavar="ID")
@click.option("--seat", default="", metavar="NAME", help=SEAT_HELP)
@click.option("--max-cost", type=AMOUNT, help="Pay no more for a payment of ours, fees included.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="LEG=LABEL",
    help="Another account than the usual one for a leg, by its label; repeatable.",
)
@click.option("--open-accounts", is_flag=True, help="Open an account where the seat has none.")
@click.option("--follow", is_flag=True, help="Watch it to the end.")
@click.option(
    "--wait", "wait_s", type=SPAN, default="5min", show_default=True, help="How long to watch."
)
@with_node
def accept(
    session: Session,
    identifier: str,
    seat: str,
    max_cost: int | None,
    accounts: Sequence[str],
    open_accounts: bool,
    follow: bool,
    wait_s: int,
) -> None:
    """Take the seat that you were offered. First look: `pledgeway escrow show ID`.

    Your node then does the rest: it has a place ready for what you get, locks what you give once
    all others have theirs, and signs only when all that you get and want is promised. Until the
    terms are fixed you can still leave with `pledgeway escrow cancel`.

    \b
    Example:
      pledgeway escrow show 4f1c
      pledgeway escrow accept 4f1c
      pledgeway escrow accept 4f1c --seat buyer --max-cost 910 --open-accounts --follow
    """
    arguments: dict[str, Any] = {"id": identifier}
    labels = pairs("--account", accounts)
    for leg in labels:
        if not leg.isascii() or not leg.isdigit():
            fail(UNUSABLE, f"--account {leg!r}: say LEG=LABEL with the number of a leg")
    given = {"seat": seat, "max_cost": max_cost, "accounts": labels}
    arguments |= {name: value for name, value in given.items() if value}
    if open_accounts:
        arguments["open_accounts"] = True
    if not follow:
        session.show("escrow.accept", arguments, show_exchange, CALL_S)
        return
    answer = session.ask("escrow.accept", arguments, CALL_S)
    show_followed(session, str(answer.value.get("id")), wait_s)


@click.command("cancel", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("--seat", default="", metavar="NAME", help=SEAT_HELP)
@with_node
def cancel(session: Session, identifier: str, seat: str) -> None:
    """Decline a seat, leave one, or take back what you have proposed.

    Before the terms are fixed it is over at once. Afterwards it is a plea: whoever coordinates has
    the registry record that nothing happens, unless everybody has signed already; what is locked
    returns when the registry has said so.

    \b
    Example:
      pledgeway escrow cancel 4f1c
    """
    arguments = {"id": identifier} | ({"seat": seat} if seat else {})
    session.show("escrow.leave", arguments, show_exchange)
