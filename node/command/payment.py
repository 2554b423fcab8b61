"""`pledgeway payment`: how payments stand, and what proves them."""

from pathlib import Path
from typing import Final

import click

from node.command.argument_types import PATH, require_new_file
from node.command.display import Json, moment, short, table, who
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.pay import fetch_evidence
from node.command.payment_view import because, show_payment, waits_for
from node.command.receipt_file import take_receipt
from node.command.request_view import amount_of
from node.command.session import NoAnswer, Session, with_node

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 1000  # one answer holds at most a mebibyte


@click.group("payment")
def payment() -> None:
    """Look at the payments of this node, give one up, or take what proves it.

    \b
    Example:
      pledgeway payment list --node ./alice
      pledgeway payment show 9a02 --node ./alice
      pledgeway payment evidence 9a02 --out lamp.evidence --node ./alice
      pledgeway payment receipt 9a02 --out lamp.receipt --node ./alice
    """


@payment.command("list", cls=TaughtCommand)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Most payments to list, the newest first.",
)
@with_node
def list_(session: Session, limit: int) -> None:
    """List payments, the newest first.

    \b
    Example:
      pledgeway payment list --limit 5
    """

    def show(answer: Json) -> None:
        table(
            ("id", "to", ">amount", "state", "began", "news"),
            (
                (
                    short(one.get("id")),
                    who(one, "payee_alias", "payee"),
                    amount_of(one),
                    one.get("phase"),
                    moment(one.get("created_at_us")),
                    because(one) or waits_for(one) or "-",
                )
                for one in answer.get("payments", ())
            ),
            empty="No payments yet: `pledgeway pay REQUEST` makes one.",
        )

    session.show("payment.list", {"limit": limit}, show)


@payment.command("show", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def show(session: Session, identifier: str) -> None:
    """Show one payment. ID is its id, the beginning of it, or the transaction's UUID.

    \b
    Example:
      pledgeway payment show 9a02
    """
    session.show("payment.show", {"id": identifier}, show_payment)


@payment.command("abandon", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def abandon(session: Session, identifier: str) -> None:
    """Ask for a payment to be given up. It still commits if the payee has signed already.

    \b
    Example:
      pledgeway payment abandon 9a02
    """
    session.show("payment.abandon", {"id": identifier}, show_payment)


@payment.command("evidence", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("--out", type=PATH, metavar="FILE", help="Write it to this new FILE.")
@with_node
def evidence(session: Session, identifier: str, out: Path | None) -> None:
    """Take what proves how a payment ended, for `pledgeway verify`.

    With --json it is printed, in base64; --out writes the file itself. ID is the payment's id, the
    beginning of it, or the transaction's UUID.

    \b
    Example:
      pledgeway payment evidence 9a02 --out lamp.evidence
      pledgeway verify lamp.evidence
    """
    if out is None and not session.as_json:
        fail(UNUSABLE, "payment evidence: name a file with --out, or ask for --json")
    require_new_file(out)
    if out is None:
        session.show("payment.evidence", {"id": identifier}, lambda _: None)
        return
    try:
        answer = fetch_evidence(session, identifier, out)
    except NoAnswer as no:
        session.end(no)
    session.print(answer, lambda _: None)


@payment.command("receipt", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("-o", "--out", type=PATH, metavar="FILE", help="Write it to this new FILE.")
@with_node
def receipt(session: Session, identifier: str, out: Path | None) -> None:
    """Take the receipt of a payment: it proves to anybody, offline, what was paid to whom.

    It holds the payee's signed request, the transaction, and who decided it. With --json it is
    printed, in base64; --out writes the file itself. ID is the payment's id, the beginning of it,
    or the transaction's UUID.

    \b
    Example:
      pledgeway payment receipt 9a02 --out lamp.receipt
      pledgeway verify receipt lamp.receipt
    """
    take_receipt(session, "payment.receipt", identifier, out)
