"""`pledgeway sale take` and `attest`: what agent and arbiter do."""

from typing import Any

import click

from node.command.display import Json, say
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.sale.asking import sure, yes_option
from node.command.sale.page import find_in, page_option
from node.command.sale.view import show_balance, show_done, show_figures
from node.command.session import Session, with_node


@click.command("take", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@yes_option
@with_node
def take(session: Session, identifier: str, yes: bool) -> None:
    """As agent or arbiter, take the case. First look: `pledgeway sale show ID`.

    Nothing of yours is locked by it yet. Then your node signs the agreement by itself, and puts
    your bond in once you have handed over. To refuse: `pledgeway sale close ID`.

    \b
    Example:
      pledgeway sale show 4f1c
      pledgeway sale take 4f1c
    """
    if not session.as_json:
        before = session.ask("sale.take", {"id": identifier, "dry_run": True}).value
        show_figures(before)
        show_balance(before)
        sure(session, yes, "Take the case?")
    session.show("sale.take", {"id": identifier}, show_done)


@click.command("attest", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@page_option
@click.option("--on-my-word", is_flag=True, help="Attest without a proof of control.")
@click.option("--not-delivered", is_flag=True, help="Say, for good, that it was not delivered.")
@yes_option
@with_node
def attest(
    session: Session,
    identifier: str,
    page: str | None,
    on_my_word: bool,
    not_delivered: bool,
    yes: bool,
) -> None:
    """As the agent, say that the buyer controls the thing (Ta).

    With --page it looks for the buyer's proof in what you have fetched from the thing's public
    place: a page, a profile, a record. If it is there, your node attests and signs the release at
    once. With --on-my-word it signs the release only when the time for it is nearly over, so that
    the buyer can challenge before. What you attest without having looked costs you your name, and
    where there is an arbiter your bond.

    \b
    Example:
      curl -s https://lamp.example/ > page.html
      pledgeway sale attest 4f1c --page page.html
      pledgeway sale attest 4f1c --not-delivered
    """
    if (page is not None) + on_my_word + not_delivered != 1:
        fail(UNUSABLE, "sale attest: say one of --page FILE, --on-my-word and --not-delivered")
    if not_delivered:
        sure(session, yes, "Say that it was not delivered? It cannot be taken back.")
        said = {"id": identifier, "decision": "DELIVERED"}
        session.show("sale.decline", said, show_done)
        return
    arguments: dict[str, Any] = {"id": identifier}
    if page is not None:
        arguments["proof"] = find_in(session, identifier, page)
    else:
        arguments["on_my_word"] = True
        sure(session, yes, "Attest without having found the proof? It cannot be taken back.")
    session.show("sale.attest", arguments, _show_attested)


def _show_attested(one: Json) -> None:
    show_done(one)
    if not (one.get("handover") or {}).get("attested_with_proof"):
        say("Your node signs the release later, unless the buyer challenges before.")
