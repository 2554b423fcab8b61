"""Several chains under one commit: all of a request or nothing that anybody can help."""

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    USD,
    Route,
    answered,
    assert_books_mirror,
    balance,
    create,
    dictate,
    ended,
    held_by,
    make_request,
    open_line,
    pay,
    payment_of,
    request_of,
    terms,
)
from node.command.sim.cores.world import World
from node.core.events import FromPeer
from node.core.rows import IncidentKind, PaymentPhase, PromisePhase, RequestPhase, Transaction
from proto.levels import Level
from proto.limits import MAX_PARTS
from proto.messages import Promise, Refuse
from proto.onion import Deliver, Forward
from proto.reason import Reason, Refusal

B, S, A = Level.BARE, Level.SECURED, Level.ATOMIC
VIA_A, VIA_B = ["P", "A", "Q"], ["P", "B", "Q"]


def diamond() -> World:
    world = World()
    for name in "PABQ":
        world.add(name, terms)
    for one, other in ("PA", "PB", "AQ", "BQ"):
        open_line(world, one, other)
    return world


def routes(one: tuple[Level, ...], other: tuple[Level, ...]) -> list[Route]:
    return [Route(VIA_A, one, 6_000), Route(VIA_B, other, 4_000)]


PAIRS = [
    ((A, A), (A, A)),
    ((S, S), (A, A)),
    ((A, B), (S, S)),
    ((B, B), (B, B)),
    ((B, B), (A, A)),
    ((B, A), (S, B)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_two_chains_pay_one_request(pair: tuple[tuple[Level, ...], tuple[Level, ...]]) -> None:
    world = diamond()
    request = make_request(world, "Q", 10_000)
    attempt = pay(world, routes(*pair), request)
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert request_of(world, "Q", request).phase is RequestPhase.PAID
    assert balance(world, "Q") == 10_000
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


def test_nothing_is_signed_before_the_whole_amount_is_there() -> None:
    world = diamond()
    world.sever("P", "B")
    world.sever("P", "A")
    request = make_request(world, "Q", 10_000)
    payment = create(world, "P", request)
    attempt = dictate(world, payment, request, routes((A, A), (A, A)))
    world.heal("P", "B")
    world.heal("P", "A")
    answered(world.event("P", attempt.event))
    world.sever("P", "B")
    world.quiet()
    assert request_of(world, "Q", request).phase is RequestPhase.OPEN
    assert [p.amount for p in held_by(world, "Q")] == [6_000]
    world.heal("P", "B")
    world.quiet()
    assert request_of(world, "Q", request).phase is RequestPhase.PAID


def test_one_refused_chain_ends_the_other_at_once() -> None:
    """The payer abandons what is left: nobody waits for a deadline."""
    world = diamond()
    world.sever("B", "Q")
    attempt = pay(world, routes((A, A), (A, A)))
    start_us = world.now_us
    world.run(world.now_us)
    assert ended(world) and world.now_us == start_us and not world.faults
    payment = payment_of(world, "P", attempt)
    assert payment.phase is PaymentPhase.ROUTING
    # Not that the others were abandoned because of it: the payer would give up.
    assert payment.because == Refusal(Reason.NEXT_HOP_DOWN)
    assert {p.phase for p in world.promises("P")} == {PromisePhase.REFUSED, PromisePhase.RELEASED}
    assert_books_mirror(world)


def fan(parts: int) -> tuple[World, list[Route]]:
    """As many chains from P to Q, each through a node of its own."""
    world = World()
    inner = [chr(ord("a") + i) for i in range(parts)]
    for name in ("P", *inner, "Q"):
        world.add(name, terms)
    for name in inner:
        open_line(world, "P", name)
        open_line(world, name, "Q")
    return world, [Route(["P", name, "Q"], (A, A), 1_000) for name in inner]


def test_the_first_of_two_refusals_says_why() -> None:
    world, chains = fan(3)
    world.sever("b", "Q")
    attempt = pay(world, chains)
    world.sever("P", "c")
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.PROMISED
    assert payment_of(world, "P", attempt).because == Refusal(Reason.NEXT_HOP_DOWN)
    assert sum(p.pending for p in world.promises("P")) == 1  # c's, which no word has reached
    world.heal("P", "c")
    world.run(world.now_us)
    payment = payment_of(world, "P", attempt)
    assert (payment.phase, payment.because) == (
        PaymentPhase.ROUTING,
        Refusal(Reason.NEXT_HOP_DOWN),
    )
    assert ended(world) and not world.faults and balance(world, "Q") == 0


def test_each_part_is_abandoned_once() -> None:
    world, chains = fan(6)
    for name in "abc":
        world.sever(name, "Q")
    pay(world, chains)
    world.run(world.now_us)
    assert ended(world)
    told = [line for line in world.trace if line.startswith("P to") and "Abandon" in line]
    assert len(told) == len(set(told))


def test_a_payee_takes_no_more_parts_than_there_may_be() -> None:
    world, chains = fan(MAX_PARTS + 1)
    attempt = pay(world, chains)
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).because == Refusal(Reason.PENDING_FULL, MAX_PARTS)
    assert ended(world) and balance(world, "Q") == 0


def test_as_many_parts_as_there_may_be() -> None:
    world, chains = fan(MAX_PARTS)
    attempt = pay(world, chains)
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert balance(world, "Q") == MAX_PARTS * 1_000


@pytest.mark.parametrize("moment", range(1, 30, 2))
def test_a_payee_dies_while_it_holds_some_of_the_parts(moment: int) -> None:
    """Nothing was signed, or what was signed is claimed again: the parts end as one."""
    world, chains = fan(3)
    attempt = pay(world, chains)
    for _ in range(moment):
        if choices := world.choices():
            world.do(choices[0])
    world.crash("Q")
    world.run(attempt.deadline_us + 10 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert balance(world, "Q") == 3_000 and ended(world) and not world.incidents()
    assert_books_mirror(world)


def test_a_part_on_its_way_when_the_deadline_passes() -> None:
    """Half of the parts are held, the rest comes too late: none of them is ever redeemed."""
    world, chains = fan(2)
    world.sever("b", "Q")
    world.sever("P", "b")
    request = make_request(world, "Q", 2_000)
    payment = create(world, "P", request)
    attempt = dictate(world, payment, request, chains)
    world.heal("P", "b")
    world.heal("b", "Q")
    answered(world.event("P", attempt.event))
    world.do(world.choices()[0])
    world.sever("b", "Q")
    world.run(attempt.deadline_us + SECOND)
    world.heal("b", "Q")
    world.run(attempt.deadline_us + 30 * SECOND)
    assert ended(world) and balance(world, "Q") == 0 and not world.faults
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING
    assert_books_mirror(world)


def test_a_part_that_is_about_to_expire_is_not_signed_for() -> None:
    """The first part came early and has half a second left when the second one arrives."""
    world = diamond()
    request = make_request(world, "Q", 10_000)
    attempt = pay(world, routes((B, B), (B, B)), request)
    world.sever("P", "B")
    world.quiet()
    (first,) = held_by(world, "Q")
    world.now_us = first.expires_at_us - SECOND // 4
    world.heal("P", "B")
    world.quiet()
    assert request_of(world, "Q", request).phase is RequestPhase.OPEN
    (row,) = [r for r in world.rows("Q", Transaction) if isinstance(r, Transaction)]
    assert not row.commit_evidence
    world.run(attempt.deadline_us)
    assert ended(world) and balance(world, "Q") == 0 and not world.faults


def test_a_stamped_chain_keeps_the_bare_one_waiting() -> None:
    """A bare commit alone could move half of the money."""
    world = diamond()
    attempt = pay(world, routes((B, B), (A, A)))
    world.judges["R1"].down = True
    world.run(world.now_us + SECOND)
    assert not any(p.shown for p in held_by(world, "Q"))
    world.run(attempt.deadline_us + 30 * SECOND)
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert ended(world) and balance(world, "Q") == 0
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING


def test_half_of_a_bare_payment_may_be_lost_to_its_payee() -> None:
    """What BARE means: the part that the payer did not hear of in time is the payee's loss."""
    world = diamond()
    request = make_request(world, "Q", 10_000)
    attempt = pay(world, routes((B, B), (B, B)), request)
    while len(held_by(world, "Q")) < 2:
        world.do(world.choices()[0])
    world.sever("B", "Q")
    world.run(world.now_us + 20 * SECOND)
    world.heal_all()
    world.run(world.now_us + 20 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert balance(world, "Q") == 6_000 and ended(world)
    assert request_of(world, "Q", request).phase is RequestPhase.PAID
    (incident,) = world.incidents("Q")
    assert (incident.kind, incident.amount) == (IncidentKind.LOSS, 4_000)


def test_a_booking_crosses_the_release_of_another_chain() -> None:
    """Chain one is stamped; A's promise on chain two runs out unclaimed while P books it."""
    world = diamond()
    attempt = pay(world, routes((A, A), (S, B)))
    while len(held_by(world, "Q")) < 2:
        world.do(world.choices()[0])
    world.sever("B", "Q")
    world.judges["R1"].down = True
    world.run(world.now_us + 2 * SECOND)
    world.sever("P", "B")
    world.run(world.now_us + 3 * SECOND)  # B gives up what covered nothing
    assert [p.phase for p in held_by(world, "B")] == [PromisePhase.RELEASED]
    world.judges["R1"].down = False
    world.run(attempt.deadline_us + 3 * SECOND)  # P hears of the commit, and books
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert [p.phase for p in held_by(world, "B")] == [PromisePhase.REDEEMED]
    assert ended(world) and not world.faults
    assert_books_mirror(world)


def offered(world: World) -> tuple[Promise, bytes]:
    body, envelope = world.intercept("P", "A")
    assert isinstance(body, Promise)
    return body, envelope


def test_no_chain_leads_through_its_own_payee() -> None:
    """Forwarding first and being paid later would make one node two parties of one transaction."""
    world = diamond()
    request = make_request(world, "A", 6_000)
    pay(world, [Route(["P", "A"], (A,), 6_000)], request)
    body, envelope = offered(world)
    forward = Forward(world.nodes["Q"].id, USD.guid, 6_000, A, 0)
    payer, now_us = world.nodes["P"].id, world.now_us
    world.event("A", FromPeer(now_us, payer, body, envelope, (forward, body.packet)))
    other = Promise(bytes(16), body.line, body.descriptor, 6_000, A, 0, body.packet, body.admitted)
    deliver = Deliver(request.id, 0, 6_000)
    applied = world.event("A", FromPeer(now_us, payer, other, envelope, (deliver, b"")))
    assert applied.changes == ()
    assert [e.body for e in applied.effects if hasattr(e, "body")] == [
        Refuse(other.promise, Refusal(Reason.LOOP))
    ]


def test_nor_out_of_it_again() -> None:
    world = diamond()
    request = make_request(world, "A", 6_000, manual=True)
    pay(world, [Route(["P", "A"], (A,), 6_000)], request)
    body, envelope = offered(world)
    payer, now_us = world.nodes["P"].id, world.now_us
    deliver = Deliver(request.id, 0, 6_000)
    world.event("A", FromPeer(now_us, payer, body, envelope, (deliver, b"")))
    other = Promise(bytes(16), body.line, body.descriptor, 6_000, A, 0, body.packet, body.admitted)
    forward = Forward(world.nodes["Q"].id, USD.guid, 6_000, A, 0)
    applied = world.event("A", FromPeer(now_us, payer, other, envelope, (forward, body.packet)))
    assert applied.changes == ()
    assert [e.body for e in applied.effects if hasattr(e, "body")] == [
        Refuse(other.promise, Refusal(Reason.LOOP))
    ]
