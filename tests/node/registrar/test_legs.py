"""Prepare, settle and cancel: what they do, and every way in which they are refused."""

from dataclasses import replace

from node.command.sim.cast import R2, SECOND, digest, signing_key
from node.registrar.rows import Hold, Leg
from proto.escrow.legs import Leg as LegTerm
from proto.escrow.legs import MoneyCarrier, read_leg_promise
from proto.escrow.ops import (
    Accept,
    Cancel,
    LegPhase,
    LegState,
    Offer,
    Prepare,
    Refund,
    RegistrarError,
    Settle,
    Transfer,
    capability_hash,
)
from proto.escrow.rights import Right
from proto.escrow.terms import SeatTerms, plant
from proto.limits import MAX_AMOUNT, MAX_LOCK_US
from proto.policy import single
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUR_US,
    World,
    cap,
    deal,
    enter,
    leg_of,
)
from tests.proto.build import abort_certificate, commit_certificate

E = RegistrarError


# ---------------------------------------------------------------- prepare, settle, cancel


def test_prepare_promises_and_a_commit_delivers(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30, tied=d.commit)
    (done,) = world.do(ALICE, d.prepare("alice", source, destination))
    promise = read_leg_promise(done.promise)
    assert (promise.commit, promise.net, promise.fee) == (d.commit, 30, 0)
    assert promise.to == capability_hash(cap(destination))
    assert world.hold(source).amount == 0
    assert world.no(ALICE, Refund(cap("alice"), cap(source))) == (E.LOCKED, 0)
    assert world.no(BOB, Refund(cap("bob"), cap(destination))) == (E.LOCKED, 0)
    world.conserved()
    (settled,) = world.do(CAROL, d.settle())
    assert settled.legs == (LegState(d.commit, 1, LegPhase.DELIVERED),)
    assert world.do(BOB, Refund(cap("bob"), cap(destination)))[0].amount == 30
    assert world.do(ALICE, Refund(cap("alice"), cap(source)))[0].amount == 0
    assert (world.balance(gold, ALICE), world.balance(gold, BOB)) == (70, 30)
    for who in (ALICE, BOB):
        assert (world.account(gold, who).reserved, world.account(gold, who).holds) == (0, 0)
    world.conserved()


def test_an_abort_returns_to_the_account(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    (settled,) = world.do(CAROL, d.settle(commit=False))
    assert settled.legs[0].phase is LegPhase.RETURNED
    assert world.balance(gold, ALICE) == 100
    assert world.account(gold, ALICE).reserved == 0
    assert world.do(BOB, Refund(cap("bob"), cap(destination)))[0].amount == 0
    world.conserved()


def test_certificates_are_applied_once_and_the_first_wins(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle())
    for again in (d.settle(), d.settle(commit=False)):
        ran = world.run(CAROL, again)
        assert ran.changes == () and ran.results[0].legs[0].phase is LegPhase.DELIVERED
    world.conserved()


def test_a_certificate_counts_years_later(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.now_us += 5 * 365 * 24 * HOUR_US
    world.do(CAROL, d.settle())
    assert world.hold(destination).amount == 30


def test_a_commit_after_a_return_delivers_while_it_is_there(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30, fee_max=1), in_us=40 * SECOND)
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle(commit=False))
    world.do(BOB, Refund(cap("bob"), cap(destination)))  # the hold is gone; the account stays
    (late,) = world.do(CAROL, d.settle())
    assert late.legs[0].phase is LegPhase.DELIVERED
    assert (world.balance(gold, ALICE), world.balance(gold, BOB)) == (70, 30)
    world.conserved()


def test_a_commit_after_a_return_is_a_claim_once_it_is_gone(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle(commit=False))
    world.do(ALICE, Offer(cap("alice"), 71, cap("spent")))
    (late,) = world.do(CAROL, d.settle())
    assert late.legs[0].phase is LegPhase.CLAIMED
    assert world.run(CAROL, d.settle()).changes == ()
    world.conserved()


def test_a_commit_that_comes_too_late_to_dominate_changes_nothing(
    world: World, gold: Right
) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle(commit=False))
    world.now_us += 400 * 24 * HOUR_US
    assert world.run(CAROL, d.settle()).changes == ()
    assert world.view.legs_of(d.commit)[0].phase is LegPhase.RETURNED


def test_forged_certificates_prove_nothing(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    for forged in (
        commit_certificate(d.descriptor, R2),
        abort_certificate(d.descriptor, R2),
        commit_certificate(d.descriptor),
    ):
        assert world.no(CAROL, Settle(forged)) == (E.BAD_CERTIFICATE, 0)
    other = deal(leg_of(gold, ALICE, BOB, 31), label="another")
    assert world.do(CAROL, other.settle())[0].legs == ()  # none of ours


def test_a_repeated_prepare_gives_the_same_promise(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    op = d.prepare("alice", source, destination)
    (first,) = world.do(ALICE, op)
    world.now_us += HOUR_US  # too late for a new one
    ran = world.run(ALICE, op)
    assert ran.changes == () and ran.results[0].promise == first.promise
    world.do(ALICE, Offer(cap("alice"), 30, cap("other")))
    assert world.no(ALICE, d.prepare("alice", "other", destination)) == (E.FENCED, 0)
    world.do(CAROL, d.settle())
    assert world.no(ALICE, op) == (E.FENCED, 0)


def test_a_cancel_before_its_prepare_fences_it(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    cancel = Cancel(cap(source), d.encoded, d.opening())
    (fenced,) = world.do(ALICE, cancel)
    assert fenced.legs == (LegState(d.commit, 1, LegPhase.FENCED),)
    assert world.run(ALICE, cancel).changes == ()
    assert world.no(ALICE, d.prepare("alice", source, destination)) == (E.FENCED, 0)
    assert world.do(ALICE, Refund(cap("alice"), cap(source)))[0].amount == 30
    world.do(CAROL, d.settle())  # decided all the same: nothing of it is here
    assert world.balance(gold, ALICE) == 100


def test_a_cancel_after_its_prepare_is_locked(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    cancel = Cancel(cap(source), d.encoded, d.opening())
    world.do(ALICE, d.prepare("alice", source, destination))
    assert world.no(ALICE, cancel) == (E.LOCKED, 0)
    world.do(CAROL, d.settle(commit=False))
    assert world.no(ALICE, cancel) == (E.FENCED, 0)


def test_only_its_giver_cancels_a_leg(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30), leg_of(gold, BOB, ALICE, 5, no=2))
    enter(world, gold, 30)
    assert world.no(BOB, Cancel(cap("bob accepts"), d.encoded, d.opening(1))) == (E.BAD_LEG, 0)
    assert world.no(ALICE, Cancel(cap("new"), d.encoded, d.opening(1))) == (E.NOT_YET, 0)
    assert not world.view.all(Leg)


def test_a_settle_before_its_prepare_is_no_obstacle(world: World, gold: Right) -> None:
    """Nothing was promised, so nothing is owed; a later prepare meets D or its certificate."""
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    assert world.run(CAROL, d.settle(commit=False)).changes == ()
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle(commit=False))
    assert world.balance(gold, ALICE) == 100


def test_a_refund_that_races_a_prepare(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, Refund(cap("alice"), cap(source)))
    assert world.no(ALICE, d.prepare("alice", source, destination)) == (E.GONE, 30)
    assert world.balance(gold, ALICE) == 100


def test_prepare_refuses_what_does_not_fit(world: World, gold: Right) -> None:
    silver = world.brand(name="silver")
    world.owns(ALICE, silver, "alice silver", 30)
    good = leg_of(gold, ALICE, BOB, 30)
    source, destination = enter(world, gold, 30)

    def no(d: object, **by: object) -> tuple[RegistrarError, int]:
        op = d.prepare("alice", source, destination)  # type: ignore[attr-defined]
        return world.no(ALICE, op)

    assert no(deal(leg_of(gold, ALICE, BOB, 29))) == (E.BAD_LEG, 30)
    assert no(deal(leg_of(gold, CAROL, BOB, 30))) == (E.BAD_LEG, 0)
    assert no(deal(leg_of(gold, ALICE, CAROL, 30))) == (E.BAD_LEG, 0)
    assert no(deal(leg_of(gold, ALICE, BOB, 30, brand=silver.brand.guid))) == (E.BAD_LEG, 0)
    stranger = signing_key("another registrar").node_id
    assert no(deal(leg_of(gold, ALICE, BOB, 30, registrar=stranger))) == (E.BAD_LEG, 0)
    assert no(deal(good, policy=single(R2.id))) == (E.POLICY_NOT_ACCEPTED, 0)
    assert no(deal(good, in_us=HOUR_US + 7)) == (E.LOCK_TOO_LONG, 7)
    assert no(deal(good, in_us=SECOND)) == (E.TOO_LATE, SECOND // 2)
    d = deal(good)
    other = deal(leg_of(gold, ALICE, BOB, 30, fee_max=3), label="other")
    terms, holds = cap("alice/terms"), (cap(source), cap(destination))
    mixed = Prepare(terms, *holds, d.encoded, other.opening())
    assert world.no(ALICE, mixed) == (E.BAD_LEG, 0)
    broken = Prepare(terms, *holds, d.encoded[:-1], d.opening())
    assert world.no(ALICE, broken) == (E.BAD_DESCRIPTOR, 0)
    assert world.no(ALICE, Prepare(terms, cap("x"), cap(destination), d.encoded, d.opening())) == (
        E.NOT_YET,
        0,
    )
    world.do(ALICE, d.prepare("alice", source, destination))


def test_a_hold_is_tied_to_one_transaction(world: World, gold: Right) -> None:
    d, other = deal(leg_of(gold, ALICE, BOB, 30)), deal(leg_of(gold, ALICE, BOB, 30), label="b")
    source, destination = enter(world, gold, 30, tied=d.commit)
    assert world.no(ALICE, other.prepare("alice", source, destination)) == (E.NOT_ALLOWED, 0)
    world.do(ALICE, d.prepare("alice", source, destination))


def test_a_promised_destination_gives_nothing_away(world: World, gold: Right) -> None:
    source, destination = enter(world, gold, 30)
    world.do(ALICE, Transfer(cap("alice/terms"), cap(source), cap(destination)))
    d = deal(leg_of(gold, ALICE, BOB, 5))
    world.do(ALICE, Offer(cap("alice"), 5, cap("five")))
    world.do(ALICE, d.prepare("alice", "five", destination))
    world.do(ALICE, Accept(cap("alice"), cap("sink")))
    move = Transfer(cap("bob/terms"), cap(destination), cap("sink"))
    assert world.no(BOB, move) == (E.LOCKED, 0)
    world.do(CAROL, d.settle())
    assert world.do(BOB, move)[0].amount == 35


def test_two_legs_share_a_destination_up_to_its_room(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 6), leg_of(gold, ALICE, BOB, 5, no=2))
    world.do(BOB, Accept(cap("bob"), cap("b"), up_to=10))
    world.do(ALICE, Offer(cap("alice"), 6, cap("one")), Offer(cap("alice"), 5, cap("two")))
    world.do(ALICE, d.prepare("alice", "one", "b"))
    assert world.no(ALICE, d.prepare("alice", "two", "b", no=2)) == (E.ABOVE_CEILING, 1)


def test_only_a_leg_of_rights_is_prepared(world: World, gold: Right) -> None:
    """Terms hold other leaves too: seats, the order, legs of money."""
    enter(world, gold, 30)
    money = LegTerm(1, gold.brand.guid, 30, "a", "b", MoneyCarrier(ALICE.node_id, BOB.node_id))
    seat = SeatTerms("giver", ALICE.node_id)
    root, openings = plant((money, seat), [digest("one"), digest("two")])
    descriptor = replace(deal(leg_of(gold, ALICE, BOB, 30)).descriptor, terms_root=root).encode()
    broken = replace(openings[0], leaf=b"\xff")
    for opening in (*openings, broken):
        holds = (cap("alice offers"), cap("bob accepts"))
        op = Prepare(cap("alice/terms"), *holds, descriptor, opening)
        assert world.no(ALICE, op) == (E.BAD_LEG, 0)


def test_parts_of_lots_are_not_prepared(world: World) -> None:
    """Nothing leaves such a hold behind; the rule does not rest on that."""
    shares = world.brand(name="shares", lot=10)
    world.owns(ALICE, shares, "alice", 100)
    world.owns(BOB, shares, "bob")
    source, destination = enter(world, shares, 20)
    odd = replace(world.hold(source), amount=15)
    world.view.rows[Hold, odd.key] = odd
    d = deal(leg_of(shares, ALICE, BOB, 15))
    assert world.no(ALICE, d.prepare("alice", source, destination)) == (E.BAD_LOT, 10)


def test_what_legs_may_return_does_not_overflow(world: World, gold: Right) -> None:
    source, destination = enter(world, gold, 60)
    world.do(ALICE, Transfer(cap("alice/terms"), cap(source), cap(destination)))
    world.do(BOB, Accept(cap("bob"), cap("huge"), up_to=MAX_AMOUNT - 50))
    world.do(ALICE, Accept(cap("alice"), cap("back")))
    d = deal(leg_of(gold, BOB, ALICE, 60))
    assert world.no(BOB, d.prepare("bob", destination, "back")) == (E.QUOTA, MAX_AMOUNT)
    world.do(BOB, Refund(cap("bob"), cap("huge")))
    world.do(BOB, d.prepare("bob", destination, "back"))


def test_what_a_leg_keeps(world: World, gold: Right) -> None:
    """From when on its registries answer finally, and the certificate that ended it."""
    d = deal(leg_of(gold, ALICE, BOB, 30), leg_of(gold, ALICE, BOB, 5, no=2))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(ALICE, Cancel(cap(source), d.encoded, d.opening(2)))
    leg, fenced = world.view.legs_of(d.commit)
    assert leg.final_after_us == fenced.final_after_us == d.descriptor.deadline_us + 2 * SECOND
    assert leg.descriptor == d.encoded and not leg.certificate
    world.do(CAROL, d.settle())
    leg, fenced = world.view.legs_of(d.commit)
    assert leg.certificate == d.committed.encode() and not fenced.certificate


def test_nobody_fences_for_longer_than_anything_is_locked(world: World, gold: Right) -> None:
    enter(world, gold, 30)
    far = deal(leg_of(gold, ALICE, BOB, 30), in_us=MAX_LOCK_US + 9)
    cancel = Cancel(cap("alice offers"), far.encoded, far.opening())
    assert world.no(ALICE, cancel) == (E.LOCK_TOO_LONG, 9)
    over = deal(leg_of(gold, ALICE, BOB, 30), in_us=-48 * HOUR_US)
    ran = world.run(ALICE, Cancel(cap("alice offers"), over.encoded, over.opening()))
    assert ran.refusal is None and not ran.changes  # it cannot be prepared any more


def test_a_late_commit_takes_all_that_is_there(world: World, gold: Right) -> None:
    d = deal(leg_of(gold, ALICE, BOB, 30))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle(commit=False))
    world.do(ALICE, Offer(cap("alice"), 70, cap("spent")))  # just so much is left
    assert world.do(CAROL, d.settle())[0].legs[0].phase is LegPhase.DELIVERED
    assert (world.balance(gold, ALICE), world.balance(gold, BOB)) == (0, 30)
