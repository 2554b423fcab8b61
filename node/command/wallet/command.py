"""`pledgeway wallet`: join, log in, look, and the table of its commands."""

import json
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import click

from node.command.display import amount, say, short
from node.command.exit_status import plain
from node.command.session import Json, NoAnswer
from node.command.wallet.calling import Caller, read_invitation, read_origin
from node.command.wallet.keeping import Wallet
from node.command.wallet.paying import MAX_LISTED, approve, ask, deny, pay, show
from node.command.wallet.receipts import receipt
from node.command.wallet.session import WalletCommand, WalletSession, with_wallet
from node.command.wallet.view import show_balances, show_history, show_mandates, show_pending
from proto.login import key_text

DEFAULT_LISTED: Final = 50
HASH_DIGITS: Final = 64


@click.group("wallet")
def wallet() -> None:
    """Use your account at somebody else's node, from the command line.

    A wallet has a key of its own. It signs each payment with it, after comparing what the node
    offers with the request that the payee has signed. Its file holds the key: keep it to yourself.

    \b
    Example:
      pledgeway wallet join https://bank.example/join/4c1f...
      pledgeway wallet pending
      pledgeway wallet approve 4f1c
    """


@wallet.command("join", cls=WalletCommand)
@click.argument("link")
@click.option("--label", help="What your account calls this wallet.  [default: this machine]")
@with_wallet
def join(session: WalletSession, link: str, label: str | None) -> None:
    """Take up an invitation: opens your account with a key of this wallet.

    LINK is what your node's operator has sent you. Before you use it look at its host: this is
    who will keep your account.

    \b
    Example:
      pledgeway wallet join https://bank.example/join/4c1f...
    """
    try:
        origin, token = read_invitation(link)
        # Kept before it is used: an answer that is lost must not take the key with it.
        mine = replace(session.fresh(), origin="")
        session.keep(mine)
        # A crash before the answer leaves the key: `wallet login` then begins to use the account.
        caller = session.caller(replace(mine, origin=origin), lambda _: None)
        found = caller.join(token, label or f"wallet at {socket.gethostname()[:40]}")
        _settle(session, replace(mine, origin=origin), found)
    except NoAnswer as no:
        session.end(no)


@wallet.command("login", cls=WalletCommand)
@click.argument("origin", required=False)
@click.argument("name", required=False)
@with_wallet
def login(session: WalletSession, origin: str | None, name: str | None) -> None:
    """Log in, or with ORIGIN and NAME begin to use an account that knows this wallet's key.

    Logging in happens by itself whenever it is needed. To add this wallet to an account that you
    have already, print its key with `wallet key`, paste that on the page under Account, and say
    where the account is.

    \b
    Example:
      pledgeway wallet key
      pledgeway wallet login https://bank.example ann
    """
    try:
        if origin is not None and name is not None:
            mine = replace(session.fresh(), origin=read_origin(origin), name=name)
            # What is kept stays a key without an account until the node has said yes.
            found = session.caller(mine, lambda _: None).log_in()
        else:
            mine = session.load()
            found = session.caller(mine).log_in()
        _settle(session, mine, found)
    except NoAnswer as no:
        session.end(no)


def _settle(session: WalletSession, mine: Wallet, found: Json) -> None:
    """Keeps what the node has said of the account. NoAnswer."""
    mine = replace(mine, name=str(found.get("name", "")), token=str(found.get("token", "")))
    told = session.caller(mine).get("/api/me")
    node = str(told.get("node", ""))
    session.keep(replace(mine, node=node))
    shown = {"name": mine.name, "origin": mine.origin, "node": node}
    session.print(shown, lambda _: say(f"You are {mine.name} at {mine.origin}."))


@wallet.command("key", cls=WalletCommand)
@with_wallet
def key(session: WalletSession) -> None:
    """Print this wallet's public key, as a line to be pasted on the page of your account.

    \b
    Example:
      pledgeway wallet key
    """
    mine = session.any()
    if mine is None:
        mine = session.fresh()
        session.keep(mine)
    text = key_text(mine.key.public)
    session.print({"key": mine.key.public.hex(), "text": text}, lambda _: say(text))


@wallet.command("pending", cls=WalletCommand)
@with_wallet
def pending(session: WalletSession) -> None:
    """List what waits for your yes or no, and what is being paid.

    \b
    Example:
      pledgeway wallet pending
    """
    session.show(lambda caller: caller.get("/api/pending"), show_pending)


@wallet.command("balance", cls=WalletCommand)
@with_wallet
def balance(session: WalletSession) -> None:
    """Show your balance in every brand, what is held of it, and what you can pay.

    \b
    Example:
      pledgeway wallet balance --json
    """
    session.show(lambda caller: caller.get("/api/balances"), show_balances)


@wallet.command("history", cls=WalletCommand)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    default=DEFAULT_LISTED,
    show_default=True,
    help="Most entries to list, the newest first.",
)
@click.option("--after", help="Go on where the last answer ended.")
@with_wallet
def history(session: WalletSession, limit: int, after: str | None) -> None:
    """List what was booked in your account, the newest first.

    \b
    Example:
      pledgeway wallet history --limit 10
    """
    session.show(lambda caller: caller.get("/api/history", limit=limit, after=after), show_history)


@wallet.command("mandates", cls=WalletCommand)
@with_wallet
def mandates(session: WalletSession) -> None:
    """List your standing approvals: to whom, up to what, and what was spent by them.

    \b
    Example:
      pledgeway wallet mandates
    """
    session.show(lambda caller: caller.get("/api/mandates"), show_mandates)


@wallet.command("revoke", cls=WalletCommand)
@click.argument("identifier", metavar="ID")
@with_wallet
def revoke(session: WalletSession, identifier: str) -> None:
    """End a standing approval at once. What was approved by it already goes on.

    \b
    Example:
      pledgeway wallet revoke 9a02
    """

    def work(caller: Caller) -> Json:
        named = identifier.lower()
        if len(named) != HASH_DIGITS:
            known = [str(m.get("id")) for m in caller.get("/api/mandates").get("mandates", ())]
            found = [one for one in known if one.startswith(named)]
            if len(found) != 1:
                what = f"{len(found)} standing approvals begin with {named!r}"
                raise NoAnswer(1, "NOT_FOUND", what, "see `pledgeway wallet mandates`")
            (named,) = found
        return caller.post(f"/api/mandates/{named}/revoke")

    session.show(work, show_mandates)


@wallet.command("watch", cls=WalletCommand)
@with_wallet
def watch(session: WalletSession) -> None:
    """Print a line whenever your balances or what waits for you change, until you stop it.

    With --json one JSON object a line.

    \b
    Example:
      pledgeway wallet watch
    """
    caller = session.caller(session.load())
    try:
        while True:  # the node ends a stream after ten minutes: whoever listens comes back
            for event, data in _events(caller.listen()):
                if event == "changed":
                    _tell(session, data)
    except NoAnswer as no:
        session.end(no)


def _events(lines: Iterable[str]) -> Iterable[tuple[str, Json]]:
    """(event, data) of a stream of server-sent events; what is no JSON object is passed over."""
    event = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield event, found


def _tell(session: WalletSession, told: Json) -> None:
    if session.as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    purses = ", ".join(
        amount(one.get("balance"), one.get("brand")) for one in told.get("balances", ())
    )
    waits = ", ".join(short(one) for one in told.get("pending", ())) or "nothing"
    say(plain(f"waits: {waits}; balance: {purses or 'nothing'}"))


for command in (show, approve, deny, pay, ask, receipt):
    wallet.add_command(command)
