"""A collective that decides after D.

P pays Q over A: A holds BARE, which ends by P's clock, and gives ATOMIC, which a certificate
redeems at any time: a late leak, so A watches. Two of three registries decide. The relay rule lets
a commit that one member took before D reach the others until L = D + (f+1)·Δ, and be COMMITTED
there: the certificate may come into being long after D.

The mend (protocol section 5): every time that waits for the decision counts from L. P's promise
lives until L + WATCH_MARGIN + PRESENT_MARGIN, A asks the registries at L, and promises nothing
where less time is left.

Without it A would accept a schedule that counts from D. P's promise ends, the certificate comes,
Q shows it at its leisure: A owes, and P does not any more.
"""

from dataclasses import replace
from itertools import pairwise

import pytest

from node.command.sim.cast import R1, R2, R3, SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    chain_world,
    create,
    dictate,
    ended,
    given_by,
    held_by,
    make_request,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core import pair as pair_room
from node.core.rows import PaymentPhase, PromisePhase, Transaction
from proto.levels import Level
from proto.limits import PRESENT_MARGIN_US, WATCH_MARGIN_US
from proto.policy import RegistryPolicy
from proto.reason import Reason
from proto.statement import Outcome

B, A = Level.BARE, Level.ATOMIC
AMOUNT = 10_000
SLOW = RegistryPolicy((R1.id, R2.id, R3.id), 2, 2, 0, 10 * SECOND)
MARGINS_US = WATCH_MARGIN_US + PRESENT_MARGIN_US


def dictated(*, from_deadline: bool) -> tuple[World, Attempt]:
    """The payment is on its way; R1 alone has the commit. `from_deadline`: P's promise ends as if
    D were the time at which everything is decided."""
    world, names = chain_world((B, A))
    request = make_request(world, "Q", AMOUNT, policies=(SLOW,))
    payment = create(world, "P", request)
    attempt = dictate(world, payment, request, [Route(names, (B, A), AMOUNT)], policy=SLOW)
    limit_us = attempt.event.descriptor.limit_us
    assert limit_us == attempt.deadline_us + 10 * SECOND
    if from_deadline:
        (first,) = attempt.event.firsts
        first = replace(first, expires_at_us=attempt.deadline_us + MARGINS_US)
        attempt = replace(attempt, event=replace(attempt.event, firsts=(first,)))
    for one, other in pairwise(("R1", "R2", "R3", "R1")):
        world.sever(one, other)
    for member in ("R2", "R3"):
        world.sever("Q", member)
    answered(world.event("P", attempt.event))
    world.quiet()
    return world, attempt


def decided_late(world: World, attempt: Attempt) -> None:
    """R1's relay reaches R2 a second before L. Q gathers the certificate, and shows it later."""
    world.sever("A", "Q")
    world.run(attempt.event.descriptor.limit_us - SECOND)
    (row,) = world.rows("Q", Transaction)
    assert isinstance(row, Transaction) and not row.decided
    relayed = world.judges["R2"].relay
    relayed(attempt.event.descriptor_bytes, row.commit_evidence, 1, world.now_us)
    assert world.judges["R2"].outcome(attempt.commit) is Outcome.COMMITTED
    world.heal("Q", "R2")
    world.run(attempt.event.descriptor.limit_us + MARGINS_US + 5 * SECOND)
    world.heal_all()
    world.run(world.now_us + 120 * SECOND)
    assert ended(world) and not world.faults
    assert_books_mirror(world)


def test_a_watcher_has_until_the_last_member_may_decide() -> None:
    world, attempt = dictated(from_deadline=False)
    decided_late(world, attempt)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert (balance(world, "A"), balance(world, "Q")) == (held_by(world, "A")[0].amount - AMOUNT,
                                                          AMOUNT)  # fmt: skip
    assert not world.incidents()


def test_a_schedule_that_counts_from_the_deadline_is_refused() -> None:
    world, attempt = dictated(from_deadline=True)
    because = payment_of(world, "P", attempt).because
    assert because is not None and because.reason is Reason.SCHEDULE_TOO_TIGHT
    assert because.figure == 10 * SECOND, "by as much as the last member may take"
    assert not given_by(world, "A")


def test_without_the_mend_the_certificate_comes_when_nobody_owes_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    least = pair_room.least_incoming_expiry

    def from_deadline(held: Level, given: Level, expiry: int | None, limit_us: int) -> int | None:
        return least(held, given, expiry, limit_us - SLOW.delta_us)

    monkeypatch.setattr(pair_room, "least_incoming_expiry", from_deadline)
    world, attempt = dictated(from_deadline=True)
    decided_late(world, attempt)
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert held_by(world, "A")[0].phase is not PromisePhase.REDEEMED
    assert (balance(world, "A"), balance(world, "Q")) == (-AMOUNT, AMOUNT)
