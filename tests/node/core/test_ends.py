"""How promises end where nobody commits, and what late evidence is still worth."""

from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    chain_world,
    ended,
    given_by,
    held_by,
    make_request,
    pay,
    payment_of,
    request_of,
)
from node.command.sim.cores.world import World
from node.core.events import AbandonPayment, ConfirmRequest, DeclineRequest, FromPeer
from node.core.rows import (
    Ask,
    IncidentKind,
    PaymentPhase,
    PromisePhase,
    RequestPhase,
    Shown,
    Transaction,
)
from proto.levels import Level
from proto.limits import GRACE_US, GUARD_US
from proto.messages import Claim, Denied, Passed
from proto.modes import is_late_leak
from proto.reason import Reason, Refusal
from proto.statement import DecisionReason, Outcome
from tests.node.evidence import aborted_by, commit_of, committed_by

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 10_000
PHASE = PromisePhase


def name_of(levels: tuple[Level, ...]) -> str:
    return " ".join(level.name for level in levels)


def silent(levels: tuple[Level, ...]) -> tuple[World, Attempt]:
    """A payment whose payee holds its promise and never signs."""
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request)
    world.acknowledged()
    assert held_by(world, "Q")
    return world, attempt


ALL = [(B, B, B), (S, S, S), (A, A, A), (A, A, X), (S, S, B), (B, A, A), (B, S, S), (A, B, B)]


@pytest.mark.parametrize("levels", ALL, ids=name_of)
def test_nobody_commits(levels: tuple[Level, ...]) -> None:
    """Every node's credit is free by the latest expiry and the abort horizon, plus a second."""
    world, attempt = silent(levels)
    expiries = [p.expires_at_us for name in world.nodes for p in world.promises(name)]
    end_us = max(*expiries, attempt.deadline_us + GUARD_US) + GRACE_US + SECOND
    world.run(end_us)
    assert ended(world) and not world.faults and not world.incidents()
    assert all(balance(world, name) == 0 for name in world.nodes)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING
    assert_books_mirror(world)


def test_an_abort_certificate_frees_atomic_and_is_passed_on() -> None:
    """Only P reaches the registry: the others are free through what it passes on."""
    world, attempt = silent((A, A, A))
    for name in ("A", "B", "Q"):
        world.sever(name, "R1")
    world.run(attempt.deadline_us + GUARD_US)
    assert not any(p.phase.final for n in world.nodes for p in world.promises(n))
    world.run(attempt.deadline_us + GUARD_US + SECOND)
    for name in world.nodes:
        assert {p.phase for p in world.promises(name)} == {PHASE.ABORTED}
        (row,) = [r for r in world.rows(name, Transaction) if isinstance(r, Transaction)]
        assert row.abort_certificate and not row.commit_certificate


def test_secured_needs_its_expiry_and_the_certificate() -> None:
    """The payee declines at the registry early; SECURED is freed by the Release that follows."""
    world, attempt = silent((S,))
    (given,) = given_by(world, "P")
    world.judges["R1"].down = True
    world.run(given.expires_at_us + 100 * SECOND)
    assert not ended(world)  # e has passed long ago: silence frees nothing
    world.heal_all()
    world.run(world.now_us + 40 * SECOND)
    assert ended(world)
    assert given_by(world, "P")[0].phase is PHASE.ABORTED
    assert payment_of(world, "P", attempt).because == Refusal(Reason.ABORTED_AHEAD)


def test_an_early_abort_does_not_free_secured_before_its_expiry() -> None:
    world, attempt = silent((S,))
    (given,) = given_by(world, "P")
    passed = Passed(given.id, aborted_by(attempt))
    world.event("P", FromPeer(world.now_us, world.nodes["Q"].id, passed, b""))
    assert given_by(world, "P")[0].phase is PHASE.ACCEPTED
    world.sever("P", "Q")
    world.run(given.expires_at_us + GRACE_US)
    assert given_by(world, "P")[0].pending
    world.run(given.expires_at_us + GRACE_US + 1)
    assert given_by(world, "P")[0].phase is PHASE.ABORTED


@pytest.mark.parametrize(("levels", "name"), [((B, B), "P"), ((A, X), "A")])
def test_bare_and_proxy_end_by_the_own_clock_after_the_grace(
    levels: tuple[Level, ...], name: str
) -> None:
    world, _ = silent(levels)
    (given,) = given_by(world, name)
    for other in world.nodes:
        if other != name:
            world.sever(name, other)
    world.run(given.expires_at_us + GRACE_US)
    assert given_by(world, name)[0].pending
    world.run(given.expires_at_us + GRACE_US + 1)
    assert given_by(world, name)[0].phase is PHASE.EXPIRED


def shown_at(levels: tuple[Level, ...], certified: bool, after_us: int) -> tuple[World, object]:
    """What P says to Q about a claim that comes so long after the expiry (or after D)."""
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request)
    world.acknowledged()
    world.judges["R1"].down = True
    (given,) = given_by(world, "P")
    at_us = (given.expires_at_us or attempt.deadline_us) + after_us
    world.run(at_us)
    make = committed_by if certified else commit_of
    world.post("Q", "P", Claim(given.id, make(attempt, request)))
    world.acknowledged()
    return world, given_by(world, "P")[0].phase


@pytest.mark.parametrize(
    ("level", "certified", "after_us", "phase"),
    [
        (B, False, 0, PHASE.REDEEMED),
        (B, False, GRACE_US, PHASE.REDEEMED),
        (B, False, GRACE_US + 1, PHASE.EXPIRED),
        (B, False, GRACE_US + SECOND, PHASE.EXPIRED),
        (S, False, GRACE_US, PHASE.REDEEMED),
        (S, False, GRACE_US + 1, PHASE.ACCEPTED),
        (S, True, GRACE_US + 1, PHASE.REDEEMED),
        (S, True, 86_400 * SECOND, PHASE.REDEEMED),
        (A, False, -SECOND, PHASE.ACCEPTED),
        (A, True, -SECOND, PHASE.REDEEMED),
        (A, True, 86_400 * SECOND, PHASE.REDEEMED),
    ],
)
def test_when_evidence_redeems(
    level: Level, certified: bool, after_us: int, phase: PromisePhase
) -> None:
    world, found = shown_at((level,), certified, after_us)
    assert found is phase
    denied = [t for t in world.trace if t == "P to Q: Denied"]
    assert bool(denied) == (phase is not PHASE.REDEEMED) and not world.incidents("P")


def test_a_late_bare_claim_on_secured_waits_for_its_stamp() -> None:
    """Q's bare claim comes late; its certificate redeems all the same."""
    world, names = chain_world((S,))
    attempt = pay(world, [Route(names, (S,), AMOUNT)])
    world.sever("P", "R1")
    while not held_by(world, "Q"):
        world.do(world.choices()[0])
    world.sever("P", "Q")
    world.sever("Q", "R1")
    (held,) = held_by(world, "Q")
    assert held.shown is Shown.COMMIT
    world.run(held.expires_at_us + GRACE_US + SECOND)
    world.heal("P", "Q")
    world.acknowledged()
    assert "P to Q: Denied" in world.trace and held_by(world, "Q")[0].pending
    world.heal("Q", "R1")
    world.run(attempt.deadline_us - SECOND)
    assert held_by(world, "Q")[0].phase is PHASE.REDEEMED
    assert ended(world) and not world.incidents() and not world.faults


def test_a_late_bare_claim_and_an_abort_end_secured() -> None:
    """Nobody stamped it. Whichever comes first, denial or abort, the promise ends."""
    for denied_first in (True, False):
        world, names = chain_world((S,))
        attempt = pay(world, [Route(names, (S,), AMOUNT)])
        while not held_by(world, "Q"):
            world.do(world.choices()[0])
        world.sever("P", "Q")
        world.sever("Q", "R1")
        heal_us = attempt.deadline_us + (-SECOND if denied_first else 10 * SECOND)
        world.run(heal_us)
        world.heal("P", "Q")
        world.run(attempt.deadline_us + 60 * SECOND)
        assert ended(world) and not world.faults, world.trace
        assert held_by(world, "Q")[0].phase is PHASE.ABORTED
        assert_books_mirror(world)


def test_a_gateway_stamps_at_once() -> None:
    """P cannot be reached with a bare commit (ATOMIC); the payee uses no registry at all."""
    world, names = chain_world((A, B))
    world.sever("Q", "R1")
    attempt = pay(world, [Route(names, (A, B), AMOUNT)])
    start_us = world.now_us
    world.acknowledged()
    assert ended(world) and world.now_us == start_us
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.COMMITTED
    assert balance(world, "A") > 0


def test_a_watcher_presents_in_time_what_the_downstream_kept_back() -> None:
    """BARE held, ATOMIC given; Q has it stamped and says nothing."""
    levels = (B, A)
    assert is_late_leak(*levels)
    world, names = chain_world(levels)
    attempt = pay(world, [Route(names, levels, AMOUNT)])
    while not held_by(world, "Q"):
        world.do(world.choices()[0])
    world.sever("A", "Q")
    world.run(attempt.deadline_us - 1)
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.COMMITTED
    assert held_by(world, "A")[0].pending
    world.run(attempt.deadline_us + 2 * SECOND)
    assert held_by(world, "A")[0].phase is PHASE.REDEEMED
    assert given_by(world, "A")[0].phase is not PHASE.REDEEMED  # Q has not even accepted
    world.heal("A", "Q")
    world.acknowledged()
    assert given_by(world, "A")[0].phase is PHASE.REDEEMED
    assert balance(world, "A") > 0 and not world.incidents()


def test_a_crossing_release_and_booking() -> None:
    """A gives up its SECURED promise while P, which has the certificate, books it: P's books count.

    B holds a BARE promise of A that runs out; the payee's other chain has the commit stamped.
    """
    world, names = chain_world((S, B))
    attempt = pay(world, [Route(names, (S, B), AMOUNT)])
    while not held_by(world, "Q"):
        world.do(world.choices()[0])
    world.sever("A", "Q")
    world.sever("P", "A")
    (given,) = given_by(world, "A")
    world.run(given.expires_at_us + 2 * SECOND)
    assert held_by(world, "A")[0].phase is PHASE.RELEASED
    (row,) = [r for r in world.rows("Q", Transaction) if isinstance(r, Transaction)]
    assert row.commit_evidence
    world.judges["R1"].ask(Ask.SUBMIT, row.descriptor, row.commit_evidence, world.now_us)
    # P asks at the horizon. It had A's acceptance before the line was cut.
    promise = given_by(world, "P")[0]
    world.nodes["P"].books.write([replace(promise, phase=PHASE.ACCEPTED)])
    world.run(attempt.deadline_us + 3 * SECOND)
    assert given_by(world, "P")[0].phase is PHASE.REDEEMED
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert held_by(world, "A")[0].phase is PHASE.REDEEMED
    assert ended(world) and not world.faults
    assert_books_mirror(world)


@pytest.mark.parametrize("decline", [None, 1], ids=["release alone", "decline hash"])
def test_a_payee_declines(decline: int | None) -> None:
    """The registry is told, every promise released, and the payer may try again at once."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request, decline=decline)
    world.acknowledged()
    answered(world.event("Q", DeclineRequest(world.now_us, request.id)))
    world.acknowledged()
    assert ended(world) and request_of(world, "Q", request).phase is RequestPhase.DECLINED
    assert payment_of(world, "P", attempt).because == Refusal(Reason.PAYEE_DECLINED)
    decided = world.judges["R1"].rows.get(attempt.commit)
    if decline is None:
        assert decided is None
    else:
        assert decided is not None and decided.row.leaf.reason is DecisionReason.DECLINED
        (row,) = [r for r in world.rows("Q", Transaction) if isinstance(r, Transaction)]
        assert row.abort_certificate
    answered(world.event("Q", DeclineRequest(world.now_us, request.id)))  # twice is once


def test_a_payer_abandons_and_the_payee_releases() -> None:
    world, attempt = silent((A, A, A))
    answered(world.event("P", AbandonPayment(world.now_us, attempt.payment)))
    world.acknowledged()
    assert ended(world)
    assert payment_of(world, "P", attempt).because == Refusal(Reason.ABANDONED)


def test_an_abandonment_comes_too_late_for_a_payee_that_signed() -> None:
    world, names = chain_world((A, A))
    world.sever("Q", "R1")
    attempt = pay(world, [Route(names, (A, A), AMOUNT)])
    world.acknowledged()
    answered(world.event("P", AbandonPayment(world.now_us, attempt.payment)))
    world.acknowledged()
    assert not ended(world)
    world.heal("Q", "R1")
    world.run(world.now_us + SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED


def test_a_confirmation_lets_the_payee_sign() -> None:
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request)
    world.acknowledged()
    assert not any(j.rows for j in world.judges.values())
    answered(world.event("Q", ConfirmRequest(world.now_us, request.id)))
    world.acknowledged()
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED


def test_a_confirmation_after_the_time_to_sign_signs_nothing() -> None:
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request)
    world.run(attempt.deadline_us - SECOND // 2)
    answered(world.event("Q", ConfirmRequest(world.now_us, request.id)))
    (row,) = [r for r in world.rows("Q", Transaction) if isinstance(r, Transaction)]
    assert not row.commit_evidence
    world.run(attempt.deadline_us + 10 * SECOND)
    assert ended(world) and payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING


def test_a_claim_that_a_neighbour_does_not_honour_is_an_incident() -> None:
    world, names = chain_world((A,))
    pay(world, [Route(names, (A,), AMOUNT)])
    world.sever("P", "R1")
    while not (held_by(world, "Q") and held_by(world, "Q")[0].shown):
        world.do(world.choices()[0])
    world.intercept("Q", "P")
    world.post("P", "Q", Denied(held_by(world, "Q")[0].id, Refusal(Reason.CLAIM_INVALID)))
    world.acknowledged()
    assert held_by(world, "Q")[0].pending
    assert [i.kind for i in world.incidents("Q")] == [IncidentKind.CLAIM_DENIED]
