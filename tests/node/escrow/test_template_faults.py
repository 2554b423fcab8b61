"""What is refused, by which code, and at which place; each fault is one line that can be shown."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest

from node.escrow.faults import FaultCode, TemplateFault
from node.escrow.library import library_bytes
from node.escrow.plan import compile_plan
from node.escrow.templates import read_template
from proto.escrow.rights import Right, canonical_json
from proto.limits import MAX_AMOUNT, MAX_INSTANCE_BYTES, MAX_SEATS, MAX_TEMPLATE_BYTES
from tests.node.escrow.cases import OBJECT, PRICE, TASK, TIER
from tests.node.escrow.rights import by_guid, instance, node, right

F = FaultCode
BUY = json.loads(library_bytes("buy object"))
SWAP = json.loads(library_bytes("swap"))
PEOPLE = {"buyer": "Ann", "seller": "Bob"}


def fault_of(call: Callable[[], Any]) -> TemplateFault:
    with pytest.raises(TemplateFault) as caught:
        call()
    line = str(caught.value)
    assert line.isprintable() and len(line) < 400
    assert line == f"{caught.value.place}: {caught.value.text}"
    return caught.value


def changed(change: Callable[[dict[str, Any]], object], base: dict[str, Any] = BUY) -> bytes:
    raw = deepcopy(base)
    change(raw)
    return json.dumps(raw).encode()


def put(path: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """Sets what stands at a dotted path."""

    def change(raw: Any) -> None:
        *way, last = [int(x) if x.isdigit() else x for x in path.split(".")]
        for step in way:
            raw = raw[step]
        if isinstance(raw, list) and last == len(raw):
            raw.append(value)
        else:
            raw[last] = value

    return change


TEXTS = (
    (b"", F.UNREADABLE, "template"),
    (b"[]", F.SHAPE, "template"),
    (b"\xff", F.UNREADABLE, "template"),
    (b"[" * 9000, F.UNREADABLE, "template"),
    (b'{"template": 1e3}', F.UNREADABLE, "template"),
    (b'{"version": NaN}', F.UNREADABLE, "template"),
    (b'{"version": ' + b"9" * 5000 + b"}", F.UNREADABLE, "template"),
    (b'{"gather": 1, "gather": 2}', F.UNREADABLE, "template"),  # as the seed's sketch does
    (b" " * (MAX_TEMPLATE_BYTES + 1), F.TOO_LONG, "template"),
    (b'{"template": "buy \\u043ebject"}', F.BAD_NAME, "template"),  # a Cyrillic o
    (b'{"template": "Buy object"}', F.BAD_NAME, "template"),
    (b'{"template": "a  b"}', F.BAD_NAME, "template"),
    (b'{"template": "a\\n"}', F.BAD_NAME, "template"),
    (b'{"template": 5}', F.BAD_NAME, "template"),
    (b'{"template": "' + b"x" * 49 + b'"}', F.BAD_NAME, "template"),
    (b'{"template": "x"}', F.SHAPE, "x"),
)


@pytest.mark.parametrize(("data", "code", "place"), TEXTS)
def test_files_that_are_no_template(data: bytes, code: FaultCode, place: str) -> None:
    fault = fault_of(lambda: read_template(data))
    assert (fault.code, fault.place) == (code, place)


WILD = {"?": "x"}
SHAPES = (
    ("version", 0, F.SHAPE, "version"),
    ("version", True, F.SHAPE, "version"),
    ("version", "1", F.SHAPE, "version"),
    ("version", 2**31, F.SHAPE, "version"),
    ("about", 5, F.SHAPE, "about"),
    ("about", "x" * 161, F.SHAPE, "about"),
    ("gather.1.is.k" + "x" * 64, 1, F.TOO_MANY, "gather[1].is"),
    ("gather.1.is", {"type": "t", **{f"a{i}": i for i in range(17)}}, F.TOO_MANY, "gather[1].is"),
    ("about", "a\nb", F.SHAPE, "about"),
    ("more", 1, F.SHAPE, ""),
    ("seats", [], F.SHAPE, "seats"),
    ("seats.1", "buyer", F.REPEATED, "seats[1]"),
    ("seats.1", "the buyer", F.BAD_NAME, "seats[1]"),
    ("seats.1", "transaction", F.BAD_NAME, "seats[1]"),
    ("seats", [f"s{i}" for i in range(MAX_SEATS + 1)], F.TOO_MANY, "seats"),
    ("seats.2", "bystander", F.IDLE_SEAT, "seats"),
    ("seats.2", "brand", F.IDLE_SEAT, "seats"),
    ("gather", {}, F.SHAPE, "gather"),
    ("gather.0", [], F.SHAPE, "gather[0]"),
    ("gather.0.when", "later", F.SHAPE, "gather[0]"),
    ("gather.0.name", "", F.BAD_NAME, "gather[0].name"),
    ("gather.1.name", "payment", F.REPEATED, "gather[1].name"),
    ("gather.0.from", "bank", F.UNKNOWN_SEAT, "gather[0].from"),
    ("gather.0.is", "money", F.SHAPE, "gather[0].is"),
    ("gather.0.is", {"type": "money"}, F.SHAPE, "gather[0].is"),
    ("gather.0.is.memo", "hello", F.SHAPE, "gather[0].is"),
    ("gather.0.is.amount", 0, F.SHAPE, "gather[0].is.amount"),
    ("gather.0.is.amount", -1, F.SHAPE, "gather[0].is.amount"),
    ("gather.0.is.amount", True, F.SHAPE, "gather[0].is.amount"),
    ("gather.0.is.amount", MAX_AMOUNT, None, ""),
    ("gather.0.is.brand", "", F.SHAPE, "gather[0].is.brand"),
    ("gather.0.is.brand", "AB" * 16, F.SHAPE, "gather[0].is.brand"),
    ("gather.1.is", {"type": "right"}, F.SHAPE, "gather[1].is"),
    ("gather.1.is.type", "", F.SHAPE, "gather[1].is.type"),
    ("gather.1.is.type", "x" * 33, F.SHAPE, "gather[1].is.type"),
    ("gather.1.is.brand", "USD", F.SHAPE, "gather[1].is.brand"),
    ("gather.1.is.region", None, F.SHAPE, "gather[1].is.region"),
    ("gather.1.is.region", "a\x1b[2J", F.SHAPE, "gather[1].is.region"),
    ("gather.1.is.region", [], F.SHAPE, "gather[1].is.region"),
    ("gather.1.is.a\x07b", 1, F.SHAPE, "gather[1].is"),
    ("gather.1.is.registrar", "bank", F.SHAPE, "gather[1].is.registrar"),
    ("gather.1.is.registrar", "seller", None, ""),
    ("gather.1.is.region", {}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", {"?": "a b"}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"least": 1}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"type": "date"}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"times": 2}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"min": "a"}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"min": 2, "max": 1}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"one_of": []}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"one_of": [None]}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", WILD | {"min": 5, "default": 4}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", {"?": "brand", "type": "number"}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", {"?": "amount", "min": 3}, F.BAD_WILDCARD, "gather[1].is.region"),
    ("gather.1.is.region", {"?": "buyer"}, F.REPEATED, "wildcards"),
    ("gather.1.is.region", {"?": "transaction"}, F.REPEATED, "wildcards"),
    ("gather.0.is.amount", {"?": "n", "times": 0}, F.BAD_WILDCARD, "gather[0].is.amount"),
    ("gather.0.is.amount", {"?": "n", "times": "2"}, F.BAD_WILDCARD, "gather[0].is.amount"),
    ("gather.0.is.amount", {"?": "n", "type": "number"}, F.BAD_WILDCARD, "gather[0].is.amount"),
    ("distribute", [], F.SHAPE, "distribute"),
    ("distribute.0.name", "tip", F.NOT_GATHERED, "distribute[0].name"),
    ("distribute.0.to", "bank", F.UNKNOWN_SEAT, "distribute[0].to"),
    ("distribute.0.to", "seller", F.TO_ITSELF, "distribute[0].to"),
    ("distribute.2", {"name": "payment", "to": "seller"}, F.REPEATED, "distribute[2].to"),
    ("distribute", [{"name": "payment", "to": "seller"}], F.NOT_DISTRIBUTED, "distribute"),
    ("wants", [], F.SHAPE, "wants"),
    ("wants", {"bank": ["payment"]}, F.UNKNOWN_SEAT, "wants"),
    ("wants", {"buyer": ["tip"]}, F.UNKNOWN_NAME, "wants.buyer[0]"),
    ("wants", {"buyer": [["payment"]]}, F.UNKNOWN_NAME, "wants.buyer[0]"),
    ("wants", {"buyer": [{"name": "deliverable"}]}, F.SHAPE, "wants.buyer[0]"),
    ("wants", {"buyer": [{"name": "deliverable", "to": "seller"}]}, F.UNKNOWN_NAME,
     "wants.buyer[0]"),
    ("wants", {"buyer": ["payment"]}, F.WANTS_OWN, "wants.buyer[0]"),
    ("wants", {"buyer": []}, None, ""),  # it receives, and wants that in any case
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "code", "place"), SHAPES, ids=[f"{p}={str(v)[:30]!r}" for p, v, *_ in SHAPES]
)
def test_templates_that_are_refused(
    path: str, value: Any, code: FaultCode | None, place: str
) -> None:
    data = changed(put(path, value))
    if code is None:
        assert read_template(data).name == "buy object"
        return
    fault = fault_of(lambda: read_template(data))
    assert fault.code is code
    assert fault.place == (f"buy object: {place}" if place else "buy object")


def test_a_giver_that_would_have_no_say_is_refused() -> None:
    """Rule 3: in an exchange every giver receives or wants something."""
    group = json.loads(library_bytes("buy parcel for group"))
    code = fault_of(lambda: read_template(changed(put("wants", {"buyer": []}), group))).code
    assert code is F.GIVER_WITHOUT_RETURN
    gift = json.loads(library_bytes("gift"))
    assert read_template(changed(put("wants", {"giver": []}), gift)).seats[0].commits is False


# ---------------------------------------------------------------- filled in


def fill(
    values: dict[str, str | int],
    template: bytes = library_bytes("buy object"),
    rights: tuple[Right, ...] = (OBJECT,),
    seats: dict[str, str] | None = None,
) -> TemplateFault:
    name = json.loads(template)["template"]
    filled = instance(name, PEOPLE if seats is None else seats, **values)
    return fault_of(lambda: compile_plan(template, filled, by_guid(*rights)))


GOOD: dict[str, str | int] = {**PRICE, **TASK}
VALUES = (
    ({"amount": 0}, F.OUT_OF_BOUNDS, "instance: amount"),
    ({"amount": -4}, F.OUT_OF_BOUNDS, "instance: amount"),
    ({"amount": "40"}, F.OUT_OF_BOUNDS, "instance: amount"),
    ({"amount": True}, F.OUT_OF_BOUNDS, "instance: amount"),
    ({"amount": MAX_AMOUNT + 1}, F.UNREADABLE, "instance"),
    ({"brand": ""}, F.OUT_OF_BOUNDS, "instance: brand"),
    ({"brand": "USD\n"}, F.OUT_OF_BOUNDS, "instance: brand"),
    ({"brand": 7}, F.OUT_OF_BOUNDS, "instance: brand"),
    ({"region": 7}, F.OUT_OF_BOUNDS, "instance: region"),
    ({"region": "\ud800"}, F.OUT_OF_BOUNDS, "instance: region"),
    ({"region": "Ahern "}, F.RIGHT_UNKNOWN, "buy object: deliverable"),
    ({"region": "x" * 201}, F.OUT_OF_BOUNDS, "instance: region"),
    ({"region": "x" * MAX_INSTANCE_BYTES}, F.TOO_LONG, "instance"),
    ({"task_id": "1234"}, F.OUT_OF_BOUNDS, "instance: task_id"),
    ({"task_id": 1235}, F.RIGHT_UNKNOWN, "buy object: deliverable"),
    ({"tip": 1}, F.UNKNOWN_WILDCARD, "instance: 'tip'"),
    ({"buyer": "Ann"}, F.BAD_NODE, "instance: buyer"),
    ({"buyer": "AB" * 32}, F.BAD_NODE, "instance: buyer"),
    ({"buyer": node("Bob").hex()}, F.TO_ITSELF, "buy object: payment"),
)


@pytest.mark.parametrize(("values", "code", "place"), VALUES)
def test_values_that_do_not_fit(values: dict[str, str | int], code: FaultCode, place: str) -> None:
    people = {seat: who for seat, who in PEOPLE.items() if seat not in values}
    fault = fill(GOOD | values, seats=people)
    assert (fault.code, fault.place) == (code, place)


@pytest.mark.parametrize("left_out", ["buyer", "seller", "amount", "brand", "region", "task_id"])
def test_every_wildcard_and_seat_is_bound(left_out: str) -> None:
    values = {k: v for k, v in GOOD.items() if k != left_out}
    people = {k: v for k, v in PEOPLE.items() if k != left_out}
    fault = fill(values, seats=people)
    assert (fault.code, fault.place) == (F.UNBOUND, f"instance: {left_out}")


@pytest.mark.parametrize("nested", [None, [], {}, {"?": "x"}])
def test_a_value_is_a_text_or_a_number(nested: object) -> None:
    raw = json.loads(instance("buy object", PEOPLE, **GOOD)) | {"region": nested}
    filled = canonical_json(raw).encode()
    template = library_bytes("buy object")
    code = fault_of(lambda: compile_plan(template, filled, by_guid(OBJECT))).code
    assert code is (F.UNBOUND if nested is None else F.OUT_OF_BOUNDS)


def test_an_instance_has_one_spelling_and_names_its_template() -> None:
    template, good = library_bytes("buy object"), instance("buy object", PEOPLE, **GOOD)
    assert compile_plan(template, good, by_guid(OBJECT))
    escaped = good.replace(b"Ahern", b"\\u0041hern")
    for other in (good + b" ", good.replace(b":40,", b": 40,"), escaped):
        assert other != good
        assert fault_of(partial(compile_plan, template, other, {})).code is F.UNREADABLE
    gift = instance("gift", PEOPLE, **GOOD)
    assert fault_of(lambda: compile_plan(template, gift, {})).code is F.OTHER_TEMPLATE


# ---------------------------------------------------------------- rights


def test_two_rights_of_one_description_are_told_apart_by_registrar_or_brand() -> None:
    """Anybody may describe an object in Ahern; whose word counts is for the parties to say."""
    rogue = right("object", TASK, "rogue simulator")
    both = by_guid(rogue, OBJECT)
    assert fill(GOOD, rights=(OBJECT, rogue)).code is F.RIGHT_AMBIGUOUS
    template, values = library_bytes("buy object"), GOOD | {"simulator": node("simulator").hex()}
    plan = compile_plan(template, instance("buy object", PEOPLE, **values), both)
    assert plan.legs[1].brand == OBJECT.brand.guid
    assert fill(values, rights=(rogue,)).code is F.RIGHT_UNKNOWN
    by_brand = changed(put("gather.1.is.brand", rogue.brand.guid.hex()))
    plan = compile_plan(by_brand, instance("buy object", PEOPLE, **GOOD), both)
    assert plan.legs[1].registrar == node("rogue simulator")


def test_a_guid_does_not_stand_for_another_type_or_other_attributes() -> None:
    """Who asks for this parcel by its GUID does not get an object, nor the parcel next to it."""
    by_brand = changed(put("gather.1.is.brand", {"?": "guid"}))
    tier = GOOD | {"guid": TIER.brand.guid.hex()}
    assert fill(tier, by_brand, (OBJECT, TIER)).code is F.RIGHT_UNKNOWN
    other = GOOD | {"guid": OBJECT.brand.guid.hex(), "task_id": 1235}
    assert fill(other, by_brand, (OBJECT, TIER)).code is F.RIGHT_UNKNOWN


TWO = {"first": "Ann", "second": "Bob"}


@pytest.mark.parametrize(
    ("kept", "amount", "code"),
    [
        (TIER, 15, F.BAD_LOT),
        (TIER, 17, F.BAD_LOT),
        (TIER, 10_016, F.ABOVE_SUPPLY),
        (OBJECT, 2, F.ABOVE_SUPPLY),
        (right("coin", {}, supply=500, flat=40), 40, F.FEE_TAKES_ALL),
        (right("coin", {}, supply=500, fee="2"), 500, F.FEE_TAKES_ALL),
        (right("coin", {}, supply=0), 1, F.ABOVE_SUPPLY),
    ],
)
def test_lot_supply_and_fee(kept: Right, amount: int, code: FaultCode) -> None:
    other = right("parcel", {"region": "Ahern", "parcel_id": 1})
    values: dict[str, str | int] = {
        "first_right": kept.brand.guid.hex(), "first_right_amount": amount,
        "second_right": other.brand.guid.hex(),
    }  # fmt: skip
    assert fill(values, json.dumps(SWAP).encode(), (kept, other), TWO).code is code


def test_a_registrars_fee_is_rounded_up_and_bounds_what_arrives() -> None:
    coin = right("coin", {}, supply=1000, fee="1.015", flat=2)
    other = right("parcel", {"region": "Ahern", "parcel_id": 1})
    values: dict[str, str | int] = {
        "first_right": coin.brand.guid.hex(), "first_right_amount": 101,
        "second_right": other.brand.guid.hex(),
    }  # fmt: skip
    filled = instance("swap", TWO, **values)
    leg = compile_plan(json.dumps(SWAP).encode(), filled, by_guid(coin, other)).legs[0]
    assert (leg.amount, leg.fee_max, leg.least_net) == (101, 4, 97)


def test_one_brand_cannot_be_given_twice_over() -> None:
    """Both legs are locked at the same time: 8 of 10 and 8 of 10 cannot be."""
    coin = right("coin", {}, supply=10)
    values: dict[str, str | int] = {
        "first_right": coin.brand.guid.hex(), "first_right_amount": 8,
        "second_right": coin.brand.guid.hex(), "second_right_amount": 8,
    }  # fmt: skip
    assert fill(values, json.dumps(SWAP).encode(), (coin,), TWO).code is F.ABOVE_SUPPLY


# ---------------------------------------------------------------- splits

SPLIT = changed(
    lambda raw: (
        raw["seats"].append("agent"),
        raw["distribute"].pop(),
        raw["distribute"].append({"name": "payment", "to": "seller", "amount": {"?": "price"}}),
        raw["distribute"].append({"name": "payment", "to": "agent", "amount": {"?": "tip"}}),
    )
)
THREE = {**PEOPLE, "agent": "Ned"}


def test_a_split_adds_up() -> None:
    values = GOOD | {"price": 36, "tip": 4}
    plan = compile_plan(SPLIT, instance("buy object", THREE, **values), by_guid(OBJECT))
    assert [(leg.no, leg.to_seat, leg.amount) for leg in plan.legs] == [
        (1, "seller", 36),
        (2, "agent", 4),
        (3, "buyer", 1),
    ]
    assert [seat.wants for seat in plan.seats] == [(3,), (1,), (2,)]


@pytest.mark.parametrize(
    ("price", "tip", "code"), [(35, 4, F.NOT_DISTRIBUTED), (36, 5, F.NOT_GATHERED)]
)
def test_a_split_that_does_not_add_up(price: int, tip: int, code: FaultCode) -> None:
    assert fill(GOOD | {"price": price, "tip": tip}, SPLIT, seats=THREE).code is code


def test_a_split_says_every_part() -> None:
    raw = json.loads(SPLIT)
    del raw["distribute"][1]["amount"]
    data = json.dumps(raw).encode()
    assert fault_of(lambda: read_template(data)).code is F.NOT_DISTRIBUTED


def test_a_want_of_one_receipt() -> None:
    """The buyer may insist that the agent is paid by the others, and names only that receipt."""
    raw = json.loads(SPLIT)
    raw["wants"] = {"seller": [{"name": "payment", "to": "agent"}]}
    seats = {s.name: s.wants for s in read_template(json.dumps(raw).encode()).seats}
    assert seats == {"buyer": (3,), "seller": (1, 2), "agent": (2,)}


def test_times_multiplies_and_stays_in_range() -> None:
    data = changed(put("gather.0.is.amount", {"?": "amount", "times": 100}))
    filled = instance("buy object", PEOPLE, **GOOD)
    assert compile_plan(data, filled, by_guid(OBJECT)).legs[0].amount == 4000
    assert fill(GOOD | {"amount": MAX_AMOUNT // 99}, data).code is F.OUT_OF_BOUNDS


def test_defaults_and_choices() -> None:
    choice = {"?": "amount", "one_of": [40, 50], "default": 50}
    data = changed(put("gather.0.is.amount", choice))
    left_out = {k: v for k, v in GOOD.items() if k != "amount"}
    plan = compile_plan(data, instance("buy object", PEOPLE, **left_out), by_guid(OBJECT))
    assert plan.legs[0].amount == 50
    assert fill(GOOD | {"amount": 41}, data).code is F.OUT_OF_BOUNDS
