"""`pledgeway people books`: whether the accounts of people are sound."""

import sys
from typing import Final

import click

from node.command.display import Json, say, table
from node.command.exit_status import REFUSED, TaughtCommand
from node.command.session import Session, with_node

CALL_S: Final = 600.0  # a second for each million of entries, on a slow disk some more


@click.command("books", cls=TaughtCommand)
@with_node
def books(session: Session) -> None:
    """Check every entry on the disk against every purse, and say what the node itself has.

    What is your own in a brand: what neighbours owe you over the lines, and what was paid in over
    the counter, less what you owe your people. Ends with status 1 where something does not agree.

    \b
    Example:
      pledgeway people books
      pledgeway people books --json
    """
    if not session.show("people.books", {}, _show, CALL_S).get("ok"):
        sys.exit(REFUSED)


def _show(one: Json) -> None:
    entries, purses = one.get("entries"), one.get("purses")
    if one.get("ok"):
        say(f"Sound: {entries} entries, and each of {purses} purses is the sum of its own.")
    else:
        faults = one.get("faults") or ()
        say(f"NOT SOUND: {len(faults)} things do not agree. Stop paying, and look for the cause:")
        for fault in faults:
            say(f"  {fault}")
    table(
        ("brand", ">over the lines", ">paid in, less out", ">owed to people", ">your own"),
        (
            [p.get(key) for key in ("brand", "lines", "cash", "people", "own")]
            for p in one.get("positions", ())
        ),
        empty="There are no accounts yet.",
    )
