"""`pledgeway wallet receipt`: what proves a payment of one's own, for whoever doubts it."""

from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path

import click

from node.command.argument_types import PATH
from node.command.exit_status import UNUSABLE
from node.command.receipt_file import keep_receipt, require_place, show_receipt
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
    require_place("wallet receipt", out, as_json=session.as_json)

    def work(caller: Caller) -> Json:
        whole = whole_id(caller, identifier, ended=True)
        return caller.get(f"/api/requests/{whole}/receipt")

    answer = session.ask(work)
    if out is not None:
        keep_receipt(_file_of(session, answer), out)
    session.print(answer, lambda one: show_receipt(one, out))


def _file_of(session: WalletSession, answer: Json) -> bytes:
    try:
        return b64decode(str(answer.get("file", "")), validate=True)
    except (Base64Error, ValueError):
        session.end(NoAnswer(UNUSABLE, "LOST", "the node answers no receipt", "try again"))
