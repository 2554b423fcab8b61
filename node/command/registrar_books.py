"""`pledgeway registrar legs` and `audit`: what is under way, and whether the books are right."""

from typing import Final

import click

from node.command.display import Json, amount, facts, moment, say, short, table
from node.command.exit_status import REFUSED, TaughtCommand, fail
from node.command.session import Session, with_node

AUDIT_TIMEOUT_S: Final = 3600.0  # a replay of millions of transfers takes minutes


@click.command("legs", cls=TaughtCommand)
@with_node
def legs(session: Session) -> None:
    """List what is locked in exchanges that are not decided yet, and what you have to see to.

    CLAIMED: a registry signed both that a transaction failed and that it happened, and its giver
    has spent what was returned. The leg's owner has a claim, with that registry's two signatures.

    \b
    Example:
      pledgeway registrar legs --node ./landlord
    """

    def show(answer: Json) -> None:
        table(
            ("transaction", "leg", "state", ">amount", "from", "to", "since", "decided by"),
            (
                (
                    one.get("transaction"),
                    one.get("leg"),
                    one.get("phase"),
                    amount(one.get("amount"), one.get("name")),
                    short(one.get("from_account")),
                    short(one.get("to_account")),
                    moment(one.get("since_us")),
                    moment(one.get("until_us")),
                )
                for one in answer.get("legs", ())
            ),
            empty="Nothing is locked.",
        )
        if answer.get("more"):
            say("There are more than these.")

    session.show("registrar.legs", {}, show)


@click.command("audit", cls=TaughtCommand)
@click.option("--check/--no-check", default=True, help="End with status 1 where anything differs.")
@with_node
def audit(session: Session, check: bool) -> None:
    """Replay the audit trail and compare it with what every account has.

    Nothing may differ: per account what the trail says it received and gave, per brand what was
    issued. A difference means a damaged database or a bug, and never a clerk's slip.

    \b
    Example:
      pledgeway registrar audit --node ./landlord
    """
    answer = session.show("registrar.audit", {}, _show_audit, AUDIT_TIMEOUT_S)
    if check and answer.get("differ"):
        fail(REFUSED, f"{answer.get('differ')} differences: stop the node and restore a backup")


def _show_audit(answer: Json) -> None:
    differ = answer.get("differ") or 0
    facts(
        (
            ("database", answer.get("store")),
            ("entries of the trail", answer.get("entries")),
            ("accounts", answer.get("accounts")),
            ("differences", differ or "none"),
        )
    )
    if differ:
        table(
            ("account", "brand", ">by the trail", ">in the books"),
            (
                (
                    short(one.get("account")) or "all of them",
                    short(one.get("brand")),
                    one.get("trail"),
                    one.get("books"),
                )
                for one in answer.get("differences", ())
            ),
            empty="",
        )
