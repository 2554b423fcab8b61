"""Looking for the proof of control in a page that somebody has fetched."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from node.command.argument_types import read_file
from node.command.exit_status import REFUSED
from node.command.session import NoAnswer, Session

F = TypeVar("F", bound=Callable[..., Any])

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024  # the search reads the first two of them
# By the name of the verdict (node.sale.control_text.Verdict): what it means, and what to do.
WORDS: Final = {
    "OTHER_CHALLENGE": (
        "holds a proof of this buyer for another challenge",
        "he posts the line that `pledgeway sale control` prints now",
    ),
    "OTHER_KEY": (
        "holds a proof for this sale that its buyer did not sign",
        "somebody else controls the thing: do not attest",
    ),
    "BROKEN": (
        "holds something that begins like a proof, and cannot be read",
        "is the page cut off, or was the line shortened?",
    ),
    "OTHER_SALE": (
        "holds the proof of another sale",
        "the buyer posts the line that `pledgeway sale control` prints for this one",
    ),
    "NOT_FOUND": (
        "holds no proof of control",
        "fetch it again once the buyer has posted the line",
    ),
}


def page_option(command: F) -> F:
    """Adds --page FILE|-, as `page: str | None`."""
    return click.option(
        "--page",
        metavar="FILE|-",
        help="What you have fetched from the thing's public place; - for standard input.",
    )(command)


def find_in(session: Session, identifier: str, page: str) -> str:
    """The proof of control of this sale, as a line, out of a page. Ends the command with what is
    there instead."""
    data = read_file(page, "page", MAX_PAGE_BYTES)
    told = session.ask("sale.control", {"id": identifier}).value
    # Here, because only a page needs all of it.
    from node.sale.control_text import MAX_PAGE_BYTES as READ_BYTES
    from node.sale.control_text import Verdict, find_control
    from proto.sale.handover import ControlProof, control_line

    parts = (bytes.fromhex(str(told[name])) for name in ("lock", "challenge", "key"))
    found = find_control(data, ControlProof(*parts))
    if found.verdict is not Verdict.FOUND:
        says, step = WORDS[found.verdict.name]
        cut = " (only its first 2 MiB were read)" if len(data) > READ_BYTES else ""
        name = "the page" if page == "-" else page
        session.end(NoAnswer(REFUSED, found.verdict.name, f"{name} {says}{cut}", step))
    return control_line(found.signed)
