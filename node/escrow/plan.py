"""A template filled in: legs, and for each seat what it gives, wants and signs (escrow section 6).

Pure, and the same for everybody: each seat compiles the proposal again and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.resolving import Bound, find_right
from node.escrow.strict_json import read_json
from node.escrow.templates import MONEY, TRANSACTION, Flow, Gathered, Template, read_template
from node.escrow.wildcards import Fill, Slot, Value, money_brand, node_in_hex
from proto.escrow.legs import Carrier, Leg, MoneyCarrier, RightCarrier
from proto.escrow.rights import Right, canonical_json, registrar_fee_ceil
from proto.keys import NodeId
from proto.limits import MAX_AMOUNT, MAX_INSTANCE_BYTES

INSTANCE: Final = "instance"


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """Who sits there; numbers of the legs that it gives, receives and wants; whether it signs."""

    name: str
    node: NodeId
    gives: tuple[int, ...]
    receives: tuple[int, ...]
    wants: tuple[int, ...]
    commits: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a transaction comes to. `legs` are numbered from 1 in the order of gathering; accounts
    are still empty. `template_hash`: SHA-256 of the template's bytes."""

    name: str
    version: int
    template_hash: bytes
    seats: tuple[PlannedSeat, ...]
    legs: tuple[Leg, ...]


def compile_plan(template: bytes, instance: bytes, rights: Mapping[bytes, Right]) -> Plan:
    """Binds every wildcard once and within bounds, finds each right, and makes the legs.

    `rights`: the descriptions to choose from, by GUID (Proposal.described). Raises TemplateFault.
    """
    read = read_template(template)
    bound = bind(read, instance)
    legs: list[Leg] = []
    for gathered in read.gathered:
        legs += _legs(gathered, [f for f in read.flows if f.gathered is gathered], bound, rights)
    _check_totals(legs, rights, read.name)
    seats = tuple(
        PlannedSeat(s.name, bound.nodes[s.name], s.gives, s.receives, s.wants, s.commits)
        for s in read.seats
    )
    return Plan(read.name, read.version, read.hash, seats, tuple(legs))


def bind(template: Template, instance: bytes) -> Bound:
    """What seats and wildcards stand for. Raises TemplateFault."""
    raw = read_json(instance, INSTANCE, MAX_INSTANCE_BYTES)
    if canonical_json(raw).encode() != instance:
        cause = "is not canonical: keys sorted, no spaces, ASCII"
        raise TemplateFault(FaultCode.UNREADABLE, INSTANCE, cause)
    if raw.get(TRANSACTION) != template.name:
        cause = f"is {shown(raw.get(TRANSACTION))}, and the template is {template.name!r}"
        raise TemplateFault(FaultCode.OTHER_TEMPLATE, f"{INSTANCE}: {TRANSACTION}", cause)
    return bind_values(template, {k: v for k, v in raw.items() if k != TRANSACTION})


def bind_values(template: Template, said: Mapping[str, object], partly: bool = False) -> Bound:
    """As `bind`, of an instance that is read already, without its "transaction".

    `partly`: what nobody has said yet is left out instead of refused.
    """
    names = {w.name for w in template.wildcards} | {s.name for s in template.seats}
    for key in said:
        if key not in names:
            cause = f"is neither a seat nor a wildcard of {template.name!r}"
            raise TemplateFault(FaultCode.UNKNOWN_WILDCARD, f"{INSTANCE}: {shown(key)}", cause)
    nodes: dict[str, NodeId] = {}
    for seat in template.seats:
        place = f"{INSTANCE}: {seat.name}"
        if seat.name not in said:
            if partly:
                continue
            raise TemplateFault(FaultCode.UNBOUND, place, "nobody sits there: name a node's id")
        node = node_in_hex(said[seat.name])
        if node is None:
            cause = f"{shown(said[seat.name])} is no node id of 64 hex digits (0-9, a-f)"
            raise TemplateFault(FaultCode.BAD_NODE, place, cause)
        nodes[seat.name] = node
    values: dict[str, Value] = {}
    for wildcard in template.wildcards:
        place = f"{INSTANCE}: {wildcard.name}"
        value = said.get(wildcard.name, wildcard.default)
        if value is None:
            if partly:
                continue
            cause = f"is not filled in: it is a {wildcard.kind.value}"
            raise TemplateFault(FaultCode.UNBOUND, place, cause)
        if not isinstance(value, str | int) or isinstance(value, bool):
            cause = f"{shown(value)} is no {wildcard.kind.value}"
            raise TemplateFault(FaultCode.OUT_OF_BOUNDS, place, cause)
        if fault := wildcard.fault(value):
            raise TemplateFault(FaultCode.OUT_OF_BOUNDS, place, fault)
        values[wildcard.name] = value
    return Bound(template.name, nodes, values)


# ---------------------------------------------------------------- legs


def _legs(
    gathered: Gathered, flows: list[Flow], bound: Bound, rights: Mapping[bytes, Right]
) -> list[Leg]:
    place = f"{bound.template}: {gathered.name}"
    right = None
    if gathered.kind == MONEY:
        brand = money_brand(bound.value(gathered.brand))
        assert brand is not None, "checked where the wildcard was bound"
        total = _amount(gathered.amount, bound, place)
    else:
        right = find_right(gathered, bound, rights, place)
        brand = right.brand.guid
        whole = right.brand.unit if gathered.amount is None else None
        total = whole or _amount(gathered.amount, bound, place)
    parts = [total if f.amount is None else _amount(f.amount, bound, place) for f in flows]
    if sum(parts) != total:
        cause = f"{total} are gathered and {sum(parts)} distributed ({' + '.join(map(str, parts))})"
        code = FaultCode.NOT_DISTRIBUTED if sum(parts) < total else FaultCode.NOT_GATHERED
        raise TemplateFault(code, place, cause)
    return [_leg(f, brand, p, bound, right, place) for f, p in zip(flows, parts, strict=True)]


def _leg(
    flow: Flow, brand: bytes, amount: int, bound: Bound, right: Right | None, place: str
) -> Leg:
    giver, to = flow.gathered.giver, flow.to
    payer, payee = bound.nodes[giver], bound.nodes[to]
    if payer == payee:
        cause = f"{giver} and {to} are the same node: it would give to itself"
        raise TemplateFault(FaultCode.TO_ITSELF, place, cause)
    fee = 0
    carrier: Carrier
    if right is None:
        carrier = MoneyCarrier(payer, payee)
    else:
        if amount % right.brand.unit:
            cause = f"{amount} is no multiple of the lot, {right.brand.unit}"
            raise TemplateFault(FaultCode.BAD_LOT, place, cause)
        fee = registrar_fee_ceil(right.fee, amount)
        if fee >= amount:
            cause = f"the registrar keeps {fee} of {amount}: nothing would arrive"
            raise TemplateFault(FaultCode.FEE_TAKES_ALL, place, cause)
        carrier = RightCarrier(right.registrar)
    return Leg(flow.no, brand, amount, giver, to, carrier, fee)


def _amount(slot: Slot | None, bound: Bound, place: str) -> int:
    value = bound.value(slot)
    assert isinstance(value, int), "checked where the wildcard was bound"
    times = slot.times if isinstance(slot, Fill) else 1
    if value * times > MAX_AMOUNT:
        cause = f"{times} times {value} is more than any amount may be"
        raise TemplateFault(FaultCode.OUT_OF_BOUNDS, place, cause)
    return value * times


def _check_totals(legs: list[Leg], rights: Mapping[bytes, Right], name: str) -> None:
    """Rule 2 holds by how legs are made; that the whole of a brand exists is left to see."""
    totals: dict[bytes, int] = {}
    for leg in legs:
        totals[leg.brand] = totals.get(leg.brand, 0) + leg.amount
    supplies = {right.brand.guid: right.supply for right in rights.values()}
    moved = {leg.brand for leg in legs if isinstance(leg.carrier, RightCarrier)}
    for brand, total in totals.items():
        if total > MAX_AMOUNT:
            cause = f"{total} of one brand are more than any amount may be"
            raise TemplateFault(FaultCode.UNBALANCED, name, cause)
        # All are locked at the same time, so the same unit cannot be given twice.
        if brand in moved and total > supplies[brand]:
            cause = f"{total} of brand {brand.hex()} would move, and {supplies[brand]} exist"
            raise TemplateFault(FaultCode.ABOVE_SUPPLY, name, cause)
