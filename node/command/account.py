"""`pledgeway account`: what you own at registrars."""

from typing import Final

import click

from node.command.argument_types import text_or_file
from node.command.display import Json, facts, moment, say, short, table, yes_no
from node.command.escrow.naming import whom
from node.command.exit_status import TaughtCommand
from node.command.rights import attributes_of
from node.command.session import Session, with_node
from proto.escrow.grant import GRANT_PREFIX, MAX_GRANT_BYTES

CALL_S: Final = 60.0  # each registrar is asked what is in the account


@click.group("account")
def account() -> None:
    """Your accounts at registrars: each holds so much of one right.

    A registrar lets anybody open an account, or hands out grants; `pledgeway rights list` says
    which. Only exchanges move what is in an account (`pledgeway escrow`).

    \b
    Example:
      pledgeway account open land.card "Ahern 7"
      pledgeway account import parcel.grant
      pledgeway account list
    """


@account.command("open", cls=TaughtCommand)
@click.argument("card", metavar="CARD|FILE|ALIAS")
@click.argument("brand", metavar="RIGHT")
@with_node
def open_(session: Session, card: str, brand: str) -> None:
    """Open an account for a RIGHT (its name, or the id of its brand) at the registrar of a CARD.

    Opened twice it is the same account.

    \b
    Example:
      pledgeway account open land.card "Ahern 7"
    """
    session.show("account.open", {"card": whom(card), "brand": brand}, _show_one, CALL_S)


@account.command("import", cls=TaughtCommand)
@click.argument("grant", metavar="GRANT|FILE")
@click.option("--label", default="", help="A name of its own, for a second account of a right.")
@with_node
def import_(session: Session, grant: str, label: str) -> None:
    """Take an account, or terms of transfer, that a registrar has granted to this node.

    A grant is one line of text, sealed to this node: nobody else can use it.

    \b
    Example:
      pledgeway account import parcel.grant
    """
    text = text_or_file(grant, GRANT_PREFIX, "grant", 2 * MAX_GRANT_BYTES)
    arguments = {"grant": text} | ({"label": label} if label else {})
    session.show("account.import", arguments, _show_one)


@account.command("list", cls=TaughtCommand)
@click.option("--no-balances", is_flag=True, help="Do not ask the registrars what is in them.")
@with_node
def list_(session: Session, no_balances: bool) -> None:
    """List your accounts and what is in them now, as their registrars say.

    \b
    Example:
      pledgeway account list
      pledgeway account list --no-balances
    """

    def show(answer: Json) -> None:
        accounts = answer.get("accounts", ())
        table(
            ("right", "type", "attributes", ">balance", "kept by", "label", "account", "brand"),
            (
                (
                    one.get("name"),
                    one.get("type"),
                    attributes_of(one) or "-",
                    _balance(one),
                    one.get("registrar_alias"),
                    one.get("label") or "-",
                    short(one.get("account")),
                    short(one.get("brand")),
                )
                for one in accounts
            ),
            empty="No accounts: `pledgeway account open CARD RIGHT` opens one.",
        )
        for one in accounts:
            if one.get("why"):
                say(f"{one.get('name')}: {one['why']}")

    session.show("account.list", {"balances": False} if no_balances else {}, show, CALL_S)


def _balance(one: Json) -> object:
    if "balance" not in one:
        return "-"
    return "?" if one["balance"] is None else one["balance"]


@account.command("show", cls=TaughtCommand)
@click.argument("account", metavar="ACCOUNT")
@with_node
def show(session: Session, account: str) -> None:
    """Show one account: by the beginning of its id or brand, its label, or the name of its right.

    \b
    Example:
      pledgeway account show "Ahern 7"
    """
    session.show("account.show", {"account": account}, _show_one, CALL_S)


def _show_one(one: Json) -> None:
    facts(
        (
            ("account", one.get("account")),
            ("right", one.get("name")),
            ("type", one.get("type")),
            ("attributes", attributes_of(one) or None),
            ("brand", one.get("brand")),
            ("label", one.get("label") or None),
            ("balance", _balance(one) if "balance" in one else None),
            ("not known", one.get("why")),
            ("kept by", f"{one.get('registrar_alias')} ({short(one.get('registrar'))})"),
            ("lot", one.get("lot")),
            ("fee", f"x {one.get('fee_rate')} + {one.get('fee_flat')}"),
            ("you may transfer", yes_no(one.get("may_transfer"), no="no: a coordinator may")),
            ("opened", moment(one.get("opened_at_us"))),
        )
    )
