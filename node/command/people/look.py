"""`pledgeway people list` and `show`: accounts as their keeper sees them."""

from collections.abc import Sequence
from typing import Final

import click

from node.command.display import Json, amount, facts, gap, moment, say, short, table
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node

CREDENTIAL_TIMES: Final = ("created_at_us", "used_at_us", "rests_until_us")


@click.command("list", cls=TaughtCommand)
@click.option("--after", default="", metavar="NAME", help="Go on behind this name.")
@with_node
def list_(session: Session, after: str) -> None:
    """List everybody who has an account here, and who is invited.

    \b
    Example:
      pledgeway people list
      pledgeway people list --after mallory
    """

    def show(answer: Json) -> None:
        people = answer.get("people", ())
        table(
            ("name", "called", "state", ">balance", ">limit", ">held", ">available", "asked"),
            (
                (
                    one.get("name") if first else "",
                    one.get("display") if first else "",
                    one.get("phase") if first else "",
                    amount(purse.get("balance"), purse.get("brand")),
                    *(purse.get(key, "-") for key in ("limit", "reserved", "available")),
                    (one.get("pending") or "-") if first else "",
                )
                for one in people
                for first, purse in _first(one.get("purses") or ({},))
            ),
            empty="Nobody has an account here: `pledgeway people invite NAME` lets somebody in.",
        )
        if answer.get("more"):
            say(f"There are more: --after {people[-1].get('name')}")
        invited = answer.get("invited", ())
        if invited:
            gap()
            table(
                ("invited", "called", "until"),
                (
                    (i.get("name"), i.get("display"), moment(i.get("expires_at_us")))
                    for i in invited
                ),
                empty="",
            )

    session.show("people.list", {"after": after}, show)


def _of(one: Json, *names: str) -> list[object]:
    return [one.get(name) for name in names]


def _first(purses: Sequence[Json]) -> list[tuple[bool, Json]]:
    return [(number == 0, purse) for number, purse in enumerate(purses)]


@click.command("show", cls=TaughtCommand)
@click.argument("name")
@with_node
def show(session: Session, name: str) -> None:
    """Show the account of NAME: purses, passkeys, standing approvals, its last entries.

    \b
    Example:
      pledgeway people show ada
    """
    session.show("people.show", {"name": name}, _show_all)


def show_person(one: Json) -> None:
    """An account in a few lines."""
    facts(
        (
            ("name", one.get("name")),
            ("called", one.get("display")),
            ("state", one.get("phase")),
            ("since", moment(one.get("created_at_us"))),
            ("closed", moment(one["ended_at_us"]) if one.get("ended_at_us") else None),
        )
    )
    purses = one.get("purses") or ()
    if not purses:
        return
    gap()
    table(
        ("brand", ">balance", ">limit", ">held", ">available"),
        (
            [p.get(key) for key in ("brand", "balance", "limit", "reserved", "available")]
            for p in purses
        ),
        empty="",
    )


def _show_all(one: Json) -> None:
    show_person(one)
    if one.get("pending"):
        say(f"{one['pending']} requests wait for an answer.")
    credentials, mandates = one.get("credentials") or (), one.get("mandates") or ()
    if credentials:
        gap()
        table(
            ("logs in by", "label", "since", "last used", "rests until"),
            ((c.get("kind"), c.get("label"), *_times(c, *CREDENTIAL_TIMES)) for c in credentials),
            empty="",
        )
    sessions = one.get("sessions") or ()
    if sessions:
        gap()
        say(f"{len(sessions)} sessions, last seen {moment(max(_seen(s) for s in sessions))}.")
    if mandates:
        gap()
        table(
            ("standing approval", "payee", ">each", ">spent", ">in all", "until"),
            (
                (
                    short(m.get("id")),
                    m.get("payee_alias"),
                    amount(m.get("per_payment"), m.get("brand")),
                    m.get("spent"),
                    m.get("total"),
                    moment(m.get("until_us")),
                )
                for m in mandates
            ),
            empty="",
        )
    if one.get("entries"):
        gap()
        entries_table(one["entries"])


def _times(one: Json, *names: str) -> list[str]:
    return [moment(one.get(name)) for name in names]


def _seen(one: Json) -> int:
    seen = one.get("seen_at_us")
    return seen if isinstance(seen, int) else 0


def entries_table(entries: list[Json]) -> None:
    """Lines of a journal, as they come."""
    table(
        ("when", "what", ">amount", "with", "for"),
        (
            (
                moment(e.get("at_us")),
                kind_words(e),
                amount(f"{e.get('amount'):+}", e.get("brand")),
                e.get("other") or e.get("name") or "-",
                e.get("text") or "-",
            )
            for e in entries
        ),
        empty="There are no entries.",
    )


def kind_words(entry: Json) -> str:
    """What an entry is of, for people."""
    return {
        "PAID": "paid",
        "RECEIVED": "received",
        "IN_HOUSE": "within this node",
        "PAID_IN": "paid in",
        "PAID_OUT": "paid out",
    }.get(str(entry.get("kind")), str(entry.get("kind")))
