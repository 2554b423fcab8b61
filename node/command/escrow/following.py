"""Watching an exchange until nothing is left to do, and how a command then ends."""

from base64 import b64decode
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import write_new_file
from node.command.display import Json, say, short
from node.command.escrow.view import because, progress, show_exchange
from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, fail, plain
from node.command.session import Answer, NoAnswer, Session

STATUSES: Final = (
    "Exit status: 0 done, and with --follow: it is committed; 1 a clean no: nothing moves, or it"
    " was not committed; 2 unusable input, or no node is running; 3 not known yet: the node goes"
    " on, see `pledgeway escrow show`."
)
GRACE_S: Final = 30  # beyond D: the registry's decision, and holds that are emptied


def follow_exchange(session: Session, identifier: str, wait_s: int) -> Answer:
    """Tells every change on standard error, until the end or until `wait_s` is over."""
    told: list[str] = []

    def changed(one: Json) -> str:
        news = plain(progress(one))
        if not session.as_json and told[-1:] != [news]:
            # On standard error: standard output belongs to the result.
            click.echo(news, err=True)
        told.append(news)
        return news

    step = f"see `pledgeway escrow show {short(identifier)}`"
    try:
        answer = session.follow("escrow.follow", {"id": identifier}, changed, wait_s)
    except KeyboardInterrupt:
        fail(UNKNOWN, f"the exchange goes on without you: {step}")
    if answer is None:
        fail(UNKNOWN, f"the node said nothing about the exchange: {step}")
    return answer


def show_followed(session: Session, identifier: str, wait_s: int) -> None:
    """Follows, prints how it ended, and ends the command where it was not committed."""
    answer = follow_exchange(session, identifier, wait_s)
    session.print(answer, show_exchange)
    state, name = answer.value.get("state"), short(identifier)
    if state in ("FAILED", "NOT_COMMITTED"):
        fail(REFUSED, f"nothing moves: {because(answer.value) or 'it was not committed'}")
    if state != "COMMITTED":
        fail(UNKNOWN, f"not decided yet, and it goes on: see `pledgeway escrow show {name}`")


def fetch_evidence(session: Session, identifier: str, file: Path) -> None:
    """Writes the certificate file of an exchange (id or prefix). Ends the command on a no."""
    answer = session.ask("escrow.evidence", {"id": identifier})
    _write(session, file, b64decode(str(answer.value.get("file", ""))))
    if not session.as_json:
        kind = answer.value.get("kind") or "evidence"
        say(f"{kind} written: check it with `pledgeway verify {file}`")


def _write(session: Session, file: Path, data: bytes) -> None:
    try:
        write_new_file(file, data)
    except OSError as error:
        cause = f"{file}: cannot be written: {error.strerror}"
        session.end(NoAnswer(UNUSABLE, "NOT_WRITTEN", cause, "the node keeps it: name another"))
