"""`pledgeway line`: lines of credit with neighbours."""

from pathlib import Path
from typing import Final

import click

from node.command.argument_types import AMOUNT, LIMIT, SPAN, text_or_file
from node.command.display import Json, amount, facts, short, table, who, yes_no
from node.command.exit_status import TaughtCommand
from node.command.session import CALL_TIMEOUT_S, Session, with_node
from proto.card import CARD_PREFIX
from proto.limits import MAX_ADVERT_BYTES

CARD: Final = "node's card"
MAX_CARD_CHARS: Final = 2 * MAX_ADVERT_BYTES  # base64 of the largest one, and room
DEFAULT_WAIT_S: Final = 10  # a neighbour that runs answers within one
LINE_HELP: Final = "LINE is its id, the beginning of it, ALIAS or ALIAS/BRAND."


@click.group("line")
def line() -> None:
    """Open, change and close lines of credit with neighbours.

    A line has a limit in each direction: how much the neighbour may owe you, which you grant, and
    how much you may owe the neighbour, which the neighbour grants.

    \b
    Example, Alice and Bob grant each other credit:
      pledgeway line offer bob.card --brand USD --limit 50000 --node ./alice
      pledgeway line accept Alice --limit 20000 --node ./bob
      pledgeway line list --node ./alice
    """


@line.command("offer", cls=TaughtCommand)
@click.argument("card", metavar="CARD|FILE")
@click.option("--brand", required=True, help="The unit: a name, or the id of a known brand.")
@click.option(
    "--limit", required=True, type=LIMIT, help="How much the neighbour may owe you, in units."
)
@click.option("--unit", type=AMOUNT, help="Smallest transferable amount of a new brand.")
@with_node
def offer(session: Session, card: str, brand: str, limit: int, unit: int | None) -> None:
    """Offer a line to the node of a CARD. It opens when that node accepts.

    \b
    Example:
      pledgeway line offer bob.card --brand USD --limit 50000
    """
    arguments: dict[str, object] = {
        "card": text_or_file(card, CARD_PREFIX, CARD, MAX_CARD_CHARS),
        "brand": brand,
        "limit": limit,
    }
    if unit is not None:
        arguments["unit"] = unit
    session.show("line.offer", arguments, show_line)


@line.command("accept", cls=TaughtCommand)
@click.argument("offered", metavar="CARD|FILE|LINE")
@click.option(
    "--limit", required=True, type=LIMIT, help="How much the neighbour may owe you, in units."
)
@click.option(
    "--wait",
    "wait_s",
    type=SPAN,
    default=str(DEFAULT_WAIT_S),
    show_default=True,
    help="How long to wait for the offer to arrive, as 10s or 2min.",
)
@with_node
def accept(session: Session, offered: str, limit: int, wait_s: int) -> None:
    """Accept the line that a neighbour offered, and grant a limit in return.

    With the neighbour's CARD the node can dial it and fetch the offer. LINE is its id, the
    beginning of it, ALIAS or ALIAS/BRAND.

    \b
    Example:
      pledgeway line accept alice.card --limit 20000
      pledgeway line accept Alice/USD --limit 20000 --wait 1min
    """
    arguments: dict[str, object] = {"limit": limit, "wait_s": wait_s}
    if offered.startswith(CARD_PREFIX) or offered == "-" or Path(offered).is_file():
        arguments["card"] = text_or_file(offered, CARD_PREFIX, CARD, MAX_CARD_CHARS)
    else:
        arguments["line"] = offered
    session.show("line.accept", arguments, show_line, CALL_TIMEOUT_S + wait_s)


@line.command("limit", cls=TaughtCommand, epilog=f"{LINE_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("line_name", metavar="LINE")
@click.argument("limit", type=LIMIT)
@with_node
def limit_(session: Session, line_name: str, limit: int) -> None:
    """Change how much the neighbour may owe you. It touches new promises only.

    \b
    Example:
      pledgeway line limit Bob/USD 80000
    """
    session.show("line.limit", {"line": line_name, "limit": limit}, show_line)


@line.command("close", cls=TaughtCommand, epilog=f"{LINE_HELP}\n\n{TaughtCommand.STATUSES}")
@click.argument("line_name", metavar="LINE")
@with_node
def close(session: Session, line_name: str) -> None:
    """Close a line to new promises. Pending ones end as they would, and the balance stays owed.

    \b
    Example:
      pledgeway line close Bob/USD
    """
    session.show("line.close", {"line": line_name}, show_line)


@line.command("list", cls=TaughtCommand)
@with_node
def list_(session: Session) -> None:
    """List the lines: balance, and how much can flow each way now of the limit that is granted.

    A positive balance is what the neighbour owes you.

    \b
    Example:
      pledgeway line list --node ./alice
    """

    def show(answer: Json) -> None:
        table(
            (
                *("line", "id", "phase", ">balance", ">can send", ">can receive"),
                *(">pending out", ">pending in", "neighbour"),
            ),
            (_row(one) for one in answer.get("lines", ())),
            empty="No lines yet: `pledgeway line offer CARD --brand USD --limit N` offers one.",
        )

    session.show("line.list", {}, show)


def _row(one: Json) -> tuple[object, ...]:
    brand = one.get("brand")
    return (
        f"{who(one)}/{brand}",
        short(one.get("id")),
        one.get("phase"),
        amount(one.get("balance"), brand),
        f"{one.get('available')} of {amount(one.get('received'), brand)}",
        f"{one.get('available_in')} of {amount(one.get('granted'), brand)}",
        _pending(one, "out"),
        _pending(one, "in"),
        yes_no(one.get("connected"), "connected", "away"),
    )


def _pending(one: Json, direction: str) -> str:
    count = one.get(f"count_{direction}")
    total = amount(one.get(f"pending_{direction}"), one.get("brand"))
    return f"{total} in {count}" if count else total


def show_line(one: Json) -> None:
    """One line with everything about it."""
    brand = one.get("brand")
    facts(
        (
            ("line", f"{who(one)}/{brand}"),
            ("id", one.get("id")),
            ("neighbour", one.get("peer")),
            ("phase", one.get("phase")),
            ("you grant", amount(one.get("granted"), brand)),
            ("granted to you", amount(one.get("received"), brand)),
            ("balance", amount(one.get("balance"), brand)),
            ("can send", amount(one.get("available"), brand)),
            ("can receive", amount(one.get("available_in"), brand)),
            ("pending out", _pending(one, "out")),
            ("pending in", _pending(one, "in")),
            ("neighbour is", yes_no(one.get("connected"), "connected", "not connected")),
        )
    )
