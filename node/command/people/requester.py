"""`pledgeway requester`: shops and others who may ask your people for money."""

from collections.abc import Sequence

import click

from node.command.display import Json, facts, moment, short, table
from node.command.exit_status import TaughtCommand
from node.command.people.notices import notices
from node.command.session import Session, with_node


@click.group("requester")
def requester() -> None:
    """Shops, games and others who ask your people for money in a payee's name.

    Anybody may bring a signed request. For a key that is entered here people see the name that you
    have given it, it is told what became of its requests, and people are led back to it: by the
    URLs that are entered, and by no others.

    \b
    Example:
      pledgeway requester add 5f0c...91 "Lamp shop" --notify https://lamps.example/paid
      pledgeway requester list
    """


@requester.command("add", cls=TaughtCommand)
@click.argument("key")
@click.argument("name")
@click.option("--notify", multiple=True, metavar="URL", help="Is told what became; repeatable.")
@click.option(
    "--return", "way_back", multiple=True, metavar="URL", help="Leads people back; repeatable."
)
@with_node
def add(
    session: Session, key: str, name: str, notify: Sequence[str], way_back: Sequence[str]
) -> None:
    """Enter a requester's KEY (64 hex digits), and the NAME under which people see it.

    Entered again, the new name and URLs replace the old ones.

    \b
    Example:
      pledgeway requester add 5f0c...91 "Lamp shop" --notify https://lamps.example/paid \\
          --return https://lamps.example/thanks
    """
    arguments = {"key": key, "name": name, "notify": list(notify), "return": list(way_back)}
    session.show("requester.add", arguments, _show_one)


@requester.command("list", cls=TaughtCommand)
@with_node
def list_(session: Session) -> None:
    """List the requesters that are entered.

    \b
    Example:
      pledgeway requester list
    """

    def show(answer: Json) -> None:
        table(
            ("name", "key", "told at", "leads back to", "ended"),
            (
                (
                    one.get("name"),
                    short(one.get("key")),
                    " ".join(one.get("notify") or ()) or "-",
                    " ".join(one.get("return") or ()) or "-",
                    moment(one.get("ended_at_us")),
                )
                for one in answer.get("requesters", ())
            ),
            empty="No requesters: `pledgeway requester add KEY NAME` enters one.",
        )

    session.show("requester.list", {}, show)


@requester.command("end", cls=TaughtCommand)
@click.argument("named", metavar="NAME|KEY")
@with_node
def end(session: Session, named: str) -> None:
    """End what is entered for a requester: from now on it asks as any stranger does.

    \b
    Example:
      pledgeway requester end "Lamp shop"
    """
    session.show("requester.end", {"named": named}, _show_one)


def _show_one(one: Json) -> None:
    facts(
        (
            ("requester", one.get("name")),
            ("key", one.get("key")),
            *(("is told at", url) for url in one.get("notify") or ()),
            *(("leads back to", url) for url in one.get("return") or ()),
            ("since", moment(one.get("added_at_us"))),
            ("ended", moment(one["ended_at_us"]) if one.get("ended_at_us") else None),
        )
    )


requester.add_command(notices)
