"""Verbs of who owns rights: accounts at registrars, and what is in them."""

from functools import partial
from typing import Any, Final

from node.control.contacts import card_of, exchange_of, find_card
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.rights import described, right_json
from node.core.escrow.events import KeepRow
from node.core.escrow.reading import registrar_card
from node.core.escrow.rows import Account, KnownRight
from node.escrow.account_keeper import check_keeper
from proto.card import NodeCard, read_card
from proto.escrow.batch import Asked, BatchReply
from proto.escrow.grant import Grant, open_grant
from proto.escrow.legs import Leg
from proto.escrow.proposal import Proposal
from proto.escrow.rights import Right, read_right
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault

GUID_BYTES: Final = 16
MAX_LABEL_CHARS: Final = 16


def account_json(context: Context, row: Account) -> dict[str, Any]:
    """An account of ours, without its capabilities."""
    return right_json(context, row) | {
        "account": row.account.hex(),
        "label": row.slot[GUID_BYTES:].decode(),
        "may_transfer": bool(row.terms),
        "opened_at_us": row.opened_at_us,
    }


def no_account(context: Context, leg: Leg, proposal: Proposal) -> ControlFailure:
    """To be raised: a seat of ours has no account for this leg of it."""
    assert leg.registrar is not None
    keeper = read_card(registrar_card(proposal, leg.registrar), proposal.created_at_us).alias
    name = proposal.described()[leg.brand].brand.name
    return ControlFailure(
        "ACCOUNT_UNKNOWN",
        f"leg {leg.no} needs an account for {name!r} at {keeper}",
        "say --open-accounts, or `pledgeway account import` a grant of its registrar",
        leg.no,
    )


async def open_account(context: Context, arguments: Arguments) -> dict[str, Any]:
    """An account for a brand at a registrar that lets us open one by ourselves."""
    named, brand = arguments.text("card"), arguments.text("brand")
    arguments.done()
    text = find_card(context, named, "card")
    card = card_of(context, text, "card")
    known = await _find(context, card, text, brand)
    return account_json(context, await exchange_of(context).accounts.open(card, known))


async def open_missing(context: Context, proposal: Proposal, seat: str) -> None:
    """Opens each account that a seat of ours lacks for its legs, where the registrar lets us."""
    await exchange_of(context).accounts.open_missing(proposal, seat)


def _known(context: Context, guid: bytes) -> object:
    return context.engine.memory.row((KnownRight.table, guid, b""))


async def _find(context: Context, card: NodeCard, text: str, named: str) -> KnownRight:
    rows, _ = await described(context, card, text, pb.DescribeRequest())
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
        cause = f"{len(found)} rights are called {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give the id of its brand")
    return found[0]


async def import_grant(context: Context, arguments: Arguments) -> dict[str, Any]:
    """An account that a registrar has made for us, or terms for one that we have."""
    text, label = arguments.text("grant"), arguments.text("label", "")
    arguments.done()
    if len(label) > MAX_LABEL_CHARS or not label.isprintable():
        raise bad_argument("label", f"at most {MAX_LABEL_CHARS} printable characters")
    try:
        grant = open_grant(text, context.identity.node, context.identity.seal)
        right = grant.described
    except WireFault as fault:
        raise bad_argument("grant", str(fault)) from fault
    card = card_of(context, grant.card, "grant")
    if card.node != right.registrar:
        raise bad_argument("grant", "a grant with the card of another node than its registrar")
    slot = right.brand.guid + label.encode()
    check_keeper(_known(context, right.brand.guid), right, card.alias)
    row = _granted(context, grant, right, slot)
    now_us = context.clock.now_us()
    known = KnownRight(right.brand.guid, grant.right, grant.card, now_us)
    await context.do(partial(KeepRow, row=known))
    await context.do(partial(KeepRow, row=row))
    return account_json(context, row)


def _granted(context: Context, grant: Grant, right: Right, slot: bytes) -> Account:
    """The row: a new account, or one of ours with new capabilities."""
    found = context.engine.memory.row((Account.table, right.registrar, slot))
    old = found if isinstance(found, Account) else None
    if not grant.account and old is None:
        raise ControlFailure(
            "ACCOUNT_UNKNOWN",
            f"the grant is of terms alone, and this node has no account for {right.brand.name!r}",
            "open one first, or import the grant of one",
        )
    if grant.account and old is not None and old.account != grant.account:
        raise ControlFailure(
            "ACCOUNT_KNOWN",
            f"this node has another account for {right.brand.name!r} already",
            "give this one a --label of its own",
        )
    terms = grant.terms or (old.terms if old is not None else b"")
    return Account(
        registrar=right.registrar,
        slot=slot,
        account=grant.account or (old.account if old is not None else b""),
        brand=right.brand,
        capability=grant.capability or (old.capability if old is not None else b""),
        terms=terms,
        card=grant.card,
        right=grant.right,
        opened_at_us=old.opened_at_us if old is not None else context.clock.now_us(),
    )


async def asked_of(context: Context, card: NodeCard, asked: Asked) -> BatchReply:
    """A registrar's answer. ControlFailure where it refuses, or says nothing."""
    return await exchange_of(context).accounts.ask(card, asked)


async def list_accounts(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Our accounts. `balances`: each registrar is asked; one that does not answer shows none."""
    balances = arguments.flag("balances", True)
    arguments.done()
    rows = sorted(context.engine.memory.owned(Account), key=lambda row: row.key)
    found = []
    for row in rows:
        told: dict[str, Any] = await balance_of(context, row) if balances else {}
        found.append(account_json(context, row) | told)
    return {"accounts": found}


async def show_account(context: Context, arguments: Arguments) -> dict[str, Any]:
    """One account: by its id, its brand, or the name of its right."""
    named = arguments.text("account")
    arguments.done()
    rows = sorted(context.engine.memory.owned(Account), key=lambda row: row.key)
    found = [row for row in rows if named and _is_called(row, named)]
    if not found:
        cause = f"no account of ours is called {named!r}"
        raise ControlFailure("NOT_FOUND", cause, "see `pledgeway account list`")
    if len(found) > 1:
        cause = f"{len(found)} accounts are called {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give more digits of its id")
    return account_json(context, found[0]) | await balance_of(context, found[0])


def _is_called(row: Account, named: str) -> bool:
    ids = (row.account.hex(), row.brand.guid.hex())
    label = row.slot[GUID_BYTES:].decode()
    return named in (row.brand.name, label) or any(i.startswith(named.lower()) for i in ids)


async def balance_of(context: Context, row: Account) -> dict[str, Any]:
    """`balance`; where it cannot be had None, and `why`."""
    try:
        return {"balance": await exchange_of(context).accounts.balance(row)}
    except ControlFailure as failure:
        return {"balance": None, "why": failure.message or failure.code}
