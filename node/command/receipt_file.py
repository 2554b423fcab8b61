"""A receipt from a node into a file, for whoever it is to be shown to."""

from base64 import b64decode
from pathlib import Path

from node.command.argument_types import require_new_file, write_new_file
from node.command.display import amount, say
from node.command.exit_status import UNUSABLE, fail
from node.command.session import Json, NoAnswer, Session


def take_receipt(session: Session, verb: str, identifier: str, out: Path | None) -> None:
    """Asks for the receipt of `identifier` and writes it to a new file `out`, or prints its JSON
    where there is none. Ends the command where that fails."""
    require_place(verb.replace(".", " "), out, as_json=session.as_json)
    try:
        answer = session.try_ask(verb, {"id": identifier})
    except NoAnswer as no:
        session.end(no)
    if out is not None:
        keep_receipt(b64decode(str(answer.value.get("file", ""))), out)
    session.print(answer, lambda one: show_receipt(one, out))


def require_place(words: str, out: Path | None, *, as_json: bool) -> None:
    """A new file, or JSON to carry it; else the command `words` ends here."""
    if out is None and not as_json:
        fail(UNUSABLE, f"{words}: name a file with --out, or ask for --json")
    require_new_file(out)


def keep_receipt(data: bytes, out: Path) -> None:
    """Into a new file; the command ends where that cannot be."""
    try:
        write_new_file(out, data)
    except OSError as error:
        fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}; the node keeps it")


def show_receipt(one: Json, out: Path | None) -> None:
    """Over what it is, and how it is looked at."""
    paid = amount(one.get("amount"), one.get("brand"))
    say(f"receipt over {paid} ({one.get('kind')}) written: `pledgeway verify receipt {out}`")
