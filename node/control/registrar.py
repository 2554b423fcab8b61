"""Verbs of who keeps titles for others: brands, their issue, the trail, what is under way."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.registrar_names import find_brand, registrar_of
from node.registrar import owner
from node.registrar.derivative import derived_of
from node.registrar.reading import PAGE
from node.registrar.rows import Brand, Leg, account_id
from node.registrar.step import Refused, Step
from proto.descriptor import transaction_uuid
from proto.escrow.ops import LegPhase
from proto.escrow.rights import Right, Vetting, canonical_json, unique_brand_id
from proto.fees import Fee
from proto.limits import (
    MAX_AMOUNT,
    MAX_ATTRIBUTES_BYTES,
    MAX_LOCK_US,
    MAX_REQUEST_POLICIES,
    MAX_TYPE_CHARS,
    US,
)
from proto.money import Brand as BrandValue
from proto.money import Rate
from proto.policy import RegistryPolicy, single
from runtime.away import run_away
from runtime.faults import StoreFailed

T = TypeVar("T")

DEFAULT_LOCK_S: Final = 3600  # long enough for people, short enough that nobody's title is hostage
STORE_STEP: Final = "look at the registrar's database and its disk, then try again"
# A no of the core, in the owner's words: (what is wrong, what to do); {} stands for the figure.
SAID: Final = {
    "REPEATED_OTHERWISE": ("that exists already", "give an --attr that tells it from the other"),
    "BAD_LOT": ("the smallest unit is {}", "use multiples of it, and for fees too"),
    "INSUFFICIENT_FUNDS": (
        "the treasury lacks {}",
        "`pledgeway registrar issue BRAND N` makes more",
    ),
    "ABOVE_CEILING": ("{} more than the account may hold", "raise its --ceiling, or give less"),
    "QUOTA": ("an account has at most {} capabilities", "its owner can revoke some"),
}


async def act(context: Context, do: Callable[[Step], T]) -> T:
    """Does something in the registrar's books; a clean no is a ControlFailure."""
    try:
        return await registrar_of(context).desk.act(do)
    except Refused as no:
        says, step = SAID.get(no.error.name, (f"refused: {no.error.name}", ""))
        raise ControlFailure(no.error.name, says.format(no.figure), step, no.figure) from no
    except StoreFailed as failed:
        cause = f"the registrar's books cannot be written: {failed.kind.value}"
        raise ControlFailure("STORE_FAILED", cause, STORE_STEP) from failed


async def look(work: Awaitable[T]) -> T:
    """Reads the registrar's books."""
    try:
        return await work
    except StoreFailed as failed:
        cause = f"the registrar's books cannot be read: {failed.kind.value}"
        raise ControlFailure("STORE_FAILED", cause, STORE_STEP) from failed


def brand_json(context: Context, brand: Brand) -> dict[str, Any]:
    """One brand as every answer shows it."""
    right = brand.right
    return {
        "brand": brand.guid.hex(),
        "name": right.brand.name,
        "type": right.kind,
        "attributes": right.attributes,
        "lot": right.brand.unit,
        "supply": right.supply,
        "fee": {"rate": str(right.fee.rate), "flat": right.fee.flat},
        "treasury_only": not right.open_terms,
        "vetting": right.vetting.name,
        "registries": [context.policy_name(policy) for policy in right.policies],
        "longest_lock_s": right.longest_lock_us // US,
        "sequence": right.sequence,
    }


async def create_brand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A new kind of right. `registries` names registries and policies; without it, every policy
    that the owner has named and every registry that the node accepts."""
    registrar_of(context)
    node = context.identity.node
    name, kind = arguments.text("name"), arguments.text("type", "right")
    attributes = _attributes(arguments, name)
    try:
        brand = BrandValue(
            unique_brand_id(node, kind, attributes),
            name,
            arguments.number("lot", 1, 1),
            node,
        )
        rate = Rate.parse(arguments.text("fee_rate", "1"))
        fee = Fee(rate, arguments.number("fee_flat", 0))
    except ValueError as error:
        raise bad_argument("name", str(error)) from error
    if not 1 <= len(kind) <= MAX_TYPE_CHARS or not kind.isprintable():
        raise bad_argument("type", f"1 to {MAX_TYPE_CHARS} printable characters")
    right = Right(
        brand=brand,
        registrar=node,
        kind=kind,
        attributes=attributes,
        supply=arguments.number("supply", 1),
        fee=fee,
        open_terms=not arguments.flag("treasury_only", False),
        vetting=_vetting(arguments.text("vetting", "ANYONE")),
        policies=_deciders(context, arguments.texts("registries")),
        longest_lock_us=US
        * arguments.number("longest_lock_s", DEFAULT_LOCK_S, 1, MAX_LOCK_US // US),
    )
    arguments.done()
    made = await act(context, lambda step: owner.create_brand(step, right))
    return brand_json(context, made)


def _attributes(arguments: Arguments, name: str) -> str:
    """What tells it from others; where nothing is said, its name."""
    pairs = arguments.pairs("attributes") or [("name", name)]
    values = {key: int(v) if v.isascii() and v.isdigit() else v for key, v in pairs}
    if len(values) != len(pairs):
        raise bad_argument("attributes", "one of them is given twice")
    text = canonical_json(values)
    if len(text.encode()) > MAX_ATTRIBUTES_BYTES or not text.isprintable():
        raise bad_argument("attributes", f"at most {MAX_ATTRIBUTES_BYTES} printable characters")
    return text


def _vetting(named: str) -> Vetting:
    try:
        return Vetting[named.upper()]
    except KeyError as error:
        choices = ", ".join(v.name.lower() for v in Vetting)
        raise bad_argument("vetting", f"one of {choices}") from error


def _deciders(context: Context, named: list[str] | None) -> tuple[RegistryPolicy, ...]:
    if named is None:
        accepted = context.engine.memory.settings.usable
        own = [p for p in context.book.terms.policies.values() if accepted.issuperset(p.members)]
        found = [*own, *map(single, sorted(accepted))][:MAX_REQUEST_POLICIES]
    else:
        found = list(dict.fromkeys(context.find_deciders(name) for name in named))
    if not found:
        step = "`pledgeway node registry accept R` accepts one"
        raise ControlFailure("NO_REGISTRY", "no registry to decide about transfers", step)
    if len(found) > MAX_REQUEST_POLICIES:
        raise bad_argument("registries", f"at most {MAX_REQUEST_POLICIES} of them")
    return tuple(found)


async def change_brand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Other fees, vetting, registries or locks from now on; what is not named stays as it is."""
    brand = await look(find_brand(registrar_of(context).reader, arguments.text("brand")))
    before = brand.right
    try:
        rate = Rate.parse(arguments.text("fee_rate", str(before.fee.rate)))
        fee = Fee(rate, arguments.number("fee_flat", before.fee.flat))
    except ValueError as error:
        raise bad_argument("fee_rate", str(error)) from error
    vetting = _vetting(arguments.text("vetting", before.vetting.name))
    named = arguments.texts("registries")
    policies = before.policies if named is None else _deciders(context, named)
    lock_us = before.longest_lock_us
    lock_s = arguments.maybe_number("longest_lock_s", 1, MAX_LOCK_US // US)
    arguments.done()
    right = replace(
        before,
        fee=fee,
        vetting=vetting,
        policies=policies,
        longest_lock_us=lock_us if lock_s is None else lock_s * US,
    )
    return brand_json(context, await act(context, lambda step: owner.change_brand(step, right)))


async def list_brands(context: Context, arguments: Arguments) -> dict[str, Any]:
    """By GUID, a page at a time."""
    reader = registrar_of(context).reader
    after = arguments.text("after", "")
    kind = arguments.text("type", "")
    arguments.done()
    try:
        start = bytes.fromhex(after)
    except ValueError as error:
        raise bad_argument("after", "the id of a brand") from error
    found = await look(run_away(reader.brands, (), kind, "", start, PAGE + 1))
    shown = [brand_json(context, brand) for brand in found[:PAGE]]
    return {"brands": shown, "more": len(found) > PAGE}


async def show_brand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """With its treasury, its terms and how many own some of it."""
    reader = registrar_of(context).reader
    named = arguments.text("brand")
    arguments.done()
    brand = await look(find_brand(reader, named))
    treasury = account_id(brand.guid, context.identity.node)
    kept = await look(run_away(reader.account, treasury))
    treasured = kept.balance if kept else 0
    terms = await look(run_away(reader.terms, brand.guid))
    return brand_json(context, brand) | {
        "treasury": treasured,
        "stands_for": _backing(brand.right, treasured),
        "accounts": await look(run_away(reader.count_accounts, brand.guid)),
        "terms": [
            {
                "terms": one.id.hex(),
                "for": one.note or "every account",
                "rate": str(one.fee.rate),
                "flat": one.flat,
                "from_minute": one.from_minute,
                "to_minute": one.to_minute,
                "cap": one.cap,
                "revoked": one.revoked,
            }
            for one in terms
        ],
    }


def _backing(right: Right, treasured: int) -> dict[str, Any] | None:
    """Of a derived brand: how many base units its vault must hold for what others have."""
    derived = derived_of(right)
    if derived is None:
        return None
    needed = derived.backing_ceil(right.supply - treasured)
    return {"base": derived.base.hex(), "ratio": derived.ratio, "needed": needed}


async def issue(context: Context, arguments: Arguments) -> dict[str, Any]:
    """More of a brand, into the treasury."""
    reader = registrar_of(context).reader
    named = arguments.text("brand")
    amount = arguments.number("amount", least=1, most=MAX_AMOUNT)
    arguments.done()
    brand = await look(find_brand(reader, named))
    made = await act(context, lambda step: owner.issue(step, brand.guid, amount))
    return brand_json(context, made)


async def legs(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What waits for a decision, and what the owner has to see to."""
    reader = registrar_of(context).reader
    arguments.done()
    phases = (LegPhase.CLAIMED, LegPhase.PREPARED)
    found: list[Leg] = await look(run_away(reader.legs_in, *phases))
    guids = sorted({leg.brand for leg in found})
    brands = await look(run_away(reader.brands, guids, "", "", b"", len(guids)))
    names = {brand.guid: brand.name for brand in brands}
    return {
        "legs": [
            {
                "commit_id": leg.commit.hex(),
                "transaction": str(transaction_uuid(leg.commit)),
                "leg": leg.no,
                "phase": leg.phase.name,
                "brand": leg.brand.hex(),
                "name": names.get(leg.brand, leg.brand.hex()[:8]),
                "amount": leg.amount,
                "fee": leg.fee,
                "from_account": leg.source.hex(),
                "to_account": leg.destination.hex(),
                "since_us": leg.since_us,
                "until_us": leg.final_after_us,
            }
            for leg in found[:PAGE]
        ],
        "more": len(found) > PAGE,
    }


async def audit(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Replays the audit trail, and compares it with what every account has."""
    registrar = registrar_of(context)
    arguments.done()
    found = await look(run_away(registrar.reader.examine))
    return {
        "entries": found.entries,
        "accounts": found.accounts,
        "store": registrar.place,
        "differences": [
            {
                "account": one.account.hex(),
                "brand": one.brand.hex(),
                "trail": one.trail,
                "books": one.books,
            }
            for one in found.differences[:PAGE]
        ],
        "differ": len(found.differences),
    }
