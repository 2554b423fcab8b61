"""`pledgeway sale list` and `show`: how sales stand."""

from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import PATH, SPAN, require_new_file
from node.command.display import Json
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.sale.following import STATUSES, fetch_evidence, show_followed
from node.command.sale.view import show_list, show_sale
from node.command.session import Session, with_node

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 200  # one answer holds at most a mebibyte
NONE_LIVE: Final = "Nothing is under way."
NONE_YET: Final = "No sales: `pledgeway sale open` offers to buy something."


@click.command("list", cls=TaughtCommand)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Most sales to list, the newest first.",
)
@click.option("--live", is_flag=True, help="Only those that are not over.")
@click.option("--mine", is_flag=True, help="Only those in which it is your move.")
@with_node
def list_(session: Session, limit: int, live: bool, mine: bool) -> None:
    """List sales in which you have a part, the newest first, and whose move it is in each.

    \b
    Example:
      pledgeway sale list
      pledgeway sale list --mine
    """
    arguments: dict[str, Any] = {"limit": limit}
    arguments |= {name: True for name, said in (("live", live), ("mine", mine)) if said}

    def show(answer: Json) -> None:
        show_list(answer.get("sales", ()), NONE_LIVE if live or mine else NONE_YET)

    session.show("sale.list", arguments, show)


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
    help="Write all papers of it to a new FILE, for `pledgeway verify sale`.",
)
@with_node
def show(
    session: Session, identifier: str, follow: bool, wait_s: int, evidence: Path | None
) -> None:
    """Show a sale: figures, what each ends with in every case, and whose move it is.

    ID is the beginning of its id. It says until when each may move, what happens if nobody does,
    and which command makes your own move.

    \b
    Example:
      pledgeway sale show 4f1c
      pledgeway sale show 4f1c --follow --wait 2h
      pledgeway sale show 4f1c --evidence lamp.sale
      pledgeway verify sale lamp.sale

    The file has all that this node can show of the sale by now, signed by whoever said it, and no
    secret: no key that is not public, no credential, no vote that is not open.
    """
    if follow and evidence is not None:
        fail(UNUSABLE, "sale show: --follow first, then --evidence")
    require_new_file(evidence)
    if evidence is not None:
        fetch_evidence(session, identifier, evidence)
    elif follow:
        show_followed(session, identifier, wait_s)
        return
    session.show("sale.show", {"id": identifier}, show_sale)
