"""`pledgeway rights`: what registrars keep, as they describe it."""

import json
from typing import Final

import click

from node.command.display import Json, say, short, span, table
from node.command.escrow.naming import pairs, whom
from node.command.exit_status import TaughtCommand
from node.command.session import Session, with_node
from proto.limits import US

CALL_S: Final = 60.0  # a registrar of many rights answers page by page


@click.group("rights")
def rights() -> None:
    """Learn which rights registrars keep, so that exchanges can name them.

    A right is anything that a registrar keeps titles of: a parcel, an object, a pass, a deposit.
    Money is none: it moves along your lines of credit.

    \b
    Example:
      pledgeway rights learn land.card
      pledgeway rights list
    """


@rights.command("learn", cls=TaughtCommand)
@click.argument("card", metavar="CARD|FILE|ALIAS")
@click.option("--type", "kind", default="", help="Only rights of this type, as parcel.")
@click.option("--attr", "attributes", multiple=True, metavar="KEY=VALUE",
              help="Only the right with exactly these; repeatable, with --type.")  # fmt: skip
@with_node
def learn(session: Session, card: str, kind: str, attributes: tuple[str, ...]) -> None:
    """Ask the registrar of a CARD for the descriptions of its rights, and remember them.

    They are signed: proposals carry them, and everybody checks them again. Ask again where a
    registrar has changed fees or registries.

    \b
    Example:
      pledgeway rights learn land.card
      pledgeway rights learn land.card --type parcel --attr region=Ahern --attr parcel_id=7
    """
    arguments = {"card": whom(card)} | ({"type": kind} if kind else {})
    if attributes:
        said = pairs("--attr", attributes)
        values = {key: int(v) if v.isascii() and v.isdigit() else v for key, v in said.items()}
        arguments["attributes"] = json.dumps(values, sort_keys=True, separators=(",", ":"))

    def show(answer: Json) -> None:
        _show(answer, "That registrar keeps no such right.")
        if answer.get("more"):
            say("It keeps more: narrow it with --type.")

    session.show("rights.learn", arguments, show, CALL_S)


@rights.command("list", cls=TaughtCommand)
@click.option("--type", "kind", default="", help="Only rights of this type, as parcel.")
@with_node
def list_(session: Session, kind: str) -> None:
    """List the rights that this node has learned of.

    \b
    Example:
      pledgeway rights list --type parcel
    """
    empty = "No rights are known: `pledgeway rights learn CARD` asks a registrar."
    session.show("rights.list", {"type": kind} if kind else {}, lambda one: _show(one, empty))


@rights.command("forget", cls=TaughtCommand)
@click.argument("brand", metavar="BRAND|NAME")
@with_node
def forget(session: Session, brand: str) -> None:
    """Let go of what a registrar has said of a right: proposals cannot name it any more.

    For one whose registrar took another's id, or that you never want to see again. Accounts stay.

    \b
    Example:
      pledgeway rights forget 0f3a52c1d2e4b5a69788c0d1e2f30415
    """

    def show(one: Json) -> None:
        say(f"forgotten: {one.get('name')}, {one.get('brand')}")

    session.show("rights.forget", {"brand": brand}, show)


def _show(answer: Json, empty: str) -> None:
    table(
        ("right", "type", "attributes", ">lot", ">exist", "fee", "kept by", "decided by",
         "locked at most", "accounts", "brand"),
        (
            (
                one.get("name"),
                one.get("type"),
                attributes_of(one) or "-",
                one.get("lot"),
                one.get("supply"),
                f"x {one.get('fee_rate')} + {one.get('fee_flat')}",
                f"{one.get('registrar_alias')} ({short(one.get('registrar'))})",
                " or ".join(one.get("registries") or ()) or "-",
                span(one["longest_lock_us"] // US),
                str(one.get("vetting")).lower(),
                one.get("brand"),
            )
            for one in answer.get("rights", ())
        ),
        empty=empty,
    )  # fmt: skip


def attributes_of(one: Json) -> str:
    """ "region Ahern, parcel_id 7"."""
    try:
        found = json.loads(str(one.get("attributes") or "{}"))
    except ValueError:
        return ""
    return ", ".join(f"{key} {value}" for key, value in found.items())
