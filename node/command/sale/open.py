"""`pledgeway sale open`: the buyer offers to buy something that an agent has to judge."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, LIMIT, SPAN, CountType, Natural, read_file
from node.command.display import Json, gap, say, short
from node.command.escrow.naming import whom
from node.command.exit_status import REFUSED, UNUSABLE, TaughtCommand, fail
from node.command.sale.asking import sure, yes_option
from node.command.sale.view import (
    show_agents,
    show_balance,
    show_done,
    show_figures,
    show_parties,
    until,
)
from node.command.session import Session, with_node
from proto.sale.offer import MAX_ARBITRATION_CHARS
from proto.sale.stakes import PERMILLE

CALL_S: Final = 180.0  # with --least-score each agent's house is asked
MAX_TEXT_BYTES: Final = 4 * MAX_ARBITRATION_CHARS
PART: Final = CountType(0, PERMILLE)
SCORE: Final = Natural()

_FIGURES: Final = (
    click.option("--price", type=AMOUNT, required=True, help="What the seller gets."),
    click.option("--deposit-buyer", "buyer_deposit", type=LIMIT, default=0, show_default=True,
                 help="Yours, which comes back to you in every case."),
    click.option("--deposit-seller", "seller_deposit", type=LIMIT, required=True,
                 help="Hers. See the deposit rule with --dry-run."),
    click.option("--bond", type=AMOUNT, help="The agent's.  [default: the price, and no less]"),
    click.option("--vote-bond", type=LIMIT, default=0, show_default=True,
                 help="Of both sides, each: it goes to the agent where they do not vote."),
    click.option("--refund-tip", "refund_tip_permille", type=PART, default=500, show_default=True,
                 metavar="PERMILLE", help="Of the tip that the agent keeps in a refund after he"
                 " attested."),
    click.option("--slash-deposit", "slash_permille", type=PART, default=0, show_default=True,
                 metavar="PERMILLE", help="Of the seller's deposit that you get in a refund."),
    click.option("--slash-bond", "slashed_bond_permille", type=PART, default=PERMILLE,
                 show_default=True, metavar="PERMILLE", help="Of a forfeited bond that you get; the"
                 " rest goes to the seller."),
)  # fmt: skip
_TIMES: Final = tuple(
    click.option(f"--{name}", f"{key}_s", type=SPAN, default=usual, show_default=True, help=text)
    for name, key, usual, text in (
        ("expires", "expires", "1d", "So long both sides and the agent may take to come together."),
        ("agree-within", "agree", "1h", "To sign the agreement, once all have come."),
        ("lock-within", "lock", "1d", "Then: to hand over, and to lock the stakes."),
        ("release-within", "release", "7d", "Then: to attest, and to release."),
        ("window", "window", "2d", "Then: to challenge."),
        ("refund-within", "refund", "2d", "Then: to sign a refund."),
        ("slash-within", "slash", "7d", "Then: to forfeit the bond; with an --arbiter only."),
        ("vote-within", "vote", "3d", "Then: to seal votes, and again to open them."),
    )
)


def _with(options: Sequence[Callable[..., Any]]) -> Callable[[Callable[..., Any]], Any]:
    """Several options as one decorator, shown in their order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_AGENTS: Final = (
    click.option("--agent", "--agents", "agents", multiple=True, metavar="NAME",
                 help="An agent whom you accept; repeatable."),
    click.option("--highest-tip", type=LIMIT,
                 help="Pay no higher tip.  [default: what the dearest of them asks]"),
    click.option("--least-score", type=SCORE,
                 help="Only agents of this score or better, as you see it; without --agent, of all"
                 " that you know."),
    click.option("--all-known", is_flag=True, help="Accept every agent whom you know, whoever it"
                 " is: also those that a house has listed."),
)  # fmt: skip


def agents_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--agent, --highest-tip, --least-score and --all-known: whom a side accepts."""
    for option in reversed(_AGENTS):
        function = option(function)
    return function


def agents_arguments(
    agents: Sequence[str], highest_tip: int | None, least_score: int | None, all_known: bool
) -> dict[str, Any]:
    """As the verbs take them; what was not said is left out."""
    given = {"highest_tip": highest_tip, "least_score": least_score}
    found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    found |= {"all_known": True} if all_known else {}
    return found | ({"agents": list(agents)} if agents else {})


@click.command("open", cls=TaughtCommand)
@click.option("--seller", required=True, metavar="CARD|FILE|ALIAS", help="Who sells it.")
@click.option("--thing", required=True, metavar="TEXT", help="Which thing, so that it is found.")
@click.option("--deposit", "--brand", "deposit", required=True, metavar="RIGHT",
              help="The deposit that everything is paid in: a right of which you have an account,"
              " by name or brand id.")  # fmt: skip
@_with(_FIGURES)
@agents_options
@click.option("--registry", metavar="R", help="Which one decides.  [default: one that the house"
              " and you accept]")  # fmt: skip
@click.option("--arbitration", metavar="FILE|TEXT", help="What the agent decides by.")
@click.option("--arbiter", metavar="CARD|FILE|ALIAS", help="Who may have his bond forfeited, with"
              " one of both sides.")  # fmt: skip
@_with(_TIMES)
@click.option("--dry-run", is_flag=True, help="Show what you would sign, and tell nobody.")
@yes_option
@with_node
def open_(
    session: Session,
    /,
    seller: str,
    arbitration: str | None,
    arbiter: str | None,
    agents: Sequence[str],
    highest_tip: int | None,
    least_score: int | None,
    all_known: bool,
    dry_run: bool,
    yes: bool,
    **more: Any,
) -> None:
    """Offer to buy something that no registrar keeps. First look: --dry-run.

    It shows what each of you puts in, which deposit makes cheating not pay, and what each has in
    the end in every case. The seller answers with the agents whom she accepts; the one of the
    lowest tip on both your lists is asked. From then on your node signs by itself what this offer
    says, and nothing else: it agrees, and puts your stake in once what the key opens is with you.
    Until all have signed the agreement, nothing binds you: `pledgeway sale close` ends it.

    \b
    Example:
      pledgeway sale open --seller Sally --thing lamp.example --price 1000 --deposit deposit-usd \\
          --deposit-buyer 120 --deposit-seller 430 --agent Ned --highest-tip 30 --dry-run
    """
    arguments = {name: value for name, value in more.items() if value is not None}
    arguments |= agents_arguments(agents, highest_tip, least_score, all_known)
    arguments["seller"] = whom(seller)
    if arbiter is not None:
        arguments["arbiter"] = whom(arbiter)
    if arbitration is not None:
        arguments["arbitration"] = _text(arbitration)
    if dry_run or not session.as_json:
        # People see what they sign before they do.
        answer = session.ask("sale.open", {**arguments, "dry_run": True}, CALL_S)
        if dry_run:
            session.print(answer, show_offered)
            _end_dry(answer.value)
            return
        show_offered(answer.value)
        sure(session, yes, "Offer this?")
    session.show("sale.open", arguments, _show_opened, CALL_S)


def _text(given: str) -> str:
    """The text itself, or what is in the file of that name."""
    if not Path(given).is_file():
        return given
    data = read_file(given, "text", MAX_TEXT_BYTES)
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        fail(UNUSABLE, f"{given}: no text in UTF-8")


def _end_dry(one: Json) -> None:
    fits = any(agent.get("fits") for agent in one.get("agents") or ())
    if one.get("enough") is False or not one.get("serves") or not fits:
        sys.exit(REFUSED)


def show_offered(one: Json) -> None:
    """What the buyer would sign."""
    say(f"To buy {one.get('thing')} for {one.get('price')} {one.get('brand')}, decided by"
        f" {one.get('registry')}; the offer ends {until(one.get('expires_at_us'))}.")  # fmt: skip
    say(f"The agent decides by: {' '.join(str(one.get('arbitration') or '').split())}")
    gap()
    show_parties(one)
    gap()
    say(f"Agents whom you accept, for a tip of {one.get('highest_tip')} at most:")
    show_agents(one.get("agents") or ())
    gap()
    show_figures(one)
    show_balance(one)
    if not one.get("serves"):
        say("This node has no address for exchanges: set [escrow] listen in its config.toml.")


def _show_opened(one: Json) -> None:
    name = short(one.get("id"))
    show_done(one)
    say(f"Offered. Watch it: `pledgeway sale show {name} --follow`; take it back: `pledgeway sale")
    say(f"close {name}`.")
