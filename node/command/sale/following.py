"""Watching a sale until nothing is left to do, and how a command then ends."""

from pathlib import Path
from typing import Final

from node.command.display import say, short
from node.command.exit_status import REFUSED, UNKNOWN, fail
from node.command.followed import follow, keep_evidence
from node.command.sale.view import because, progress, show_sale
from node.command.session import Session

STATUSES: Final = (
    "Exit status: 0 done, and with --follow: the sale is over, and the stakes were in the pool; 1 a"
    " clean no, or it closed or its stakes returned; 2 unusable input, or no node is running; 3 not"
    " known yet: the node goes on, see `pledgeway sale show`."
)


def show_followed(session: Session, identifier: str, wait_s: int) -> None:
    """Tells every change on standard error, until the sale is over or `wait_s` has passed; prints
    it, and ends the command where it came to nothing, or is not over."""
    answer = follow(session, "sale", "sale", identifier, wait_s, progress)
    step = f"see `pledgeway sale show {short(identifier)}`"
    session.print(answer, show_sale)
    if not answer.value.get("over"):
        fail(UNKNOWN, f"not over yet, and it goes on: {step}")
    if answer.value.get("phase") != "ENDED":
        fail(REFUSED, f"nothing was sold: {because(answer.value) or 'it came to nothing'}")


def fetch_evidence(session: Session, identifier: str, file: Path) -> None:
    """Writes the file of a sale (id or prefix of it) to a new `file`. Ends the command on a no."""
    keep_evidence(session, "sale", identifier, file)
    if not session.as_json:
        say(f"papers written: check them with `pledgeway verify sale {file}`")
