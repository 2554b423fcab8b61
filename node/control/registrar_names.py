"""What people call brands, accounts, terms and nodes of this node's registrar."""

from collections.abc import Sequence
from typing import Final, TypeVar

from node.control.context import Context
from node.control.failure import ControlFailure, bad_argument
from node.registrar.reader import Reader
from node.registrar.rows import Account, Brand, Terms, account_id
from node.registrar.running import Registrar
from proto.card import CARD_PREFIX, NodeCard, read_card
from proto.key_certificate import read_key_certificate
from proto.keys import KEY_BYTES, NodeId
from proto.v1 import types_pb2
from proto.wire import WireFault, parse
from runtime.away import run_away

T = TypeVar("T")

SEE_BRANDS: Final = "see `pledgeway registrar brand list`"
SEE_ACCOUNTS: Final = "see `pledgeway registrar account list BRAND`"


def registrar_of(context: Context) -> Registrar:
    """The registrar that runs in this node. NO_REGISTRAR."""
    if context.registrar is None:
        raise ControlFailure(
            "NO_REGISTRAR",
            "this node keeps no titles for anybody",
            'set listen = "HOST:PORT" under [escrow] in its config.toml, and start it again',
        )
    return context.registrar


async def find_brand(reader: Reader, named: str) -> Brand:
    """By name, or the beginning of its GUID."""
    found = await run_away(reader.brands_called, named)
    return _one(found, "brand", named, SEE_BRANDS)


async def find_account(context: Context, reader: Reader, named: str, brand: str) -> Account:
    """By the beginning of its id, or by its owner where the brand is said."""
    if brand:
        guid = (await find_brand(reader, brand)).guid
        owner = node_named(context, named)
        found = await run_away(reader.account, account_id(guid, owner))
        return _one([found] if found else [], "account", named, SEE_ACCOUNTS)
    return _one(await run_away(reader.accounts_called, named), "account", named, SEE_ACCOUNTS)


async def find_terms(reader: Reader, named: str) -> Terms:
    """By the beginning of their id."""
    found = await run_away(reader.terms_called, named)
    return _one(found, "terms", named, "see `pledgeway registrar brand show BRAND`")


def _one(found: Sequence[T], what: str, named: str, how: str) -> T:
    if not found:
        raise ControlFailure("NOT_FOUND", f"no {what} is called {named!r}", how)
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"more than one {what} matches {named!r}", f"give more of its id: {how}"
        )
    return found[0]


def node_named(context: Context, named: str) -> NodeId:
    """By its card, its id in full, or the alias of a neighbour. BAD_ARGUMENT."""
    if named.startswith(CARD_PREFIX):
        return _card(context, named).node
    if len(named) == 2 * KEY_BYTES:
        try:
            return NodeId(bytes.fromhex(named))
        except ValueError as error:
            raise bad_argument("for", "not a node's id: 64 hex digits") from error
    if named == context.alias:
        return context.identity.node
    neighbours = context.engine.links.neighbours.values()
    found = [n.node for n in neighbours if n.alias == named]
    if len(found) != 1:
        many = "several neighbours are" if found else "no neighbour is"
        raise bad_argument("for", f"{many} called {named!r}: give the node's card or its whole id")
    return found[0]


def seal_key_of(context: Context, named: str, node: NodeId) -> bytes:
    """The X25519 key that a grant to this node is sealed to. BAD_ARGUMENT."""
    if named.startswith(CARD_PREFIX):
        signed = parse(types_pb2.SignedKeyCertificate, _card(context, named).seal)
        return read_key_certificate(signed).key
    if node == context.identity.node:
        return context.identity.seal.public
    advert = context.gossip.node(node)
    if advert is None:
        raise bad_argument("for", "nothing is known of that node's keys: give its card")
    return advert.seal_key


def _card(context: Context, text: str) -> NodeCard:
    try:
        return read_card(text, context.clock.now_us())
    except WireFault as fault:
        raise bad_argument("for", str(fault)) from fault
