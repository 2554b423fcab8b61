"""Rights to rights: a penny of a dollar, and a call that is bought, resold, exercised, expired."""

import pytest

from node.command.sim.cast import SECOND
from node.registrar.derivative import Call, Derived, Place, call_of, derived_of, exercise
from node.registrar.rows import account_id
from proto.escrow.legs import RightCarrier
from proto.escrow.ops import Accept, Offer, Refund, Transfer
from proto.escrow.rights import Right
from proto.keys import SigningKey
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUR_US,
    HOUSE_KEY,
    TRENT,
    World,
    cap,
    deal,
    right_of,
)

NAMES = {ALICE.node_id: "alice", BOB.node_id: "bob", TRENT.node_id: "trent"}


def give(world: World, right: Right, giver: SigningKey, taker: SigningKey, amount: int) -> None:
    """By a plain transfer, into the account."""
    a, b = (f"{NAMES[who.node_id]}/{right.brand.name}" for who in (giver, taker))
    label = f"{a}>{b} {len(world.view.entries)}"
    world.do(giver, Offer(cap(a), amount, cap(label + " out")))
    world.do(taker, Accept(cap(b), cap(label + " in")))
    world.do(giver, Transfer(cap(a + "/terms"), cap(label + " out"), cap(label + " in")))
    world.do(taker, Refund(cap(b), cap(label + " in")))


def accounts(world: World, right: Right, *who: SigningKey) -> None:
    for one in who:
        world.open(one, right, f"{NAMES[one.node_id]}/{right.brand.name}")


def test_a_penny_of_a_dollar() -> None:
    """A dollar is too large a unit: its issuer puts dollars into a vault and issues pennies."""
    world = World()
    dollar = world.brand(name="dollar", supply=100)
    of_dollar = Derived(dollar.brand.guid, 100)
    penny = world.brand(
        name="penny", supply=0, attributes={"base": of_dollar.base.hex(), "ratio": 100}
    )
    assert derived_of(penny) == of_dollar and derived_of(dollar) is None
    assert penny.attributes == of_dollar.attributes()
    for n, base in ((0, 0), (1, 1), (99, 1), (100, 1), (101, 2), (1000, 10)):
        assert of_dollar.backing_ceil(n) == base
    assert of_dollar.free_floor(10, 901) == 0
    assert of_dollar.free_floor(10, 900) == 1
    assert of_dollar.free_floor(10, 1001) == -1


@pytest.fixture
def world() -> World:
    return World()


class Market:
    """Trent issues calls on Alice's parcel shares for 7 coins each; Bob and Carol trade them."""

    def __init__(self, world: World, expires_us: int) -> None:
        self.world = world
        self.base = world.brand(name="base", supply=10)
        self.coin = world.brand(name="coin", supply=1000)
        self.call = Call(Derived(self.base.brand.guid, 1), 7, self.coin.brand.guid, expires_us)
        attributes = {
            "base": self.base.brand.guid.hex(),
            "ratio": 1,
            "strike": 7,
            "strike_brand": self.coin.brand.guid.hex(),
            "expires_us": expires_us,
        }
        self.calls = world.brand(name="calls", supply=4, attributes=attributes)
        for right in (self.base, self.coin, self.calls):
            accounts(world, right, ALICE, BOB, TRENT)
        world.fund(account_id(self.base.brand.guid, TRENT.node_id), 4)  # the vault
        world.fund(account_id(self.coin.brand.guid, BOB.node_id), 100)
        world.fund(account_id(self.calls.brand.guid, ALICE.node_id), 4)

    def outstanding(self) -> int:
        """Calls that the issuer does not have back."""
        calls = self.world
        return 4 - calls.balance(self.calls, TRENT) - calls.balance(self.calls, HOUSE_KEY)

    def free(self) -> int:
        vault = self.world.balance(self.base, TRENT)
        return self.call.free_floor(vault, self.outstanding(), self.world.now_us)

    def exercise(self, holder: SigningKey, amount: int, commit: bool) -> None:
        def place(right: Right, giver: SigningKey, taker: SigningKey) -> Place:
            guid = right.brand.guid
            ends = (account_id(guid, who.node_id) for who in (giver, taker))
            return Place(guid, RightCarrier(HOUSE_KEY.node_id, *ends))

        legs = exercise(
            self.call,
            amount,
            place(self.calls, holder, TRENT),
            place(self.coin, holder, ALICE),
            place(self.base, TRENT, holder),
        )
        d = deal(*legs, label=f"exercise {commit}", at_us=self.world.now_us)
        assert self.call.live(d.descriptor.deadline_us)
        moves = (
            (self.calls, holder, TRENT, amount),
            (self.coin, holder, ALICE, 7 * amount),
            (self.base, TRENT, holder, amount),
        )
        for no, (right, giver, taker, units) in enumerate(moves, 1):
            a, b = (f"{NAMES[who.node_id]}/{right.brand.name}" for who in (giver, taker))
            out, into = f"out {no} {commit}", f"in {no} {commit}"
            self.world.do(giver, Offer(cap(a), units, cap(out), d.commit))
            self.world.do(taker, Accept(cap(b), cap(into), d.commit))
            self.world.do(giver, d.prepare(a, out, into, no=no))
        self.world.do(CAROL, d.settle(commit))
        for no, (right, _, taker, _units) in enumerate(moves, 1):
            label = f"{NAMES[taker.node_id]}/{right.brand.name}"
            self.world.do(taker, Refund(cap(label), cap(f"in {no} {commit}")))
        self.world.conserved()


def test_derivatives(world: World) -> None:
    """Bought, resold, exercised, expired; the base is never freed while calls are out."""
    market = Market(world, expires_us=world.now_us + HOUR_US)
    assert call_of(market.calls) == market.call
    assert call_of(market.base) is None
    assert (market.outstanding(), market.free()) == (4, 0)
    give(world, market.calls, ALICE, BOB, 3)  # bought
    assert market.free() == 0
    give(world, market.calls, BOB, ALICE, 1)  # resold
    assert market.free() == 0
    market.exercise(BOB, 2, commit=False)  # undone: everything is where it was
    assert (world.balance(market.calls, BOB), world.balance(market.base, BOB)) == (2, 0)
    assert market.free() == 0
    market.exercise(BOB, 2, commit=True)
    assert world.balance(market.base, BOB) == 2
    assert world.balance(market.coin, ALICE) == 14 and world.balance(market.coin, BOB) == 86
    assert (market.outstanding(), market.free()) == (2, 0)
    give(world, market.calls, ALICE, TRENT, 1)  # given back: one is free again
    assert (market.outstanding(), market.free()) == (1, 1)
    world.now_us += HOUR_US + SECOND
    assert not market.call.live(world.now_us)
    assert market.free() == 2  # all that is left in the vault


def test_what_is_no_derived_brand() -> None:
    base = right_of(name="base").brand.guid.hex()
    for attributes in (
        {"base": "no hex", "ratio": 1},
        {"base": base, "ratio": 0},
        {"base": base[:-2], "ratio": 1},
        {"base": base, "ratio": "1"},
        {"ratio": 1},
    ):
        assert derived_of(right_of(attributes=attributes)) is None
    assert call_of(right_of(attributes={"base": base, "ratio": 1})) is None
    call = Call(Derived(bytes(16), 1), 7, bytes(16), 5)
    wrong = Place(b"another brand...", RightCarrier(HOUSE_KEY.node_id))
    with pytest.raises(ValueError, match="its own strike"):
        exercise(call, 1, wrong, wrong, wrong)
