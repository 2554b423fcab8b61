"""`pledgeway registrar brand` and `issue`: kinds of rights."""

from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, FLAT_FEE, RATE, SPAN, NameType
from node.command.display import Json, facts, gap, say, short, span, table, yes_no
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node

VETTING: Final = NameType("vetting", ("ANYONE", "LISTED", "CLOSED"))
BRAND_HELP: Final = "BRAND is its name, or the beginning of its id."


@click.group("brand")
def brand() -> None:
    """Make kinds of rights, and look at them.

    A brand is told from others of its type by its attributes, and its id follows from them: nobody
    needs to ask you which parcel is meant.

    \b
    Example:
      pledgeway registrar brand create ahern7 --type parcel --attr region=Ahern --attr parcel_id=7
      pledgeway registrar brand create share --type share --supply 100000 --lot 100
      pledgeway registrar brand show share
    """


@brand.command("create", cls=TaughtCommand)
@click.argument("name")
@click.option("--type", "kind", default="right", show_default=True, help="What kind of thing.")
@click.option(
    *("--attr", "attributes"),
    multiple=True,
    metavar="KEY=VALUE",
    help="What tells it from others of its type; repeatable.  [default: name=NAME]",
)
@click.option("--supply", type=FLAT_FEE, default="1", show_default=True, help="Units issued.")
@click.option("--lot", type=AMOUNT, default="1", show_default=True, help="Smallest unit moved.")
@click.option("--fee-rate", type=RATE, help="Your fee: 1.01 keeps 1% of a transfer.  [default: 1]")
@click.option("--fee-flat", type=FLAT_FEE, help="Your fee: so many units besides.  [default: 0]")
@click.option(
    *("--vetting",),
    type=VETTING,
    default="ANYONE",
    show_default=True,
    metavar="WHO",
    help="Who may open an account: ANYONE; LISTED nodes; CLOSED: those you make one for.",
)
@click.option(
    *("--registry", "--policy", "registries"),
    multiple=True,
    metavar="R",
    help="Who may decide about transfers; repeatable.  [default: all that the node accepts]",
)
@click.option(
    *("--longest-lock", "lock_s"),
    type=SPAN,
    default="1h",
    show_default=True,
    help="How long an exchange may lock it, as 90s, 1h or 7d.",
)
@click.option("--treasury-only", is_flag=True, help="Owners get no terms: only you, and whom you"
              " grant terms, may transfer it.")  # fmt: skip
@with_node
def create(
    session: Session, /, name: str, kind: str, attributes: tuple[str, ...], lock_s: int, **more: Any
) -> None:
    """Make a kind of right called NAME. All of it lies in your treasury at first.

    \b
    Example:
      pledgeway registrar brand create ahern7 --type parcel --attr region=Ahern --attr parcel_id=7
      pledgeway registrar brand create tier --supply 4096 --lot 512 --vetting listed
      pledgeway registrar brand create gold --supply 100000 --fee-rate 1.002 --registry R1
    """
    arguments = {
        "name": name,
        "type": kind,
        "attributes": [_pair(text) for text in attributes],
        "longest_lock_s": lock_s,
    }
    registries = more.pop("registries")
    if registries:
        arguments["registries"] = list(registries)
    given = {key: value for key, value in more.items() if value is not None}
    session.show("registrar.brand.create", arguments | given, show_brand)


def _pair(text: str) -> list[str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        fail(UNUSABLE, f"--attr: {text!r} is not KEY=VALUE, as region=Ahern")
    return [key, value]


@brand.command("change", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@click.option("--fee-rate", type=RATE, help="Your fee: 1.01 keeps 1% of a transfer.")
@click.option("--fee-flat", type=FLAT_FEE, help="Your fee: so many units besides.")
@click.option("--vetting", type=VETTING, metavar="WHO", help="ANYONE, LISTED or CLOSED.")
@click.option(
    *("--registry", "--policy", "registries"),
    multiple=True,
    metavar="R",
    help="Who may decide from now on, in place of those before; repeatable.",
)
@click.option("--longest-lock", "longest_lock_s", type=SPAN, help="As 90s, 1h or 7d.")
@with_node
def change(session: Session, /, named: str, registries: tuple[str, ...], **more: Any) -> None:
    """Change what a brand costs, who may own it, who decides, and for how long it may be locked.

    It touches new transfers only: what is promised keeps its fee. Accounts that exist stay.

    \b
    Example:
      pledgeway registrar brand change gold --fee-rate 1.005
      pledgeway registrar brand change ahern7 --registry R1 --registry R2 --longest-lock 7d
    """
    arguments: dict[str, object] = {"brand": named}
    arguments |= {name: value for name, value in more.items() if value is not None}
    if registries:
        arguments["registries"] = list(registries)
    if len(arguments) == 1:
        fail(UNUSABLE, "registrar brand change: say what is to change, as --fee-rate 1.005")
    session.show("registrar.brand.change", arguments, show_brand)


@brand.command("list", cls=TaughtCommand)
@click.option("--type", "kind", help="Only of this type.")
@click.option("--after", metavar="ID", help="Goes on behind the brand of this id.")
@with_node
def list_(session: Session, kind: str | None, after: str | None) -> None:
    """List the brands that this node keeps.

    \b
    Example:
      pledgeway registrar brand list --type parcel
    """

    def show(answer: Json) -> None:
        brands = answer.get("brands", ())
        table(
            ("brand", "id", "type", "attributes", ">supply", ">lot", "fee", "vetting"),
            (
                (
                    one.get("name"),
                    short(one.get("brand")),
                    one.get("type"),
                    one.get("attributes"),
                    one.get("supply"),
                    one.get("lot"),
                    _fee(one.get("fee", {})),
                    one.get("vetting"),
                )
                for one in brands
            ),
            empty="No brands yet: `pledgeway registrar brand create NAME --type T` makes one.",
        )
        if answer.get("more"):
            say(f"There are more: --after {brands[-1].get('brand')}")

    arguments = {"type": kind, "after": after}
    given = {name: value for name, value in arguments.items() if value}
    session.show("registrar.brand.list", given, show)


@brand.command("show", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@with_node
def show(session: Session, named: str) -> None:
    """Show a brand: its description, what is in the treasury, and all terms of it.

    \b
    Example:
      pledgeway registrar brand show ahern7
    """
    session.show("registrar.brand.show", {"brand": named}, show_brand)


@click.command("issue", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@click.argument("units", metavar="AMOUNT", type=AMOUNT)
@with_node
def issue(session: Session, named: str, units: int) -> None:
    """Make AMOUNT more units of a brand. They lie in your treasury; the trail shows it.

    To take units out of the world let them be given to you: in the treasury nobody owns them.

    \b
    Example:
      pledgeway registrar issue share 5000
    """
    session.show("registrar.issue", {"brand": named, "amount": units}, show_brand)


def _stands_for(backing: object) -> str | None:
    if not isinstance(backing, dict):
        return None
    ratio, base = backing.get("ratio"), short(backing.get("base"))
    return f"{ratio} for one {base}: its vault must hold {backing.get('needed')}"


def _fee(fee: Json) -> str:
    rate, flat = fee.get("rate"), fee.get("flat")
    return "none" if (rate, flat) == ("1", 0) else f"x{rate} + {flat}"


def show_brand(one: Json) -> None:
    """One brand with everything that the node said about it."""
    facts(
        (
            ("brand", one.get("name")),
            ("id", one.get("brand")),
            ("type", one.get("type")),
            ("attributes", one.get("attributes")),
            ("smallest unit", one.get("lot")),
            ("supply", one.get("supply")),
            ("in the treasury", one.get("treasury")),
            ("accounts", one.get("accounts")),
            ("stands for", _stands_for(one.get("stands_for"))),
            ("fee", _fee(one.get("fee", {}))),
            ("owners", one.get("vetting")),
            ("owners may transfer", yes_no(not one.get("treasury_only"), "yes", "no: you alone")),
            ("decided by", " or ".join(one.get("registries", ()))),
            ("longest lock", span(one.get("longest_lock_s"))),
        )
    )
    if one.get("terms"):
        gap()
        table(
            ("terms", "for", ">rate", ">flat", "hours (UTC)", ">cap", "state"),
            (
                (
                    short(terms.get("terms")),
                    short(terms.get("for")) if len(terms.get("for", "")) > 20 else terms.get("for"),
                    terms.get("rate"),
                    terms.get("flat"),
                    hours(terms.get("from_minute"), terms.get("to_minute")),
                    terms.get("cap") or "none",
                    yes_no(terms.get("revoked"), "revoked", "in use"),
                )
                for terms in one["terms"]
            ),
            empty="",
        )


def hours(begin: object, end: object) -> str:
    """Minutes of the day as people write them."""
    if not isinstance(begin, int) or not isinstance(end, int) or begin == end:
        return "all day"
    return f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
