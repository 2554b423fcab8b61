"""Watching a sale until nothing is left to do, and how a command then ends."""

from base64 import b64decode
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import write_new_file
from node.command.display import Json, say, short
from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, fail, plain
from node.command.sale.view import because, progress, show_sale
from node.command.session import NoAnswer, Session

STATUSES: Final = (
    "Exit status: 0 done, and with --follow: the sale is over, and the stakes were in the pool; 1 a"
    " clean no, or it closed or its stakes returned; 2 unusable input, or no node is running; 3 not"
    " known yet: the node goes on, see `pledgeway sale show`."
)


def show_followed(session: Session, identifier: str, wait_s: int) -> None:
    """Tells every change on standard error, until the sale is over or `wait_s` has passed; prints
    it, and ends the command where it came to nothing, or is not over."""
    told: list[str] = []

    def changed(one: Json) -> str:
        news = plain(progress(one))
        if not session.as_json and told[-1:] != [news]:
            # On standard error: standard output belongs to the result.
            click.echo(news, err=True)
        told.append(news)
        return news

    step = f"see `pledgeway sale show {short(identifier)}`"
    try:
        answer = session.follow("sale.follow", {"id": identifier}, changed, wait_s)
    except KeyboardInterrupt:
        fail(UNKNOWN, f"the sale goes on without you: {step}")
    if answer is None:
        fail(UNKNOWN, f"the node said nothing about the sale: {step}")
    session.print(answer, show_sale)
    if not answer.value.get("over"):
        fail(UNKNOWN, f"not over yet, and it goes on: {step}")
    if answer.value.get("phase") != "ENDED":
        fail(REFUSED, f"nothing was sold: {because(answer.value) or 'it came to nothing'}")


def fetch_evidence(session: Session, identifier: str, file: Path) -> None:
    """Writes the file of a sale (id or prefix of it) to a new `file`. Ends the command on a no."""
    answer = session.ask("sale.evidence", {"id": identifier})
    try:
        write_new_file(file, b64decode(str(answer.value.get("file", ""))))
    except OSError as error:
        cause = f"{file}: cannot be written: {error.strerror}"
        session.end(NoAnswer(UNUSABLE, "NOT_WRITTEN", cause, "the node keeps it: name another"))
    if not session.as_json:
        say(f"papers written: check them with `pledgeway verify sale {file}`")
