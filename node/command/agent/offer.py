"""`pledgeway agent offer`: one's own offer to judge sales."""

from typing import Final

import click

from node.command.argument_types import LIMIT, CountType
from node.command.display import Json, moment, say
from node.command.escrow.naming import whom
from node.command.exit_status import TaughtCommand, plain
from node.command.session import Session, with_node

CALL_S: Final = 60.0  # a house may be asked to list it
MAX_DAYS: Final = 366  # as long as an offer may be open (proto.sale.offer)


@click.command("offer", cls=TaughtCommand)
@click.option("--tip", type=LIMIT, default=0, help="Flat part of the tip.  [default: 0]")
@click.option("--tip-permille", type=CountType(0, 1000), default=0, metavar="PERMILLE",
              help="Part of the price in thousandths, rounded up.  [default: 0]")  # fmt: skip
@click.option("--bond-max", type=LIMIT, required=True,
              help="Largest bond that you stake; a sale's is at least its price.")  # fmt: skip
@click.option("--brand", "brands", multiple=True, metavar="BRAND|NAME",
              help="Deposit brand that you take; repeatable.  [default: any]")  # fmt: skip
@click.option("--judges", default="", metavar="TEXT", help="Kinds of things, for people.")
@click.option("--days", type=CountType(1, MAX_DAYS), default=30,
              help="How long it is open.  [default: 30]")  # fmt: skip
@click.option("--house", metavar="CARD|FILE|ALIAS", help="Let this house list it for everybody.")
@with_node
def offer(
    session: Session,
    tip: int,
    tip_permille: int,
    bond_max: int,
    brands: tuple[str, ...],
    judges: str,
    days: int,
    house: str | None,
) -> None:
    """Offer to judge sales, and print the offer: one line of text, signed by this node.

    It replaces the offer before. Amounts are units of the deposit brand. Sales begin only once you
    join each: `pledgeway agent run` shows those that ask for you.

    \b
    Example:
      pledgeway agent offer --tip 5 --tip-permille 10 --bond-max 2000 \\
          --judges "domain names" > me.agent
      pledgeway agent offer --bond-max 500 --brand deposit-usd --house house.card
    """
    arguments: dict[str, object] = {
        "tip": tip,
        "tip_permille": tip_permille,
        "bond_max": bond_max,
        "brands": list(brands),
        "judges": judges,
        "days": days,
    }
    if house is not None:
        arguments["house"] = whom(house)
    session.show("agent.offer", arguments, _show, CALL_S)


def _show(one: Json) -> None:
    """The line alone on standard output, so that it can go into a file."""
    listed = f", listed by {one['listed_by']}" if one.get("listed_by") else ""
    about = f"open until {moment(one.get('expires_at_us'))}{listed}"
    click.echo(plain(about), err=True)
    say(str(one.get("line")))
