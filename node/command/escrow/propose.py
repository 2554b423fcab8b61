"""`pledgeway escrow propose`: ask others to exchange something."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, PATH, SPAN
from node.command.display import Json, say, short
from node.command.escrow.choosing import chosen_template
from node.command.escrow.following import GRACE_S, STATUSES, show_followed
from node.command.escrow.naming import pairs, whom
from node.command.escrow.naming import settings as filled
from node.command.escrow.view import show_exchange
from node.command.exit_status import REFUSED, TaughtCommand
from node.command.session import Session, with_node

CALL_S: Final = 60.0  # opening accounts asks each registrar once


@click.command("propose", cls=TaughtCommand, epilog=STATUSES)
@click.argument("template", required=False, metavar="TEMPLATE")
@click.option("--file", type=PATH, metavar="FILE", help="Your own template.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Fill in a wildcard; repeatable."
)
@click.option(
    "--seat",
    "seats",
    multiple=True,
    metavar="NAME=WHO",
    help="Who sits there: a card file, `me`, or an alias whose card was given before; repeatable.",
)
@click.option(
    "--within",
    "within_s",
    type=SPAN,
    default="30s",
    show_default=True,
    help="It is decided so long after everybody has joined. With money in it 60s at most.",
)
@click.option(
    "--join-by",
    "join_s",
    type=SPAN,
    default="5min",
    show_default=True,
    help="How long others may take to accept; 30d at most.",
)
@click.option(
    "--registry",
    "--policy",
    "registries",
    multiple=True,
    metavar="R",
    help="Registry, or policy of several, that may decide; repeatable.  [default: all accepted]",
)
@click.option(
    "--coordinator",
    "coordinators",
    multiple=True,
    metavar="WHO",
    help="Who collects promises and signatures; it can only delay.  [default: this node]",
)
@click.option("--max-cost", type=AMOUNT, help="Pay no more for a payment of ours, fees included.")
@click.option("--open-accounts", is_flag=True, help="Open accounts that our seats lack.")
@click.option("--note", default="", help="A word to the others.")
@click.option("--dry-run", is_flag=True, help="Check it, find routes, and tell nobody.")
@click.option("--follow", is_flag=True, help="Watch it to the end.")
@with_node
def propose(
    session: Session,
    template: str | None,
    file: Path | None,
    settings: Sequence[str],
    seats: Sequence[str],
    within_s: int,
    join_s: int,
    registries: Sequence[str],
    coordinators: Sequence[str],
    max_cost: int | None,
    open_accounts: bool,
    note: str,
    dry_run: bool,
    follow: bool,
) -> None:
    """Propose an exchange to everybody who sits in it.

    Each of them is shown what he gives, gets and signs, and may accept; seats of yours are taken at
    once. When all have joined the terms are fixed, everything is locked, and one decision of the
    registry moves all of it or none. Until then nothing is locked, and you can cancel.

    \b
    Example:
      pledgeway escrow propose gift --seat giver=me --seat receiver=bob.card \\
          --set brand=USD --set amount=700 --dry-run
      pledgeway escrow propose buy-parcel --seat buyer=me --seat seller=Bob \\
          --set brand=USD --set amount=900 --set region=Ahern --set parcel_id=7 --follow
    """
    _, data = chosen_template(template, file, session.directory)
    arguments: dict[str, Any] = {
        "template": data.decode(),
        "settings": filled("--set", settings),
        "seats": {seat: whom(who) for seat, who in pairs("--seat", seats).items()},
        "within_s": within_s,
        "join_s": join_s,
        "note": note,
    }
    if registries:
        arguments["registries"] = list(registries)
    if coordinators:
        arguments["coordinators"] = [whom(one) for one in coordinators]
    if max_cost is not None:
        arguments["max_cost"] = max_cost
    if open_accounts:
        arguments["open_accounts"] = True
    if dry_run:
        _dry_run(session, arguments)
        return
    if not follow:
        session.show("escrow.propose", arguments, _show_proposed, CALL_S)
        return
    answer = session.ask("escrow.propose", arguments, CALL_S)
    identifier = str(answer.value.get("id"))
    if not session.as_json:
        click.echo(f"proposed: exchange {short(identifier)}", err=True)
    show_followed(session, identifier, join_s + within_s + GRACE_S)


def _dry_run(session: Session, arguments: Json) -> None:
    answer = session.show("escrow.propose", {**arguments, "dry_run": True}, _show_dry, CALL_S)
    failing = any(check.get("ok") is False for check in answer.get("checks", ()))
    if failing or not answer.get("serves"):
        sys.exit(REFUSED)


def _show_dry(one: Json) -> None:
    show_exchange({**one, "state": "not proposed: --dry-run"})
    if not one.get("serves"):
        say("This node has no address for exchanges: set [escrow] listen in its config.toml.")


def _show_proposed(one: Json) -> None:
    name = short(one.get("id"))
    show_exchange(one)
    say(f"Proposed. Watch it: `pledgeway escrow show {name} --follow`; take it back: `pledgeway")
    say(f"escrow cancel {name}`.")
