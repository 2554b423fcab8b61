"""`pledgeway network learned` and `network forget`: what lines refused our payments lately."""

import click

from node.command.display import Json, amount, moment, say, table, yes_no
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, at_node
from node.texts import said


@click.command("learned", cls=TaughtCommand)
@at_node
def learned(session: Session) -> None:
    """List the lines that refused this node's payments lately, the newest first.

    Such a line is asked for no more than "at most" until "asked again", then for what it refused,
    then for twice that, and so on until it is forgotten. A newer advert of the line ends this
    sooner, and so does a payment that went over it. Where no other chain is left it is tried all
    the same. A "suspect" is one of several lines that may have refused: refusals are sealed. What
    was learned is not kept on disk.

    \b
    Example:
      pledgeway network learned --at ./alice
      pledgeway network forget --line Bob-Carol --at ./alice
    """

    def show(answer: Json) -> None:
        table(
            ("line", ">refused", ">at most", "asked again", "forgotten", "", "why"),
            (
                (
                    f"{one.get('from')}→{one.get('to')}",
                    amount(one.get("refused"), one.get("brand")),
                    amount(one.get("at_most"), one.get("brand")),
                    moment(one.get("asked_again_at_us")),
                    moment(one.get("forgotten_at_us")),
                    yes_no(one.get("certain"), "", "suspect"),
                    _why(one),
                )
                for one in answer.get("lines", ())
            ),
            empty="No line has refused a payment lately.",
        )

    session.show("network.learned", {}, show)


def _why(one: Json) -> str:
    figure = one.get("figure")
    code = str(one.get("reason"))
    words = said(code, figure if isinstance(figure, int) else 0, one.get("brand"))
    times = int(one.get("repeats") or 0) + 1
    return (words.message if words else code) + (f" ({times} times)" if times > 1 else "")


@click.command("forget", cls=TaughtCommand)
@click.option("--line", metavar="A-B", help="The line from A to B, by aliases or ids.")
@click.option("--all", "everything", is_flag=True, help="Every line.")
@at_node
def forget(session: Session, line: str | None, everything: bool) -> None:
    """Forget what lines refused: they are asked again at once, for whatever they advertise.

    \b
    Example:
      pledgeway network forget --line Bob-Carol
      pledgeway network forget --all
    """
    if bool(line) == everything:
        fail(UNUSABLE, "network forget: name one line with --line A-B, or all of them with --all")
    arguments: Json = {"all": True} if everything else {"line": line}

    def show(answer: Json) -> None:
        count = answer.get("forgotten")
        say(f"{count} line{'' if count == 1 else 's'} forgotten")

    session.show("network.forget", arguments, show)
