"""`pledgeway people invite`, `withdraw`, `sessions end`, `close`: who comes in, and who stays."""

import re
from collections.abc import Sequence
from typing import Final

import click

from node.command.argument_types import CountType
from node.command.display import Json, facts, gap, moment, say, short, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail, plain
from node.command.people.look import show_person
from node.command.sale.asking import sure, yes_option
from node.command.session import Session, with_node

MAX_DAYS: Final = 90  # as the daemon has it
_LIMIT: Final = re.compile(r"([0-9]{1,19})(?: |(?![0-9]))(\S.*)")


@click.command("invite", cls=TaughtCommand)
@click.argument("name")
@click.option("--display", default="", metavar="TEXT", help="How pages call the person.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="AMOUNT+BRAND",
    help="What the person may owe, in smallest units, as 5000EUR; repeatable.",
)
@click.option(
    "--days",
    type=CountType(1, MAX_DAYS),
    default=7,
    show_default=True,
    help="How long the link may be taken up.",
)
@with_node
def invite(session: Session, name: str, display: str, limits: Sequence[str], days: int) -> None:
    """Invite somebody: prints a link by which whoever has it opens the account called NAME.

    Hand it over where only that person sees it; it works once, and is shown this one time. Of an
    account that exists it adds a passkey: the way back in for who has lost every one.

    \b
    Example:
      pledgeway people invite ada --display "Ada Byron" --limit 50000USD --days 3
    """
    pairs = [_limit(text) for text in limits]
    arguments = {"name": name, "display": display, "limits": pairs, "days": days}

    def show(one: Json) -> None:
        link = one.get("link")
        if one.get("exists"):
            say(f"{one.get('name')} has an account: this adds a passkey to it.")
        if link is None:
            say("This node serves no page: set [page] in config.toml. The link will end with")
            say(f"/join/{one.get('token')}")
        else:
            say(str(link))
        granted = ", ".join(f"{n} {brand}" for brand, n in (one.get("limits") or {}).items())
        facts((("may owe", granted or None), ("until", moment(one.get("expires_at_us")))))

    session.show("people.invite", arguments, show)


def _limit(text: str) -> list[str]:
    found = _LIMIT.fullmatch(text)
    if found is None:
        fail(UNUSABLE, f"--limit {plain(text)[:48]}: say an amount and a brand, as 5000EUR")
    return [found[2], found[1]]


@click.command("withdraw", cls=TaughtCommand)
@click.argument("name")
@with_node
def withdraw(session: Session, name: str) -> None:
    """Take back the invitations of NAME that nobody has taken up.

    \b
    Example:
      pledgeway people withdraw ada
    """

    def show(one: Json) -> None:
        say(f"{one.get('name')} is not invited any more ({one.get('withdrawn')} withdrawn).")

    session.show("people.withdraw", {"name": name}, show)


@click.group("sessions")
def sessions() -> None:
    """Who is logged in at the page.

    \b
    Example:
      pledgeway people sessions end ada
    """


@sessions.command("end", cls=TaughtCommand)
@click.argument("name")
@with_node
def end(session: Session, name: str) -> None:
    """Log NAME out everywhere, at once. The passkeys stay: whoever has one logs in again.

    \b
    Example:
      pledgeway people sessions end ada
    """

    def show(one: Json) -> None:
        say(f"{one.get('name')} is logged out.")

    session.show("people.end_sessions", {"name": name}, show)


@click.command("close", cls=TaughtCommand)
@click.argument("name")
@click.option("--anyway", is_flag=True, help="Also where titles stay behind: you keep them then.")
@yes_option
@with_node
def close(session: Session, name: str, anyway: bool, yes: bool) -> None:
    """Close the account of NAME for good: its sessions, passkeys and standing approvals end.

    What waits for an answer is denied; what was approved goes on, and what is owed stays owed:
    settle it by `people pay-out` and `pay-in`. The name is not given to anybody else.

    Where the person has belongings at registrars, or buys some just now, nothing is closed: later
    nobody but you could hand them on.

    \b
    Example:
      pledgeway people close ada --yes
    """
    sure(session, yes, f"Close the account of {plain(name)} for good?")
    session.show("people.close", {"name": name, "anyway": anyway}, _show_closed)


def _show_closed(one: Json) -> None:
    show_person(one)
    for purse in one.get("purses") or ():
        balance, brand = int(purse.get("balance") or 0), purse.get("brand")
        if balance:
            verb, to = ("out", "you owe") if balance > 0 else ("in", "you are owed")
            what = f"{abs(balance)} {brand}"
            say(f"{what}: {to} it still; `people pay-{verb} {one.get('name')} {what}` books it.")
    kept = one.get("belongings") or ()
    if kept:
        gap()
        table(
            ("left behind", ">amount", "at", "account", "label"),
            (
                (b.get("name"), b.get("amount"), b.get("registrar"), short(b.get("account")),
                 b.get("label"))
                for b in kept
            ),
            empty="",
        )  # fmt: skip
        say("An exchange of yours can give it: `escrow accept ID --account LEG=LABEL`.")
