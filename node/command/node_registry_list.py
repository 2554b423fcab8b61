"""`pledgeway node registry follow`: rely on what a shared list names, today and tomorrow."""

from typing import Final

import click

from node.command.argument_types import read_file
from node.command.display import Json, facts, moment, say, yes_no
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node
from proto.limits import MAX_ADVERT_BYTES

WHAT: Final = "list of registries"


@click.command("follow", cls=TaughtCommand)
@click.argument("file", metavar="FILE")
@with_node
def follow(session: Session, file: str) -> None:
    """Rely on every registry that the shared list in FILE names, beside those you accept yourself.

    Its next editions come by themselves and replace it; so you trust its owner to choose. What was
    proven to cheat is left out, whatever the list says. One list is followed at a time.

    \b
    Example:
      pledgeway node registry follow harbour.list
    """
    text = read_file(file, WHAT, 2 * MAX_ADVERT_BYTES).decode(errors="replace")
    session.show("registry.follow", {"list": text}, show_list)


@click.command("unfollow", cls=TaughtCommand)
@with_node
def unfollow(session: Session) -> None:
    """Rely on nothing for a list's sake any more. Promises that stand are not touched.

    \b
    Example:
      pledgeway node registry unfollow
    """
    session.show("registry.unfollow", {}, lambda _: say("No list is followed any more."))


def show_list(answer: Json) -> None:
    """The list that a node follows."""
    missing = answer.get("missing")
    facts(
        (
            ("list", answer.get("id")),
            ("owner", answer.get("owner")),
            ("edition", answer.get("sequence")),
            ("expires", moment(answer.get("expires_at_us"))),
            ("state", yes_no(answer.get("in_force"), "in force", "EXPIRED: nothing counts by it")),
            ("registries", ", ".join(str(name) for name in answer.get("registries", ()))),
            ("without a record", missing or None),
        )
    )
