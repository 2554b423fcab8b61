"""Of any template: it conserves, no change to its distribution passes, and other code agrees."""

import json
import os
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.escrow.checks import Unsafe, check_exchange, check_sums
from node.escrow.faults import TemplateFault
from node.escrow.library import NAMES, library_bytes
from node.escrow.plan import Plan, compile_plan
from node.escrow.templates import read_template
from proto.escrow.legs import Leg, MoneyCarrier, RightCarrier
from proto.escrow.rights import canonical_json
from proto.limits import MAX_AMOUNT, SHORT_DECISION_US
from tests.node.escrow.cases import ALL
from tests.node.escrow.drawn import Drawn, drawn
from tests.node.escrow.rights import by_guid, node

WANTED = int(os.environ.get("TEMPLATE_EXAMPLES", "150"))  # 5000 take two minutes
EXAMPLES = settings(max_examples=WANTED)  # of each property


def planned(one: Drawn) -> Plan:
    return compile_plan(*one.bytes, one.rights)


def unsafe(one: Drawn, plan: Plan) -> Unsafe | None:
    return check_exchange(
        plan.legs,
        {seat.name: seat.node for seat in plan.seats},
        {seat.name: seat.wants for seat in plan.seats},
        [seat.name for seat in plan.seats if seat.commits],
        one.rights,
        SHORT_DECISION_US,
    ) or check_sums(*one.bytes, plan.legs, one.rights)


@given(drawn())
@EXAMPLES
def test_every_plan_conserves_and_is_safe_by_other_code(one: Drawn) -> None:
    plan = planned(one)
    gathered: Counter[bytes] = Counter()
    for leg in plan.legs:
        gathered[leg.brand] += leg.least_net + leg.fee_max
    named = Counter(
        {thing["name"]: _said(one, thing["is"]["amount"]) for thing in one.template["gather"]}
    )
    assert sum(gathered.values()) == sum(named.values())
    assert unsafe(one, plan) is None
    assert planned(one) == plan


def _said(one: Drawn, slot: Any) -> Any:
    if isinstance(slot, dict):
        return one.instance.get(slot["?"], slot.get("default"))
    return slot


@given(drawn(), st.data())
@EXAMPLES
def test_a_changed_distribution_does_not_pass_for_the_old_one(
    one: Drawn, data: st.DataObject
) -> None:
    """Removed, repeated, redirected, or of another amount: refused, or not the same exchange."""
    plan = planned(one)
    template = deepcopy(one.template)
    parts = template["distribute"]
    at = data.draw(st.integers(0, len(parts) - 1))
    match data.draw(st.sampled_from(("remove", "repeat", "redirect", "amount"))):
        case "remove":
            del parts[at]
        case "repeat":
            parts.append(parts[at])
        case "redirect":
            old = parts[at]["to"]
            parts[at]["to"] = data.draw(st.sampled_from(template["seats"]))
            assume(parts[at]["to"] != old)
        case "amount":
            assume("amount" in parts[at])
            part = _said(one, parts[at]["amount"])
            parts[at]["amount"] = data.draw(st.integers(1, 400).filter(lambda n: n != part))
    changed = json.dumps(template).encode()
    try:
        other = compile_plan(changed, one.bytes[1], one.rights)
    except TemplateFault:
        return
    # Only a redirection leaves the sums as they are; then the old legs are not what it says.
    assert template["distribute"][at]["to"] != one.template["distribute"][at]["to"]
    assert check_sums(changed, one.bytes[1], plan.legs, one.rights) is Unsafe.NOT_CONSERVED
    assert check_sums(changed, one.bytes[1], other.legs, one.rights) is None


# ---------------------------------------------------------------- what a liar may change

LIES: tuple[str, ...] = (
    *("amount", "to", "from", "brand", "drop", "double", "fee", "carrier", "wants", "committers"),
)


@given(drawn(), st.sampled_from(LIES), st.data())
@EXAMPLES
def test_no_lie_about_a_plan_passes(one: Drawn, lie: str, data: st.DataObject) -> None:
    plan = planned(one)
    legs, nodes = list(plan.legs), {seat.name: seat.node for seat in plan.seats}
    wants = {seat.name: set(seat.wants) for seat in plan.seats}
    committers = {seat.name for seat in plan.seats if seat.commits}
    at = data.draw(st.integers(0, len(legs) - 1))
    leg = legs[at]
    other = data.draw(st.sampled_from([s for s in nodes if s != leg.from_seat]))
    match lie:
        case "amount":
            legs[at] = replace(leg, amount=data.draw(st.integers(1, MAX_AMOUNT)))
        case "to":
            legs[at] = replace(leg, to_seat=other)
        case "from":
            legs[at] = replace(leg, from_seat=leg.to_seat, to_seat=leg.from_seat)
        case "brand":
            legs[at] = replace(leg, brand=bytes(16))
        case "drop":
            del legs[at]
        case "double":
            legs.append(replace(leg, no=len(legs) + 1))
        case "fee":
            legs[at] = replace(leg, fee_max=leg.fee_max + 1)
        case "carrier" if isinstance(leg.carrier, MoneyCarrier):
            legs[at] = replace(leg, carrier=MoneyCarrier(leg.carrier.payee, leg.carrier.payer))
        case "carrier":
            legs[at] = replace(leg, carrier=RightCarrier(node("rogue")))
        case "wants":
            wants[leg.to_seat].discard(leg.no)
        case "committers":
            committers.discard(leg.to_seat)
    untold = (legs, wants, committers) == (
        list(plan.legs), {s.name: set(s.wants) for s in plan.seats},
        {s.name for s in plan.seats if s.commits},
    )  # fmt: skip
    assume(not untold)
    told = check_exchange(legs, nodes, wants, committers, one.rights, SHORT_DECISION_US)
    assert told or check_sums(*one.bytes, legs, one.rights)


SEATS = ("a", "b", "c")
SUBSETS = tuple(chain.from_iterable(combinations(SEATS, n) for n in range(4)))
legs_of = st.lists(
    st.tuples(st.sampled_from(SEATS), st.sampled_from(SEATS)).filter(lambda x: x[0] != x[1]),
    min_size=1,
    max_size=4,
)


@given(
    legs_of,
    st.dictionaries(st.sampled_from(SEATS), st.sets(st.integers(1, 4), min_size=1)),
    st.sets(st.sampled_from(SEATS)),
)
@settings(max_examples=2 * WANTED)
def test_who_is_safe_is_safe_against_every_coalition(
    ends: list[tuple[str, str]], more: dict[str, set[int]], dropped: set[str]
) -> None:
    """Offer safety played through: any seats lie, any legs fail to be promised.

    Honest seats sign when what they want is promised, liars whenever they like.
    """
    legs = [
        Leg(no, bytes(16), 1, giver, to, MoneyCarrier(node(giver), node(to)))
        for no, (giver, to) in enumerate(ends, 1)
    ]
    wants = {seat: {x.no for x in legs if x.to_seat == seat} for seat in SEATS}
    for seat, numbers in more.items():
        wants[seat] |= {n for n in numbers if n <= len(legs) and legs[n - 1].from_seat != seat}
    committers = {seat for seat in SEATS if wants[seat]} - dropped
    nodes = {seat: node(seat) for seat in SEATS}
    verdict = check_exchange(legs, nodes, wants, committers, {}, SHORT_DECISION_US)
    losses = [
        seat
        for liars in SUBSETS
        for promised in _subsets(len(legs))
        if all(wants[seat] <= promised for seat in committers if seat not in liars)
        for seat in SEATS
        if seat not in liars and not wants[seat] <= promised
        if any(x.from_seat == seat and x.no in promised for x in legs)
    ]
    if verdict is None:
        assert not losses
    if losses:
        assert verdict in (
            Unsafe.WANT_UNGUARDED,
            Unsafe.RECEIVER_NOT_ASKED,
            Unsafe.GIVER_UNPROTECTED,
        )


def _subsets(count: int) -> list[set[int]]:
    numbers = range(1, count + 1)
    sizes = range(count + 1)
    return [set(x) for x in chain.from_iterable(combinations(numbers, n) for n in sizes)]


# ---------------------------------------------------------------- garbage

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)


json_values = st.recursive(scalars, nested, max_leaves=12)


@given(st.binary(max_size=200) | json_values.map(lambda v: json.dumps(v).encode()))
@EXAMPLES
def test_garbage_is_a_fault_and_nothing_else(data: bytes) -> None:
    with pytest.raises(TemplateFault) as caught:
        read_template(data)
    assert str(caught.value).isprintable()


@given(st.sampled_from(NAMES), json_values, st.data())
@EXAMPLES
def test_a_template_with_something_odd_in_it(name: str, odd: Any, data: st.DataObject) -> None:
    """Anything at any place: a plan that is safe, or a fault of one line."""
    (case,) = [c for c in ALL if c.name == name]
    raw = json.loads(library_bytes(name))
    here: Any = raw
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
            here[key] = odd
            break
        here = here[key]
    template, rights = json.dumps(raw).encode(), by_guid(*case.rights)
    try:
        plan = compile_plan(template, case.instance, rights)
    except TemplateFault as fault:
        assert str(fault).isprintable() and len(str(fault)) < 600
        return
    assert unsafe(Drawn(raw, json.loads(case.instance), rights), plan) is None


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=5), st.sampled_from(ALL))
@EXAMPLES
def test_odd_instances(more: dict[str, Any], case: Any) -> None:
    raw = json.loads(case.instance) | more
    try:
        filled = canonical_json(raw).encode()
        plan = compile_plan(library_bytes(case.name), filled, by_guid(*case.rights))
    except TemplateFault as fault:
        assert str(fault).isprintable() and len(str(fault)) < 600
        return
    assert not set(more) - set(json.loads(case.instance)) or plan
