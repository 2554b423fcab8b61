"""The templates that ship: each comes to the legs and committers of its case, and is safe."""

from pathlib import Path

import pytest

from node.escrow.checks import MAX_SHORT_US, Unsafe, check_exchange, check_sums
from node.escrow.library import CASES, NAMES, library, library_bytes
from node.escrow.plan import Plan, compile_plan
from proto.escrow.legs import MoneyCarrier, RightCarrier
from proto.escrow.rights import Right
from proto.limits import SHORT_DECISION_US
from proto.money import common_brand
from tests.node.escrow.cases import ALL, FURTHER, PARCEL_PASS, PENNY, TWELVE, Case
from tests.node.escrow.rights import by_guid, node, right

MAX_LINES = 15  # escrow section 5: simplicity of use


def planned(case: Case) -> Plan:
    return compile_plan(library_bytes(case.name), case.instance, by_guid(*case.rights))


def unsafe(case: Case, plan: Plan, within_us: int = SHORT_DECISION_US) -> Unsafe | None:
    rights = by_guid(*case.rights)
    return check_exchange(
        plan.legs,
        {seat.name: seat.node for seat in plan.seats},
        {seat.name: seat.wants for seat in plan.seats},
        {seat.name for seat in plan.seats if seat.commits},
        rights,
        within_us,
    ) or check_sums(library_bytes(case.name), case.instance, plan.legs, rights)


def test_all_that_ship_are_filled_in_here() -> None:
    assert [case.name for case in TWELVE] == list(CASES)
    assert [case.name for case in ALL] == list(NAMES)
    assert (len(TWELVE), len(ALL)) == (12, 25)  # as README.md says


def test_the_folder_holds_what_is_listed() -> None:
    folder = Path(__file__).parents[3] / "node" / "escrow" / "library"
    assert sorted(p.stem for p in folder.iterdir()) == sorted(n.replace(" ", "_") for n in NAMES)


def test_simplicity_of_use() -> None:
    """Any template is at most fifteen lines, says in one what it does, and fits a screen."""
    for name, template in library().items():
        lines = library_bytes(name).decode().splitlines()
        assert len(lines) <= MAX_LINES, name
        assert max(map(len, lines)) <= 100, name
        assert template.name == name
        assert template.about.endswith("."), name


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.name)
def test_a_case_comes_to_its_legs_and_committers(case: Case) -> None:
    plan = planned(case)
    kinds = {r.brand.guid: r.kind for r in case.rights}
    told = [
        (leg.from_seat, leg.to_seat, kinds.get(leg.brand, "money"), leg.amount) for leg in plan.legs
    ]
    assert tuple(told) == case.legs
    assert tuple(seat.name for seat in plan.seats if seat.commits) == case.committers
    assert {s.name: s.wants for s in plan.seats if s.wants} == case.wants
    assert [leg.no for leg in plan.legs] == [*range(1, len(case.legs) + 1)]
    for leg in plan.legs:
        if isinstance(leg.carrier, MoneyCarrier):
            assert leg.carrier == MoneyCarrier(node(leg.from_seat), node(leg.to_seat))
            assert leg.brand == common_brand("USD").guid
        else:
            (kept,) = [r for r in case.rights if r.brand.guid == leg.brand]
            assert leg.carrier == RightCarrier(kept.registrar)


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.name)
def test_a_case_is_safe_by_other_code(case: Case) -> None:
    assert unsafe(case, planned(case)) is None


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.name)
def test_money_is_never_locked_for_long(case: Case) -> None:
    money = any(kind == "money" for *_, kind, _ in case.legs)
    assert unsafe(case, planned(case), MAX_SHORT_US) is None
    expected = Unsafe.MONEY_LOCKED_LONG if money else None
    assert unsafe(case, planned(case), MAX_SHORT_US + 1) is expected


@pytest.mark.parametrize(
    "collateral",
    [
        right("deposit", {"of": "USD"}, "house", supply=500),
        right("parcel", {"region": "Ahern", "parcel_id": 3}, "land office"),
        PARCEL_PASS,
        PENNY,
    ],
    ids=lambda r: r.kind,
)
def test_generic_ownership(collateral: Right) -> None:
    """One loan template, unchanged, takes any brand of collateral."""
    (loan,) = [c for c in FURTHER if c.name == "loan"]
    values = loan.values | {"collateral": collateral.brand.guid.hex()}
    case = Case(loan.name, loan.seats, values, (collateral,), (), (), {})
    plan = planned(case)
    assert plan.legs[1].brand == collateral.brand.guid
    assert unsafe(case, plan) is None
    assert plan.template_hash == library()["loan"].hash


UNNAMED = {"three way swap"}  # by GUID alone: with three registrars it would be eighteen lines


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNNAMED])
def test_whose_word_counts_can_be_said_of_every_right(name: str) -> None:
    """A description, or a GUID, that anybody can repeat could be anybody's invention."""
    for thing in library()[name].gathered:
        assert thing.kind == "money" or thing.registrar is not None
