"""Watching an exchange until nothing is left to do, and how a command then ends."""

from pathlib import Path
from typing import Final

from node.command.display import say, short
from node.command.escrow.view import because, progress, show_exchange
from node.command.exit_status import REFUSED, UNKNOWN, fail
from node.command.followed import follow, keep_evidence
from node.command.session import Answer, Session

STATUSES: Final = (
    "Exit status: 0 done, and with --follow: it is committed; 1 a clean no: nothing moves, or it"
    " was not committed; 2 unusable input, or no node is running; 3 not known yet: the node goes"
    " on, see `pledgeway escrow show`."
)
GRACE_S: Final = 30  # beyond D: the registry's decision, and holds that are emptied


def follow_exchange(session: Session, identifier: str, wait_s: int) -> Answer:
    """Tells every change on standard error, until the end or until `wait_s` is over."""
    return follow(session, "escrow", "exchange", identifier, wait_s, progress)


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
    answer = keep_evidence(session, "escrow", identifier, file)
    if not session.as_json:
        kind = answer.value.get("kind") or "evidence"
        say(f"{kind} written: check it with `pledgeway verify {file}`")
