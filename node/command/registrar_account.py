"""`pledgeway registrar account`: who owns some of a brand."""

from pathlib import Path
from typing import Final

import click

from node.command.argument_types import (
    AMOUNT,
    FLAT_FEE,
    PATH,
    require_new_file,
    text_or_file,
    write_new_file,
)
from node.command.display import Json, facts, gap, say, short, table, who, yes_no
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node
from proto.card import CARD_PREFIX
from proto.limits import MAX_ADVERT_BYTES

BRAND_HELP: Final = "BRAND is its name, or the beginning of its id."
MAX_CARD_CHARS: Final = 2 * MAX_ADVERT_BYTES  # base64 of the largest one, and room


def card_or_name(given: str) -> str:
    """A node as the daemon is told of it: the text of a card, or what stands there."""
    if given.startswith(CARD_PREFIX) or given == "-" or Path(given).is_file():
        return text_or_file(given, CARD_PREFIX, "node's card", MAX_CARD_CHARS)
    if "/" in given or given.endswith(".card"):
        fail(UNUSABLE, f"{given}: no such file: --for takes a card, its file, or a node's id")
    return given


@click.group("account")
def account() -> None:
    """Make accounts for others, look at them, freeze them.

    Nodes open accounts of brands for ANYONE by themselves. For others you make one, and hand the
    grant that comes with it to its owner: nobody else can read it.

    \b
    Example:
      pledgeway registrar account create gold --for alice.card --balance 500 --out alice.grant
      pledgeway registrar account list gold
      pledgeway registrar account freeze alice --brand gold
    """


@account.command("create", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@click.option("--for", "owner", required=True, metavar="CARD|ID", help="Whose it is to be.")
@click.option("--ceiling", type=FLAT_FEE, help="Most that it may come to; 0: any.  [default: any]")
@click.option("--balance", type=AMOUNT, help="Units out of your treasury to begin with.")
@click.option("--no-terms", is_flag=True, help="Its owner may not transfer by himself.")
@click.option("--out", type=PATH, help="Write the grant to this new file.")
@with_node
def create(
    session: Session,
    named: str,
    owner: str,
    ceiling: int | None,
    balance: int | None,
    no_terms: bool,
    out: Path | None,
) -> None:
    """Make an account of BRAND for a node, and print the grant that its owner needs.

    Done again for the same node it is the same account with another grant, so a lost grant is made
    anew; --balance then pays again.

    \b
    Example:
      pledgeway registrar account create gold --for alice.card --balance 500
      pledgeway registrar account create tier --for alice.card --ceiling 4096 --out alice.grant
    """
    require_new_file(out)
    arguments: dict[str, object] = {
        "brand": named,
        "for": card_or_name(owner),
        "terms": not no_terms,
    }
    arguments |= {} if ceiling is None else {"ceiling": ceiling}
    arguments |= {} if balance is None else {"balance": balance}
    answer = session.show("registrar.account.create", arguments, lambda one: _made(one, out))
    if out is not None:
        keep_grant(answer, out)


def _made(one: Json, out: Path | None) -> None:
    show_account(one)
    gap()
    show_grant(one, out)


def show_grant(one: Json, out: Path | None) -> None:
    """The grant, or where it is."""
    if out is None:
        say("Give this to its owner, who alone can read it (`pledgeway account import`):")
        say(str(one.get("grant")))
    else:
        say(f"The grant is in {out}: its owner takes it with `pledgeway account import`.")


def keep_grant(answer: Json, out: Path) -> None:
    """Writes it; ends the command where the disk refuses."""
    try:
        write_new_file(out, f"{answer.get('grant')}\n".encode())
    except OSError as error:
        fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}: do it again without --out")


@account.command("list", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@click.option("--after", metavar="ID", help="Goes on behind the account of this id.")
@with_node
def list_(session: Session, named: str, after: str | None) -> None:
    """List the accounts of a brand.

    Reserved: what open holds and exchanges may bring back, beside the balance.

    \b
    Example:
      pledgeway registrar account list gold
    """

    def show(answer: Json) -> None:
        accounts = answer.get("accounts", ())
        table(
            ("owner", "account", ">balance", ">reserved", ">ceiling", ">holds", "state"),
            (
                (
                    "treasury" if one.get("treasury") else who(one, node="owner"),
                    short(one.get("account")),
                    one.get("balance"),
                    one.get("reserved"),
                    one.get("ceiling") or "none",
                    one.get("holds"),
                    yes_no(one.get("frozen"), "frozen", "open"),
                )
                for one in accounts
            ),
            empty="No accounts.",
        )
        if answer.get("more"):
            say(f"There are more: --after {accounts[-1].get('account')}")

    arguments = {"brand": named} | ({"after": after} if after else {})
    session.show("registrar.account.list", arguments, show)


@account.command("freeze", cls=TaughtCommand)
@click.argument("named", metavar="ACCOUNT|OWNER")
@click.option("--brand", help="With an OWNER: of which brand.")
@click.option("--thaw", is_flag=True, help="Let it give and receive again.")
@with_node
def freeze(session: Session, named: str, brand: str | None, thaw: bool) -> None:
    """Stop an account from giving and receiving. What is under way ends as it is decided.

    ACCOUNT is the beginning of its id; OWNER a card, a node's id or a neighbour's alias.

    \b
    Example:
      pledgeway registrar account freeze 3fa94c
      pledgeway registrar account freeze alice --brand gold --thaw
    """
    arguments: dict[str, object] = {"account": named, "frozen": not thaw}
    if brand is not None:
        arguments |= {"account": card_or_name(named), "brand": brand}
    session.show("registrar.account.freeze", arguments, show_account)


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
