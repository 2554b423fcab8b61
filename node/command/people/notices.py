"""`pledgeway requester notices`: what requesters were told, and what did not arrive."""

import click

from node.command.display import Json, facts, moment, short, table
from node.command.exit_status import TaughtCommand
from node.command.lazy import LazyGroup
from node.command.session import Session, with_node

DEFAULT_LISTED = 50
MAX_LISTED = 1000  # as the daemon has it


@click.group("notices", cls=LazyGroup, places={}, invoke_without_command=True)
@click.option("--failed", is_flag=True, help="Only those that have not arrived.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    default=DEFAULT_LISTED,
    show_default=True,
    help="Most notices to list, the newest first.",
)
@click.pass_context
@with_node
def notices(session: Session, ctx: click.Context, failed: bool, limit: int) -> None:
    """List what requesters were told, and how that went. `again` says one once more.

    One that does not arrive is tried for some four days, ever more seldom. Requesters who ask by
    themselves lose nothing.

    \b
    Example:
      pledgeway requester notices --failed
      pledgeway requester notices again 4f1c
    """
    if ctx.invoked_subcommand is not None:
        return
    session.show("notices.list", {"failed": failed, "limit": limit}, _show)


def _show(answer: Json) -> None:
    table(
        ("id", "of", "state", ">tries", "made", "next", "to"),
        (
            (
                short(one.get("id")),
                one.get("of"),
                one.get("state"),
                one.get("tries"),
                moment(one.get("created_at_us")),
                moment(one.get("next_at_us")),
                one.get("url"),
            )
            for one in answer.get("notices", ())
        ),
        empty="No notices.",
    )


@notices.command("again", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def again(session: Session, identifier: str) -> None:
    """Say a notice once more now. Its id stays, so that who has it already passes it over.

    \b
    Example:
      pledgeway requester notices again 4f1c
    """

    def show(one: Json) -> None:
        facts((("notice", one.get("id")), ("to", one.get("url")), ("state", one.get("state"))))

    session.show("notices.again", {"id": identifier}, show)
