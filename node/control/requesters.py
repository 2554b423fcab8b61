"""Verbs about who may ask in others' names: their keys, and the URLs that are used for each."""

from functools import partial
from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.notices import NOTICE, WAY_BACK, urls_of
from node.core.people.rows import KnownRequester
from proto.limits import MAX_ALIAS_CHARS
from proto.request_parts import MAX_URL_CHARS, is_web_url

KEY_BYTES: Final = 32
MAX_URLS: Final = 32  # of one use: a shop with its branches
LEAST_DIGITS: Final = 4


def requester_json(row: KnownRequester) -> dict[str, Any]:
    """A requester as every answer shows it."""
    return {
        "key": row.key_id.hex(),
        "name": row.name,
        "notify": sorted(urls_of(row, NOTICE)),
        "return": sorted(urls_of(row, WAY_BACK)),
        "added_at_us": row.added_at_us,
        "ended_at_us": row.ended_at_us,
    }


async def add(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Enters a key, or changes what is entered for it; one that had ended may ask again."""
    key = _key(arguments.text("key"))
    name = arguments.text("name", most=MAX_ALIAS_CHARS)
    notify, way_back = (arguments.texts(use, MAX_URLS) or [] for use in (NOTICE, WAY_BACK))
    arguments.done()
    if not name or not name.isprintable():
        raise bad_argument("name", "one to 64 printable characters")
    for url in (*notify, *way_back):
        _check_url(context, url)
    lines = (f"{NOTICE} {url}" for url in notify), (f"{WAY_BACK} {url}" for url in way_back)
    urls = "\n".join(line for of_use in lines for line in of_use)
    known = context.engine.memory.row((KnownRequester.table, key, b""))
    if isinstance(known, KnownRequester):
        row = replace(known, name=name, urls=urls, ended_at_us=0)
    else:
        row = KnownRequester(key, name, urls, context.clock.now_us())
    await context.do(partial(KeepRow, row=row))
    return requester_json(row)


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise bad_argument("key", "64 hex digits") from error
    if len(key) != KEY_BYTES:
        raise bad_argument("key", "64 hex digits")
    return key


def _check_url(context: Context, url: str) -> None:
    if len(url) > MAX_URL_CHARS or not is_web_url(url):
        raise bad_argument("url", f"{url[:80]!r} is no URL of the web")
    if not url.startswith("https:") and not context.page.private_calls:
        raise bad_argument("url", f"{url[:80]!r}: only https, unless page.private_calls is set")


async def list_requesters(context: Context, arguments: Arguments) -> dict[str, Any]:
    """All that may ask, and those that may no more."""
    arguments.done()
    rows = sorted(context.engine.memory.owned(KnownRequester), key=lambda r: (r.name, r.key_id))
    return {"requesters": [requester_json(row) for row in rows]}


async def end(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A requester asks as any stranger from now on: nothing is sent to its URLs."""
    row = _find(context, arguments.text("named"))
    arguments.done()
    ended = row if row.ended_at_us else replace(row, ended_at_us=context.clock.now_us())
    await context.do(partial(KeepRow, row=ended))
    return requester_json(ended)


def _find(context: Context, named: str) -> KnownRequester:
    digits = named.lower() if len(named) >= LEAST_DIGITS else "?"
    found = [
        row
        for row in context.engine.memory.owned(KnownRequester)
        if row.name == named or row.key_id.hex().startswith(digits)
    ]
    if not found:
        raise ControlFailure(
            "NOT_FOUND", f"no requester is called {named!r}", "see `pledgeway requester list`"
        )
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"{len(found)} requesters match {named!r}", "give more digits of its key"
        )
    return found[0]


VERBS: Final = {
    "requester.add": add,
    "requester.list": list_requesters,
    "requester.end": end,
}
