"""What a leg of an exchange is refused for: every check at its payer, its hops and its payee."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from node.command.sim.cast import SECOND, SINGLE, digest
from node.command.sim.cores.plan import (
    Route,
    answered,
    create,
    dictate,
    ended,
    given_by,
    make_request,
    pay,
    payment_of,
    refused,
)
from node.command.sim.cores.world import World
from node.core.escrow.opening import may_open, open_seat
from node.core.events import RegistryExposed, StartAttempt
from node.core.rows import Ask, IncidentKind, PromisePhase, Request, Role, Transaction
from node.core.view import Step
from proto.certificate import CommitCertificate
from proto.descriptor import Descriptor, commit_id
from proto.levels import Level
from proto.limits import BOUND_LEAD_US, GUARD_US
from proto.policy import single
from proto.reason import Reason, Refusal
from tests.node.core.leg_scenes import (
    LEAD_US,
    PREIMAGE,
    Exchange,
    Heard,
    Leg,
    begin_leg,
    bound_request,
    decided,
    descriptor_of,
    exchange,
    heard,
    ring_world,
    role_of,
    shares_of,
    tell,
)

__all__ = ["heard"]

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 1000
DIRECT = Route("PQ", (A,), AMOUNT)


@dataclass
class Scene:
    """P and Q side by side, a descriptor, and what Q asks for under it."""

    world: World
    descriptor: Descriptor
    request: Request


def scene(**terms: Any) -> Scene:
    world = ring_world("PQ", "PQ")
    descriptor = descriptor_of(world, ["Q"])
    return Scene(world, descriptor, bound_request(world, "Q", AMOUNT, descriptor, **terms))


def first_attempt(at: Scene, route: Route = DIRECT) -> StartAttempt:
    payment = create(at.world, "P", at.request, at.descriptor.encode())
    return dictate(at.world, payment, at.request, [route], bound=at.descriptor).event


def first_changed(event: StartAttempt, **changes: object) -> StartAttempt:
    (first,) = event.firsts
    return replace(event, firsts=(replace(first, **changes),))  # type: ignore[arg-type]


def under_another(event: StartAttempt) -> StartAttempt:
    other = replace(event.descriptor, salt=digest("another"))
    return replace(event, descriptor=other, descriptor_bytes=other.encode())


def late(event: StartAttempt, us: int) -> StartAttempt:
    return replace(event, now_us=event.descriptor.deadline_us - BOUND_LEAD_US + us)


Bend = Callable[[StartAttempt], StartAttempt]


@pytest.mark.parametrize(
    ("bend", "refusal"),
    [
        (under_another, Refusal(Reason.REQUEST_MISMATCH)),
        (lambda e: first_changed(e, level=B, expires_at_us=e.now_us + SECOND),
         Refusal(Reason.LAST_LEVEL_REFUSED)),
        (lambda e: first_changed(e, level=S, expires_at_us=e.now_us + SECOND),
         Refusal(Reason.LAST_LEVEL_REFUSED)),
        (lambda e: first_changed(e, level=X, expires_at_us=e.now_us + SECOND),
         Refusal(Reason.LAST_LEVEL_REFUSED)),
        (lambda e: late(e, 7), Refusal(Reason.TIME_SHORT, 7)),
        (lambda e: replace(e, attempt=2), Refusal(Reason.PAYMENT_LIVE)),
    ],
    ids=["descriptor", "bare", "secured", "proxy", "late", "attempt"],
)  # fmt: skip
def test_what_a_payer_of_a_leg_refuses_itself(heard: Heard, bend: Bend, refusal: Refusal) -> None:
    at = scene()
    event = first_attempt(at)
    assert refused(at.world.event("P", bend(event))) == refusal
    answered(at.world.event("P", event))


def test_a_leg_sets_out_until_its_lead(heard: Heard) -> None:
    at = scene()
    event = late(first_attempt(at), 0)
    at.world.now_us = event.now_us
    answered(at.world.event("P", event))
    at.world.quiet()
    assert heard.said[0][0] == "covered", "and arrives in time"


def test_a_payer_whose_hold_max_is_short(heard: Heard) -> None:
    """D does not move: the refusal says how much the lock is too long."""
    at = scene()
    event = first_attempt(at)
    books = at.world.nodes["P"].books
    books.settings = replace(books.settings, hold_max_us=LEAD_US - 9)
    assert refused(at.world.event("P", event)) == Refusal(Reason.HOLD_TOO_LONG, 9)


@pytest.mark.parametrize("level", [B, S, X], ids=lambda level: level.name)
def test_a_payee_holds_nothing_that_needs_no_certificate(heard: Heard, level: Level) -> None:
    """Whatever its request says of last levels. The payer here checks nothing."""
    at = scene(last_levels=frozenset())
    event = first_attempt(at)
    # As a payer that is no honest core would say it: through the payee's own door.
    world = at.world
    answered(world.event("P", event))
    body, _ = world.intercept("P", "Q")
    bent = replace(body, level=level, expires_at_us=at.descriptor.deadline_us + 2 * SECOND)
    world.post("P", "Q", bent)
    world.quiet()
    (given,) = given_by(world, "P")
    assert given.phase is PromisePhase.REFUSED
    assert given.because == Refusal(Reason.LAST_LEVEL_REFUSED)
    assert not heard.said and ended(world)


def at_payee(at: Scene, route: Route = DIRECT, **changes: Any) -> Refusal | None:
    """What Q says to a promise under this descriptor, changed; None: it takes it."""
    descriptor = replace(at.descriptor, **changes)
    payment = create(at.world, "P", at.request, descriptor.encode())
    made = dictate(at.world, payment, at.request, [route], bound=descriptor)
    answered(at.world.event("P", made.event))
    at.world.quiet()
    return payment_of(at.world, "P", made).because


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"salt": digest("another")}, Reason.REQUEST_MISMATCH),
        ({"deadline_us": 5}, Reason.REQUEST_MISMATCH),
        ({"committers": (digest("mine"),), "threshold": 1}, Reason.REQUEST_MISMATCH),
    ],
    ids=["its own", "another salt", "a later deadline", "other committers"],
)
def test_a_bound_request_takes_promises_under_its_own_descriptor_alone(
    heard: Heard, changes: dict[str, Any], refusal: Reason | None
) -> None:
    at = scene()
    if "deadline_us" in changes:
        changes = {"deadline_us": at.descriptor.deadline_us + SECOND}
    assert at_payee(at, **changes) == (refusal and Refusal(refusal))


@pytest.mark.parametrize(
    ("terms", "route", "refusal"),
    [
        ({"latest_deadline_us": 5}, DIRECT, Reason.REQUEST_MISMATCH),
        ({"policies": (single(digest("R9")),)}, DIRECT, Reason.POLICY_REFUSED),
        ({}, Route("PQ", (A,), AMOUNT + 1), Reason.REQUEST_MISMATCH),
    ],
    ids=["deadline", "policy", "too much"],
)
def test_a_bound_request_keeps_its_own_terms(
    heard: Heard, terms: dict[str, Any], route: Route, refusal: Reason
) -> None:
    said = at_payee(scene(**terms), route)
    assert said is not None and said.reason is refusal


def test_a_plain_request_is_not_paid_under_an_exchange(heard: Heard) -> None:
    """Though an exchange names nobody's key but the one of that request."""
    at = scene()
    world = at.world
    plain = make_request(world, "Q", AMOUNT, decline_hashes=())
    attempt = pay(world, [DIRECT], plain)
    data = attempt.event.descriptor_bytes
    step = Step(world.nodes["Q"].books, world.now_us)
    open_seat(step, data, attempt.event.descriptor)
    world.nodes["Q"].books.write(step.changes)
    world.quiet()
    assert payment_of(world, "P", attempt).because == Refusal(Reason.LOOP)


def test_a_bound_request_is_not_paid_under_a_payment(heard: Heard) -> None:
    """A node that is the payer or the payee of a payment takes no part under its descriptor."""
    world = ring_world("PQ", "PQ")
    attempt = pay(world, [DIRECT])
    world.quiet()
    for name, role in (("P", Role.PAYER), ("Q", Role.PAYEE)):
        step = Step(world.nodes[name].books, world.now_us)
        assert step.the_transaction(attempt.commit).role is role
        assert not may_open(step, attempt.event.descriptor_bytes)


def test_a_bound_request_is_not_paid_where_its_descriptor_was_a_payments(heard: Heard) -> None:
    """Q holds a promise of a payment; a seat of it under the very same descriptor is a trap."""
    world = ring_world("POQ", "PQ OQ")
    plain = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [DIRECT], plain)
    world.quiet()
    shared = attempt.event.descriptor
    request = bound_request(world, "Q", AMOUNT, shared)
    payment = create(world, "O", request, shared.encode())
    made = dictate(world, payment, request, [Route("OQ", (A,), AMOUNT)], bound=shared)
    answered(world.event("O", made.event))
    world.quiet()
    assert payment_of(world, "O", made).because == Refusal(Reason.LOOP)


def test_a_hop_becomes_a_seat_and_stays_a_hop(heard: Heard) -> None:
    """Its own leg sets out after it has passed on another's; and the other way round."""
    for hop_first in (True, False):
        world = ring_world()
        descriptor = descriptor_of(world, ["B"])
        routes = [Route("ACB", (A, A), 300), Route("CB", (A,), 50)]
        for route in routes if hop_first else reversed(routes):
            begin_leg(world, route, descriptor)
            world.quiet()
        data = descriptor.encode()
        row = world.nodes["C"].books.rows[(Transaction.table, commit_id(data), b"")]
        assert isinstance(row, Transaction) and row.role is Role.SEAT
        given = given_by(world, "C")
        assert sorted(p.amount for p in given) == [50, 300] and all(p.pending for p in given)
        assert sorted(bool(p.owner) for p in given) == [False, True]


def test_a_payment_visits_no_payer_and_no_payee_twice(heard: Heard) -> None:
    """V11 is as it was for payments: a chain that returns to its payer is refused there."""
    world = ring_world("PAQ", "PA AQ PQ")
    attempt = pay(world, [Route("PAPQ", (A, A, A), AMOUNT)])
    world.quiet()
    because = payment_of(world, "P", attempt).because
    assert because is not None and because.reason in (Reason.LOOP, Reason.NEXT_LINE_UNKNOWN)


def test_a_decided_leg_takes_nothing_more(heard: Heard) -> None:
    """Neither at its payer nor at its hops."""
    world = ring_world("PAQ", "PA AQ")
    deal = exchange(world, Route("PAQ", (A, A), AMOUNT))
    world.quiet()
    (leg,) = deal.legs
    world.run(deal.descriptor.deadline_us + GUARD_US + 5 * SECOND)
    assert role_of(world, "P", deal) is Role.SEAT
    event = replace(leg.attempt.event, attempt=2, now_us=deal.descriptor.deadline_us - 9 * SECOND)
    assert refused(world.event("P", event)) == Refusal(Reason.DEADLINE_PASSED)


def test_the_registry_is_asked_for_a_seat_that_holds_nothing(heard: Heard) -> None:
    """Rights hang on the decision too, which are no promises of this node."""
    world = ring_world("PQ", "PQ")
    descriptor = descriptor_of(world, ["Q"], policy=SINGLE)
    for deal in (b"", digest("deal")[:16]):
        step = Step(world.nodes["P"].books, world.now_us)
        open_seat(step, descriptor.encode(), descriptor, deal)
        world.nodes["P"].books.write(step.changes)
    (row,) = step.changes
    assert isinstance(row, Transaction) and row.owner == deal
    assert row.ask_at_us == descriptor.deadline_us + GUARD_US
    world.crash("P")
    world.run(descriptor.deadline_us + 10 * SECOND)
    row = world.nodes["P"].books.rows[row.key]
    assert isinstance(row, Transaction) and row.abort_certificate


def seat_alone(world: World) -> tuple[Descriptor, bytes]:
    """P has a part in an exchange in which it neither pays nor is paid."""
    descriptor = descriptor_of(world, ["Q"])
    step = Step(world.nodes["P"].books, world.now_us)
    open_seat(step, descriptor.encode(), descriptor, digest("deal")[:16])
    world.nodes["P"].books.write(step.changes)
    world.crash("P")  # its timers come from its rows
    return descriptor, commit_id(descriptor.encode())


def test_a_contradiction_is_kept_where_no_promise_is_held(heard: Heard) -> None:
    """Rights hang on the decision: with both certificates the registry can be exposed."""
    world = ring_world("PQ", "PQ")
    descriptor, commit = seat_alone(world)
    deal = Exchange(descriptor, (Leg(DIRECT, None, None),))  # type: ignore[arg-type]
    refused_one = decided(world.fork(), deal, Ask.DECLINE, PREIMAGE)
    tell(world, decided(world, deal, Ask.SUBMIT, shares_of(deal)), "P")
    assert not world.incidents()
    tell(world, refused_one, "P")
    (incident,) = world.incidents()
    assert (incident.subject, incident.kind) == (commit, IncidentKind.CONTRADICTION)
    assert CommitCertificate.decode(incident.evidence).commit_id == commit
    row = world.nodes["P"].books.rows[(Transaction.table, commit, b"")]
    assert isinstance(row, Transaction) and row.abort_certificate


def test_a_seat_hears_that_its_registry_is_exposed(heard: Heard) -> None:
    """Until it is decided, though it holds no promise."""
    world = ring_world("PQ", "PQ")
    descriptor, commit = seat_alone(world)
    event = RegistryExposed(world.now_us, commit, descriptor.policy.members[0], "signed both ways")
    world.event("P", event)
    world.event("P", event)
    (incident,) = world.incidents()
    assert (incident.subject, incident.kind) == (commit, IncidentKind.EXPOSED)
    other, commit = seat_alone(world)
    world.run(other.deadline_us + 10 * SECOND)
    world.event("P", replace(event, commit=commit))
    assert len(world.incidents()) == 1, "it is decided"
