"""Arguments of `request.create` for people: amounts to choose from, who asks, what it is for."""

from typing import Any, Final

from node.control.avoided import nodes_named
from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from proto.limits import MAX_ALIAS_CHARS, MAX_AMOUNT, US
from proto.money import Brand
from proto.request_parts import (
    HASH_BYTES,
    MAX_DOMAIN_CHARS,
    MAX_REFUND_CHARS,
    MAX_URL_CHARS,
    PERSON_BYTES,
    MandateTerms,
    Requester,
    is_domain,
    is_web_url,
)

MAX_MANDATE_S: Final = 10 * 366 * 86_400  # as the longest span that the command line takes


def take_amounts(arguments: Arguments, brand: Brand) -> dict[str, Any]:
    """`amount` alone, or with `amount_min` a range; `open`: any amount; `fees_by_payee` with
    `amount_min`: what has to arrive at least. As fields of a request. Raises BAD_ARGUMENT."""
    is_open = arguments.flag("open", False)
    fees_by_payee = arguments.flag("fees_by_payee", False)
    most = arguments.maybe_number("amount", 1)
    least = arguments.maybe_number("amount_min", 1)
    if is_open:
        if most is not None or least is not None or fees_by_payee:
            raise bad_argument("open", "leaves no room for amount, amount_min or fees_by_payee")
        return {"amount": MAX_AMOUNT // brand.unit * brand.unit, "amount_min": brand.unit}
    if most is None:
        raise bad_argument("amount", "missing")
    for name, value in (("amount", most), ("amount_min", least or 0)):
        if value % brand.unit:
            raise bad_argument(name, f"must be a multiple of {brand.unit} {brand.name}")
    if (least or 0) > most:
        raise bad_argument("amount_min", f"must not be more than amount, {most} {brand.name}")
    if fees_by_payee and least is None:
        raise bad_argument("amount_min", "missing: where you bear the fees, say how much is left")
    return {"amount": most, "amount_min": least or 0, "fees_by_payee": fees_by_payee}


def take_parts(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The fields of a request that only people read, as far as they are given; hashes, keys and
    nonces in hex. Spans of a `mandate` are in seconds from now. Raises BAD_ARGUMENT."""
    found = {
        name: _hex(arguments, name, size)
        for name, size in (
            ("order_hash", HASH_BYTES),
            ("exchange", HASH_BYTES),
            ("retry_of", HASH_BYTES),
            ("under", HASH_BYTES),
            ("session_nonce", HASH_BYTES),
            ("person", PERSON_BYTES),
        )
    }
    return found | {
        "domain": _domain(arguments),
        "refund_to": _text(arguments, "refund_to", MAX_REFUND_CHARS),
        "audience": _audience(context, arguments),
        "requester": _requester(arguments.mapping("requester")),
        "mandate": _mandate(context, arguments.mapping("mandate")),
    }


def _hex(arguments: Arguments, name: str, size: int) -> bytes:
    text = arguments.text(name, "")
    return _bytes(text, name, size) if text else b""


def _bytes(text: str, name: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or len(text) != 2 * size:
        raise bad_argument(name, f"must be {2 * size} hex digits")
    return data


def _text(arguments: Arguments, name: str, most: int) -> str:
    text = arguments.text(name, "")
    if len(text) > most or not text.isprintable():
        raise bad_argument(name, f"at most {most} printable characters")
    return text


def _domain(arguments: Arguments) -> str:
    text = _text(arguments, "domain", MAX_DOMAIN_CHARS)
    if text and not is_domain(text):
        raise bad_argument("domain", "a host name in small ASCII letters, as shop.example")
    return text


def _audience(context: Context, arguments: Arguments) -> bytes:
    """The node that may pay it: by its whole id, which need not be known here, or as `pay --avoid`
    names nodes."""
    text = arguments.text("audience", "")
    if not text:
        return b""
    if len(text) == 2 * HASH_BYTES:
        return _bytes(text, "audience", HASH_BYTES)
    found = nodes_named(context)(text)
    if len(found) != 1:
        how = "several nodes are" if found else "no node is"
        raise bad_argument("audience", f"{how} called {text!r}: its whole id says it for certain")
    return found[0]


def _requester(given: dict[str, Any] | None) -> Requester | None:
    if given is None:
        return None
    asked = Arguments(given)
    key = _bytes(asked.text("key"), "requester.key", HASH_BYTES)
    name = _text(asked, "name", MAX_ALIAS_CHARS)
    urls = {}
    for which in ("notify_url", "return_url"):
        urls[which] = _text(asked, which, MAX_URL_CHARS)
        if urls[which] and not is_web_url(urls[which]):
            raise bad_argument(f"requester.{which}", "an http or https URL without #fragment")
    asked.done()
    return Requester(key, name, **urls)


def _mandate(context: Context, given: dict[str, Any] | None) -> MandateTerms | None:
    if given is None:
        return None
    asked = Arguments(given)
    caps = [asked.number(name, least=1) for name in ("per_payment", "per_period", "total")]
    period_s = asked.number("period_s", least=1, most=MAX_MANDATE_S)
    lasts_s = asked.number("lasts_s", least=1, most=MAX_MANDATE_S)
    asked.done()
    if not caps[0] <= caps[1] <= caps[2]:
        raise bad_argument("mandate", "per_payment, per_period and total must not shrink")
    until_us = context.clock.now_us() + lasts_s * US
    return MandateTerms(caps[0], period_s * US, caps[1], caps[2], until_us)
