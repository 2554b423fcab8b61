"""A receipt from a node into a file, for whoever it is to be shown to."""

from base64 import b64decode
from pathlib import Path

from node.command.argument_types import require_new_file, write_new_file
from node.command.display import amount, say
from node.command.exit_status import UNUSABLE, fail
from node.command.session import NoAnswer, Session


def take_receipt(session: Session, verb: str, identifier: str, out: Path | None) -> None:
    """Asks for the receipt of `identifier` and writes it to a new file `out`, or prints its JSON
    where there is none. Ends the command where that fails."""
    words = verb.replace(".", " ")
    if out is None and not session.as_json:
        fail(UNUSABLE, f"{words}: name a file with --out, or ask for --json")
    require_new_file(out)
    try:
        answer = session.try_ask(verb, {"id": identifier})
    except NoAnswer as no:
        session.end(no)
    if out is not None:
        try:
            write_new_file(out, b64decode(str(answer.value.get("file", ""))))
        except OSError as error:
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}; the node keeps it")
    if session.as_json:
        session.print(answer, lambda _: None)
        return
    one = answer.value
    paid = amount(one.get("amount"), one.get("brand"))
    say(f"receipt over {paid} ({one.get('kind')}) written: `pledgeway verify receipt {out}`")
