"""`pledgeway registrar`: what stands where, and the commands about what is under way."""

from typing import Final

import click

from node.command.display import Json, amount, facts, moment, say, short, table, who, yes_no
from node.command.exit_status import REFUSED, TaughtCommand, fail
from node.command.lazy import LazyGroup, Place
from node.command.session import Session, with_node

AUDIT_TIMEOUT_S: Final = 3600.0  # a replay of millions of transfers takes minutes
PLACES: Final = {
    "brand": Place("node.command.registrar_brand", "brand", "kinds of rights: make, list, show"),
    "issue": Place("node.command.registrar_brand", "issue", "make more of a brand"),
    "account": Place("node.command.registrar_account", "account", "who owns some of it"),
    "terms": Place("node.command.registrar_terms", "terms", "conditions of transfer for one node"),
    "list": Place("node.command.registrar_terms", "list_", "who may own rights of listed brands"),
}
HELP: Final = """Keep titles for others: parcels, objects, passes, deposits, anything.

A node that runs is a registrar, unless its config.toml says otherwise. It keeps brands of rights:
who owns how much of each, on which terms they change hands, and a trail of every transfer. What is
issued begins in your treasury, and fees end there. In an exchange rights are locked until a commit
registry has decided, and nobody can touch them meanwhile, neither their owner nor you.

\b
Example, a landlord who sells a parcel:
  pledgeway registrar brand create "Ahern 7" --type parcel --attr region=Ahern --attr parcel=7
  pledgeway registrar account create "Ahern 7" --for alice.card --out alice.grant
  pledgeway registrar brand show "Ahern 7"
  pledgeway registrar legs
  pledgeway registrar audit
"""


@click.group("registrar", cls=LazyGroup, places=PLACES, help=HELP)
def registrar() -> None:
    """The group; what its help says is `HELP`."""


@registrar.command("legs", cls=TaughtCommand)
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


@registrar.command("audit", cls=TaughtCommand)
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


def show_account(one: Json) -> None:
    """One account with everything about it, and the grant where there is one."""
    facts(
        (
            ("account", one.get("account")),
            ("owner", f"{who(one, node='owner')} ({one.get('owner')})"),
            ("balance", one.get("balance")),
            ("reserved", one.get("reserved")),
            ("ceiling", one.get("ceiling") or "none"),
            ("state", yes_no(one.get("frozen"), "frozen", "open")),
        )
    )
