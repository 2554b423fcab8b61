"""Each reason for which a seat does not join, met once; and what the reasons rest on."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from node.escrow.checks import MAX_SHORT_US, Unsafe, check_exchange, check_sums
from node.escrow.library import library_bytes
from proto.escrow.legs import Leg, MoneyCarrier, RightCarrier
from proto.escrow.rights import Right
from proto.keys import NodeId
from proto.limits import MAX_AMOUNT, MAX_LEGS, MAX_SEATS
from proto.money import common_brand
from tests.node.escrow.cases import TIER, TWELVE
from tests.node.escrow.rights import by_guid, instance, node, right

U = Unsafe
USD = common_brand("USD").guid
COIN = right("coin", {}, "bank", supply=100, lot=5, fee="1.1", flat=1, lock_us=10**9)
LAND = right("parcel", {"n": 1}, "land office")


@dataclass
class Exchange:
    """A pays B 40 USD and 50 coins for a parcel that C gets: safe, until somebody changes it."""

    legs: list[Leg] = field(
        default_factory=lambda: [
            Leg(1, USD, 40, "A", "B", MoneyCarrier(node("A"), node("B"))),
            Leg(2, COIN.brand.guid, 50, "A", "B", RightCarrier(node("bank")), 6),
            Leg(3, LAND.brand.guid, 1, "B", "C", RightCarrier(node("land office"))),
        ]
    )
    nodes: dict[str, NodeId] = field(default_factory=lambda: {x: node(x) for x in "ABC"})
    wants: dict[str, set[int]] = field(default_factory=lambda: {"A": {3}, "B": {1, 2}, "C": {3}})
    committers: set[str] = field(default_factory=lambda: {"A", "B", "C"})
    rights: dict[bytes, Right] = field(default_factory=lambda: by_guid(COIN, LAND))
    within_us: int = MAX_SHORT_US

    def leg(self, at: int, **more: Any) -> None:
        self.legs[at] = replace(self.legs[at], **more)

    def moves(self, amount: int, fee: int) -> None:
        self.leg(1, amount=amount, fee_max=fee)

    def verdict(self) -> Unsafe | None:
        return check_exchange(
            self.legs, self.nodes, self.wants, self.committers, self.rights, self.within_us
        )


def _only_rights(exchange: Exchange) -> None:
    exchange.legs.pop(0)
    exchange.leg(0, no=1)
    exchange.leg(1, no=2)
    exchange.wants.update(A={2}, B={1}, C={2})


Change = Callable[[Exchange], object]
CHANGES: tuple[tuple[str, Change, Unsafe | None], ...] = (
    ("nothing", lambda x: None, None),
    ("no legs", lambda x: x.legs.clear(), U.NO_LEGS),
    ("nobody", lambda x: x.nodes.clear(), U.NO_LEGS),
    ("a number twice", lambda x: x.leg(1, no=1), U.NO_LEGS),
    ("too many", lambda x: x.legs.extend([x.legs[0]] * MAX_LEGS), U.NO_LEGS),
    ("giver unknown", lambda x: x.leg(0, from_seat="Z"), U.UNKNOWN_SEAT),
    ("receiver unknown", lambda x: x.leg(0, to_seat="Z"), U.UNKNOWN_SEAT),
    ("wanter unknown", lambda x: x.wants.update(Z={1}), U.UNKNOWN_SEAT),
    ("signer unknown", lambda x: x.committers.add("Z"), U.UNKNOWN_SEAT),
    ("one node twice", lambda x: x.nodes.update(B=node("A")), U.TO_ITSELF),
    ("A and C one node", lambda x: x.nodes.update(C=node("A")), None),
    ("nothing moves", lambda x: x.leg(0, amount=0), U.NO_AMOUNT),
    ("less than nothing", lambda x: x.leg(0, amount=-5), U.NO_AMOUNT),
    ("all for the registrar", lambda x: x.leg(1, fee_max=50), U.NO_AMOUNT),
    ("a fee that gives", lambda x: x.leg(1, fee_max=-1), U.NO_AMOUNT),
    ("as much as may be", lambda x: x.leg(0, amount=MAX_AMOUNT), None),
    ("nearly all for the registrar", lambda x: x.leg(1, fee_max=49), U.FEE_TOO_HIGH),
    ("too much", lambda x: x.leg(0, amount=MAX_AMOUNT + 1), U.NO_AMOUNT),
    ("payer is not the giver", lambda x: x.nodes.update(A=node("D")), U.WRONG_NODE),
    ("payee is not the receiver",
     lambda x: x.leg(0, carrier=MoneyCarrier(node("A"), node("C"))), U.WRONG_NODE),
    ("a fee on money", lambda x: x.leg(0, fee_max=1), U.FEE_TOO_HIGH),
    ("money for long", lambda x: setattr(x, "within_us", MAX_SHORT_US + 1), U.MONEY_LOCKED_LONG),
    ("no time", lambda x: setattr(x, "within_us", 0), U.MONEY_LOCKED_LONG),
    ("undescribed", lambda x: x.rights.pop(LAND.brand.guid), U.RIGHT_UNKNOWN),
    ("filed wrongly", lambda x: x.rights.update({LAND.brand.guid: COIN}), U.RIGHT_UNKNOWN),
    ("other registrar", lambda x: x.leg(2, carrier=RightCarrier(node("rogue"))), U.WRONG_REGISTRAR),
    ("half a lot", lambda x: x.moves(52, 7), U.BAD_LOT),
    ("fee above the price list", lambda x: x.moves(50, 7), U.FEE_TOO_HIGH),
    ("fee below it", lambda x: x.moves(50, 5), U.FEE_TOO_HIGH),
    ("locked for long", lambda x: (_only_rights(x), setattr(x, "within_us", 10**9 + 1)),
     U.LOCKED_TOO_LONG),
    ("all that there is", lambda x: x.moves(100, 11), None),
    ("as long as it locks", lambda x: (_only_rights(x), setattr(x, "within_us", 10**9)), None),
    ("more than there is", lambda x: x.moves(105, 12), U.ABOVE_SUPPLY),
    ("a unique thing twice", lambda x: x.legs.append(replace(x.legs[2], no=4, to_seat="A")),
     U.ABOVE_SUPPLY),
    ("receiver without a key", lambda x: (x.committers.discard("C"), x.wants.pop("C")),
     U.RECEIVER_NOT_ASKED),
    ("receiver that does not look", lambda x: x.wants["B"].discard(2), U.RECEIVER_NOT_ASKED),
    ("giver without a want", lambda x: (x.committers.discard("A"), x.wants.pop("A")),
     U.GIVER_UNPROTECTED),
    ("want without a key", lambda x: x.committers.discard("A"), U.WANT_UNGUARDED),
    ("want of nothing", lambda x: x.wants["A"].add(9), U.WANT_UNKNOWN),
    ("want of one's own", lambda x: x.wants["A"].add(1), U.WANT_UNKNOWN),
    ("key without a want", lambda x: (x.nodes.update(D=node("D")), x.committers.add("D")),
     U.IDLE_SIGNER),
    ("a witness who wants", lambda x: (
        x.nodes.update(D=node("D")), x.committers.add("D"), x.wants.update(D={3})), None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_why_nobody_joins(change: Change, expected: Unsafe | None) -> None:
    exchange = Exchange()
    change(exchange)
    assert exchange.verdict() is expected


def test_every_reason_is_met() -> None:
    met = {expected for *_, expected in CHANGES} - {None}
    # Sums are asked about elsewhere: check_sums.
    assert met == set(Unsafe) - {U.NOT_CONSERVED}


def test_sums_are_of_seats_and_brands() -> None:
    """The same total from another pocket, or to another, is not the same exchange."""
    case = TWELVE[6]
    template, rights = library_bytes(case.name), by_guid(*case.rights)
    price, thing = case.legs
    assert (price[3], thing[3]) == (40, 1)
    legs = [
        Leg(1, USD, 40, "buyer", "seller", MoneyCarrier(node("buyer"), node("seller"))),
        Leg(2, case.rights[0].brand.guid, 1, "seller", "buyer", RightCarrier(node("simulator"))),
    ]
    assert check_sums(template, case.instance, legs, rights) is None
    lies = (
        *((0, {"amount": 41}), (0, {"brand": bytes(16)}), (0, {"from_seat": "agent"})),
        *((1, {"to_seat": "agent"}), (1, {"from_seat": "agent", "to_seat": "agent"})),
    )
    for at, more in lies:
        other = list(legs)
        other[at] = replace(other[at], **more)  # type: ignore[arg-type]
        assert check_sums(template, case.instance, other, rights) is U.NOT_CONSERVED
    assert check_sums(template, case.instance, legs, {}) is U.NOT_CONSERVED
    assert check_sums(b"{", case.instance, legs, rights) is U.NOT_CONSERVED
    assert check_sums(b"[" * 9000, case.instance, legs, rights) is U.NOT_CONSERVED


def test_a_lot_is_what_moves_where_no_amount_is_said() -> None:
    template = (
        b'{"template": "x", "version": 1, "seats": ["a", "b"], "gather": [{"name": "t", "from":'
        b' "a", "is": {"type": "tier", "unit": "square metre"}}], "distribute": [{"name": "t",'
        b' "to": "b"}]}'
    )
    filled = instance("x", {"a": "a", "b": "b"})
    leg = Leg(1, TIER.brand.guid, TIER.brand.unit, "a", "b", RightCarrier(node("tier office")))
    assert check_sums(template, filled, [leg], by_guid(TIER)) is None
    half = replace(leg, amount=8)
    assert check_sums(template, filled, [half], by_guid(TIER)) is U.NOT_CONSERVED


def sums(legs: list[Leg], rights: dict[bytes, Right], **thing: object) -> Unsafe | None:
    """Of one gift of `thing` from a to b."""
    template = {
        "template": "x",
        "version": 1,
        "seats": ["a", "b"],
        "gather": [{"name": "t", "from": "a", "is": thing}],
        "distribute": [{"name": "t", "to": "b"}],
    }
    filled = instance("x", {"a": "bank", "b": "b"}, n=5)
    return check_sums(json.dumps(template).encode(), filled, legs, rights)


def test_sums_find_the_right_by_themselves() -> None:
    """By type and attributes, or GUID, or registrar; one of another sort does not count."""
    rogue = right("coin", {}, "rogue", supply=100)
    leg = Leg(1, COIN.brand.guid, 50, "a", "b", RightCarrier(node("bank")), 6)
    both = by_guid(COIN, rogue, LAND)
    guid = COIN.brand.guid.hex()
    assert sums([leg], by_guid(COIN, LAND), type="coin", amount=50) is None
    assert sums([leg], both, type="coin", amount=50) is U.NOT_CONSERVED
    assert sums([leg], both, type="coin", amount=50, registrar="a") is None
    assert sums([leg], both, type="coin", amount=50, registrar=node("bank").hex()) is None
    assert sums([leg], both, type="coin", amount=50, registrar="b") is U.NOT_CONSERVED
    assert sums([leg], both, type="right", amount=50, brand=guid) is None
    assert sums([leg], both, type="coin", amount=50, brand=guid) is None
    assert sums([leg], both, type="parcel", amount=50, brand=guid) is U.NOT_CONSERVED
    assert sums([leg], both, type="coin", amount=50, brand=guid, n=1) is U.NOT_CONSERVED
    assert sums([leg], both, type="right", amount={"?": "n", "times": 10}, brand=guid) is None
    assert sums([leg], both, type="right", amount={"?": "m", "default": 50}, brand=guid) is None
    assert sums([leg], both, type="right", amount={"?": "m"}, brand=guid) is U.NOT_CONSERVED


def test_sums_read_a_brand_of_money_by_name_or_guid() -> None:
    """32 hex digits are a GUID; 32 other characters, or fewer digits, are a name."""
    for brand, guid in (
        ("USD", USD),
        ("ab" * 16, bytes.fromhex("ab" * 16)),
        ("ab", common_brand("ab").guid),
        ("zz" * 16, common_brand("zz" * 16).guid),
    ):
        leg = Leg(1, guid, 50, "a", "b", MoneyCarrier(node("bank"), node("b")))
        assert sums([leg], {}, type="money", brand=brand, amount=50) is None
        other = replace(leg, brand=bytes(16))
        assert sums([other], {}, type="money", brand=brand, amount=50) is U.NOT_CONSERVED


def test_as_many_legs_and_seats_as_may_be() -> None:
    """The bounds themselves are in."""
    coin = right("coin", {}, supply=MAX_LEGS)
    leg = Leg(1, coin.brand.guid, 1, "s0", "s1", RightCarrier(node("registrar")))
    legs = [replace(leg, no=no) for no in range(1, MAX_LEGS + 1)]
    numbers = {x.no for x in legs}
    for count, expected in ((MAX_SEATS, None), (MAX_SEATS + 1, U.NO_LEGS)):
        nodes = {f"s{i}": node(f"s{i}") for i in range(count)}
        verdict = check_exchange(legs, nodes, {"s1": numbers}, {"s1"}, by_guid(coin), 1)
        assert verdict is expected
