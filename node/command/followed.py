"""Watching an exchange or a sale, and keeping its evidence: what their commands share."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import click

from node.command.argument_types import write_new_file
from node.command.display import Json, short
from node.command.exit_status import UNKNOWN, UNUSABLE, fail, plain
from node.command.session import Answer, NoAnswer, Session


def follow(
    session: Session,
    what: str,
    noun: str,
    identifier: str,
    wait_s: int,
    news_of: Callable[[Json], str],
) -> Answer:
    """Tells every change on standard error, until the end or until `wait_s` is over.

    `what`: the group of commands ("sale"), whose verb `follow` is asked; `noun`: how people call
    one of them. Ends the command where the node says nothing.
    """
    told: list[str] = []

    def changed(one: Json) -> str:
        news = plain(news_of(one))
        if not session.as_json and told[-1:] != [news]:
            # On standard error: standard output belongs to the result.
            click.echo(news, err=True)
        told.append(news)
        return news

    step = f"see `pledgeway {what} show {short(identifier)}`"
    try:
        answer = session.follow(f"{what}.follow", {"id": identifier}, changed, wait_s)
    except KeyboardInterrupt:
        fail(UNKNOWN, f"the {noun} goes on without you: {step}")
    if answer is None:
        fail(UNKNOWN, f"the node said nothing about the {noun}: {step}")
    return answer


def keep_evidence(session: Session, what: str, identifier: str, file: Path) -> Answer:
    """Writes what the node has as evidence of one to a new `file`. Ends the command on a no."""
    answer = session.ask(f"{what}.evidence", {"id": identifier})
    try:
        write_new_file(file, b64decode(str(answer.value.get("file", ""))))
    except OSError as error:
        cause = f"{file}: cannot be written: {error.strerror}"
        session.end(NoAnswer(UNUSABLE, "NOT_WRITTEN", cause, "the node keeps it: name another"))
    return answer
