"""`pledgeway escrow list` and `show`: how exchanges stand."""

from pathlib import Path
from typing import Final

import click

from node.command.argument_types import PATH, SPAN, require_new_file
from node.command.display import Json
from node.command.escrow.following import STATUSES, fetch_evidence, show_followed
from node.command.escrow.view import show_exchange, show_list
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 200  # one answer holds at most a mebibyte
NONE_LIVE: Final = "Nothing is under way."
NONE_YET: Final = "No exchanges: `pledgeway escrow propose TEMPLATE` makes one."


@click.command("list", cls=TaughtCommand)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Most exchanges to list, the newest first.",
)
@click.option("--live", is_flag=True, help="Only those that are not over.")
@with_node
def list_(session: Session, limit: int, live: bool) -> None:
    """List exchanges that this node proposed, was asked to join or coordinates, the newest first.

    \b
    Example:
      pledgeway escrow list
      pledgeway escrow list --live --limit 5
    """

    def show(answer: Json) -> None:
        show_list(answer.get("exchanges", ()), NONE_LIVE if live else NONE_YET)

    session.show("escrow.list", {"limit": limit} | ({"live": True} if live else {}), show)


@click.command("show", cls=TaughtCommand, epilog=STATUSES)
@click.argument("identifier", metavar="ID")
@click.option("--follow", is_flag=True, help="Watch it to the end.")
@click.option(
    "--wait", "wait_s", type=SPAN, default="5min", show_default=True, help="How long to watch."
)
@click.option(
    "--evidence",
    type=PATH,
    metavar="FILE",
    help="Write the certificate that ended it to a new FILE, for `pledgeway verify`.",
)
@with_node
def show(
    session: Session, identifier: str, follow: bool, wait_s: int, evidence: Path | None
) -> None:
    """Show an exchange: what moves, who sits where, what it means for you, and whose move it is.

    ID is its id, the beginning of it, or the transaction's UUID. It says since when somebody has to
    act, until when, what happens if nobody does, and which evidence would end it.

    \b
    Example:
      pledgeway escrow show 4f1c
      pledgeway escrow show 4f1c --follow --wait 2min
      pledgeway escrow show 4f1c --evidence parcel.evidence
      pledgeway verify parcel.evidence
    """
    if follow and evidence is not None:
        fail(UNUSABLE, "escrow show: --follow first, then --evidence")
    require_new_file(evidence)
    if evidence is not None:
        fetch_evidence(session, identifier, evidence)
    elif follow:
        show_followed(session, identifier, wait_s)
        return
    session.show("escrow.show", {"id": identifier}, show_exchange)
