"""Verbs about neighbours and lines of credit."""

from functools import partial
from typing import Any, Final

import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.peers import card_of, meet
from node.core.events import AcceptLine, ChangeLimit, CloseLine, OfferLine
from node.core.rows import Line, LinePhase
from proto.card import PATHFINDER_CARD_PREFIX, NodeCard

MAX_WAIT_S: Final = 600  # longer than that a person comes back


def line_json(context: Context, line: Line) -> dict[str, Any]:
    """One line as every answer shows it. Amounts in smallest units."""
    return {
        "id": line.id.hex(),
        "peer": line.peer.hex(),
        "alias": context.alias_of(line.peer),
        "brand": line.brand.name,
        "brand_id": line.brand.guid.hex(),
        "phase": line.phase.name,
        "granted": line.limit_in,
        "received": line.limit_out,
        "balance": line.balance,
        "available": max(0, line.available_out),
        "available_in": max(0, line.available_in),
        "pending_out": line.pending_out,
        "pending_in": line.pending_in,
        "count_out": line.count_out,
        "count_in": line.count_in,
        "connected": context.engine.memory.connected(line.peer),
    }


def _card(context: Context, arguments: Arguments) -> NodeCard:
    text = arguments.text("card")
    if text.strip().startswith(PATHFINDER_CARD_PREFIX):
        raise bad_argument("card", "a path finder has no lines: see `pledgeway node peer add`")
    return card_of(context, text)


async def offer(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Offers a line to the node of a card; it is open once that node accepts."""
    card = _card(context, arguments)
    brand = context.find_brand(arguments.text("brand"), arguments.number("unit", 1, 1))
    limit = arguments.number("limit")
    arguments.done()
    await meet(context, card)
    line = context.entropy(16)
    await context.do(partial(OfferLine, line=line, peer=card.node, brand=brand, limit=limit))
    return line_json(context, context.find_line(line.hex()))


async def accept(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Accepts a line: of a card (waits for its offer to arrive), or one already offered."""
    named = arguments.maybe_text("line")
    card = _card(context, arguments) if named is None else None
    limit = arguments.number("limit")
    wait_s = arguments.number("wait_s", 30, 0, MAX_WAIT_S)
    arguments.done()
    if card is not None:
        await meet(context, card)
        line = await _asked_by(context, card, wait_s)
    else:
        assert named is not None
        line = context.find_line(named)
    await context.do(partial(AcceptLine, line=line.id, limit=limit))
    context.advertise()
    return line_json(context, context.find_line(line.id.hex()))


async def _asked_by(context: Context, card: NodeCard, wait_s: int) -> Line:
    """The line that the node of the card has offered, or has open with us already."""
    arrived: Line | None = None
    news = trio.Event()

    def look() -> Line | None:
        for line in context.engine.memory.lines_with(card.node):
            if line.phase in (LinePhase.ASKED, LinePhase.OPEN):
                return line
        return None

    stop = context.engine.listen(lambda _: news.set())
    try:
        with trio.move_on_after(wait_s):
            while (arrived := look()) is None:
                await news.wait()
                news = trio.Event()
    finally:
        stop()
    if arrived is None:
        raise ControlFailure(
            "NOT_FOUND",
            f"{card.alias} has offered no line within {wait_s} s",
            f"ask its owner to run `pledgeway line offer` with your card; check that "
            f"{card.address or 'its address'} can be reached",
        )
    return arrived


async def set_limit(context: Context, arguments: Arguments) -> dict[str, Any]:
    line = context.find_line(arguments.text("line"))
    limit = arguments.number("limit")
    arguments.done()
    await context.do(partial(ChangeLimit, line=line.id, limit=limit))
    context.advertise()
    return line_json(context, context.find_line(line.id.hex()))


async def close(context: Context, arguments: Arguments) -> dict[str, Any]:
    line = context.find_line(arguments.text("line"))
    arguments.done()
    await context.do(partial(CloseLine, line=line.id))
    context.advertise()
    return line_json(context, context.find_line(line.id.hex()))


async def list_lines(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    lines = sorted(context.lines, key=lambda x: (context.alias_of(x.peer), x.brand.name, x.id))
    return {"lines": [line_json(context, line) for line in lines]}


async def balance(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Sums per brand over all lines, closed ones included: what is owed stays owed."""
    arguments.done()
    brands: dict[bytes, dict[str, Any]] = {}
    for line in context.lines:
        entry = brands.setdefault(
            line.brand.guid,
            {
                "brand": line.brand.name,
                "brand_id": line.brand.guid.hex(),
                "balance": 0,
                "owed_to_us": 0,
                "owed_by_us": 0,
                "pending_in": 0,
                "pending_out": 0,
                "can_pay": 0,
                "can_receive": 0,
            },
        )
        entry["balance"] += line.balance
        entry["owed_to_us"] += max(0, line.balance)
        entry["owed_by_us"] += max(0, -line.balance)
        entry["pending_in"] += line.pending_in
        entry["pending_out"] += line.pending_out
        if line.phase is LinePhase.OPEN:
            entry["can_pay"] += max(0, line.available_out)
            entry["can_receive"] += max(0, line.available_in)
    return {"brands": sorted(brands.values(), key=lambda b: (b["brand"], b["brand_id"]))}
