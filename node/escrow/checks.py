"""Whether an exchange is safe to enter: worked out a second time, apart from plan.py.

A coordinator or an initiator may be wrong or lie. Each seat asks this before it joins: nothing here
is taken over from the code that made the legs, nor from what they were said to be.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, unique
from typing import Any, Final

from proto.escrow.legs import Leg, MoneyCarrier, RightCarrier
from proto.escrow.rights import Right
from proto.keys import NodeId
from proto.limits import DEFAULT_HOLD_MAX_US, MAX_AMOUNT, MAX_LEGS, MAX_SEATS
from proto.money import SCALE, common_brand

MAX_SHORT_US: Final = DEFAULT_HOLD_MAX_US  # beyond it promisors refuse to hold credit
GUID_DIGITS: Final = 32


@unique
class Unsafe(Enum):
    """Why nobody should join; the value is for people."""

    NO_LEGS = "there are no legs, or too many, or they are not numbered from 1 on"
    UNKNOWN_SEAT = "a leg or a want names a seat that nobody takes"
    TO_ITSELF = "a leg leads from a node to itself"
    NO_AMOUNT = "a leg moves nothing, or more than any amount may be"
    FEE_TOO_HIGH = "a registrar's fee is not what it asks"
    WRONG_NODE = "a money leg runs between other nodes than its seats'"
    MONEY_LOCKED_LONG = "a money leg in a transaction that is longer than 60 s: use deposits"
    RIGHT_UNKNOWN = "a leg of a right that no registrar describes"
    WRONG_REGISTRAR = "a leg at another registrar than the one that keeps the right"
    BAD_LOT = "an amount is no multiple of its lot"
    ABOVE_SUPPLY = "more would move than exists, or one unique thing twice"
    LOCKED_TOO_LONG = "a registrar does not lock for so long"
    NOT_CONSERVED = "what is gathered is not what is distributed"
    RECEIVER_NOT_ASKED = "a receiver could get something without signing for it"
    GIVER_UNPROTECTED = "a giver in an exchange has no say in whether it happens"
    WANT_UNGUARDED = "somebody wants something and does not sign"
    WANT_UNKNOWN = "somebody wants a leg that is not there, or that he gives himself"
    IDLE_SIGNER = "somebody signs who neither receives nor wants anything"


def check_exchange(
    legs: Sequence[Leg],
    nodes: Mapping[str, NodeId],
    wants: Mapping[str, Collection[int]],
    committers: Collection[str],
    rights: Mapping[bytes, Right],
    within_us: int,
) -> Unsafe | None:
    """The first thing that makes it unsafe, or None.

    `nodes`: who sits where; `wants`: numbers of legs, by seat; `committers`: seats whose keys must
    all sign; `rights`: descriptions by GUID; `within_us`: D - now. Never raises.
    """
    return (
        _form(legs, nodes)
        or _money(legs, nodes, within_us)
        or _rights(legs, rights, within_us)
        or _offer_safety(legs, nodes, wants, committers)
    )


def _form(legs: Sequence[Leg], nodes: Mapping[str, NodeId]) -> Unsafe | None:
    if not 1 <= len(legs) <= MAX_LEGS or not 1 <= len(nodes) <= MAX_SEATS:
        return Unsafe.NO_LEGS
    if any(leg.no != no for no, leg in enumerate(legs, 1)):
        return Unsafe.NO_LEGS
    per_brand: Counter[bytes] = Counter()
    for leg in legs:
        if leg.from_seat not in nodes or leg.to_seat not in nodes:
            return Unsafe.UNKNOWN_SEAT
        if nodes[leg.from_seat] == nodes[leg.to_seat]:
            return Unsafe.TO_ITSELF
        if leg.amount <= 0 or not 0 <= leg.fee_max < leg.amount:
            return Unsafe.NO_AMOUNT
        per_brand[leg.brand] += leg.amount
    return Unsafe.NO_AMOUNT if max(per_brand.values()) > MAX_AMOUNT else None


def _money(legs: Sequence[Leg], nodes: Mapping[str, NodeId], within_us: int) -> Unsafe | None:
    for leg in legs:
        if isinstance(leg.carrier, MoneyCarrier):
            if (leg.carrier.payer, leg.carrier.payee) != (nodes[leg.from_seat], nodes[leg.to_seat]):
                return Unsafe.WRONG_NODE
            if leg.fee_max:
                return Unsafe.FEE_TOO_HIGH  # no registrar is involved
            if not 0 < within_us <= MAX_SHORT_US:
                return Unsafe.MONEY_LOCKED_LONG
    return None


def _rights(legs: Sequence[Leg], rights: Mapping[bytes, Right], within_us: int) -> Unsafe | None:
    moved: Counter[bytes] = Counter()
    for leg in legs:
        if not isinstance(leg.carrier, RightCarrier):
            continue
        right = rights.get(leg.brand)
        if right is None or right.brand.guid != leg.brand:
            return Unsafe.RIGHT_UNKNOWN
        if leg.carrier.registrar != right.registrar:
            return Unsafe.WRONG_REGISTRAR
        if leg.amount % right.brand.unit:
            return Unsafe.BAD_LOT
        # The rate's part above 1, rounded up, and the flat part.
        share = leg.amount * (right.fee.rate.nano - SCALE)
        if leg.fee_max != (share + SCALE - 1) // SCALE + right.fee.flat:
            return Unsafe.FEE_TOO_HIGH
        if right.longest_lock_us and within_us > right.longest_lock_us:
            return Unsafe.LOCKED_TOO_LONG
        moved[leg.brand] += leg.amount
    return Unsafe.ABOVE_SUPPLY if any(moved[b] > rights[b].supply for b in moved) else None


def _offer_safety(
    legs: Sequence[Leg],
    nodes: Mapping[str, NodeId],
    wants: Mapping[str, Collection[int]],
    committers: Collection[str],
) -> Unsafe | None:
    """An honest party ends with all that it wants, or with all that it gave.

    It needs a key of its own for that. What "somebody else will refuse to sign" protects is gone as
    soon as that somebody is dishonest.
    """
    by_no = {leg.no: leg for leg in legs}
    if any(seat not in nodes for seat in (*wants, *committers)):
        return Unsafe.UNKNOWN_SEAT
    for seat, wanted in wants.items():
        if any(no not in by_no or by_no[no].from_seat == seat for no in wanted):
            return Unsafe.WANT_UNKNOWN
        if wanted and seat not in committers:
            return Unsafe.WANT_UNGUARDED
    for leg in legs:
        if leg.to_seat not in committers or leg.no not in wants.get(leg.to_seat, ()):
            return Unsafe.RECEIVER_NOT_ASKED
    givers = {leg.from_seat for leg in legs}
    # Only a giver that is alone gives for nothing; it consents by preparing.
    if len(givers) > 1 and any(g not in committers or not wants.get(g) for g in givers):
        return Unsafe.GIVER_UNPROTECTED
    return Unsafe.IDLE_SIGNER if any(not wants.get(seat) for seat in committers) else None


def check_sums(
    template: bytes, instance: bytes, legs: Sequence[Leg], rights: Mapping[bytes, Right]
) -> Unsafe | None:
    """Whether the legs move what template and instance say: each seat gives and gets its sums in
    each brand, and per brand they are equal. None where they do.

    Both are of the form that read_template and bind have accepted; anything else is NOT_CONSERVED.
    """
    try:
        given, got = _sums(json.loads(template), json.loads(instance), rights)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Unsafe.NOT_CONSERVED
    out: Counter[tuple[str, bytes]] = Counter()
    into: Counter[tuple[str, bytes]] = Counter()
    for leg in legs:
        out[leg.from_seat, leg.brand] += leg.amount
        into[leg.to_seat, leg.brand] += leg.least_net + leg.fee_max
    if given != out or got != into or _per_brand(given) != _per_brand(got):
        return Unsafe.NOT_CONSERVED
    return None


Sums = Counter[tuple[str, bytes]]
"""Amount by seat and brand."""


def _per_brand(sums: Sums) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    for (_, brand), amount in sums.items():
        found[brand] += amount
    return found


def _sums(template: Any, instance: Any, rights: Mapping[bytes, Right]) -> tuple[Sums, Sums]:
    """What seats give, and what they get, read off the JSON."""
    defaults: dict[str, Any] = {}

    def note(part: Any) -> None:
        if isinstance(part, dict):
            if "?" in part and "default" in part:
                defaults[part["?"]] = part["default"]
            for inner in part.values():
                note(inner)
        elif isinstance(part, list):
            for inner in part:
                note(inner)

    def said(part: Any) -> Any:
        if not isinstance(part, dict):
            return part
        value = instance[part["?"]] if part["?"] in instance else defaults[part["?"]]
        return value * part["times"] if "times" in part else value

    note(template)
    described = {brand: json.loads(right.attributes) for brand, right in rights.items()}
    given: Sums = Counter()
    got: Sums = Counter()
    for thing in template["gather"]:
        what = {key: said(value) for key, value in thing["is"].items()}
        registrar = what.get("registrar")
        if registrar in template["seats"]:
            registrar = instance[registrar]
        brand = _brand(what, registrar, rights, described)
        amount = what["amount"] if "amount" in what else rights[brand].brand.unit
        given[thing["from"], brand] += amount
        for part in template["distribute"]:
            if part["name"] == thing["name"]:
                got[part["to"], brand] += said(part["amount"]) if "amount" in part else amount
    return given, got


def _brand(
    what: Mapping[str, Any],
    registrar: Any,
    rights: Mapping[bytes, Right],
    described: Mapping[bytes, Mapping[str, Any]],
) -> bytes:
    """`described`: attributes by GUID. ValueError where it is not exactly one."""
    if what["type"] == "money":
        hexed = len(what["brand"]) == GUID_DIGITS and not set(what["brand"]) - set(
            "0123456789abcdef"
        )
        return bytes.fromhex(what["brand"]) if hexed else common_brand(what["brand"]).guid
    named = {k: v for k, v in what.items() if k not in ("type", "brand", "amount", "registrar")}
    found = []
    for brand, right in rights.items():
        own = described[brand]
        if "brand" in what:
            fits = brand.hex() == what["brand"] and named.items() <= own.items()
        else:
            fits = named == own
        typed = what["type"] in ("right", right.kind)
        if fits and typed and registrar in (None, "any", right.registrar.hex()):
            found.append(brand)
    (one,) = found
    return one
