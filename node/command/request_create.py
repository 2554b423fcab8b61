"""`pledgeway request create`: a signed request to be paid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from node.command.argument_types import (
    AMOUNT,
    LEVEL,
    LEVELS,
    PATH,
    SPAN,
    require_new_file,
    write_new_file,
)
from node.command.display import Json, say
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.request_view import show_request
from node.command.session import Session, with_node

LAST_LEVEL_HELP: Final = f"Level to take: {', '.join(LEVELS)}; repeatable.  [default: any]"
# What the node is told in the words of the command line, where it was given.
_PARTS: Final = (
    *("domain", "order_hash", "refund_to", "retry_of", "under", "audience", "session_nonce"),
)
MANDATE_PARTS: Final = 5
# What an exchange leaves no choice of.
_SAID_BY_EXCHANGE: Final = (
    *("most", "least", "is_open", "fees_by_payee", "last_levels", "registries", "no_registry"),
    *("manual", "under", "mandate"),
)


class MandateType(click.ParamType[dict[str, int]]):
    """Caps of a standing approval: most of one payment, period, most in it, most of all, how long
    it lasts."""

    name = "mandate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        parts = str(value).split(",")
        if len(parts) != MANDATE_PARTS:
            self.fail(f"{value!r} has not five parts, as 500,1d,2000,20000,90d", param, ctx)
        names = ("per_payment", "period_s", "per_period", "total", "lasts_s")
        kinds = (AMOUNT, SPAN, AMOUNT, AMOUNT, SPAN)
        return {
            name: kind.convert(part, param, ctx)
            for name, kind, part in zip(names, kinds, parts, strict=True)
        }


@click.command("create", cls=TaughtCommand)
@click.argument("what", nargs=-1, metavar="[AMOUNT] BRAND")
@click.option(
    "--for-exchange",
    metavar="ID",
    help="Ask for what this exchange pays you: the goods come in the same decision.",
)
@click.option("--max", "most", type=AMOUNT, metavar="B", help="Take at most B; as AMOUNT.")
@click.option(
    "--min",
    "--least",
    "least",
    type=AMOUNT,
    metavar="A",
    help="Let the payer choose from A on. With --fees-by-payee: what has to arrive.",
)
@click.option("--open", "is_open", is_flag=True, help="Let the payer choose any amount.")
@click.option("--fees-by-payee", is_flag=True, help="The payer sends AMOUNT in all; needs --least.")
@click.option("--description", default="", help="What it is for; the payer sees it.")
@click.option(
    "--expires", "expires_s", type=SPAN, default="1h", show_default=True, help="As 15min, 2h, 7d."
)
@click.option(
    "--deadline",
    "deadline_s",
    type=SPAN,
    default="1min",
    show_default=True,
    help="How long a payment that begins in time may take; at least 10s.",
)
@click.option("--last-level", "last_levels", type=LEVEL, multiple=True, help=LAST_LEVEL_HELP)
@click.option(
    "--registry",
    "--policy",
    "registries",
    multiple=True,
    metavar="R",
    help="Registry, or policy of several (`node policy`), to use; repeatable.",
)
@click.option("--no-registry", is_flag=True, help="Use no registry.")
@click.option("--manual", is_flag=True, help="Sign only after `request confirm`.")
@click.option("--domain", metavar="NAME", help="Your domain; payers look up whether it names you.")
@click.option("--order-hash", metavar="HEX", help="SHA-256 of the basket or of its terms.")
@click.option("--refund-to", metavar="TEXT", help="Where the payer turns for money back.")
@click.option("--retry-of", metavar="HASH", help="Request hash of one that was not paid.")
@click.option("--under", metavar="HASH", help="Request hash that a standing approval came from.")
@click.option("--audience", metavar="NODE", help="The only node that may pay it.")
@click.option("--session-nonce", metavar="HEX", help="32 bytes of the browser session it is for.")
@click.option(
    "--requester",
    metavar="KEY:NAME",
    help="Who asks in your name, and has to sign as well: `request countersign`.",
)
@click.option("--notify-url", metavar="URL", help="Where the requester is told of the outcome.")
@click.option("--return-url", metavar="URL", help="Where the payer goes back to.")
@click.option(
    "--mandate",
    type=MandateType(),
    metavar="P,SPAN,S,T,SPAN",
    help="Ask for a standing approval: most of one payment, of each period, of all, and its life.",
)
@click.option("--out", type=PATH, help="Write the text to a new FILE.", metavar="FILE")
@with_node
def create(session: Session, /, what: Sequence[str], out: Path | None, **given: Any) -> None:
    """Ask for AMOUNT smallest units of BRAND.

    The payer may be let choose the amount, from --min to --max, or any with --open; with
    --fees-by-payee it sends AMOUNT in all, and you get what the fees leave.

    Any registry and any policy that the node accepts may decide, unless --registry, --policy or
    --no-registry narrows that; any level may come last, unless --last-level does.

    \b
    Example:
      pledgeway request create 700 USD
      pledgeway request create 700 USD --expires 15min --last-level ATOMIC --out invoice.txt
      pledgeway request create USD --min 100 --max 5000 --description "For the fire brigade"
      pledgeway request create USD --open
      pledgeway request create 700 USD --fees-by-payee --least 680
      pledgeway request create 700 USD --mandate 500,1d,2000,20000,90d
      pledgeway request create --for-exchange 9c41 --description "A lamp, for your wall"

    --for-exchange asks for the leg of money that the exchange (`escrow propose`) pays to this node:
    its amount and brand, for as long as seats can be taken. Whoever approves it takes the seat that
    pays, and gets the goods if and only if the money is paid.
    """
    if given["no_registry"] and given["registries"]:
        fail(UNUSABLE, "request create: --registry and --no-registry exclude each other")
    require_new_file(out)
    exchange = given["for_exchange"]
    arguments = _arguments(what, given) if exchange is None else _in_exchange(what, given)
    answer = session.ask("request.create", arguments)
    text = str(answer.value.get("text", ""))
    if out is not None:
        try:
            write_new_file(out, text.encode() + b"\n")
        except OSError as error:
            # The request exists all the same: its text must not be lost.
            click.echo(text)
            fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")
    signs_too = given["requester"] is not None
    session.print(answer, lambda one: _show_created(one, out, signs_too=signs_too))


def _arguments(what: Sequence[str], given: Json) -> dict[str, Any]:
    """For the node: what was not given is not said."""
    if not what:
        _unusable("how much of what? Say AMOUNT BRAND, or --for-exchange ID")
    amounts, brand = _amounts(what, given)
    more = _parts(given)
    if given["mandate"] is not None:
        more["mandate"] = given["mandate"]
    return {
        **amounts,
        "brand": brand,
        "description": given["description"],
        "expires_s": given["expires_s"],
        "deadline_s": given["deadline_s"],
        "last_levels": list(given["last_levels"]),
        "registries": [] if given["no_registry"] else list(given["registries"]) or None,
        "manual": given["manual"],
        **more,
    }


def _parts(given: Json) -> dict[str, Any]:
    more = {name: given[name] for name in _PARTS if given[name] is not None}
    requester = _requester(given)
    return more if requester is None else {**more, "requester": requester}


def _in_exchange(what: Sequence[str], given: Json) -> dict[str, Any]:
    """The exchange says what is paid, how and until when; the rest is for people."""
    if what or any(given[name] for name in _SAID_BY_EXCHANGE):
        _unusable("--for-exchange says what is paid and how: leave that to it")
    return {
        "for_exchange": given["for_exchange"],
        "description": given["description"],
        **_parts(given),
    }


def _amounts(what: Sequence[str], given: Json) -> tuple[dict[str, Any], str]:
    *before, brand = what
    most, least = given["most"], given["least"]
    if len(before) > 1:
        _unusable("AMOUNT and BRAND are all that stands without an option")
    if before:
        if most is not None:
            _unusable("AMOUNT and --max are the same thing: give one of them")
        most = AMOUNT.convert(before[0], None, click.get_current_context())
    if given["is_open"]:
        if most is not None or least is not None or given["fees_by_payee"]:
            _unusable("--open takes any amount: leave AMOUNT, --min, --max and the fees away")
        return {"open": True}, brand
    if most is None:
        _unusable("how much? Say AMOUNT BRAND, --min A --max B, or --open")
    if given["fees_by_payee"] and least is None:
        _unusable("--fees-by-payee needs --least A: what has to arrive")
    if least is not None and least > most:
        _unusable(f"at least {least} is more than at most {most}")
    amounts = {"amount": most} | ({} if least is None else {"amount_min": least})
    return amounts | ({"fees_by_payee": True} if given["fees_by_payee"] else {}), brand


def _requester(given: Json) -> dict[str, str] | None:
    urls = {name: given[name] for name in ("notify_url", "return_url") if given[name] is not None}
    if given["requester"] is None:
        if urls:
            _unusable("--notify-url and --return-url are the requester's: name it by --requester")
        return None
    key, _, name = str(given["requester"]).partition(":")
    return {"key": key, "name": name, **urls}


def _unusable(why: str) -> NoReturn:
    fail(UNUSABLE, f"request create: {why}")


def _show_created(one: Json, out: Path | None, *, signs_too: bool) -> None:
    if out is None:
        say(str(one.get("text")))
        return
    show_request(one)
    if signs_too:
        say(f"The requester says: pledgeway request countersign {out} --key FILE")
        return
    say(f"The payer says: pledgeway pay {out}")
