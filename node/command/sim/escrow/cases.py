"""The cases of escrow section 6 and some more, as they are drawn for a run (pure).

Legs, wants and who signs are said here a second time, apart from the templates and from the code
that compiles them: it is by these that a run is judged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

MONEY: Final = "money"
USD: Final = "USD"
PRICE: Final = 40  # of a money leg, in its smallest unit
PRINCIPAL: Final = 75

Values = dict[str, str | int]
Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class CaseLeg:
    """`kind` is MONEY, or a type of right; `flat`: the registrar's fee."""

    giver: str
    taker: str
    kind: str
    amount: int = 1
    lot: int = 1
    flat: int = 0
    attributes: Callable[[int], Attributes] = lambda n: {"n": n}


@dataclass(frozen=True, slots=True)
class Case:
    """`values` gives what wildcards stand for: of the deal's number and the brands (hex) of its
    rights, by leg. `kept_by`: the seat whose node is the registrar of the rights, or empty.
    `template`: its text, where it is none of those that ship."""

    name: str
    seats: tuple[str, ...]
    legs: tuple[CaseLeg, ...]
    values: Callable[[int, Mapping[int, str]], Values]
    kept_by: str = ""
    template: bytes = b""

    def gives(self, seat: str) -> tuple[int, ...]:
        """Numbers of the legs that it gives."""
        return tuple(no for no, leg in enumerate(self.legs, 1) if leg.giver == seat)

    def wants(self, seat: str) -> tuple[int, ...]:
        """Numbers of the legs that have to be delivered if anything of it goes away."""
        received = tuple(no for no, leg in enumerate(self.legs, 1) if leg.taker == seat)
        if received or len({leg.giver for leg in self.legs}) == 1:
            return received
        return tuple(no for no, leg in enumerate(self.legs, 1) if leg.giver != seat)


def _land(n: int) -> Attributes:
    return {"region": "Ahern", "parcel_id": n}


def _task(n: int) -> Attributes:
    return {"region": "Ahern", "task_id": n}


def _contents(n: int) -> Attributes:
    return {**_task(n), "item": "notecard"}


def _pass(n: int) -> Attributes:
    return {**_land(n), "period": "2026-12"}


def _member(n: int) -> Attributes:
    return {"group_name": f"Bee {n}", "role": "member"}


def _tier(n: int) -> Attributes:
    return {"unit": f"square metre {n}"}


def _friends(one: str, other: str) -> Callable[[int], Attributes]:
    return lambda n: {"of": f"{one}{n}", "for": f"{other}{n}"}


def _paid(*kinds: Callable[[int], Attributes], **more: str | int) -> Callable[..., Values]:
    def values(n: int, brands: Mapping[int, str]) -> Values:
        del brands
        found: Values = {"brand": USD, "amount": PRICE, **more}
        for kind in kinds:
            found.update(kind(n))
        return found

    return values


def _unpaid(*kinds: Callable[[int], Attributes], **more: str | int) -> Callable[..., Values]:
    def values(n: int, brands: Mapping[int, str]) -> Values:
        found = _paid(*kinds, **more)(n, brands)
        return {key: v for key, v in found.items() if key not in ("brand", "amount")}

    return values


def _buy(buyer: str, seller: str, kind: str, attributes: Callable[[int], Attributes]) -> tuple[
    CaseLeg, CaseLeg
]:  # fmt: skip
    return (
        CaseLeg(buyer, seller, MONEY, PRICE),
        CaseLeg(seller, buyer, kind, attributes=attributes),
    )


def _tiers(n: int, brands: Mapping[int, str]) -> Values:
    return {**_land(n), "tier_unit": f"square metre {n}", "tier": 512}


def _rights(*names: tuple[str, int]) -> Callable[[int, Mapping[int, str]], Values]:
    """`names`: of the wildcard for the brand of a leg, and the leg's number."""
    return lambda n, brands: {name: brands[no] for name, no in names}


def _three(n: int, brands: Mapping[int, str]) -> Values:
    return _rights(("first_right", 1), ("second_right", 2), ("third_right", 3))(n, brands) | {
        "third_right_amount": 700
    }


def _swap(n: int, brands: Mapping[int, str]) -> Values:
    rights = _rights(("first_right", 1), ("second_right", 2))(n, brands)
    return rights | {"second_right_amount": 32}


def _loan(n: int, brands: Mapping[int, str]) -> Values:
    return {"collateral": brands[2], "brand": USD, "principal": PRINCIPAL}


TIER: Final = CaseLeg("owner", "group", "tier", 512, 16, 16, _tier)
CASES: Final = (
    Case("friendship", ("A", "B"),
         (CaseLeg("A", "B", "permission", attributes=_friends("Ann", "Bob")),
          CaseLeg("B", "A", "permission", attributes=_friends("Bob", "Ann"))),
         lambda n, brands: {"name_of_A": f"Ann{n}", "name_of_B": f"Bob{n}"}),
    Case("gift", ("giver", "receiver"), (CaseLeg("giver", "receiver", MONEY, PRICE),), _paid()),
    Case("buy parcel", ("buyer", "seller"), _buy("buyer", "seller", "parcel", _land), _paid(_land)),
    Case("buy parcel for group", ("buyer", "seller", "group"),
         (CaseLeg("buyer", "seller", MONEY, PRICE),
          CaseLeg("seller", "group", "parcel", attributes=_land)), _paid(_land)),
    Case("buy object contents", ("buyer", "owner", "object"),
         (CaseLeg("buyer", "owner", MONEY, PRICE),
          CaseLeg("object", "buyer", "contents", attributes=_contents)), _paid(_contents)),
    Case("give object contents", ("receiver", "object"),
         (CaseLeg("object", "receiver", "contents", attributes=_contents),), _unpaid(_contents)),
    Case("buy object", ("buyer", "seller"), _buy("buyer", "seller", "object", _task), _paid(_task)),
    Case("join group", ("applicant", "group"),
         _buy("applicant", "group", "membership", _member), _paid(_member)),
    Case("buy parcel pass", ("visitor", "owner"),
         _buy("visitor", "owner", "parcel pass", _pass), _paid(_pass)),
    Case("buy parcel pass from group", ("visitor", "group"),
         _buy("visitor", "group", "parcel pass", _pass), _paid(_pass)),
    Case("deed parcel", ("owner", "group"),
         (CaseLeg("owner", "group", "parcel", attributes=_land),), _unpaid(_land)),
    Case("deed parcel and tier", ("owner", "group"),
         (CaseLeg("owner", "group", "parcel", attributes=_land), TIER), _tiers),
    Case("swap", ("first", "second"),
         (CaseLeg("first", "second", "parcel"), CaseLeg("second", "first", "tier", 32, 16, 16)),
         _swap),
    Case("three way swap", ("first", "second", "third"),
         (CaseLeg("first", "second", "parcel"), CaseLeg("second", "third", "object"),
          CaseLeg("third", "first", "penny", 700, 1, 3)), _three),
    Case("loan", ("lender", "borrower", "keeper"),
         (CaseLeg("lender", "borrower", MONEY, PRINCIPAL), CaseLeg("borrower", "keeper", "parcel")),
         _loan),
    Case("deposit", ("owner", "house"),
         (CaseLeg("owner", "house", MONEY, PRICE),
          CaseLeg("house", "owner", "deposit", PRICE, attributes=lambda n: {"of": USD})),
         _paid(), kept_by="house"),
)  # fmt: skip
# Money and rights at two registrars under one decision: what is swept.
BUNDLE: Final = Case(
    "buy parcel and tier", ("buyer", "seller"),
    (CaseLeg("buyer", "seller", MONEY, PRICE), CaseLeg("seller", "buyer", "parcel"),
     CaseLeg("seller", "buyer", "tier", 512, 16, 16)),
    lambda n, brands: {"brand": USD, "amount": PRICE, "land": brands[2], "size": brands[3]},
    template=b"""{"template": "buy parcel and tier", "version": 1,
 "about": "The buyer pays the seller for a parcel and the tier that it needs.",
 "seats": ["buyer", "seller"],
 "gather": [
  {"name": "payment", "from": "buyer",
   "is": {"type": "money", "brand": {"?": "brand"}, "amount": {"?": "amount"}}},
  {"name": "parcel", "from": "seller",
   "is": {"type": "right", "brand": {"?": "land"}, "amount": 1}},
  {"name": "tier", "from": "seller",
   "is": {"type": "right", "brand": {"?": "size"}, "amount": 512}}],
 "distribute": [{"name": "payment", "to": "seller"}, {"name": "parcel", "to": "buyer"},
                {"name": "tier", "to": "buyer"}]}""",
)  # fmt: skip
BY_NAME: Final = {case.name: case for case in CASES}
KNOWN: Final = {**BY_NAME, BUNDLE.name: BUNDLE}
