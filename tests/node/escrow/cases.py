"""Every template that ships, filled in once, and what it has to come to."""

from dataclasses import dataclass
from typing import Final

from proto.escrow.rights import Right
from tests.node.escrow.rights import instance, right

LAND: Final = {"region": "Ahern", "parcel_id": 17}
TASK: Final = {"region": "Ahern", "task_id": 1234}
PASS: Final = {**LAND, "period": "2026-12"}
PRICE: Final = {"brand": "USD", "amount": 40}
PARCEL: Final = right("parcel", LAND, "land office")
OBJECT: Final = right("object", TASK, "simulator")
CONTENTS: Final = right("contents", {**TASK, "item": "notecard"}, "simulator")
MEMBERSHIP: Final = right("membership", {"group_name": "Bee", "role": "member"}, "group", supply=9)
PARCEL_PASS: Final = right("parcel pass", PASS, "land office", supply=50)
TIER: Final = right("tier", {"unit": "square metre"}, "tier office", supply=10_000, lot=16)
DEPOSIT: Final = right("deposit", {"of": "USD"}, "house", supply=100_000)
DOLLAR: Final = right("dollar", {}, "bank", supply=1000)
PENNY: Final = right("penny", {}, "mint", supply=100_000)
FRIEND_A: Final = right("permission", {"of": "Ann", "for": "Bob"}, "Ann's node")
FRIEND_B: Final = right("permission", {"of": "Bob", "for": "Ann"}, "Bob's node")
CALL: Final = right(
    "call",
    {"base": PARCEL.brand.guid.hex(), "strike": 90, "of": "USD", "until": "2027-01-31"},
    "issuer",
)


@dataclass(frozen=True)
class Case:
    """`legs`: (from, to, type, amount); `committers` in the order of seats."""

    name: str
    seats: tuple[str, ...]
    values: dict[str, str | int]
    rights: tuple[Right, ...]
    legs: tuple[tuple[str, str, str, int], ...]
    committers: tuple[str, ...]
    wants: dict[str, tuple[int, ...]]

    @property
    def instance(self) -> bytes:
        return instance(self.name, {seat: seat for seat in self.seats}, **self.values)


def _hex(right: Right) -> str:
    return right.brand.guid.hex()


CALL_TERMS: Final = {"base": _hex(PARCEL), "strike": 90, "brand": "USD", "until": "2027-01-31"}
PLEDGE: Final = {"collateral": _hex(PARCEL), "brand": "USD"}

# The table of escrow section 6: legs and committers, case by case.
TWELVE: Final = (
    Case("friendship", ("A", "B"), {"name_of_A": "Ann", "name_of_B": "Bob"}, (FRIEND_A, FRIEND_B),
         (("A", "B", "permission", 1), ("B", "A", "permission", 1)), ("A", "B"),
         {"A": (2,), "B": (1,)}),
    Case("gift", ("giver", "receiver"), PRICE, (), (("giver", "receiver", "money", 40),),
         ("receiver",), {"receiver": (1,)}),
    Case("buy parcel", ("buyer", "seller"), PRICE | LAND, (PARCEL,),
         (("buyer", "seller", "money", 40), ("seller", "buyer", "parcel", 1)),
         ("buyer", "seller"), {"buyer": (2,), "seller": (1,)}),
    Case("buy parcel for group", ("buyer", "seller", "group"), PRICE | LAND, (PARCEL,),
         (("buyer", "seller", "money", 40), ("seller", "group", "parcel", 1)),
         ("buyer", "seller", "group"), {"buyer": (2,), "seller": (1,), "group": (2,)}),
    Case("buy object contents", ("buyer", "owner", "object"), PRICE | TASK | {"item": "notecard"},
         (CONTENTS,), (("buyer", "owner", "money", 40), ("object", "buyer", "contents", 1)),
         ("buyer", "owner", "object"), {"buyer": (2,), "owner": (1,), "object": (1,)}),
    Case("give object contents", ("receiver", "object"), TASK | {"item": "notecard"}, (CONTENTS,),
         (("object", "receiver", "contents", 1),), ("receiver",), {"receiver": (1,)}),
    Case("buy object", ("buyer", "seller"), PRICE | TASK, (OBJECT,),
         (("buyer", "seller", "money", 40), ("seller", "buyer", "object", 1)),
         ("buyer", "seller"), {"buyer": (2,), "seller": (1,)}),
    Case("join group", ("applicant", "group"), PRICE | {"group_name": "Bee", "role": "member"},
         (MEMBERSHIP,),
         (("applicant", "group", "money", 40), ("group", "applicant", "membership", 1)),
         ("applicant", "group"), {"applicant": (2,), "group": (1,)}),
    Case("buy parcel pass", ("visitor", "owner"), PRICE | PASS, (PARCEL_PASS,),
         (("visitor", "owner", "money", 40), ("owner", "visitor", "parcel pass", 1)),
         ("visitor", "owner"), {"visitor": (2,), "owner": (1,)}),
    Case("buy parcel pass from group", ("visitor", "group"), PRICE | PASS, (PARCEL_PASS,),
         (("visitor", "group", "money", 40), ("group", "visitor", "parcel pass", 1)),
         ("visitor", "group"), {"visitor": (2,), "group": (1,)}),
    Case("deed parcel", ("owner", "group"), LAND, (PARCEL,), (("owner", "group", "parcel", 1),),
         ("group",), {"group": (1,)}),
    Case("deed parcel and tier", ("owner", "group"), LAND | {"tier": 512}, (PARCEL, TIER),
         (("owner", "group", "parcel", 1), ("owner", "group", "tier", 512)),
         ("group",), {"group": (1, 2)}),
)  # fmt: skip

FURTHER: Final = (
    Case("deposit", ("owner", "house"), PRICE, (DEPOSIT,),
         (("owner", "house", "money", 40), ("house", "owner", "deposit", 40)),
         ("owner", "house"), {"owner": (2,), "house": (1,)}),
    Case("cash out", ("owner", "house"), PRICE, (DEPOSIT,),
         (("owner", "house", "deposit", 40), ("house", "owner", "money", 40)),
         ("owner", "house"), {"owner": (2,), "house": (1,)}),
    Case("swap", ("first", "second"),
         {"first_right": _hex(PARCEL), "second_right": _hex(TIER), "second_right_amount": 32},
         (PARCEL, TIER), (("first", "second", "parcel", 1), ("second", "first", "tier", 32)),
         ("first", "second"), {"first": (2,), "second": (1,)}),
    Case("three way swap", ("first", "second", "third"),
         {"first_right": _hex(PARCEL), "second_right": _hex(OBJECT), "third_right": _hex(PENNY),
          "third_right_amount": 700}, (PARCEL, OBJECT, PENNY),
         (("first", "second", "parcel", 1), ("second", "third", "object", 1),
          ("third", "first", "penny", 700)),
         ("first", "second", "third"), {"first": (3,), "second": (1,), "third": (2,)}),
    Case("loan", ("lender", "borrower", "keeper"), PLEDGE | {"principal": 75}, (PARCEL,),
         (("lender", "borrower", "money", 75), ("borrower", "keeper", "parcel", 1)),
         ("lender", "borrower", "keeper"), {"lender": (2,), "borrower": (1,), "keeper": (2,)}),
    Case("repay loan", ("lender", "borrower", "keeper"), PLEDGE | {"repayment": 80}, (PARCEL,),
         (("borrower", "lender", "money", 80), ("keeper", "borrower", "parcel", 1)),
         ("lender", "borrower", "keeper"), {"lender": (1,), "borrower": (2,), "keeper": (1,)}),
    Case("seize collateral", ("lender", "keeper"), {"collateral": _hex(PARCEL)}, (PARCEL,),
         (("keeper", "lender", "parcel", 1),), ("lender",), {"lender": (1,)}),
    Case("split dollar", ("holder", "mint"),
         {"dollar": _hex(DOLLAR), "penny": _hex(PENNY), "dollars": 3}, (DOLLAR, PENNY),
         (("holder", "mint", "dollar", 3), ("mint", "holder", "penny", 300)),
         ("holder", "mint"), {"holder": (2,), "mint": (1,)}),
    Case("join pennies", ("holder", "mint"),
         {"dollar": _hex(DOLLAR), "penny": _hex(PENNY), "dollars": 3}, (DOLLAR, PENNY),
         (("holder", "mint", "penny", 300), ("mint", "holder", "dollar", 3)),
         ("holder", "mint"), {"holder": (2,), "mint": (1,)}),
    Case("write call", ("writer", "issuer"), CALL_TERMS, (PARCEL, CALL),
         (("writer", "issuer", "parcel", 1), ("issuer", "writer", "call", 1)),
         ("writer", "issuer"), {"writer": (2,), "issuer": (1,)}),
    Case("buy call", ("buyer", "seller"),
         {"price": 7, "brand": "USD", "call": _hex(CALL)}, (CALL,),
         (("buyer", "seller", "money", 7), ("seller", "buyer", "call", 1)),
         ("buyer", "seller"), {"buyer": (2,), "seller": (1,)}),
    Case("exercise call", ("holder", "writer", "issuer"), CALL_TERMS, (PARCEL, CALL),
         (("holder", "issuer", "call", 1), ("holder", "writer", "money", 90),
          ("issuer", "holder", "parcel", 1)),
         ("holder", "writer", "issuer"), {"holder": (3,), "writer": (2,), "issuer": (1,)}),
    Case("reclaim expired call", ("writer", "issuer"), {"base": _hex(PARCEL)}, (PARCEL,),
         (("issuer", "writer", "parcel", 1),), ("writer",), {"writer": (1,)}),
)  # fmt: skip

ALL: Final = (*TWELVE, *FURTHER)
