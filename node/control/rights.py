"""Verbs of who owns rights: what registrars keep, accounts there, and what is in them."""

from functools import partial
from hashlib import blake2b
from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.escrow.events import KeepRow
from node.core.escrow.rows import Account, KnownRight
from node.escrow.exchange import Exchange
from proto.card import NodeCard, read_card
from proto.escrow.batch import Asked, BatchReply, OpBatch, OpenAccount, read_reply, sign_asked
from proto.escrow.ops import Look
from proto.escrow.rights import Right, read_right
from proto.keys import NodeId
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault
from runtime.rpc_client import RpcError

MAX_LEARNED: Final = 1000  # descriptions taken from one registrar in one call


def exchange_of(context: Context) -> Exchange:
    """The daemon's part in exchanges."""
    assert context.exchange is not None
    return context.exchange


def card_of(context: Context, text: str, name: str) -> NodeCard:
    """A card that somebody typed, with a service address in it."""
    try:
        card = read_card(text, context.clock.now_us())
    except WireFault as fault:
        raise bad_argument(name, str(fault)) from fault
    if not card.service:
        raise ControlFailure(
            "NO_SERVICE",
            f"the card of {card.alias} names no address for exchanges",
            "ask for one of a node that has [escrow] listen in its config.toml",
        )
    return card


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
        "longest_lock_us": right.longest_lock_us,
    }


def account_json(context: Context, row: Account) -> dict[str, Any]:
    """An account of ours, without its capabilities."""
    return right_json(context, row) | {
        "account": row.account.hex(),
        "label": row.slot[16:].decode(),
        "may_transfer": bool(row.terms),
        "opened_at_us": row.opened_at_us,
    }


async def learn(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes a registrar's descriptions of its rights, so that proposals can name them."""
    text = arguments.text("card")
    kind, attributes = arguments.text("type", ""), arguments.text("attributes", "")
    arguments.done()
    card = card_of(context, text, "card")
    rows = await _described(
        context, card, text, pb.DescribeRequest(type=kind, attributes=attributes)
    )
    for row in rows:
        await context.do(partial(KeepRow, row=row))
    return {"rights": [right_json(context, row) for row in rows]}


async def _described(
    context: Context, card: NodeCard, text: str, asked: pb.DescribeRequest
) -> list[KnownRight]:
    ways, rows, now_us = exchange_of(context).ways, list[KnownRight](), context.clock.now_us()
    while len(rows) < MAX_LEARNED:
        reply = await _called(card, ways.describe(card, asked))
        for envelope in reply.rights:
            signed = envelope.SerializeToString()
            right = _checked(card, signed)
            known = context.engine.memory.row((KnownRight.table, right.brand.guid, b""))
            check_keeper(known, right, card.alias)
            rows.append(KnownRight(right.brand.guid, signed, text, now_us))
            asked.after = right.brand.guid
        if not reply.more or not reply.rights:
            break
    return rows


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


def check_keeper(known: object, right: Right, alias: str) -> None:
    """Raises ControlFailure where a description would replace another registrar's of the same GUID.

    Anybody may repeat a GUID. Exchanges that name a right by it alone would then be about the other
    registrar's. `known`: the row of this GUID, if there is one.
    """
    if not isinstance(known, KnownRight):
        return
    keeper = read_right(known.right).registrar
    if keeper != right.registrar:
        raise ControlFailure(
            "GUID_TAKEN",
            f"{alias} describes a right {right.brand.guid.hex()} that node {keeper.hex()} keeps",
            "one of the two took the other's GUID; the description that came first stays",
        )


async def _called(card: NodeCard, answer: Any) -> Any:
    try:
        return await answer
    except RpcError as error:
        raise ControlFailure(
            "UNREACHABLE",
            f"{card.alias} does not answer at {card.service}: {error}",
            "see whether it runs, and try again: the same thing is never done twice",
        ) from error


async def list_rights(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Descriptions that this node has been given."""
    arguments.done()
    rows = sorted(context.engine.memory.owned(KnownRight), key=lambda row: row.brand)
    return {"rights": [right_json(context, row) for row in rows]}


async def open_account(context: Context, arguments: Arguments) -> dict[str, Any]:
    """An account for a brand at a registrar that lets us open one by ourselves.

    Its capabilities are made from our own key: asked again after a crash they are the same.
    """
    text, named = arguments.text("card"), arguments.text("brand")
    arguments.done()
    card = card_of(context, text, "card")
    known = await _find(context, card, text, named)
    right, brand = read_right(known.right), known.brand
    secret = partial(_secret, context, card.node, brand)
    asked = OpenAccount(
        sender=context.identity.node,
        receiver=card.node,
        id=secret(b"open-id")[:16],
        sent_at_us=context.clock.now_us(),
        brand=brand,
        new_account=secret(b"account-cap"),
        new_terms=secret(b"terms-cap"),
    )
    reply = await asked_of(context, card, asked)
    account = reply.results[0]
    terms = asked.new_terms if len(reply.results) > 1 else b""
    row = Account(
        registrar=card.node,
        slot=brand,
        account=account.account,
        brand=right.brand,
        capability=asked.new_account,
        terms=terms,
        card=text,
        right=known.right,
        opened_at_us=asked.sent_at_us,
    )
    await context.do(partial(KeepRow, row=known))
    await context.do(partial(KeepRow, row=row))
    return account_json(context, row)


def _secret(context: Context, registrar: NodeId, brand: bytes, person: bytes) -> bytes:
    key = context.identity.key.seed
    return blake2b(registrar + brand, digest_size=32, key=key, person=person).digest()


async def _find(context: Context, card: NodeCard, text: str, named: str) -> KnownRight:
    rows = await _described(context, card, text, pb.DescribeRequest())
    found = [
        row for row in rows if row.brand.hex() == named or read_right(row.right).brand.name == named
    ]
    if not found:
        raise ControlFailure(
            "NOT_FOUND",
            f"{card.alias} keeps no right called {named!r}",
            "`pledgeway rights learn CARD` lists what it keeps",
        )
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"{len(found)} rights are called {named!r}", "give the id"
        )
    return found[0]


async def asked_of(context: Context, card: NodeCard, asked: Asked) -> BatchReply:
    """A registrar's answer. ControlFailure where it refuses, or says nothing."""
    ways, signed = exchange_of(context).ways, sign_asked(context.identity.key, asked)
    call = ways.batch if isinstance(asked, OpBatch) else ways.open_account
    try:
        reply = read_reply(await _called(card, call(card, signed)), asked)
    except WireFault as fault:
        raise ControlFailure("BAD_ANSWER", f"{card.alias} answers badly: {fault}") from fault
    if reply.refusal is not None:
        refusal = reply.refusal
        raise ControlFailure(refusal.error.name, f"{card.alias} refuses", figure=refusal.figure)
    return reply


async def list_accounts(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Our accounts. `balances`: each registrar is asked; one that does not answer shows none."""
    balances = arguments.flag("balances", True)
    arguments.done()
    rows = sorted(context.engine.memory.owned(Account), key=lambda row: row.key)
    found = []
    for row in rows:
        told: dict[str, Any] = await _balance(context, row) if balances else {}
        found.append(account_json(context, row) | told)
    return {"accounts": found}


async def _balance(context: Context, row: Account) -> dict[str, Any]:
    card = read_card(row.card, context.clock.now_us())
    me, now_us = context.identity.node, context.clock.now_us()
    ops = (Look(row.capability),)
    asked = OpBatch(me, row.registrar, context.entropy(16), now_us, ops)
    try:
        reply = await asked_of(context, card, asked)
    except ControlFailure as failure:
        return {"balance": None, "why": failure.code}
    return {"balance": reply.results[0].amount}
