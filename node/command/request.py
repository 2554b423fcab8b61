"""`pledgeway request`: ask to be paid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import (
    AMOUNT,
    LEVEL,
    LEVELS,
    PATH,
    SPAN,
    require_new_file,
    write_new_file,
)
from node.command.display import Json, amount, facts, moment, say, short, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node

DEFAULT_LISTED: Final = 50
MAX_LISTED: Final = 100  # as the daemon has it
LAST_LEVEL_HELP: Final = f"Level to take: {', '.join(LEVELS)}; repeatable.  [default: any]"


@click.group("request")
def request() -> None:
    """Ask to be paid, and see what became of it.

    A request is one line of signed text. Whoever has it can pay it, once, from any node that finds
    a chain of promises to this one.

    \b
    Example:
      pledgeway request create 700 USD --description "One lamp" --out invoice.txt --node ./bob
      pledgeway request show 4f1c --node ./bob
    """


@request.command("create", cls=TaughtCommand)
@click.argument("amount", type=AMOUNT)
@click.argument("brand")
@click.option("--description", default="", help="What it is for; the payer sees it.")
@click.option(
    "--expires", "expires_s", type=SPAN, default="1h", show_default=True, help="As 15min, 2h, 7d."
)
@click.option(
    "--deadline",
    "deadline_s",
    type=SPAN,
    default="1min",
    show_default=True,
    help="How long a payment that begins in time may take; at least 10s.",
)
@click.option("--last-level", "last_levels", type=LEVEL, multiple=True, help=LAST_LEVEL_HELP)
@click.option(
    "--registry",
    "--policy",
    "registries",
    multiple=True,
    metavar="R",
    help="Registry, or policy of several (`node policy`), to use; repeatable.",
)
@click.option("--no-registry", is_flag=True, help="Use no registry.")
@click.option("--manual", is_flag=True, help="Sign only after `request confirm`.")
@click.option("--out", type=PATH, help="Write the text to a new FILE.", metavar="FILE")
@with_node
def create(
    session: Session,
    amount: int,
    brand: str,
    description: str,
    expires_s: int,
    deadline_s: int,
    last_levels: Sequence[str],
    registries: Sequence[str],
    no_registry: bool,
    manual: bool,
    out: Path | None,
) -> None:
    """Ask for AMOUNT smallest units of BRAND.

    Any registry and any policy that the node accepts may decide, unless --registry, --policy or
    --no-registry narrows that; any level may come last, unless --last-level does.

    \b
    Example:
      pledgeway request create 700 USD
      pledgeway request create 700 USD --expires 15min --last-level ATOMIC --out invoice.txt
    """
    if no_registry and registries:
        fail(UNUSABLE, "request create: --registry and --no-registry exclude each other")
    require_new_file(out)
    answer = session.ask(
        "request.create",
        {
            "amount": amount,
            "brand": brand,
            "description": description,
            "expires_s": expires_s,
            "deadline_s": deadline_s,
            "last_levels": list(last_levels),
            "registries": [] if no_registry else list(registries) or None,
            "manual": manual,
        },
    )
    text = str(answer.value.get("text", ""))
    if out is not None:
        try:
            write_new_file(out, text.encode() + b"\n")
        except OSError as error:
            # The request exists all the same: its text must not be lost.
            click.echo(text)
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    session.print(answer, lambda one: _show_created(one, out))


def _show_created(one: Json, out: Path | None) -> None:
    if out is None:
        say(str(one.get("text")))
        return
    show_request(one)
    say(f"The payer says: pledgeway pay {out}")


@request.command("list", cls=TaughtCommand)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    default=DEFAULT_LISTED,
    show_default=True,
    help="Most requests to list, the newest first.",
)
@with_node
def list_(session: Session, limit: int) -> None:
    """List the node's own requests, the newest first.

    \b
    Example:
      pledgeway request list --limit 5 --node ./bob
    """

    def show(answer: Json) -> None:
        table(
            ("id", ">amount", "state", "expires", "description"),
            (
                (
                    short(one.get("id")),
                    amount_of(one),
                    _state(one),
                    moment(one.get("expires_at_us")),
                    one.get("description") or "-",
                )
                for one in answer.get("requests", ())
            ),
            empty="No requests yet: `pledgeway request create AMOUNT BRAND` makes one.",
        )

    session.show("request.list", {"limit": limit}, show)


@request.command("show", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def show(session: Session, identifier: str) -> None:
    """Show one request, with its text. ID is its id or the beginning of it.

    \b
    Example:
      pledgeway request show 4f1c
    """
    session.show("request.show", {"id": identifier}, _show_with_text)


@request.command("confirm", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def confirm(session: Session, identifier: str) -> None:
    """Let a --manual request be paid. ID is its id or the beginning of it.

    \b
    Example:
      pledgeway request confirm 4f1c
    """
    session.show("request.confirm", {"id": identifier}, show_request)


@request.command("decline", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def decline(session: Session, identifier: str) -> None:
    """Take a request back: it will not be paid any more. ID is its id or the beginning of it.

    \b
    Example:
      pledgeway request decline 4f1c
    """
    session.show("request.decline", {"id": identifier}, show_request)


def amount_of(one: Json) -> str:
    """The amount of a request or payment with its unit."""
    return amount(one.get("amount"), one.get("brand"))


def _state(one: Json) -> str:
    waits = one.get("manual") and one.get("phase") == "OPEN"
    return f"{one.get('phase')}, to be confirmed" if waits else str(one.get("phase"))


def _show_with_text(one: Json) -> None:
    show_request(one)
    if one.get("text"):
        say(str(one["text"]))


def show_request(one: Json) -> None:
    """One request with everything but its text."""
    registries = one.get("registries")
    facts(
        (
            ("request", one.get("id")),
            ("amount", amount_of(one)),
            ("state", _state(one)),
            ("expires", moment(one.get("expires_at_us"))),
            ("description", one.get("description") or None),
            ("last levels", ", ".join(one.get("last_levels") or ()) or "any"),
            ("registries", None if registries is None else ", ".join(registries) or "none"),
        )
    )
