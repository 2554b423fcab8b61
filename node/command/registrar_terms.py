"""`pledgeway registrar terms` and `list`: on which conditions rights move, and to whom."""

from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, FLAT_FEE, PATH, RATE, require_new_file
from node.command.display import Json, facts, gap, say, short, table, who
from node.command.exit_status import TaughtCommand
from node.command.registrar_account import card_or_name, keep_grant, show_grant
from node.command.session import Session, with_node

BRAND_HELP: Final = "BRAND is its name, or the beginning of its id."


class HoursType(click.ParamType[tuple[int, int]]):
    """Hours of the UTC day: 09:00-17:00, or 22:00-06:00 past midnight."""

    name = "hours"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        begin, dash, end = str(value).partition("-")
        minutes = (self._minute(begin), self._minute(end))
        if not dash or None in minutes or minutes[0] == minutes[1]:
            self.fail(f"{str(value)!r} is not a time of day like 09:00-17:00", param, ctx)
        assert minutes[0] is not None and minutes[1] is not None
        return minutes[0], minutes[1]

    def _minute(self, text: str) -> int | None:
        hour, colon, minute = text.partition(":")
        digits = hour + minute
        if not colon or len(hour) != 2 or len(minute) != 2:
            return None
        if not digits.isascii() or not digits.isdigit() or int(hour) > 23 or int(minute) > 59:
            return None
        return 60 * int(hour) + int(minute)


@click.group("terms")
def terms() -> None:
    """Let a node transfer on conditions of its own: a fee, hours, a cap.

    Whoever has terms of a brand can move what others hand him in holds; owners of most brands have
    the usual ones. Owners of a brand made with --treasury-only have none.

    \b
    Example:
      pledgeway registrar terms grant share --for market.card --rate 1 --hours 09:00-17:00
      pledgeway registrar brand show share
      pledgeway registrar terms revoke 8b1f22
    """


@terms.command("grant", cls=TaughtCommand, epilog=f"{BRAND_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("named", metavar="BRAND")
@click.option("--for", "holder", required=True, metavar="CARD|ID", help="Who may use them.")
@click.option("--rate", type=RATE, help="Fee: 1.01 keeps 1% of a transfer.  [default: 1]")
@click.option("--flat", type=FLAT_FEE, help="Fee: so many units besides.  [default: 0]")
@click.option("--hours", type=HoursType(), metavar="HH:MM-HH:MM", help="Only then, UTC.")
@click.option("--cap", type=AMOUNT, help="Most that one transfer may move.")
@click.option("--out", type=PATH, help="Write the grant to this new file.")
@with_node
def grant(
    session: Session,
    /,
    named: str,
    holder: str,
    hours: tuple[int, int] | None,
    out: Path | None,
    **more: Any,
) -> None:
    """Grant a node terms of a BRAND, and print the grant that it needs.

    \b
    Example:
      pledgeway registrar terms grant share --for market.card --rate 1.001 --hours 09:00-17:00
      pledgeway registrar terms grant gold --for bob.card --flat 2 --cap 1000 --out bob.grant
    """
    require_new_file(out)
    arguments: dict[str, object] = {"brand": named, "for": card_or_name(holder)}
    if hours is not None:
        arguments |= {"from_minute": hours[0], "to_minute": hours[1]}
    arguments |= {name: value for name, value in more.items() if value is not None}
    answer = session.show("registrar.terms.grant", arguments, lambda one: _granted(one, out))
    if out is not None:
        keep_grant(answer, out)


def _granted(one: Json, out: Path | None) -> None:
    facts(
        (
            ("terms", one.get("terms")),
            ("brand", one.get("name")),
            ("for", f"{who(one, node='for')} ({one.get('for')})"),
        )
    )
    gap()
    show_grant(one, out)


@terms.command("revoke", cls=TaughtCommand)
@click.argument("named", metavar="TERMS")
@with_node
def revoke(session: Session, named: str) -> None:
    """End terms: nobody transfers by them any more. What is prepared ends as it is decided.

    TERMS is the beginning of their id, as `pledgeway registrar brand show` lists it.

    \b
    Example:
      pledgeway registrar terms revoke 8b1f22
    """
    session.show(
        "registrar.terms.revoke",
        {"terms": named},
        lambda one: say(f"Terms {short(one.get('terms'))} are revoked."),
    )


@click.command("list", cls=TaughtCommand)
@click.argument("node", required=False, metavar="[CARD|ID]")
@click.option("--brand", help="For this brand alone.  [default: for every LISTED brand]")
@click.option("--remove", is_flag=True, help="Take it off the list.")
@with_node
def list_(session: Session, node: str | None, brand: str | None, remove: bool) -> None:
    """Say who may own rights of brands that are for LISTED nodes; without a node show the list.

    Whoever is taken off keeps what he has and receives nothing more.

    \b
    Example:
      pledgeway registrar list alice.card
      pledgeway registrar list alice.card --brand tier --remove
    """
    arguments: dict[str, object] = {}
    if node is not None:
        arguments = {"node": card_or_name(node), "listed": not remove}
        arguments |= {"brand": brand} if brand else {}

    def show(answer: Json) -> None:
        table(
            ("node", "id", "brand"),
            (
                (who(one, node="node"), one.get("node"), short(one.get("brand")) or "every one")
                for one in answer.get("listed", ())
            ),
            empty="Nobody is listed: `pledgeway registrar list CARD` lists a node.",
        )

    session.show("registrar.list", arguments, show)
