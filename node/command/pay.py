"""`pledgeway pay`: pay a request."""

import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.argument_types import (
    AMOUNT,
    AVOID_HELP,
    LEVEL,
    LEVELS,
    PATH,
    RISK_HELP,
    SPAN,
    CountType,
    require_new_file,
    text_or_file,
    write_new_file,
)
from node.command.display import Json, say, short
from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, TaughtCommand, fail, plain
from node.command.payment_view import FINAL, because, progress, show_payment, show_plan
from node.command.session import Answer, NoAnswer, Session, with_node
from node.pay_options import MAX_RISK
from proto.limits import MAX_HOPS, MAX_PARTS, MAX_REQUEST_BYTES
from proto.request import REQUEST_PREFIX

LEVEL_HELP: Final = f"Level to use: {', '.join(LEVELS)}; repeatable.  [default: all]"
MAX_REQUEST_CHARS: Final = 2 * MAX_REQUEST_BYTES  # base64 of the largest one, and room
STATUSES: Final = (
    "Exit status: 0 paid, or a chain was found; 1 not paid and never will be by this payment, or no"
    " chain; 2 unusable input, or no node is running; 3 not known yet: the node goes on, see"
    " `pledgeway payment list`."
)


@click.command("pay", cls=TaughtCommand, epilog=STATUSES)
@click.argument("request", metavar="REQUEST|FILE")
@click.option("--dry-run", is_flag=True, help="Find the chain and its cost, promise nothing.")
@click.option(
    "--amount",
    type=AMOUNT,
    metavar="N",
    help="Let N smallest units arrive, where the request leaves the amount to you.",
)
@click.option("--max-cost", type=AMOUNT, help="Pay no more than this, fees included, in units.")
@click.option("--level", "levels", type=LEVEL, multiple=True, help=LEVEL_HELP)
@click.option(
    "--registry",
    "--policy",
    "registries",
    multiple=True,
    metavar="R",
    help="Registry, or policy of several (`node policy`), to use; repeatable.",
)
@click.option(
    "--max-hops", type=click.IntRange(1, MAX_HOPS), help="Most promises in a chain.", metavar="H"
)
@click.option(
    "--parts",
    type=click.IntRange(1, MAX_PARTS),
    metavar="N",
    help="Split into at most N chains where that is cheaper or needed; 1 forbids."
    "  [default: up to 4, only where no single chain carries the amount]",
)
@click.option("--max-risk", type=CountType(0, MAX_RISK), metavar="N", help=RISK_HELP)
@click.option(
    "--avoid",
    multiple=True,
    metavar="NODE|LINE",
    help=f"{AVOID_HELP} Nodes are named by alias, or by the beginning of an id.",
)
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most attempts before giving up.",
)
@click.option(
    "--wait",
    "wait_s",
    type=SPAN,
    default="5min",
    show_default=True,
    help="How long to watch; the payment goes on without.",
)
@click.option("--evidence", type=PATH, metavar="FILE", help="Write what proves it to a new FILE.")
@with_node
def pay(
    session: Session,
    request: str,
    dry_run: bool,
    amount: int | None,
    max_cost: int | None,
    levels: Sequence[str],
    registries: Sequence[str],
    max_hops: int | None,
    parts: int | None,
    max_risk: int | None,
    avoid: Sequence[str],
    attempts: int | None,
    wait_s: int,
    evidence: Path | None,
) -> None:
    """Pay a REQUEST: its text, or a FILE that holds it ("-": standard input).

    The node finds the cheapest chain of promises that is safe for all, promises, and waits for the
    decision. Where no chain carries the amount it takes several, which are decided as one. A
    request is paid at most once, however often this is called.

    Where the request leaves the amount to you, --amount names it. Where the payee bears the fees
    you send what it asks for in all, and as much of that arrives as the fees leave.

    \b
    Example:
      pledgeway pay invoice.txt --dry-run
      pledgeway pay collection.txt --amount 500
      pledgeway pay invoice.txt --max-cost 710 --evidence lamp.evidence
      pledgeway pay invoice.txt --parts 3
      pledgeway pay invoice.txt --max-risk 0 --avoid Carol --avoid "Bob→Dave"
    """
    given = {"max_cost": max_cost, "max_hops": max_hops, "parts": parts, "attempts": attempts}
    given |= {"max_risk": max_risk, "amount": amount}
    arguments: dict[str, object] = {
        "request": text_or_file(request, REQUEST_PREFIX, "payment request", MAX_REQUEST_CHARS),
        **{name: value for name, value in given.items() if value is not None},
    }
    if levels:
        arguments["levels"] = list(levels)
    if avoid:
        arguments["avoid"] = list(avoid)
    if registries:
        arguments["registries"] = list(registries)
    if dry_run:
        arguments.pop("attempts", None)
        if not session.show("pay.plan", arguments, show_plan).get("found"):
            sys.exit(REFUSED)
        return
    require_new_file(evidence)
    answer = _follow(session, arguments, wait_s)
    session.print(answer, show_payment)
    _end(session, answer.value, evidence)


def _follow(session: Session, arguments: Json, wait_s: int) -> Answer:
    told: list[str] = []

    def changed(one: Json) -> str:
        news = plain(progress(one))
        if not session.as_json and one.get("phase") not in FINAL and told[-1:] != [news]:
            # On standard error: standard output belongs to the result.
            click.echo(news, err=True)
        told.append(news)
        return news

    try:
        answer = session.follow("pay", arguments, changed, wait_s)
    except KeyboardInterrupt:
        fail(UNKNOWN, "the payment goes on without you: see `pledgeway payment list`")
    if answer is None:
        fail(UNKNOWN, "the node said nothing about the payment: see `pledgeway payment list`")
    if answer.value.get("phase") in FINAL:
        return answer
    try:
        # News come when the payment changes; what it waits for may have changed since the last.
        return session.try_ask("payment.show", {"id": answer.value.get("id")})
    except NoAnswer:
        return answer


def _end(session: Session, one: Json, evidence: Path | None) -> None:
    phase, name = one.get("phase"), short(one.get("id"))
    if phase == "ABORTED":
        fail(REFUSED, f"not paid: {because(one) or 'the payment was aborted'}")
    if phase != "COMMITTED":
        fail(UNKNOWN, f"not decided yet, and it goes on: see `pledgeway payment show {name}`")
    if evidence is None:
        return
    try:
        fetch_evidence(session, name, evidence)
    except NoAnswer as no:
        # The status is the payment's: whoever reads "failed" might pay once more.
        click.echo(f"pledgeway: paid, but {evidence} is not written: {plain(no)}", err=True)


def fetch_evidence(session: Session, payment: str, file: Path) -> Answer:
    """Writes the certificate file of a payment (id or prefix). NoAnswer where that fails."""
    answer = session.try_ask("payment.evidence", {"id": payment})
    try:
        write_new_file(file, b64decode(str(answer.value.get("file", ""))))
    except OSError as error:
        raise NoAnswer(
            UNUSABLE,
            "NOT_WRITTEN",
            f"{file}: cannot be written: {error.strerror}",
            f"the node keeps it: `pledgeway payment evidence {payment} --out FILE`",
        ) from error
    if not session.as_json:
        kind = answer.value.get("kind") or "evidence"
        say(f"{kind} written: check it with `pledgeway verify {file}`")
    return answer
