"""Verbs of who keeps titles for others: who may own them, and on which terms they move."""

from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.registrar import act, look
from node.control.registrar_names import (
    find_account,
    find_brand,
    find_terms,
    node_named,
    registrar_of,
    seal_key_of,
)
from node.registrar import owner
from node.registrar.reading import PAGE
from node.registrar.rows import EVERY_BRAND, Account, Terms, account_id
from node.registrar.step import Step
from proto.escrow.grant import Grant, seal_grant
from proto.escrow.ops import CapabilityKind
from proto.fees import Fee
from proto.keys import KEY_BYTES, NodeId
from proto.limits import ACCOUNT_ID_BYTES, CAPABILITY_BYTES
from proto.money import Rate
from runtime.away import run_away

MINUTES_OF_DAY: Final = 24 * 60


def account_json(context: Context, account: Account) -> dict[str, Any]:
    """One account as every answer shows it."""
    return {
        "account": account.id.hex(),
        "brand": account.brand.hex(),
        "owner": account.owner.hex(),
        "alias": context.alias_of(account.owner),
        "balance": account.balance,
        "reserved": account.reserved,
        "ceiling": account.ceiling or None,
        "holds": account.holds,
        "frozen": account.frozen,
        "treasury": account.id == account_id(account.brand, context.identity.node),
    }


async def create_account(context: Context, arguments: Arguments) -> dict[str, Any]:
    """An account for a node, with what it begins with, and the grant to give to its owner. Asked
    again for the same node, the same account and another grant."""
    reader = registrar_of(context).reader
    named, whom = arguments.text("brand"), arguments.text("for")
    ceiling = arguments.maybe_number("ceiling")
    balance = arguments.number("balance", 0)
    with_terms = arguments.flag("terms", True)
    arguments.done()
    brand = await look(find_brand(reader, named))
    node = node_named(context, whom)
    seal = seal_key_of(context, whom, node)
    capability = context.entropy(CAPABILITY_BYTES)
    terms = context.entropy(CAPABILITY_BYTES) if with_terms and brand.right.open_terms else b""

    def make(step: Step) -> Account:
        made = owner.account_of(step, brand.guid, node, ceiling)
        if balance:
            owner.pay_out(step, made.id, balance)
        owner.grant_account(step, made.id, capability, terms)
        return step.get(Account, made.id)

    account = await act(context, make)
    grant = Grant(brand.signed, account.id, capability, terms, context.card)
    return account_json(context, account) | {"grant": _sealed(context, node, seal, grant)}


def _sealed(context: Context, node: NodeId, seal: bytes, grant: Grant) -> str:
    return seal_grant(context.identity.key, node, seal, context.entropy(KEY_BYTES), grant)


async def list_accounts(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Of a brand, by id, a page at a time."""
    reader = registrar_of(context).reader
    named, after = arguments.text("brand"), arguments.text("after", "")
    arguments.done()
    brand = await look(find_brand(reader, named))
    try:
        start = bytes.fromhex(after)
    except ValueError as error:
        raise bad_argument("after", "the id of an account") from error
    found = await look(run_away(reader.accounts, brand.guid, start, PAGE + 1))
    shown = [account_json(context, account) for account in found[:PAGE]]
    return {"name": brand.name, "accounts": shown, "more": len(found) > PAGE}


async def freeze(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Or thaws: `frozen` false."""
    reader = registrar_of(context).reader
    named, brand = arguments.text("account"), arguments.text("brand", "")
    frozen = arguments.flag("frozen", True)
    arguments.done()
    account = await look(find_account(context, reader, named, brand))
    if account_json(context, account)["treasury"]:
        step = "freeze the accounts of others"
        raise ControlFailure("TREASURY", "that is the treasury: fees and issues go there", step)
    found = await act(context, lambda step: owner.freeze(step, account.id, frozen))
    return account_json(context, found)


async def grant_terms(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Terms for one node: rate, flat fee, hours of the UTC day and a cap of their own."""
    reader = registrar_of(context).reader
    named, whom = arguments.text("brand"), arguments.text("for")
    try:
        fee = Fee(Rate.parse(arguments.text("rate", "1")), arguments.number("flat", 0))
    except ValueError as error:
        raise bad_argument("rate", str(error)) from error
    begin = arguments.number("from_minute", 0, 0, MINUTES_OF_DAY - 1)
    end = arguments.number("to_minute", 0, 0, MINUTES_OF_DAY - 1)
    cap = arguments.number("cap", 0)
    arguments.done()
    brand = await look(find_brand(reader, named))
    node = node_named(context, whom)
    seal = seal_key_of(context, whom, node)
    capability = context.entropy(CAPABILITY_BYTES)
    made = Terms(
        id=context.entropy(ACCOUNT_ID_BYTES),
        brand=brand.guid,
        rate_nano=fee.rate.nano,
        flat=fee.flat,
        from_minute=begin,
        to_minute=end,
        cap=cap,
        note=node.hex(),
    )
    result = await act(context, lambda step: owner.grant_terms(step, made, node, capability))
    assert result.kind is CapabilityKind.TERMS
    grant = Grant(brand.signed, terms=capability, card=context.card)
    return {
        "terms": made.id.hex(),
        "brand": brand.guid.hex(),
        "name": brand.name,
        "for": node.hex(),
        "alias": context.alias_of(node),
        "grant": _sealed(context, node, seal, grant),
    }


async def revoke_terms(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Nobody transfers by them any more."""
    reader = registrar_of(context).reader
    named = arguments.text("terms")
    arguments.done()
    found = await look(find_terms(reader, named))
    ended = await act(context, lambda step: owner.revoke_terms(step, found.id))
    return {"terms": ended.id.hex(), "brand": ended.brand.hex(), "revoked": ended.revoked}


async def list_node(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Puts a node on the list of the vetted, or takes it off; without a node shows the list."""
    reader = registrar_of(context).reader
    whom, named = arguments.text("node", ""), arguments.text("brand", "")
    listed = arguments.flag("listed", True)
    arguments.done()
    if whom:
        guid = (await look(find_brand(reader, named))).guid if named else EVERY_BRAND
        node = node_named(context, whom)
        await act(context, lambda step: owner.list_node(step, guid, node, listed))
    rows = await look(run_away(reader.listings))
    return {
        "listed": [
            {
                "node": row.node.hex(),
                "alias": context.alias_of(row.node),
                "brand": row.brand.hex() or None,
            }
            for row in rows
        ]
    }
