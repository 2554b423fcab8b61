"""`pledgeway wallet receipt`: what proves a payment of one's own, for whoever doubts it."""

from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path

import click

from node.command.argument_types import PATH, require_new_file, write_new_file
from node.command.display import amount, say
from node.command.exit_status import UNUSABLE, fail
from node.command.session import Json, NoAnswer
from node.command.wallet.calling import Caller
from node.command.wallet.paying import whole_id
from node.command.wallet.session import WalletCommand, WalletSession, with_wallet


@click.command("receipt", cls=WalletCommand)
@click.argument("identifier", metavar="ID")
@click.option("--out", type=PATH, metavar="FILE", help="A new file for the receipt.")
@with_wallet
def receipt(session: WalletSession, identifier: str, out: Path | None) -> None:
    """Fetch the receipt of a payment: it proves to anybody, offline, that it was paid.

    ID is the request's id or the beginning of it, as `wallet history` lists it. Your copy has your
    approval in it, so give it only to whom you trust with that.

    \b
    Example:
      pledgeway wallet receipt 4f1c --out lamp.receipt
      pledgeway verify receipt lamp.receipt
    """
    if out is None and not session.as_json:
        fail(UNUSABLE, "wallet receipt: name a file with --out, or ask for --json")
    require_new_file(out)

    def work(caller: Caller) -> Json:
        whole = whole_id(caller, identifier, ended=True)
        return caller.get(f"/api/requests/{whole}/receipt")

    answer = session.ask(work)
    if out is not None:
        _write(session, answer, out)
    paid = amount(answer.get("amount"), answer.get("brand"))
    what = f"receipt over {paid} ({answer.get('kind')}) written"
    session.print(answer, lambda _: say(f"{what}: `pledgeway verify receipt {out}`"))


def _write(session: WalletSession, answer: Json, out: Path) -> None:
    try:
        write_new_file(out, b64decode(str(answer.get("file", "")), validate=True))
    except (Base64Error, ValueError):
        session.end(NoAnswer(UNUSABLE, "LOST", "the node answers no receipt", "try again"))
    except OSError as error:
        fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}; the node keeps it")
