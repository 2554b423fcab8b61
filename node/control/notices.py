"""Verbs about word to requesters: which notices there were, and saying one again."""

from functools import partial
from heapq import nlargest
from typing import Any, Final

from node.control.beginning import Beginning
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.core.people.events import NoticeAgain
from node.core.people.rows import Notice

DEFAULT_LISTED: Final = 50
MAX_LISTED: Final = 1000  # some 300 bytes each


def notice_json(row: Notice) -> dict[str, Any]:
    """A notice as every answer shows it. `tries`: after the first one; `next_at_us`: of the next
    try, 0 where none follows."""
    return {
        "id": row.id.hex(),
        "of": row.phase.name,
        "url": row.url,
        "state": _state(row),
        "tries": row.tries,
        "created_at_us": row.created_at_us,
        "next_at_us": 0 if row.ended_at_us else row.next_at_us,
        "ended_at_us": row.ended_at_us,
    }


def _state(row: Notice) -> str:
    if not row.ended_at_us:
        return "FAILING" if row.tries else "WAITING"
    return "DELIVERED" if row.delivered else "GIVEN_UP"


async def list_notices(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The newest ones; `failed`: only those that nobody has taken yet, after a try or more."""
    failed = arguments.flag("failed", False)
    limit = arguments.number("limit", DEFAULT_LISTED, 1, MAX_LISTED)
    arguments.done()
    rows = context.engine.memory.owned(Notice)
    found = [r for r in rows if not failed or _state(r) in ("FAILING", "GIVEN_UP")]
    newest = nlargest(limit, found, key=lambda r: (r.created_at_us, r.id))
    return {"notices": [notice_json(row) for row in newest]}


async def again(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Says one now, and then as if it were new: under its old id."""
    row = _find(context, arguments.text("id"))
    arguments.done()
    await context.do(partial(NoticeAgain, notice=row.id))
    return notice_json(_find(context, row.id.hex()))


def _find(context: Context, named: str) -> Notice:
    beginning = Beginning.of(named)
    rows = context.engine.memory.owned(Notice)
    found = [row for row in rows if beginning and beginning.begins(row.id)]
    if not found:
        step = "see `pledgeway requester notices`"
        raise ControlFailure("NOT_FOUND", f"no notice is called {named!r}", step)
    if len(found) > 1:
        what = f"{len(found)} notices match {named!r}"
        raise ControlFailure("AMBIGUOUS", what, "give more digits of its id")
    return found[0]


VERBS: Final = {"notices.list": list_notices, "notices.again": again}
