"""`pledgeway sale control`: the line that only who controls the thing can post."""

import json

import click

from node.command.display import Json, say
from node.command.exit_status import TaughtCommand
from node.command.sale.page import find_in, page_option
from node.command.session import Session, with_node


@click.command("control", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@page_option
@click.option("--no-send", is_flag=True, help="Buyer: do not tell the agent yet.")
@with_node
def control(session: Session, identifier: str, page: str | None, no_send: bool) -> None:
    """Show that the buyer controls the thing.

    As the buyer it prints a line: post it where only who controls the thing can, as in a text
    record of the domain or the character's public profile; the agent is told of it as well. With
    --page, buyer, seller and agent check whether a page that they have fetched holds it; exit
    status 0 means that it does.

    \b
    Example:
      pledgeway sale control 4f1c
      curl -s https://lamp.example/ | pledgeway sale control 4f1c --page -
    """
    if page is not None:
        line = find_in(session, identifier, page)
        if session.as_json:
            click.echo(json.dumps({"id": identifier, "found": True, "line": line}))
        else:
            say("The proof is there: whoever posted it controls the thing, and is the buyer.")
        return
    answer = session.ask("sale.control", {"id": identifier})
    if answer.value.get("role") == "BUYER" and not no_send:
        answer = session.ask("sale.control", {"id": identifier, "send": True})
    session.print(answer, _show)


def _show(one: Json) -> None:
    if one.get("line"):
        say(str(one["line"]))
        told = "The agent was told." if one.get("sent") else "The agent was not told."
        click.echo(f"Post this line in the thing's public place. {told}", err=True)
        return
    said = "The buyer has told this node of it." if one.get("shown") else ""
    click.echo(f"Fetch the thing's public place, and say --page FILE. {said}".rstrip(), err=True)
