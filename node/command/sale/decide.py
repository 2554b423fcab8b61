"""`pledgeway sale release`, `refund`, `concede`, `challenge`, `slash`, `vote` and `close`."""

from collections.abc import Callable
from typing import Any

import click

from node.command.exit_status import TaughtCommand
from node.command.sale.asking import sure, yes_option
from node.command.sale.view import show_done
from node.command.session import Session, with_node


def _named(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with an ID, --yes and a node."""

    def made(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=TaughtCommand)(
            click.argument("identifier", metavar="ID")(yes_option(with_node(function)))
        )

    return made


def _sign(session: Session, identifier: str, decision: str) -> None:
    session.show("sale.sign", {"id": identifier, "decision": decision}, show_done)


def _decline(session: Session, identifier: str, decision: str) -> None:
    session.show("sale.decline", {"id": identifier, "decision": decision}, show_done)


@_named("release")
def release(session: Session, identifier: str, yes: bool) -> None:
    """Sign that the seller is paid (T2). Two of buyer, seller and agent are enough.

    The seller's node has signed already, so that as the buyer you pay with it, for good. The
    agent's signs by itself once he has attested with the proof.

    \b
    Example:
      pledgeway sale release 4f1c
    """
    sure(session, yes, "Sign the release? It pays the seller, and cannot be taken back.")
    _sign(session, identifier, "RELEASE")


@_named("refund")
def refund(session: Session, identifier: str, yes: bool) -> None:
    """Sign that the buyer gets the price back (T3). Two of buyer, seller and agent are enough.

    It counts once the release is decided not to be: after its time is over, or as soon as the
    seller concedes. What else each gets, `pledgeway sale show` says.

    \b
    Example:
      pledgeway sale refund 4f1c
    """
    sure(session, yes, "Sign the refund? It pays the buyer back, and cannot be taken back.")
    _sign(session, identifier, "REFUND")


@_named("concede")
def concede(session: Session, identifier: str, yes: bool) -> None:
    """As the seller, give the sale up: it will not be released, and the buyer is refunded.

    It is for good, and quicker than waiting for the end: your deposit is free the sooner.

    \b
    Example:
      pledgeway sale concede 4f1c
    """
    sure(session, yes, "Give the sale up? You will not be paid, and cannot take it back.")
    _decline(session, identifier, "RELEASE")


@click.command("challenge", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.option("--withdraw", is_flag=True, help="Say that you do not object, for good.")
@yes_option
@with_node
def challenge(session: Session, identifier: str, withdraw: bool, yes: bool) -> None:
    """As the buyer, object to what the agent has attested (Tc).

    It counts where the release was not signed by then: the price comes back to you, the agent keeps
    a part of his tip, and an entry in everybody's inbox says so. With --withdraw you say that you
    do not object, and nothing waits for the end of your time any more.

    \b
    Example:
      pledgeway sale challenge 4f1c
      pledgeway sale challenge 4f1c --withdraw
    """
    if withdraw:
        sure(session, yes, "Say that you do not object? You cannot challenge any more then.")
        _decline(session, identifier, "CHALLENGE")
        return
    sure(session, yes, "Challenge? It cannot be taken back.")
    _sign(session, identifier, "CHALLENGE")


@_named("slash")
def slash(session: Session, identifier: str, yes: bool) -> None:
    """Sign that the agent's bond is forfeited (Ts), in a sale that has an arbiter.

    The arbiter and one side are enough; neither both sides nor the arbiter alone are. Without that,
    the agent has his bond back.

    \b
    Example:
      pledgeway sale slash 4f1c
    """
    sure(session, yes, "Sign that the agent loses his bond? It cannot be taken back.")
    _sign(session, identifier, "SLASH")


@click.command("vote", cls=TaughtCommand)
@click.argument("identifier", metavar="ID")
@click.argument("how", metavar="success|failure", type=click.Choice(["success", "failure"]))
@yes_option
@with_node
def vote(session: Session, identifier: str, how: str, yes: bool) -> None:
    """As buyer or seller, say whether the agent did well, once it is known how the sale ended.

    Votes are sealed: the other side sees yours when both have voted, or their time is over. Who
    does not vote loses his vote bond to the agent. It counts in `pledgeway agent score`, for
    everybody who believes you.

    \b
    Example:
      pledgeway sale vote 4f1c success
    """
    sure(session, yes, f"Vote {how!r}? It cannot be changed.")
    session.show("sale.vote", {"id": identifier, "success": how == "success"}, show_done)


@_named("close")
def close(session: Session, identifier: str, yes: bool) -> None:
    """End a sale while nobody is bound by it: it is over at once, and nothing was locked.

    While the stakes gather it is a plea: they all go back, unless everybody has signed already. As
    agent or arbiter you refuse the case by it.

    \b
    Example:
      pledgeway sale close 4f1c
    """
    sure(session, yes, "Close it?")
    session.show("sale.close", {"id": identifier}, show_done)
