"""`pledgeway request`: ask to be paid."""

import json
import string
import time
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import PATH, text_or_file
from node.command.display import Json, moment, short, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.receipt_file import take_receipt
from node.command.request_create import create
from node.command.request_key import countersign_, requester_key
from node.command.request_view import (
    came_of,
    foreign_json,
    show_request,
    show_with_text,
    state_of,
)
from node.command.session import Answer, Session, with_node
from proto.limits import MAX_REQUEST_BYTES
from proto.request import REQUEST_PREFIX
from proto.wire import WireFault

DEFAULT_LISTED: Final = 50
MAX_LISTED: Final = 100  # as the daemon has it
ID_DIGITS: Final = 32  # of a whole request id


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
                    came_of(one),
                    state_of(one),
                    moment(one.get("expires_at_us")),
                    one.get("description") or "-",
                )
                for one in answer.get("requests", ())
            ),
            empty="No requests yet: `pledgeway request create AMOUNT BRAND` makes one.",
        )

    session.show("request.list", {"limit": limit}, show)


@request.command("show", cls=TaughtCommand)
@click.argument("identifier", metavar="ID|REQUEST|FILE")
@with_node
def show(session: Session, identifier: str) -> None:
    """Show one request with everything that it says.

    ID is the id of one of the node's own, or the beginning of it. The text of any request, or a
    FILE that holds it, is read without asking the node: who signed it, and whether all have.

    \b
    Example:
      pledgeway request show 4f1c
      pledgeway request show invoice.txt
    """
    if _may_be_id(identifier):
        session.show("request.show", {"id": identifier}, show_with_text)
        return
    text = text_or_file(identifier, REQUEST_PREFIX, "payment request", 2 * MAX_REQUEST_BYTES)
    try:
        shown = foreign_json(text, time.time_ns() // 1000)
    except WireFault as fault:
        fail(UNUSABLE, f"not a payment request that could be paid: {fault}")
    session.print(Answer(shown, json.dumps(shown)), show_with_text)


def _may_be_id(text: str) -> bool:
    return len(text) <= ID_DIGITS and all(c in string.hexdigits for c in text)


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


@request.command("receipt", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("-o", "--out", type=PATH, metavar="FILE", help="Write it to this new FILE.")
@with_node
def receipt(session: Session, identifier: str, out: Path | None) -> None:
    """Take the receipt of a paid request: it proves to anybody, offline, what was paid.

    With --json it is printed, in base64; --out writes the file itself. ID is the request's id or
    the beginning of it. What no registry decided is proven by this node's own signature, and by
    its neighbour's booking of the largest part.

    \b
    Example:
      pledgeway request receipt 4f1c --out lamp.receipt
      pledgeway verify receipt lamp.receipt
    """
    take_receipt(session, "request.receipt", identifier, out)


for command in (create, countersign_, requester_key):
    request.add_command(command)
