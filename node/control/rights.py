"""Verbs about rights: what registrars keep, as they have described it to this node."""

from functools import partial
from typing import Any, Final

from node.control.contacts import card_of, exchange_of, find_card
from node.control.context import Context, store
from node.control.failure import Arguments, ControlFailure
from node.core.escrow.events import KeepRow
from node.core.escrow.rows import Account, KnownRight
from node.escrow.account_keeper import called, check_keeper
from node.escrow.sweeping import forget_rows
from proto.card import NodeCard, read_card
from proto.escrow.rights import Right, read_right
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault

FORGET_TRIES: Final = 3
MAX_LEARNED: Final = 1000  # descriptions taken from one registrar in one call


def right_json(context: Context, row: KnownRight | Account) -> dict[str, Any]:
    """A right as every answer shows it."""
    right = read_right(row.right)
    return {
        "brand": right.brand.guid.hex(),
        "name": right.brand.name,
        "type": right.kind,
        "attributes": right.attributes,
        "lot": right.brand.unit,
        "supply": right.supply,
        "registrar": right.registrar.hex(),
        "registrar_alias": read_card(row.card, context.clock.now_us()).alias,
        "fee_rate": str(right.fee.rate),
        "fee_flat": right.fee.flat,
        "vetting": right.vetting.name,
        "registries": [context.policy_name(policy) for policy in right.policies],
        "longest_lock_us": right.longest_lock_us,
    }


async def learn(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes a registrar's descriptions of its rights, so that proposals can name them."""
    named = arguments.text("card")
    kind, attributes = arguments.text("type", ""), arguments.text("attributes", "")
    arguments.done()
    text = find_card(context, named, "card")
    card = card_of(context, text, "card")
    asked = pb.DescribeRequest(type=kind, attributes=attributes)
    rows, more = await described(context, card, text, asked)
    for row in rows:
        await context.do(partial(KeepRow, row=row))
    return {"rights": [right_json(context, row) for row in rows], "more": more}


async def described(
    context: Context, card: NodeCard, text: str, asked: pb.DescribeRequest
) -> tuple[list[KnownRight], bool]:
    """A registrar's rights in its own words, verified, and whether it has more. ControlFailure."""
    ways, rows, now_us = exchange_of(context).ways, list[KnownRight](), context.clock.now_us()
    while len(rows) < MAX_LEARNED:
        reply = await called(card, ways.describe(card, asked))
        for envelope in reply.rights:
            signed = envelope.SerializeToString()
            right = _checked(card, signed)
            known = context.engine.memory.row((KnownRight.table, right.brand.guid, b""))
            check_keeper(known, right, card.alias)
            rows.append(KnownRight(right.brand.guid, signed, text, now_us))
            asked.after = right.brand.guid
        if not reply.more or not reply.rights:
            return rows, False
    return rows, True


def _checked(card: NodeCard, signed: bytes) -> Right:
    try:
        right = read_right(signed)
    except WireFault as fault:
        raise ControlFailure(
            "BAD_ANSWER", f"{card.alias} describes a right badly: {fault}"
        ) from fault
    if right.registrar != card.node:
        raise ControlFailure("BAD_ANSWER", f"{card.alias} describes a right of another registrar")
    return right


async def list_rights(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Descriptions that this node has been given."""
    kind = arguments.text("type", "")
    arguments.done()
    rows = sorted(context.engine.memory.owned(KnownRight), key=lambda row: row.brand)
    shown = [right_json(context, row) for row in rows]
    return {"rights": [one for one in shown if kind in ("", one["type"])]}


async def forget(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Lets go of a description, by its brand or its name. Accounts of it stay, with their own."""
    named = arguments.text("brand")
    arguments.done()
    rows = sorted(context.engine.memory.owned(KnownRight), key=lambda row: row.brand)
    found = [
        row
        for row in rows
        if named in (row.brand.hex(), read_right(row.right).brand.name) and named
    ]
    if len(found) != 1:
        code, many = ("AMBIGUOUS", len(found)) if found else ("NOT_FOUND", "no")
        cause = f"{many} rights are called {named!r}"
        raise ControlFailure(code, cause, "`pledgeway rights list` shows the ids of their brands")
    engine, row = context.engine, found[0]
    for _ in range(FORGET_TRIES):
        gone = engine.memory.row(row.key)
        if gone is None:
            break
        # One that was learned again in this very moment is written first, and forgotten then.
        await store(engine.work(partial(forget_rows, engine.memory, [gone])))
    else:
        raise ControlFailure("BUSY", "it is being learned again", "try again once that is over")
    return right_json(context, row)
