"""Where a template's bounds lie exactly: whose right it is, totals, and times."""

import json

import pytest

from node.escrow.checks import check_sums
from node.escrow.faults import FaultCode, TemplateFault
from node.escrow.library import library_bytes
from node.escrow.plan import Plan, compile_plan
from node.escrow.templates import read_template
from proto.escrow.rights import Right
from proto.limits import MAX_AMOUNT, MAX_LEGS
from tests.node.escrow.cases import ALL, Case
from tests.node.escrow.rights import by_guid, instance, node, right

CASES: dict[str, Case] = {case.name: case for case in ALL}
F = FaultCode


def compiled(name: str, *rights: Right, **values: str | int) -> Plan:
    case = CASES[name]
    filled = instance(name, {s: s for s in case.seats}, **(case.values | values))
    return compile_plan(library_bytes(name), filled, by_guid(*(rights or case.rights)))


def code_of(name: str, *rights: Right, **values: str | int) -> FaultCode:
    with pytest.raises(TemplateFault) as caught:
        compiled(name, *rights, **values)
    return caught.value.code


def test_a_registrar_that_is_a_seat_keeps_the_right_itself() -> None:
    """A deposit is worth what its house is; pennies of another mint are not these."""
    foreign = right("deposit", {"of": "USD"}, "another house", supply=100_000)
    assert code_of("deposit", foreign) is F.RIGHT_UNKNOWN
    both = (foreign, *CASES["deposit"].rights)
    assert compiled("deposit", *both).legs[1].registrar == node("house")
    dollar, _ = CASES["split dollar"].rights
    counterfeit = right("penny", {}, "another mint", supply=100_000)
    guid = counterfeit.brand.guid.hex()
    assert code_of("split dollar", dollar, counterfeit, penny=guid) is F.RIGHT_UNKNOWN
    parcel, call = CASES["exercise call"].rights
    other = right("call", json.loads(call.attributes), "another issuer")
    assert code_of("exercise call", parcel, other) is F.RIGHT_UNKNOWN


def test_another_type_with_the_same_attributes_is_another_thing() -> None:
    """A view of the parcel is not the parcel, by description or by GUID."""
    view = right("view of parcel", {"region": "Ahern", "parcel_id": 17}, "land office")
    assert code_of("buy parcel", view) is F.RIGHT_UNKNOWN
    assert compiled("buy parcel", view, *CASES["buy parcel"].rights) == compiled("buy parcel")
    option = right("option", {}, "issuer")
    assert code_of("buy call", option, call=option.brand.guid.hex()) is F.RIGHT_UNKNOWN


def test_any_registrar_is_none_in_particular() -> None:
    for said in ("any", node("land office").hex()):
        assert compiled("buy parcel", land_registrar=said) == compiled("buy parcel")
    assert code_of("buy parcel", land_registrar=node("rogue").hex()) is F.RIGHT_UNKNOWN
    assert code_of("buy parcel", land_registrar="anybody") is F.OUT_OF_BOUNDS


def test_a_fault_names_what_was_looked_for() -> None:
    with pytest.raises(TemplateFault) as caught:
        compiled("buy parcel", region="Nowhere", land_registrar=node("land office").hex())
    for word in ("parcel {", "'region': 'Nowhere'", "'parcel_id': 17", "'registrar': '"):
        assert word in caught.value.text


def gifts(*amounts: int) -> Plan:
    """So many gifts of one brand of money in one transaction."""
    names = [f"g{i}" for i in range(len(amounts))]
    template = {
        "template": "gifts",
        "version": 1,
        "seats": ["a", "b"],
        "gather": [
            {"name": n, "from": "a", "is": {"type": "money", "brand": "USD", "amount": x}}
            for n, x in zip(names, amounts, strict=True)
        ],
        "distribute": [{"name": n, "to": "b"} for n in names],
    }
    filled = instance("gifts", {"a": "Ann", "b": "Bob"})
    return compile_plan(json.dumps(template).encode(), filled, {})


def test_the_total_of_a_brand_is_an_amount() -> None:
    assert len(gifts(MAX_AMOUNT - 1, 1).legs) == 2
    with pytest.raises(TemplateFault) as caught:
        gifts(MAX_AMOUNT, 1)
    assert caught.value.code is F.UNBALANCED


def test_as_many_legs_as_may_be() -> None:
    assert [leg.no for leg in gifts(*[1] * MAX_LEGS).legs] == [*range(1, MAX_LEGS + 1)]
    with pytest.raises(TemplateFault) as caught:
        gifts(*[1] * (MAX_LEGS + 1))
    assert caught.value.code is F.TOO_MANY


def test_times_reaches_the_largest_amount_and_not_beyond() -> None:
    mint = right("penny", {}, "mint", supply=MAX_AMOUNT)
    dollar = right("dollar", {}, "bank", supply=MAX_AMOUNT)
    guids = {"penny": mint.brand.guid.hex(), "dollar": dollar.brand.guid.hex()}
    most = MAX_AMOUNT // 100
    plan = compiled("split dollar", mint, dollar, dollars=most, **guids)
    assert [leg.amount for leg in plan.legs] == [most, 100 * most]
    assert code_of("split dollar", mint, dollar, dollars=most + 1, **guids) is F.OUT_OF_BOUNDS


def test_a_name_is_of_one_spelling() -> None:
    """Wildcards, seats and things are ASCII, and the same letters everywhere."""
    raw = library_bytes("gift").decode()
    for odd in ("re\u0441eiver", "1st", "", "a" * 33, "a b"):
        with pytest.raises(TemplateFault):
            compile_plan(raw.replace('"receiver"', json.dumps(odd)).encode(), b"{}", {})


def test_as_many_wildcards_as_may_be() -> None:
    """Sixty-four; attributes are where so many could stand."""
    things = [
        {"name": f"t{i}", "from": "a", "is": {"type": "t"} | {
            f"k{j}": {"?": f"w{i}_{j}"} for j in range(16)
        }}
        for i in range(4)
    ]  # fmt: skip
    template = {
        "template": "many",
        "version": 1,
        "seats": ["a", "b"],
        "gather": things,
        "distribute": [{"name": t["name"], "to": "b"} for t in things],
    }
    assert len(read_template(json.dumps(template).encode()).wildcards) == 64
    things[0]["is"]["amount"] = {"?": "one_more"}  # type: ignore[index]
    with pytest.raises(TemplateFault) as caught:
        read_template(json.dumps(template).encode())
    assert caught.value.code is F.TOO_MANY


def seated(name: str, **people: str) -> Plan:
    """With some seats taken by others than people of the seats' names."""
    case = CASES[name]
    filled = instance(name, {seat: people.get(seat, seat) for seat in case.seats}, **case.values)
    plan = compile_plan(library_bytes(name), filled, by_guid(*case.rights))
    assert check_sums(library_bytes(name), filled, plan.legs, by_guid(*case.rights)) is None
    return plan


def test_one_node_may_sit_twice_but_not_give_to_itself() -> None:
    """A lender may keep the collateral himself; nobody swaps with himself."""
    plan = seated("loan", keeper="Ann", lender="Ann")
    assert [seat.node for seat in plan.seats] == [node("Ann"), node("borrower"), node("Ann")]
    for name, people in (
        ("three way swap", {"first": "Ann", "third": "Ann"}),
        ("swap", {"first": "Ann", "second": "Ann"}),
        ("loan", {"borrower": "Ann", "keeper": "Ann"}),
    ):
        with pytest.raises(TemplateFault) as caught:
            seated(name, **people)
        assert caught.value.code is F.TO_ITSELF


def test_a_wildcard_of_that_name_is_no_registrar() -> None:
    """ "any" is a word for registrars, and an ordinary name elsewhere."""
    owned = right("coin", {"n": 7}, "bank", supply=10)
    thing = {"type": "coin", "n": {"?": "any"}, "registrar": "any", "amount": 5}
    template = json.dumps(
        {
            "template": "x",
            "version": 1,
            "seats": ["a", "b"],
            "gather": [{"name": "t", "from": "a", "is": thing}],
            "distribute": [{"name": "t", "to": "b"}],
        }
    ).encode()
    filled, rights = instance("x", {"a": "a", "b": "b"}, any=7), by_guid(owned)
    plan = compile_plan(template, filled, rights)
    assert check_sums(template, filled, plan.legs, rights) is None
