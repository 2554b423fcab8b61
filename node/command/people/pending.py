"""`pledgeway pending`: what you are asked to pay, as the owner of a node."""

import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from node.command.argument_types import AMOUNT, FLAT_FEE, LEVEL, LEVELS, SPAN, text_or_file
from node.command.display import (
    Json,
    amount,
    facts,
    gap,
    minute,
    moment,
    say,
    short,
    span,
    table,
    who,
)
from node.command.exit_status import REFUSED, UNKNOWN, TaughtCommand, fail, plain
from node.command.people.asked import progress, show_asked, show_plan, why_not
from node.command.sale.asking import sure, yes_option
from node.command.session import Session, with_node
from proto.limits import MAX_REQUEST_BYTES, US
from proto.request import REQUEST_PREFIX

MAX_REQUEST_CHARS: Final = 2 * MAX_REQUEST_BYTES  # base64 of the largest one, and room
LEVEL_HELP: Final = (
    f"What your own promise may be: {', '.join(LEVELS)}; repeatable.  [default: as on the cheapest"
    " chain, and what is safer]"
)
PAID: Final = "COMMITTED"
STATUSES: Final = (
    "Exit status: 0 paid; 1 not paid, and it never will be by this approval; 2 unusable input, or"
    " no node is running; 3 not known yet: the node goes on, see `pledgeway pending list`."
)


@click.group("pending")
def pending() -> None:
    """What you are asked to pay: requests that shops and others have brought to your node.

    Nothing is paid before you approve it, or a standing approval of yours covers it. Requests for
    people whose accounts you keep are on their pages, and not here.

    \b
    Example:
      pledgeway pending list
      pledgeway pending show 4f1c
      pledgeway pending approve 4f1c
      pledgeway pending deny 4f1c
    """


@pending.command("list", cls=TaughtCommand)
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@with_node
def list_(session: Session, everything: bool) -> None:
    """List the requests that wait for you, or for whoever has their link ("anybody").

    \b
    Example:
      pledgeway pending list --all
    """

    def show(answer: Json) -> None:
        table(
            ("id", "payee", ">amount", "state", "asks", "until (UTC)", "for what"),
            (
                (
                    short(one.get("id")),
                    who(one, "payee_alias", "payee"),
                    amount(one.get("amount") or one.get("asked"), one.get("brand")),
                    one.get("phase"),
                    "you" if one.get("owned") else "anybody",
                    minute(one.get("expires_at_us")),
                    one.get("description") or "-",
                )
                for one in answer.get("requests", ())
            ),
            empty="Nothing waits for you: `pledgeway pending take REQUEST` brings a request here.",
        )

    session.show("pending.list", {"all": everything}, show)


def _terms(command: Any) -> Any:
    """Options that say how a payment may be made."""
    for option in (
        click.option("--level", "levels", type=LEVEL, multiple=True, help=LEVEL_HELP),
        click.option("--max-fee", type=FLAT_FEE, help="Most that fees may come to, in units."),
        click.option("--amount", type=AMOUNT, help="What to pay, where the request lets you say."),
    ):
        command = option(command)
    return command


def _arguments(
    identifier: str, amount: int | None, max_fee: int | None, levels: Sequence[str]
) -> dict[str, Any]:
    given = {"id": identifier, "amount": amount, "max_fee": max_fee, "levels": list(levels) or None}
    return {key: value for key, value in given.items() if value is not None}


@pending.command("show", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@_terms
@with_node
def show(
    session: Session,
    identifier: str,
    amount: int | None,
    max_fee: int | None,
    levels: Sequence[str],
) -> None:
    """Show a request: who asks, for what, what it would cost now, and what it risks.

    \b
    Example:
      pledgeway pending show 4f1c
      pledgeway pending show 4f1c --amount 500
    """
    arguments = _arguments(identifier, amount, max_fee, levels)
    session.show("pending.show", arguments, _show_one)


def _show_one(one: Json) -> None:
    show_asked(one)
    if isinstance(one.get("plan"), dict):
        gap()
        show_plan(one["plan"], one.get("brand"))


@pending.command("take", cls=TaughtCommand)
@click.argument("request", metavar="REQUEST|FILE")
@with_node
def take(session: Session, request: str) -> None:
    """Bring a request into your list: its text, or a FILE that holds it ("-": standard input).

    \b
    Example:
      pledgeway pending take invoice.txt
    """
    text = text_or_file(request, REQUEST_PREFIX, "payment request", MAX_REQUEST_CHARS)
    session.show("pending.take", {"request": text}, show_asked)


@pending.command("approve", cls=TaughtCommand, epilog=STATUSES)
@click.argument("identifier", metavar="ID")
@_terms
@click.option(
    "--wait",
    "wait_s",
    type=SPAN,
    default="5min",
    show_default=True,
    help="How long to watch; the payment goes on without.",
)
@yes_option
@with_node
def approve(
    session: Session,
    identifier: str,
    amount: int | None,
    max_fee: int | None,
    levels: Sequence[str],
    wait_s: int,
    yes: bool,
) -> None:
    """Pay a request: shows what it costs and risks, asks, and watches until it is final.

    What you approve is signed with your node's key, for exactly this amount, payee and fee, and
    for a quarter of an hour.

    \b
    Example:
      pledgeway pending approve 4f1c --max-fee 10
      pledgeway pending approve 4f1c --amount 500 --yes
    """
    arguments = _arguments(identifier, amount, max_fee, levels)
    asked = session.ask("pending.show", arguments).value
    plan = asked.get("plan")
    if not isinstance(plan, dict):
        fail(REFUSED, f"it has been answered already: {asked.get('phase')}")
    if not session.as_json:
        _show_one(asked)
    if not plan.get("payable"):
        fail(REFUSED, f"cannot be paid: {why_not(plan, asked.get('brand'))}")
    gap_before_question(session)
    sure(session, yes, _question(asked, plan))
    _pay(session, {"id": str(asked.get("id")), "approval": plan.get("approval")}, wait_s)


def gap_before_question(session: Session) -> None:
    """Between what was shown and what is asked."""
    if not session.as_json:
        gap()


def _question(asked: Json, plan: Json) -> str:
    payee, brand = who(asked, "payee_alias", "payee"), asked.get("brand")
    total, most = amount(plan.get("amount"), brand), amount(plan.get("total"), brand)
    return f"Pay {payee} {total}, {most} at most with fees?"


def _pay(session: Session, arguments: Json, wait_s: int) -> None:
    told: list[str] = []

    def changed(one: Json) -> str:
        news = plain(progress(one))
        if not session.as_json and told[-1:] != [news]:
            # On standard error: standard output belongs to the result.
            click.echo(news, err=True)
        told.append(news)
        return news

    try:
        answer = session.follow("pending.approve", arguments, changed, wait_s)
    except KeyboardInterrupt:
        answer = None
    if answer is None:
        fail(UNKNOWN, "it goes on without you: see `pledgeway pending list`")
    session.print(answer, show_asked)
    one = answer.value
    if one.get("phase") == PAID:
        return
    if not one.get("ended_at_us"):
        fail(UNKNOWN, "not decided yet, and it goes on: see `pledgeway pending list`")
    sys.exit(REFUSED)


@pending.command("deny", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@yes_option
@with_node
def deny(session: Session, identifier: str, yes: bool) -> None:
    """Deny a request, as if it had never been made. Whoever asked is told so.

    \b
    Example:
      pledgeway pending deny 4f1c
    """
    sure(session, yes, f"Deny the request {plain(identifier)}?")
    session.show("pending.deny", {"id": identifier}, show_asked)


@pending.command("mandates", cls=TaughtCommand)
@with_node
def mandates(session: Session) -> None:
    """List your standing approvals: who may be paid without asking you, and how much.

    \b
    Example:
      pledgeway pending mandates
    """

    def show(answer: Json) -> None:
        table(
            ("id", "payee", ">each", ">in a period", "of", ">spent", ">in all", "until", "ended"),
            (
                (
                    short(one.get("id")),
                    who(one, "payee_alias", "payee"),
                    amount(one.get("per_payment"), one.get("brand")),
                    one.get("per_period"),
                    span((one.get("period_us") or 0) // US),
                    one.get("spent"),
                    one.get("total"),
                    moment(one.get("until_us")),
                    moment(one.get("revoked_at_us")),
                )
                for one in answer.get("mandates", ())
            ),
            empty="There are no standing approvals.",
        )

    session.show("pending.mandates", {}, show)


@pending.command("revoke", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@with_node
def revoke(session: Session, identifier: str) -> None:
    """End a standing approval at once: nothing more is paid by it. What is approved goes on.

    \b
    Example:
      pledgeway pending revoke 8a02
    """

    def show(one: Json) -> None:
        facts(
            (
                ("standing approval", one.get("id")),
                ("payee", who(one, "payee_alias", "payee")),
                ("spent", amount(one.get("spent"), one.get("brand"))),
                ("ended", moment(one.get("revoked_at_us"))),
            )
        )
        say("Nothing more is paid by it.")

    session.show("pending.revoke", {"id": identifier}, show)
