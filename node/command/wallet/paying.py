"""`pledgeway wallet show`, `approve`, `deny`, `pay`, `ask`: what moves money."""

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import (
    AMOUNT,
    PATH,
    SPAN,
    require_new_file,
    text_or_file,
    write_new_file,
)
from node.command.display import say
from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, fail
from node.command.session import Json, NoAnswer
from node.command.wallet.calling import Caller
from node.command.wallet.checking import (
    Offer,
    OfferFault,
    TooDear,
    Wanted,
    check_offer,
    read_offered,
)
from node.command.wallet.keeping import Wallet
from node.command.wallet.session import WalletCommand, WalletSession, with_wallet
from node.command.wallet.view import (
    approval_bytes,
    asked_bytes,
    show_confirmation,
    show_offer,
)
from proto.approval import sign_approval
from proto.envelope import Proof
from proto.limits import MAX_REQUEST_BYTES
from proto.request import REQUEST_PREFIX, from_text, payee_signed, request_hash
from proto.wire import WireFault

FOLLOWED_S: Final = 120.0  # longer than an attempt takes; the node goes on by itself
PAUSE_S: Final = 0.5
ID_DIGITS: Final = 32
MAX_LISTED: Final = 200  # entries in one answer, as the node has it
AMOUNT_HELP: Final = "How much, in smallest units, where the request leaves it to you."
# Why what was brought again is not paid again.
HOW_IT_STANDS: Final = {
    "COMMITTED": "it is paid already, and nothing more is taken",
    "DENIED": "you have denied it",
    "EXPIRED": "it has ended without a payment",
    "APPROVED": "you have approved it already, and it is being paid",
    "EXECUTING": "you have approved it already, and it is being paid",
    "ABORTED": "you have approved it already, and it is tried again",
}
TOTAL_HELP: Final = "Sign nothing that lets more than this be debited, fees included."


def whole_id(caller: Caller, named: str, *, ended: bool = False) -> str:
    """The id of what waits or runs, by its beginning; a whole one is taken as it is. `ended`: what
    was paid lately, too. NoAnswer."""
    named = named.lower()
    if len(named) == ID_DIGITS:
        return named
    answer = caller.get("/api/pending")
    known = [str(one.get("id")) for name in ("pending", "running") for one in answer.get(name, ())]
    found = {one for one in known if named and one.startswith(named)}
    if ended and not found:
        answer = caller.get("/api/history", limit=MAX_LISTED)
        known = [str(one.get("reference")) for one in answer.get("entries", ())]
        found = {one for one in known if named and one.startswith(named)}
    if len(found) != 1:
        none = "no request of yours begins" if ended else "no request that waits begins"
        how = "several requests begin" if found else none
        where = "`pledgeway wallet pending`" + (" and `wallet history`" if ended else "")
        raise NoAnswer(REFUSED, "NOT_FOUND", f"{how} with {named!r}", f"see {where}")
    return found.pop()


@click.command("show", cls=WalletCommand)
@click.argument("identifier", metavar="ID")
@click.option("--amount", "chosen", type=AMOUNT, help=AMOUNT_HELP)
@with_wallet
def show(session: WalletSession, identifier: str, chosen: int | None) -> None:
    """Show one request: who asks, for what, what it would cost now, and what to look at first.

    ID is its id or the beginning of it. Of one that has ended it says how.

    \b
    Example:
      pledgeway wallet show 4f1c
    """

    def work(caller: Caller) -> Json:
        whole = whole_id(caller, identifier, ended=True)
        return caller.get(f"/api/requests/{whole}", amount=chosen)

    session.show(work, show_confirmation)


@click.command("approve", cls=WalletCommand)
@click.argument("identifier", metavar="ID")
@click.option("--amount", "chosen", type=AMOUNT, help=AMOUNT_HELP)
@click.option("--max-total", "total_max", type=AMOUNT, help=TOTAL_HELP)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_wallet
def approve(
    session: WalletSession, identifier: str, chosen: int | None, total_max: int | None, yes: bool
) -> None:
    """Approve exactly one payment, with this wallet's key.

    What is signed is shown first. It is compared with the request that the payee has signed, so
    that no page can have you sign anything else.

    \b
    Example:
      pledgeway wallet approve 4f1c
      pledgeway wallet approve 4f1c --amount 500 --max-total 510 --yes
    """
    wallet = session.load()
    caller = session.caller(wallet)
    try:
        whole = whole_id(caller, identifier)
        _pay(session, wallet, caller, _wanted(wallet, whole, chosen, total_max), yes)
    except NoAnswer as no:
        session.end(no)


@click.command("pay", cls=WalletCommand)
@click.argument("request", metavar="REQUEST|FILE")
@click.option("--amount", "chosen", type=AMOUNT, help=AMOUNT_HELP)
@click.option("--max-total", "total_max", type=AMOUNT, help=TOTAL_HELP)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_wallet
def pay(
    session: WalletSession, request: str, chosen: int | None, total_max: int | None, yes: bool
) -> None:
    """Pay a request that you have as text or as a file: brings it to your node and approves it.

    \b
    Example:
      pledgeway wallet pay invoice.txt
      pledgeway wallet pay invoice.txt --max-total 710 --yes
    """
    text = text_or_file(request, REQUEST_PREFIX, "payment request", 2 * MAX_REQUEST_BYTES)
    wallet = session.load()
    caller = session.caller(wallet)
    try:
        asked = from_text(text)
        hashed = request_hash(payee_signed(asked)[0])
        read_offered(asked, _now_us())
    except (WireFault, OfferFault) as fault:
        fail(UNUSABLE, f"wallet pay: {fault}: ask for it once more")
    try:
        whole = str(caller.post("/api/requests", {"request": text}).get("id", ""))
        _pay(session, wallet, caller, _wanted(wallet, whole, chosen, total_max, hashed), yes)
    except NoAnswer as no:
        session.end(no)


def _wanted(
    wallet: Wallet, whole: str, chosen: int | None, total_max: int | None, hashed: bytes = b""
) -> Wanted:
    try:
        identifier = bytes.fromhex(whole)
    except ValueError:
        fail(UNUSABLE, f"wallet: {whole[:40]!r} is no id: see `pledgeway wallet pending`")
    node = bytes.fromhex(wallet.node)
    return Wanted(identifier, wallet.name, wallet.origin, node, chosen, total_max, hashed)


def _pay(session: WalletSession, wallet: Wallet, caller: Caller, wanted: Wanted, yes: bool) -> None:
    """Looks, checks, asks, signs, and follows it to its end. NoAnswer."""
    place = f"/api/requests/{wanted.identifier.hex()}"
    told = caller.get(place, amount=wanted.amount)
    if not told.get("payable"):
        code, why = str(told.get("code") or told.get("phase")), str(told.get("why") or "")
        why = why or HOW_IT_STANDS.get(code, f"it is {code}")
        if told.get("amount_min") and wanted.amount is None:
            why = f"choose with --amount, {told['amount_min']} to {told.get('amount')}"
        raise NoAnswer(REFUSED, code, why, str(told.get("next_step") or ""))
    try:
        offer = check_offer(approval_bytes(told), asked_bytes(told), wanted, _now_us())
    except TooDear as fault:
        step = "nothing was signed; raise --max-total, or leave it"
        raise NoAnswer(REFUSED, "TOO_DEAR", str(fault), step) from fault
    except OfferFault as fault:
        step = "nothing was signed; do not trust this page, and tell its operator"
        raise NoAnswer(
            REFUSED, "OFFER_WRONG", f"what the node wants signed is wrong: {fault}", step
        ) from fault
    _consent(session, offer, told, yes)
    by = sign_approval(wallet.key, offer.approval).by
    assert isinstance(by, Proof)
    signed = {"approval": b64encode(offer.encoded).decode(), "signature": by.signature.hex()}
    answer = _followed(caller, place, caller.post(f"{place}/approve", signed))
    session.print(answer, show_confirmation)
    if answer.get("phase") != "COMMITTED":
        final = answer.get("final")
        line = "it was not paid, and nothing is held" if final else "it goes on at the node"
        fail(REFUSED if final else UNKNOWN, f"{line}: see `pledgeway wallet history`")


def _consent(session: WalletSession, offer: Offer, told: Json, yes: bool) -> None:
    if not session.as_json:
        show_offer(offer, told)
    if yes:
        return
    if session.as_json or not sys.stdin.isatty():
        fail(UNUSABLE, "wallet: nobody can be asked here: say --yes, and with it --max-total")
    if not click.confirm("Sign this?", default=False, err=True):
        fail(REFUSED, "nothing was signed; `pledgeway wallet deny` says no to who asks")


def _followed(
    caller: Caller, place: str, told: Json, pause: Callable[[float], Any] = time.sleep
) -> Json:
    """How it ended, or how it stands after a while. NoAnswer."""
    until_s = time.monotonic() + FOLLOWED_S
    while not told.get("final") and time.monotonic() < until_s:
        pause(PAUSE_S)
        told = caller.get(place)
    return told


def _now_us() -> int:
    return time.time_ns() // 1000


@click.command("deny", cls=WalletCommand)
@click.argument("identifier", metavar="ID")
@with_wallet
def deny(session: WalletSession, identifier: str) -> None:
    """Say no to a request: as if it had never been made.

    \b
    Example:
      pledgeway wallet deny 4f1c
    """

    def work(caller: Caller) -> Json:
        return caller.post(f"/api/requests/{whole_id(caller, identifier)}/deny")

    session.show(work, show_confirmation)


@click.command("ask", cls=WalletCommand)
@click.argument("amount", type=AMOUNT)
@click.argument("brand")
@click.option("--min", "least", type=AMOUNT, help="The payer chooses from this to AMOUNT.")
@click.option("--description", default="", help="What it is for; the payer sees it.")
@click.option(
    "--expires", "expires_s", type=SPAN, default="1h", show_default=True, help="As 15min, 2h, 7d."
)
@click.option("--out", type=PATH, help="Write the text to a new FILE.", metavar="FILE")
@with_wallet
def ask(
    session: WalletSession,
    amount: int,
    brand: str,
    least: int | None,
    description: str,
    expires_s: int,
    out: Path | None,
) -> None:
    """Ask for money: AMOUNT smallest units of BRAND, to your account. Prints the request's text.

    Whoever has the text can pay it, once, from any node.

    \b
    Example:
      pledgeway wallet ask 700 USD --description "One lamp" --out invoice.txt
    """
    require_new_file(out)
    given = {
        "amount": amount,
        "amount_min": least,
        "brand": brand,
        "description": description,
        "expires_s": expires_s,
    }
    known = {name: value for name, value in given.items() if value is not None}
    answer = session.ask(lambda caller: caller.post("/api/ask", known))
    text = str(answer.get("text", ""))
    if out is not None:
        try:
            write_new_file(out, text.encode() + b"\n")
        except OSError as error:
            click.echo(text)  # the request exists all the same
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    session.print(answer, lambda one: say(f"The payer says: pledgeway pay {out}" if out else text))
