"""`pledgeway sale offer` and `choose-agent`: what was offered, and whom each side accepts."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from node.command.display import Json, gap, say, short
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.sale.asking import sure, yes_option
from node.command.sale.open import CALL_S, agents_arguments, agents_options
from node.command.sale.view import show_agents, show_balance, show_done, show_list, show_sale
from node.command.session import Session, with_node

NONE_WAITS: Final = "Nobody waits for your answer."


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say whom a side accepts, --yes and a node."""
    return agents_options(yes_option(with_node(function)))


@click.command("offer", cls=TaughtCommand)
@click.argument("identifier", required=False, metavar="[ID]")
@_answering
def offer(session: Session, identifier: str | None, yes: bool, **how: Any) -> None:
    """As the seller, look at what was offered to you, and answer it.

    Without ID it lists the offers that wait for you. With ID it shows the figures, what each ends
    with, and on which agents you both would agree. With --agent, --least-score or --all-known it
    answers: from then on your node signs by itself what the offer says, and nothing else.

    \b
    Example:
      pledgeway sale offer
      pledgeway sale offer 4f1c
      pledgeway sale offer 4f1c --agent Ned --agent Nora --highest-tip 30
    """
    if identifier is None:
        arguments = {"live": True, "mine": True, "roles": ["SELLER"]}
        session.show("sale.list", arguments, lambda one: show_list(one["sales"], NONE_WAITS))
        return
    _bid(session, identifier, yes, **how)


@click.command("choose-agent", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("--close", is_flag=True, help="End it instead: you do not want any of them.")
@_answering
def choose_agent(session: Session, identifier: str, yes: bool, close: bool, **how: Any) -> None:
    """Bid again, where both sides accept no agent in common yet; or close.

    The sides take turns, and each answers the other's list: name more agents, or a higher tip. As
    soon as an agent is on both lists, the one of the lowest tip is taken; among equals chance
    decides, which neither side can steer. Without options it shows both lists.

    \b
    Example:
      pledgeway sale choose-agent 4f1c
      pledgeway sale choose-agent 4f1c --agent Ned --agent Nora --highest-tip 40
      pledgeway sale choose-agent 4f1c --close
    """
    if close:
        if any(value for value in how.values()):
            fail(UNUSABLE, "sale choose-agent: say --close alone, or whom you accept")
        sure(session, yes, "Close it?")
        session.show("sale.close", {"id": identifier}, show_done)
        return
    _bid(session, identifier, yes, **how)


def _bid(
    session: Session,
    identifier: str,
    yes: bool,
    *,
    agents: Sequence[str],
    highest_tip: int | None,
    least_score: int | None,
    all_known: bool,
) -> None:
    arguments = {"id": identifier} | agents_arguments(agents, highest_tip, least_score, all_known)
    answers = bool(agents) or least_score is not None or all_known
    if not answers or not session.as_json:
        answer = session.ask("sale.bid", {**arguments, "dry_run": True}, CALL_S)
        if not answers:
            session.print(answer, _show_before)
            return
        _show_before(answer.value)
        sure(session, yes, "Answer so?")
    session.show("sale.bid", arguments, _show_after, CALL_S)


def _show_before(one: Json) -> None:
    show_sale(one)
    gap()
    say(f"So you would accept, for a tip of {one.get('highest_tip')} at most:")
    show_agents(one.get("agents") or ())
    _say_common(one, "would be")
    show_balance(one)


def _show_after(one: Json) -> None:
    show_done(one)
    _say_common(one, "is")


def _say_common(one: Json, word: str) -> None:
    found = one.get("agreeing") or ()
    if found:
        names = " or ".join(str(agent.get("alias")) for agent in found)
        say(f"You both accept {names}: the agent {word} asked, for a tip of {found[0].get('tip')}.")
        return
    name = short(one.get("id"))
    say("No agent is on both lists yet. When it is your turn, name more agents or a higher tip:")
    say(f"`pledgeway sale choose-agent {name} --agent NAME --highest-tip N`.")
