"""`pledgeway agent run`: an agent's cases, whose move it is in each, and which command makes it."""

from collections.abc import Sequence
from typing import Any, Final

import click

from node.command.argument_types import LIMIT, SPAN
from node.command.display import Json, amount, say, short, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.sale.next import command_for
from node.command.sale.view import next_line, until, who_is
from node.command.session import Session, with_node

LISTED: Final = 200  # one answer holds at most a mebibyte
NO_CASES: Final = "No cases wait: give your offer to others (`pledgeway agent offer`)."


@click.command("run", cls=TaughtCommand)
@click.option("--accept/--no-accept", "accept", default=None,
              help="Let your node take every case that your offer covers by itself; or not any"
              " more.")  # fmt: skip
@click.option("--price-max", type=LIMIT, help="With --accept: only sales up to this price.")
@click.option("--once", is_flag=True, help="Show the cases once, and end.")
@click.option(
    "--wait", "wait_s", type=SPAN, default="1d", show_default=True, help="How long to watch."
)
@with_node
def run(
    session: Session, accept: bool | None, price_max: int | None, once: bool, wait_s: int
) -> None:
    """Work as an agent: show your cases, and tell every change.

    Each case says whose move it is, until when, what happens if nobody moves, and the command that
    makes yours. With --accept your running node takes cases by itself, also once this command has
    ended; checking what the seller hands over, and looking for the proof, stay with you.

    \b
    Example:
      pledgeway agent run
      pledgeway agent run --accept --price-max 500 --once
      pledgeway agent run --once --json
    """
    if price_max is not None and not accept:
        fail(UNUSABLE, "agent run: --price-max goes with --accept")
    if accept is not None:
        rule = {"take": accept} | ({"price_max": price_max} if price_max is not None else {})
        told = session.ask("agent.rule", rule).value
        if not session.as_json:
            _say_rule(told)
    if once or session.as_json:
        session.show("agent.cases", {"limit": LISTED}, show_cases)
        return
    _watch(session, wait_s)


def _say_rule(rule: Json) -> None:
    if not rule.get("take"):
        say("Your node takes no case by itself.")
        return
    most = f" of a price up to {rule['price_max']}" if rule.get("price_max") else ""
    say(f"Your node takes every case{most} that your offer covers by itself.")


def _watch(session: Session, wait_s: int) -> None:
    """Prints the cases, and again at every change, until the time is over or Ctrl-C."""
    shown: list[Any] = []

    def changed(answer: Json) -> str:
        cases = answer.get("cases") or ()
        if shown[-1:] != [cases]:
            if shown:
                click.echo()
            show_cases(answer)
        shown.append(cases)
        return f"{len(cases)} cases"

    try:
        session.follow("agent.cases", {"limit": LISTED}, changed, wait_s)
    except KeyboardInterrupt:
        say("The node goes on without you.")


def show_cases(answer: Json) -> None:
    """One line for each case that is not over, and below them what you are to do."""
    cases: Sequence[Json] = answer.get("cases") or ()
    table(
        ("id", "thing", ">price", ">tip", "you are", "phase", "next"),
        (
            (
                short(one.get("id")),
                one.get("thing"),
                amount(one.get("price"), one.get("brand")),
                one.get("tip"),
                f"the {who_is(one.get('role'))}",
                one.get("phase"),
                next_line(one) or "-",
            )
            for one in cases
        ),
        empty=NO_CASES,
    )
    for one in cases:
        for move in one.get("moves") or ():
            if move.get("mine") and move.get("needed") and not move.get("by_itself"):
                say(f"{short(one.get('id'))}: {command_for(one, move)}")
                say(f"  until {until(move.get('until_us'))}; else {move.get('otherwise_text')}")
