"""Every op: what it does, and every way in which it is refused without effect."""

import pytest

from node.registrar import owner
from node.registrar.rows import Account, Capability, Terms
from node.registrar.step import Refused
from node.registrar.titles import MAX_ACCEPTED, MAX_CAPABILITIES, MAX_HOLDS
from proto.escrow.args import ResultOf
from proto.escrow.ops import (
    Accept,
    Attenuate,
    CapabilityKind,
    Look,
    Offer,
    Prepare,
    Refund,
    RegistrarError,
    Revoke,
    Transfer,
    capability_hash,
)
from proto.escrow.rights import Right, Vetting
from proto.limits import MAX_AMOUNT
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUSE_KEY,
    World,
    cap,
    deal,
    enter,
    fee,
    leg_of,
    right_of,
)

E = RegistrarError


# ---------------------------------------------------------------- offer, accept, refund


def test_offer_takes_units_out_and_refund_gives_them_back(world: World, gold: Right) -> None:
    (made,) = world.do(ALICE, Offer(cap("alice"), 30, cap("h")))
    assert (made.amount, made.kind) == (30, CapabilityKind.HOLD)
    assert made.capability_hash == capability_hash(cap("h"))
    assert world.balance(gold, ALICE) == 70
    (back,) = world.do(ALICE, Refund(cap("alice"), cap("h")))
    assert back.amount == 30
    assert world.balance(gold, ALICE) == 100
    account = world.account(gold, ALICE)
    assert (account.holds, account.reserved) == (0, 0)
    assert world.no(ALICE, Refund(cap("alice"), cap("h"))) == (E.GONE, 30)
    world.conserved()


@pytest.mark.parametrize(
    ("amount", "error", "figure"),
    [(0, E.BAD_LOT, 1), (101, E.INSUFFICIENT_FUNDS, 1), (1 << 63, E.BAD_LOT, 1)],
)
def test_offer_refuses(
    world: World, gold: Right, amount: int, error: RegistrarError, figure: int
) -> None:
    assert world.no(ALICE, Offer(cap("alice"), amount, cap("h"))) == (error, figure)


def test_capabilities_are_bound_and_of_a_kind(world: World, gold: Right) -> None:
    for arg in (cap("alice"), cap("nobody's"), cap("bob/terms")):
        assert world.no(BOB, Offer(arg, 1, cap("h"))) == (E.NOT_ALLOWED, 0)
    assert world.no(ALICE, Look(cap("bob"))) == (E.NOT_ALLOWED, 0)
    assert world.no(BOB, Accept(cap("bob/terms"), cap("h"))) == (E.NOT_ALLOWED, 0)


def test_a_token_is_used_once(world: World, gold: Right) -> None:
    for used in ("alice", "bob", "alice/terms"):
        assert world.no(ALICE, Offer(cap("alice"), 1, cap(used))) == (E.REPEATED_OTHERWISE, 0)
    world.do(ALICE, Offer(cap("alice"), 1, cap("h")))
    assert world.no(ALICE, Offer(cap("alice"), 1, cap("h")))[0] is E.REPEATED_OTHERWISE
    world.do(ALICE, Refund(cap("alice"), cap("h")))
    assert world.no(ALICE, Offer(cap("alice"), 1, cap("h")))[0] is E.REPEATED_OTHERWISE


def test_refund_is_of_the_own_account(world: World, gold: Right) -> None:
    world.do(ALICE, Offer(cap("alice"), 5, cap("h")))
    assert world.no(BOB, Refund(cap("bob"), cap("h"))) == (E.WRONG_BRAND, 0)
    assert world.no(ALICE, Refund(cap("alice"), cap("unheard of"))) == (E.NOT_YET, 0)


def test_a_ceiling_is_looked_at_when_a_hold_is_made(world: World, gold: Right) -> None:
    guid = gold.brand.guid
    world.act(lambda step: owner.account_of(step, guid, BOB.node_id, 50))
    assert world.no(BOB, Accept(cap("bob"), cap("h"), up_to=51)) == (E.ABOVE_CEILING, 1)
    world.do(BOB, Accept(cap("bob"), cap("h"), up_to=30))
    world.do(BOB, Accept(cap("bob"), cap("rest")))  # as many as there is room for
    assert world.hold("rest").room == 20
    assert world.no(BOB, Accept(cap("bob"), cap("k")))[0] is E.ABOVE_CEILING
    world.do(ALICE, Offer(cap("alice"), 31, cap("o")))
    moved = Transfer(cap("alice/terms"), cap("o"), cap("h"))
    assert world.no(ALICE, moved) == (E.ABOVE_CEILING, 1)
    world.do(BOB, Refund(cap("bob"), cap("rest")))
    world.do(BOB, Accept(cap("bob"), cap("k"), up_to=20))


def test_what_is_offered_still_counts_towards_the_ceiling(world: World, gold: Right) -> None:
    guid = gold.brand.guid
    world.act(lambda step: owner.account_of(step, guid, ALICE.node_id, 100))
    world.do(ALICE, Offer(cap("alice"), 40, cap("o")))
    assert world.no(ALICE, Accept(cap("alice"), cap("h"), up_to=1)) == (E.ABOVE_CEILING, 1)
    d = deal(leg_of(gold, ALICE, BOB, 40))
    world.do(BOB, Accept(cap("bob"), cap("b")))
    world.do(ALICE, d.prepare("alice", "o", "b"))
    assert world.no(ALICE, Accept(cap("alice"), cap("h"), up_to=1)) == (E.ABOVE_CEILING, 1)
    world.do(CAROL, d.settle())
    world.do(ALICE, Accept(cap("alice"), cap("h"), up_to=40))


def test_huge_rooms_do_not_overflow(world: World, gold: Right) -> None:
    world.do(BOB, Accept(cap("bob"), cap("a"), up_to=MAX_AMOUNT - 1))
    assert world.no(BOB, Accept(cap("bob"), cap("b"), up_to=2))[0] is E.QUOTA
    assert world.no(BOB, Accept(cap("bob"), cap("b"), up_to=1 << 63)) == (E.ABOVE_CEILING, 1)
    world.do(BOB, Accept(cap("bob"), cap("b")))


def test_frozen_accounts_give_and_take_nothing(world: World, gold: Right) -> None:
    world.do(ALICE, Offer(cap("alice"), 5, cap("before")))
    key = world.account(gold, ALICE).id
    world.act(lambda step: owner.freeze(step, key, True))
    assert world.no(ALICE, Offer(cap("alice"), 5, cap("h"))) == (E.NOT_ALLOWED, 0)
    assert world.no(ALICE, Accept(cap("alice"), cap("h"))) == (E.NOT_VETTED, 0)
    world.do(BOB, Accept(cap("bob"), cap("b")))
    move = Transfer(cap("alice/terms"), cap("before"), cap("b"))
    assert world.no(ALICE, move) == (E.NOT_ALLOWED, 0)
    world.act(lambda step: owner.freeze(step, key, False))
    taker = world.account(gold, BOB).id
    world.act(lambda step: owner.freeze(step, taker, True))
    assert world.no(ALICE, move) == (E.NOT_VETTED, 0)
    world.act(lambda step: owner.freeze(step, taker, False))
    world.do(ALICE, move)


def test_holds_and_capabilities_of_an_account_are_bounded(world: World, gold: Right) -> None:
    for i in range(MAX_HOLDS):
        world.do(BOB, Accept(cap("bob"), cap(f"hold {i}")))
    assert world.no(BOB, Accept(cap("bob"), cap("more"))) == (E.QUOTA, MAX_HOLDS)
    world.do(BOB, Refund(cap("bob"), cap("hold 7")))
    world.do(BOB, Accept(cap("bob"), cap("more")))
    world.do(ALICE, Attenuate(cap("alice"), CapabilityKind.ACCEPT_ONLY, cap("for others")))
    for i in range(MAX_ACCEPTED):
        world.do(BOB, Accept(cap("for others"), cap(f"given {i}")))
    refused = world.no(BOB, Accept(cap("for others"), cap("one too many")))
    assert refused == (E.QUOTA, MAX_ACCEPTED)
    world.do(ALICE, Accept(cap("alice"), cap("the owner's own")))
    view = CapabilityKind.VIEW
    for i in range(MAX_CAPABILITIES - 2):  # the account's own and its terms count
        world.do(BOB, Attenuate(cap("bob"), view, cap(f"view {i}")))
    refused = world.no(BOB, Attenuate(cap("bob"), view, cap("one more")))
    assert refused == (E.QUOTA, MAX_CAPABILITIES)


# ---------------------------------------------------------------- look, attenuate, revoke


def test_look_says_what_a_capability_is_about_and_no_more(world: World, gold: Right) -> None:
    world.do(ALICE, Offer(cap("alice"), 30, cap("h")))
    kinds = CapabilityKind
    world.do(ALICE, Attenuate(cap("alice"), kinds.VIEW, cap("view")))
    world.do(ALICE, Attenuate(cap("alice"), kinds.ACCEPT_ONLY, cap("accept")))
    key = world.account(gold, ALICE).id
    for who, label, kind, amount, account in (
        (ALICE, "alice", kinds.ACCOUNT, 70, key),
        (BOB, "view", kinds.VIEW, 70, key),
        (BOB, "accept", kinds.ACCEPT_ONLY, 0, key),
        (BOB, "h", kinds.HOLD, 30, key),
        (ALICE, "alice/terms", kinds.TERMS, 0, b""),
    ):
        (seen,) = world.do(who, Look(cap(label)))
        assert (seen.kind, seen.amount, seen.account) == (kind, amount, account)
        assert seen.brand == gold.brand.guid
    world.do(ALICE, Refund(cap("alice"), cap("h")))
    assert world.no(BOB, Look(cap("h"))) == (E.GONE, 30)


def test_attenuated_capabilities_can_no_more_than_they_say(world: World, gold: Right) -> None:
    kinds = CapabilityKind
    world.do(ALICE, Attenuate(cap("alice"), kinds.VIEW, cap("view")))
    world.do(ALICE, Attenuate(cap("alice"), kinds.ACCEPT_ONLY, cap("accept")))
    world.do(BOB, Accept(cap("accept"), cap("h")))
    assert world.hold("h").account == world.account(gold, ALICE).id
    for label in ("view", "accept"):
        assert world.no(ALICE, Offer(cap(label), 1, cap("o")))[0] is E.NOT_ALLOWED
        assert world.no(ALICE, Refund(cap(label), cap("h")))[0] is E.NOT_ALLOWED
        weaker = Attenuate(cap(label), kinds.VIEW, cap("other"))
        assert world.no(ALICE, weaker)[0] is E.NOT_ALLOWED
    assert world.no(BOB, Accept(cap("view"), cap("k")))[0] is E.NOT_ALLOWED
    for kind in (kinds.ACCOUNT, kinds.TERMS, kinds.HOLD):
        assert world.no(ALICE, Attenuate(cap("alice"), kind, cap("x")))[0] is E.NOT_ALLOWED


def test_what_was_granted_can_be_revoked(world: World, gold: Right) -> None:
    world.do(ALICE, Attenuate(cap("alice"), CapabilityKind.VIEW, cap("view")))
    assert world.no(BOB, Revoke(cap("bob"), capability_hash(cap("view"))))[0] is E.NOT_ALLOWED
    before = world.account(gold, ALICE).capabilities
    revoke = Revoke(cap("alice"), capability_hash(cap("view")))
    world.do(ALICE, revoke)
    assert world.no(BOB, Look(cap("view")))[0] is E.NOT_ALLOWED
    assert world.account(gold, ALICE).capabilities == before - 1
    assert world.run(ALICE, revoke).changes == ()  # once more does nothing
    world.do(ALICE, Revoke(cap("alice"), capability_hash(cap("alice/terms"))))
    enter(world, gold, 5)
    d = deal(leg_of(gold, ALICE, BOB, 5))
    assert world.no(ALICE, d.prepare("alice", "alice offers", "bob accepts"))[0] is E.NOT_ALLOWED


# ---------------------------------------------------------------- transfer


def test_transfer_moves_all_of_a_hold_between_owners(world: World, gold: Right) -> None:
    source, destination = enter(world, gold, 30)
    (moved,) = world.do(ALICE, Transfer(cap("alice/terms"), cap(source), cap(destination)))
    assert moved.amount == 30
    (got,) = world.do(BOB, Refund(cap("bob"), cap(destination)))
    assert got.amount == 30 and world.balance(gold, BOB) == 30
    world.conserved()


def test_transfer_refuses(world: World, gold: Right) -> None:
    silver = world.brand(name="silver")
    world.owns(ALICE, silver, "alice silver", 10)
    world.do(ALICE, Offer(cap("alice silver"), 10, cap("s")))
    source, destination = enter(world, gold, 30)
    terms = cap("alice/terms")

    def no(a: str, b: str, by: bytes = terms) -> tuple[RegistrarError, int]:
        return world.no(ALICE, Transfer(by, cap(a), cap(b)))

    assert no("s", destination) == (E.WRONG_BRAND, 0)
    assert no(source, destination, cap("alice silver/terms")) == (E.WRONG_BRAND, 0)
    assert no("unheard of", destination) == (E.NOT_YET, 0)
    assert no(source, source) == (E.NOT_ALLOWED, 0)
    assert no(source, destination, cap("alice")) == (E.NOT_ALLOWED, 0)
    assert no(source, destination, cap("bob/terms")) == (E.NOT_ALLOWED, 0)
    assert no(destination, source) == (E.INSUFFICIENT_FUNDS, 1)  # it is empty
    world.do(BOB, Refund(cap("bob"), cap(destination)))
    assert no(source, destination) == (E.GONE, 0)
    tied = deal(leg_of(gold, ALICE, BOB, 1)).commit
    world.do(BOB, Accept(cap("bob"), cap("tied"), tied))
    assert no(source, "tied") == (E.NOT_ALLOWED, 0)


# ---------------------------------------------------------------- batches


def test_a_batch_is_all_or_nothing(world: World, gold: Right) -> None:
    ran = world.run(ALICE, Offer(cap("alice"), 30, cap("h")), Offer(cap("alice"), 71, cap("k")))
    assert ran.refusal is not None
    assert (ran.refusal.index, ran.refusal.error, ran.refusal.figure) == (
        1,
        E.INSUFFICIENT_FUNDS,
        1,
    )
    assert world.balance(gold, ALICE) == 100 and not ran.changes


def test_later_ops_name_what_earlier_ones_made(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, ALICE, 30))
    offered, accepted = Offer(cap("alice"), 30, cap("o")), Accept(cap("alice"), cap("a"))
    prepare = Prepare(cap("alice/terms"), ResultOf(0), ResultOf(1), d.encoded, d.opening())
    assert world.do(ALICE, offered, accepted, prepare)[2].promise
    for bad in (ResultOf(1), ResultOf(7)):
        refused = world.run(BOB, Accept(cap("bob"), cap("x")), Refund(cap("bob"), bad))
        assert refused.refusal is not None and refused.refusal.error is E.MALFORMED
    nothing = world.run(BOB, Look(cap("bob")), Refund(cap("bob"), ResultOf(0)))
    assert nothing.refusal is not None and nothing.refusal.error is E.MALFORMED


# ---------------------------------------------------------------- the owner


def test_issue_goes_to_the_treasury_and_into_the_description(world: World) -> None:
    right = world.brand(supply=10)
    made = world.act(lambda step: owner.issue(step, right.brand.guid, 5))
    assert (made.right.supply, made.right.sequence) == (15, 2)
    assert world.balance(right, HOUSE_KEY) == 15
    with pytest.raises(Refused):
        world.act(lambda step: owner.issue(step, right.brand.guid, MAX_AMOUNT - 14))
    world.conserved()


def test_a_brand_is_made_once(world: World) -> None:
    right = world.brand()
    with pytest.raises(Refused, match="REPEATED"):
        world.act(lambda step: owner.create_brand(step, right))


def test_fees_leave_whole_lots(world: World) -> None:
    for bad in (fee("1.01"), fee("1", 3)):
        with pytest.raises(Refused, match="BAD_LOT"):
            world.brand(lot=10, fee=bad)
    world.brand(lot=10, fee=fee("1", 20))


def test_opening_again_gives_the_same_account(world: World, gold: Right) -> None:
    before = len(world.view.all(Account))
    world.open(ALICE, gold, "alice")
    assert len(world.view.all(Account)) == before
    count = world.account(gold, ALICE).capabilities
    world.open(ALICE, gold, "alice's second machine")
    assert world.account(gold, ALICE).capabilities == count + 2
    assert all(c.holder for c in world.view.all(Capability))


def test_an_account_under_a_label_is_another_one(world: World, gold: Right) -> None:
    """A node opens one for each of its people; what they have is told apart by their tokens."""
    usual = world.account(gold, ALICE)
    first = world.open(ALICE, gold, "ann", b"ann's own label.")
    second = world.open(ALICE, gold, "ben", b"ben's own label.")
    assert len({usual.id, first, second}) == 3
    assert world.open(ALICE, gold, "ann", b"ann's own label.") == first
    world.fund(first, 7)
    looks = world.do(ALICE, Look(cap("ann")), Look(cap("ben")), Look(cap("alice")))
    assert [one.amount for one in looks] == [7, 0, 100]
    assert world.no(BOB, Look(cap("ann"))) == (E.NOT_ALLOWED, 0)


def test_what_binds_a_node_binds_its_accounts_under_labels(world: World, gold: Right) -> None:
    """One account more is no way around a ceiling, a freeze, or being let in."""
    guid, usual = gold.brand.guid, world.account(gold, ALICE).id
    world.act(lambda step: owner.account_of(step, guid, ALICE.node_id, 120))
    made = world.view.find(Account, (world.open(ALICE, gold, "ann", b"ann's own label."),))
    assert made is not None and made.ceiling == 120
    world.act(lambda step: owner.freeze(step, usual, True))
    with pytest.raises(Refused, match="NOT_VETTED"):
        world.open(ALICE, gold, "ben", b"ben's own label.")
    closed = world.brand(name="closed", vetting=Vetting.CLOSED)
    world.act(lambda step: owner.account_of(step, closed.brand.guid, ALICE.node_id))
    world.open(ALICE, closed, "granted")
    with pytest.raises(Refused, match="NOT_VETTED"):
        world.open(ALICE, closed, "carol", b"carol's label 16")


def test_a_revoked_capability_is_gone_within_its_batch(world: World, gold: Right) -> None:
    view = Attenuate(cap("alice"), CapabilityKind.VIEW, cap("view"))
    world.do(ALICE, view)
    revoke = Revoke(cap("alice"), capability_hash(cap("view")))
    assert world.no(ALICE, revoke, Look(cap("view"))) == (E.NOT_ALLOWED, 0)
    assert world.do(ALICE, revoke, view, Look(cap("view")))[2].amount == 100


def test_the_owner_is_refused_what_does_not_fit(world: World, gold: Right) -> None:
    guid, stranger = gold.brand.guid, b"no such account."
    alice = world.account(gold, ALICE).id
    world.act(lambda step: owner.account_of(step, guid, ALICE.node_id, 120))
    same = Terms(guid, guid, 10**9, 0)
    closed = world.brand(name="closed", vetting=Vetting.CLOSED)
    acts = {
        "BAD_LOT 10": lambda step: owner.create_brand(
            step, right_of(name="odd", supply=15, lot=10)
        ),
        "INSUFFICIENT_FUNDS 1": lambda step: owner.pay_out(step, alice, 901),
        "ABOVE_CEILING 1": lambda step: owner.pay_out(step, alice, 21),
        "BAD_LOT 1": lambda step: owner.pay_out(step, step.house.treasury(guid), 1),
        "NOT_ALLOWED 0": lambda step: owner.freeze(step, stranger, True),
        "REPEATED_OTHERWISE 0": lambda step: owner.grant_terms(step, same, b"", cap("x")),
        "NOT_ALLOWED  0": lambda step: owner.revoke_terms(step, stranger),
        "WRONG_BRAND 0": lambda step: owner.issue(step, stranger, 1),
    }
    for said, act in acts.items():
        before = dict(world.view.rows)
        with pytest.raises(Refused) as refused:
            world.act(act)
        assert said.split() == [refused.value.error.name, str(refused.value.figure)]
        assert world.view.rows == before
    for right, error in ((closed, "NOT_VETTED"), (right_of(name="nobody's"), "WRONG_BRAND")):
        with pytest.raises(Refused, match=error):
            world.open(CAROL, right, "carol")
