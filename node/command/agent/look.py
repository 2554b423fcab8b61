"""`pledgeway agent list` and `score`: what agents ask for, and what their past is worth."""

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from node.command.agent.bars import bar
from node.command.argument_types import AMOUNT, CountType
from node.command.display import Json, facts, gap, moment, say, short, span, table
from node.command.exit_status import REFUSED, UNUSABLE, TaughtCommand, fail, plain
from node.command.session import Session, with_node
from proto.limits import US

CALL_S: Final = 180.0  # each agent's house is asked, and all that it says is verified
MAX_HALF_LIFE_DAYS: Final = 36_600  # a hundred years: nothing ages
MAX_WORTH_DIGITS: Final = 9


def weighing(command: Callable[..., None]) -> Callable[..., None]:
    """Options about how votes are weighed; `weights` makes arguments of them."""
    for option in (
        click.option("--worth", metavar="CREDIT/DEPOSIT", help="So many units of your credit are "
                     "worth so many of the deposit, as 100/1.  [default: 1/1]"),
        click.option("--half-life", "half_life_days", type=CountType(1, MAX_HALF_LIFE_DAYS),
                     metavar="DAYS", help="Votes of this age count half.  [default: 180]"),
        click.option("--credit", metavar="BRAND", help="Brand of the lines along which you believe "
                     "others.  [default: that of most of your lines]"),
    ):  # fmt: skip
        command = option(command)
    return command


def weights(credit: str | None, half_life_days: int | None, worth: str | None) -> dict[str, Any]:
    """As the verbs take them; what was not said is left out. Ends the command at a bad worth."""
    found: dict[str, Any] = {}
    if credit is not None:
        found["credit"] = credit
    if half_life_days is not None:
        found["half_life_days"] = half_life_days
    if worth is not None:
        parts = worth.split("/")
        good = (p.isascii() and p.isdigit() and len(p) <= MAX_WORTH_DIGITS for p in parts)
        if len(parts) != 2 or not all(good) or not all(map(int, parts)):
            fail(UNUSABLE, f"--worth {plain(worth)[:48]}: say CREDIT/DEPOSIT, as 100/1")
        found["worth_credit"], found["worth_deposit"] = map(int, parts)
    return found


@click.command("list", cls=TaughtCommand)
@click.option("--brand", metavar="BRAND|NAME", help="Only agents who take this deposit brand.")
@click.option("--price", type=AMOUNT, help="Show the tip for a sale at this price.")
@click.option("--no-scores", is_flag=True, help="Do not ask houses for their pasts.")
@weighing
@with_node
def list_(
    session: Session, /, brand: str | None, price: int | None, no_scores: bool, **how: Any
) -> None:
    """List the agents whose offers this node has: what they ask for, and their scores.

    A score is in units of the deposit brand, and it is yours alone: others, who grant credit to
    others, see another one. "-" means that nothing is known.

    \b
    Example:
      pledgeway agent list --brand deposit-usd --price 500
      pledgeway agent list --no-scores
    """
    arguments = weights(**how)
    if brand is not None:
        arguments["brand"] = brand
    if price is not None:
        arguments["price"] = price
    if no_scores:
        arguments["scores"] = False

    def show(answer: Json) -> None:
        empty = "No agents are known: `pledgeway agent learn LINE` takes an offer."
        agents_table(answer.get("agents", ()), answer.get("price"), empty)
        if answer.get("more"):
            say(f"{answer['more']} more are known: narrow it with --brand.")

    session.show("agent.list", arguments, show, CALL_S)


def price_words(one: Json) -> str:
    """ "5 + 1.2 %"."""
    tenths = one.get("tip_permille") or 0
    part = f"{tenths // 10}.{tenths % 10} %" if tenths else ""
    flat = one.get("tip") or 0
    return " + ".join(filter(None, (str(flat) if flat or not part else "", part)))


def agents_table(agents: Iterable[Json], price: object, empty: str) -> None:
    """One line for each agent; below it why a score is missing."""
    agents = list(agents)
    table(
        ("agent", ">tip", ">bond at most", ">score", ">votes +/-", "open until", "judges", "id"),
        (
            (
                f"{one.get('alias')}{' (you)' if one.get('own') else ''}",
                price_words(one) if price is None else one.get("tip_for_price"),
                one.get("bond_max"),
                "-" if one.get("score") is None else one["score"],
                f"{one['votes_good']}/{one['votes_bad']}" if "votes_good" in one else "-",
                moment(one.get("expires_at_us")) if one.get("open") else "closed",
                one.get("judges") or "-",
                short(one.get("agent")),
            )
            for one in agents
        ),
        empty=empty,
    )
    for one in agents:
        state = (one.get("list") or {}).get("state", "GOOD")
        if state != "GOOD":
            say(f"{one.get('alias')}: no score, the house's list is not to be believed: "
                f"`pledgeway agent score {short(one.get('agent'))}` says why")  # fmt: skip
        elif one.get("why"):
            say(f"{one.get('alias')}: no score: {one['why']}")


@click.command("score", cls=TaughtCommand)
@click.argument("agent", metavar="AGENT|LINE")
@click.option("--brand", metavar="BRAND|NAME",
              help="Deposit brand.  [default: the only one he names]")  # fmt: skip
@click.option("--explain", is_flag=True, help="Show the votes that count, and for how much.")
@weighing
@with_node
def score(session: Session, /, agent: str, brand: str | None, explain: bool, **how: Any) -> None:
    """Say what an agent's past sales in one deposit brand are worth to you.

    Every success adds the sale's price, every failure takes it away; after half a year it is half.
    A rater counts for no more, in all his votes together, than the credit that leads from you to
    him: over lines that you grant, that those grant to whom you grant, and so on. All raters share
    that credit, so a thousand invented ones are worth what somebody granted to them, and mostly
    nothing. What strangers grant to you counts for nothing: it costs them nothing to say.

    Where the house's list does not hold together, or is another one than it showed before, there
    is no score, and the exit status is 1.

    \b
    Example:
      pledgeway agent score Ned --brand deposit-usd
      pledgeway agent score Ned --brand deposit-usd --explain --half-life 90
    """
    arguments = {"agent": agent} | weights(**how)
    if brand is not None:
        arguments["brand"] = brand
    if explain:
        arguments["explain"] = True

    def show(answer: Json) -> None:
        _show_score(answer)
        if explain and answer.get("score") is not None:
            gap()
            _show_votes(answer)

    answer = session.show("agent.score", arguments, show, CALL_S)
    if answer.get("score") is None:
        sys.exit(REFUSED)


def _show_score(one: Json) -> None:
    said = one.get("list") or {}
    total = one.get("score")
    if total is None:
        facts((*_about(one), ("score", "not known")))
    else:
        facts((*_about(one), *_weighed(one)))
    if said.get("state") != "GOOD":
        say(f"Do not believe this list: {said.get('text')}.")
        _show_evidence(said)
    elif said.get("fault"):
        say(f"On {moment(said.get('noticed_at_us'))} it was bad: {said.get('text')}.")
        _show_evidence(said)
    if one.get("votes_missing"):
        say("Missing votes were not opened, or the house keeps them back: nobody else can tell.")
    if total is not None:
        _say_where_nothing_is_known(one)


def _about(one: Json) -> tuple[tuple[str, object], ...]:
    return (
        ("agent", f"{one.get('alias')} ({short(one.get('agent'))})"),
        ("deposit brand", f"{one.get('name')} ({short(one.get('brand'))})"),
        ("list kept by", f"{one.get('house_alias')} ({short(one.get('house'))})"),
        ("list ends with", _end_of(one.get("list") or {})),
    )


def _end_of(said: Json) -> str | None:
    """What two people compare who want to know whether a house shows them the same list."""
    head = said.get("head")
    return None if head is None else f"entry {said.get('sequence')}, {short(head)}"


def _weighed(one: Json) -> tuple[tuple[str, object], ...]:
    votes = "{votes_good} good, {votes_bad} bad, {votes_missing} missing".format(**one)
    return (
        ("sales", one.get("sales")),
        ("votes", votes),
        ("raters", _raters(one)),
        ("credit counted", _credit(one)),
        ("half-life", span((one.get("half_life_us") or 0) // US)),
        ("for him", one.get("good")),
        ("against him", one.get("bad")),
        ("score", one.get("score")),
    )


def _show_evidence(said: Json) -> None:
    count = len(said.get("evidence") or ())
    if count:
        say(f"{count} entries that the house signed show it: --json prints them.")


def _raters(one: Json) -> str:
    unknown = one.get("raters_unknown")
    more = f", {unknown} of whom none of your credit reaches" if unknown else ""
    return f"{one.get('raters')}{more}"


def _credit(one: Json) -> str:
    if one.get("credit") is None:
        return "none: you have no lines"
    much = f"{one.get('lines')} lines in {one['credit']}" + (" and more" if one.get("cut") else "")
    worth = one.get("worth")
    return much if worth == "1/1" else f"{much}, {worth} of the deposit"


def _say_where_nothing_is_known(one: Json) -> None:
    if not one.get("sales"):
        say("Nothing is known: he has judged no sale in this brand at this house.")
    elif not one.get("good") and not one.get("bad"):
        say("Nothing is known: none of your credit leads to anybody who has voted on him.")


def _show_votes(answer: Json) -> None:
    counted = [one for one in answer.get("votes") or () if one.get("taken")]
    most = max((abs(one.get("counts") or 0) for one in counted), default=0)
    table(
        (">sale", "age", "rater", "vote", ">price", ">his weight", ">taken", ">counts", ""),
        (
            (
                one.get("sale"),
                span((one.get("age_us") or 0) // US),
                one.get("voter_alias"),
                "good" if one.get("success") else "bad",
                one.get("value"),
                one.get("weight"),
                one.get("taken"),
                one.get("counts"),
                bar(one.get("counts") or 0, most),
            )
            for one in counted
        ),
        empty="No vote counts.",
    )
    rest = (answer.get("votes_good") or 0) + (answer.get("votes_bad") or 0) - len(counted)
    if rest:
        say(f"{rest} votes are not shown: no credit reaches or is left for their raters, or they"
            " are older than those above.")  # fmt: skip
