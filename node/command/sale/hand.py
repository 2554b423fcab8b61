"""`pledgeway sale hand-over` and `reveal`: the credential, from the seller over the agent."""

import json
import os
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import PATH, require_new_file
from node.command.display import say
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.sale.view import show_done
from node.command.sale_secret import credential_option, read_credential
from node.command.session import Answer, NoAnswer, Session, with_node

OWNER_ALONE: Final = 0o600
NEW: Final = "New credential"


@click.command("hand-over", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@credential_option
@click.option("--show", "shows", is_flag=True, help="Agent: print what the seller handed over.")
@click.option("--out", type=PATH, metavar="FILE", help="Agent: write it to a new FILE instead, for"
              " you alone.")  # fmt: skip
@click.option("--new-credential-file", "new", metavar="FILE|-", help="Agent: seal what is in FILE"
              " to the buyer.")  # fmt: skip
@click.option("--pass-on", is_flag=True, help="Agent: the same, and you type it, which is not"
              " shown.")  # fmt: skip
@click.option("--unchanged", is_flag=True, help="Agent: it is what the seller knows, and you mean"
              " that.")  # fmt: skip
@click.option("--refuse", is_flag=True, help="Agent: you cannot use it; she may give another.")
@with_node
def hand_over(
    session: Session,
    identifier: str,
    credential_file: str | None,
    shows: bool,
    out: Path | None,
    new: str | None,
    pass_on: bool,
    unchanged: bool,
    refuse: bool,
) -> None:
    """Hand the credential over: the seller to the agent, and he to the buyer.

    The seller is asked for it (or names a file), and it is sealed for the agent alone. He looks at
    it with --show, logs in, changes it so that the seller cannot use it any more, and names the new
    one: it is sealed to the buyer under a key that the lock makes public. Nothing is written to a
    disk in the clear but where you say --out.

    \b
    Example, the seller:
      pledgeway sale hand-over 4f1c
    \b
    Example, the agent:
      pledgeway sale hand-over 4f1c --show
      pledgeway sale hand-over 4f1c --pass-on
      pledgeway sale hand-over 4f1c --refuse
    """
    looks, passes = shows or out is not None, pass_on or new is not None
    if looks + passes + refuse + (credential_file is not None) > 1:
        fail(UNUSABLE, "sale hand-over: one thing at a time: look, pass on, or refuse")
    if unchanged and not passes:
        fail(UNUSABLE, "sale hand-over: --unchanged goes with --new-credential-file or --pass-on")
    if refuse:
        session.show("sale.refuse", {"id": identifier}, show_done)
    elif looks:
        _open(session, "sale.credential", identifier, out)
    elif passes:
        _send(session, "sale.pass_on", identifier, read_credential(new, NEW), unchanged)
    else:
        role = session.ask("sale.show", {"id": identifier}).value.get("role")
        if role != "SELLER":
            fail(UNUSABLE, "sale hand-over: the seller gives a credential; as the agent say --show,"
                 " --pass-on, --new-credential-file FILE or --refuse")  # fmt: skip
        _send(session, "sale.give", identifier, read_credential(credential_file), False)


def _send(session: Session, verb: str, identifier: str, credential: bytes, unchanged: bool) -> None:
    arguments: dict[str, object] = {
        "id": identifier,
        "credential": b64encode(credential).decode(),
    }
    if unchanged:
        arguments["unchanged"] = True
    session.show(verb, arguments, show_done)


@click.command("reveal", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("--out", type=PATH, metavar="FILE", help="Write it to a new FILE, for you alone.")
@with_node
def reveal(session: Session, identifier: str, out: Path | None) -> None:
    """As the buyer, open what was handed over to you, once the lock is decided.

    Its key stands in the registry's certificate since then, and so does your money at the house.
    The agent knows the credential: change it at once. Then `pledgeway sale control ID` makes the
    proof that it is yours. Nothing is written to a disk but where you say --out.

    \b
    Example:
      pledgeway sale reveal 4f1c
      pledgeway sale reveal 4f1c --out credential.txt
    """
    _open(session, "sale.reveal", identifier, out)


def _open(session: Session, verb: str, identifier: str, out: Path | None) -> None:
    """To the terminal or the pipe, byte for byte; with --json in base64; with --out to a file."""
    require_new_file(out)
    answer = session.ask(verb, {"id": identifier})
    credential = b64decode(str(answer.value.get("credential", "")))
    if out is not None:
        _write(session, out, credential)
        told = {"id": answer.value.get("id"), "file": str(out), "bytes": len(credential)}
        shown = Answer(told, json.dumps(told))
        session.print(shown, lambda one: say(f"{one['bytes']} bytes written to {out}"))
        return
    if session.as_json:
        click.echo(answer.text)
        return
    if sys.stdout.isatty():
        click.echo(_harmless(credential))
        return
    click.echo(credential, nl=False)


def _harmless(credential: bytes) -> str:
    """For a terminal: no character of it moves the cursor, and lines stay lines."""
    text = credential.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _write(session: Session, file: Path, data: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        with os.fdopen(handle, "wb") as made:
            made.write(data)
    except OSError as error:
        cause = f"{file}: cannot be written: {error.strerror}"
        session.end(NoAnswer(UNUSABLE, "NOT_WRITTEN", cause, "name another file"))
