"""`pledgeway agent learn` and `forget`: other agents' offers."""

from typing import Final

import click

from node.command.agent.look import agents_table, price_words
from node.command.argument_types import text_or_file
from node.command.display import Json, say
from node.command.escrow.naming import whom
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node
from proto.limits import MAX_LETTER_BYTES
from proto.sale.offer import AGENT_PREFIX

CALL_S: Final = 60.0  # a house of many agents answers page by page


@click.command("learn", cls=TaughtCommand)
@click.argument("line", metavar="[LINE|FILE]", required=False)
@click.option("--house", metavar="CARD|FILE|ALIAS", help="Take the offers that this house lists.")
@click.option("--brand", metavar="BRAND|NAME", help="Deposit brand of the house.")
@with_node
def learn(session: Session, line: str | None, house: str | None, brand: str | None) -> None:
    """Take an agent's offer from the LINE that he gave you, or the offers that a house lists.

    They are signed: nobody can change them on the way. That a house lists an agent says nothing
    about him; `pledgeway agent score` does.

    \b
    Example:
      pledgeway agent learn ned.agent
      pledgeway agent learn --house house.card --brand deposit-usd
    """
    if (line is None) == (house is None) or (brand is None) != (house is None):
        fail(UNUSABLE, "say an agent's LINE, or both --house and --brand")
    if line is not None:
        text = text_or_file(line, AGENT_PREFIX, "signed offer", 2 * MAX_LETTER_BYTES)
        arguments = {"line": text}
    else:
        arguments = {"house": whom(str(house)), "brand": str(brand)}

    def show(answer: Json) -> None:
        agents_table(answer.get("agents", ()), None, "That house lists no agents in this brand.")
        left = (answer.get("learned") or 0) - len(answer.get("agents", ()))
        if left:
            say(f"{left} more were learned.")
        if answer.get("refused"):
            say(f"{answer['refused']} more are not as they should be, and were left out.")
        if answer.get("more"):
            say("It lists more than are taken at once.")

    session.show("agent.learn", arguments, show, CALL_S)


@click.command("forget", cls=TaughtCommand)
@click.argument("agent", metavar="AGENT")
@with_node
def forget(session: Session, agent: str) -> None:
    """Let go of an agent's offer: by his name, or the beginning of his id.

    What houses have shown of his past stays, so that they cannot make it anew.

    \b
    Example:
      pledgeway agent forget Ned
    """

    def show(one: Json) -> None:
        say(f"forgotten: {one.get('alias')}, {price_words(one)}, {one.get('agent')}")

    session.show("agent.forget", {"agent": agent}, show)
