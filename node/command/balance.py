"""`pledgeway balance`: who owes whom, in every brand."""

import click

from node.command.display import Json, amount, table
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node

COLUMNS = (
    ("balance", "balance"),
    ("owed to you", "owed_to_us"),
    ("owed by you", "owed_by_us"),
    ("pending in", "pending_in"),
    ("pending out", "pending_out"),
    ("can pay", "can_pay"),
    ("can receive", "can_receive"),
)


@click.command("balance", cls=TaughtCommand)
@with_node
def balance(session: Session) -> None:
    """Show what is owed to the node and by it, in every brand.

    "can pay" and "can receive" count all lines together; one payment may find less.

    \b
    Example:
      pledgeway balance --node ./alice
    """

    def show(answer: Json) -> None:
        table(
            ("brand", *(f">{title}" for title, _ in COLUMNS)),
            (
                (one.get("brand"), *(amount(one.get(key), one.get("brand")) for _, key in COLUMNS))
                for one in answer.get("brands", ())
            ),
            empty="No lines yet, so nothing is owed.",
        )

    session.show("balance", {}, show)
