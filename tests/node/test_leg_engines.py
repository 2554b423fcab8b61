"""Legs of an exchange in whole engines: driven by their payers, killed at every write."""

from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    answered,
    create,
    dictate,
    ended,
    given_by,
    request_of,
    terms,
)
from node.core.events import CreatePayment, LearnCertificate
from node.core.rows import (
    Ask,
    Payment,
    PaymentPhase,
    PromisePhase,
    Request,
    RequestPhase,
    Transaction,
)
from node.pay_options import PayOptions
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.levels import Level
from proto.limits import US
from proto.reason import Reason
from proto.request import read_request, request_hash
from tests.node.core.leg_scenes import (
    LEAD_US,
    PREIMAGE,
    Exchange,
    Heard,
    Leg,
    bound_request,
    decided,
    descriptor_of,
    heard,
    shares_of,
)
from tests.node.engines import Engines, engines
from tests.node.test_paying import AMOUNT, House, stage

__all__ = ["heard"]

A = Level.ATOMIC
RING = (Route("ACB", (A, A), 300), Route("BAC", (A, A), 200), Route("CA", (A,), 100))
UNTIL_S = (LEAD_US + 30 * SECOND) / US  # by then the registry has decided, and everybody has heard


# ---------------------------------------------------------------- a death at every write


def phases(world: Engines, requests: list[Request]) -> set[RequestPhase]:
    found = zip(RING, requests, strict=True)
    return {request_of(world, route.names[-1], request).phase for route, request in found}


async def ring_once(
    world: Engines, victim: str, number: int, *, after: bool, commits: bool
) -> tuple[set[RequestPhase], bool]:
    """One exchange all around, in which the victim dies at one of its writes. (how its requests
    have ended, whether it died)."""
    descriptor = descriptor_of(world, [route.names[-1] for route in RING])
    requests = [bound_request(world, r.names[-1], r.amount, descriptor) for r in RING]
    await world.rest()
    disk = world.running(victim).writer
    disk.die(number, after=after)
    legs = []
    for route, request in zip(RING, requests, strict=True):
        payment = create(world, route.names[0], request, descriptor.encode())
        made = dictate(world, payment, request, [route], bound=descriptor)
        world.event(route.names[0], made.event)
        legs.append(Leg(route, request, made))
    deal = Exchange(descriptor, tuple(legs))
    await trio.sleep(1)
    if phases(world, requests) == {RequestPhase.SIGNED}:
        ask, said = (Ask.SUBMIT, shares_of(deal)) if commits else (Ask.DECLINE, PREIMAGE)
        certificate = decided(world, deal, ask, said)
        for name in "AB":
            world.event(name, LearnCertificate(world.now_us, certificate))
    await trio.sleep(UNTIL_S)
    died = world.running(victim).writer is not disk
    disk.deadly = None
    assert ended(world), (victim, number, after)
    world.audit()
    return phases(world, requests), died


@pytest.mark.parametrize("commits", [True, False], ids=["committed", "aborted"])
@pytest.mark.parametrize("victim", "ABC")
async def test_a_death_at_any_write_splits_no_exchange(
    autojump_clock: trio.testing.MockClock, heard: Heard, victim: str, commits: bool
) -> None:
    """All of its legs are paid, or none: whoever died, and whenever."""
    whole = RequestPhase.PAID if commits else RequestPhase.DECLINED
    async with engines() as world:
        for name in "ABC":
            world.add(name, terms)
        for one, other in ("AB", "BC", "CA"):
            await world.open(one, other)
        for number in range(1, 20):
            deaths = 0
            for after in (False, True):
                ends, died = await ring_once(world, victim, number, after=after, commits=commits)
                # What died before it was written was never wanted: nobody can sign for all of it.
                none_paid = RequestPhase.PAID not in ends
                assert ends == {whole} or (died and none_paid), (number, after, ends)
                deaths += died
            if not deaths:
                break
        assert number > 4 and not world.incidents()


# ---------------------------------------------------------------- driven by the payer


def begin(world: Engines, lead_us: int = LEAD_US) -> tuple[Descriptor, Request]:
    descriptor = descriptor_of(world, ["Q"], deadline_us=world.now_us + lead_us)
    return descriptor, bound_request(world, "Q", AMOUNT, descriptor)


async def pay_leg(house: House, descriptor: Descriptor, request: Request, **options: Any) -> bytes:
    read = read_request(request.signed, house.world.now_us)
    made, refusal = await house.payer.create(
        request.signed, read, PayOptions(**options), descriptor.encode()
    )
    assert refusal is None
    return made


def bring(world: Engines, descriptor: Descriptor, request: Request, *names: str) -> None:
    """The one share there is goes to the registry, and its word to these."""
    legs = (Leg(Route("PQ", (A,), AMOUNT), request),)
    deal = Exchange(descriptor, legs)
    certificate = decided(world, deal, Ask.SUBMIT, shares_of(deal))
    for name in names:
        world.event(name, LearnCertificate(world.now_us, certificate))


async def test_a_payer_asks_for_the_deadline_that_stands(
    autojump_clock: trio.testing.MockClock, heard: Heard
) -> None:
    async with stage("PAQ") as (world, house):
        descriptor, request = begin(world)
        made = await pay_leg(house, descriptor, request)
        await trio.sleep(1)
        (query,) = house.finder.asked
        assert query.deadline == query.latest_deadline == descriptor.deadline_us - query.now_us
        assert query.candidates == (descriptor.policy,)
        assert query.first_levels == query.last_levels == {A}
        assert house.payment(made).bound == descriptor.encode()
        assert house.payment(made).commit == commit_id(descriptor.encode())
        assert house.stands(made)[0] is PaymentPhase.PROMISED
        bring(world, descriptor, request, "Q")
        await trio.sleep(1)
        assert house.stands(made) == (PaymentPhase.COMMITTED, 1, None)
        assert heard.said.count(("on_payment_ended", made)) == 1
        await trio.sleep(60)
        assert ended(world)
        world.audit()


async def test_another_way_under_the_same_descriptor(
    autojump_clock: trio.testing.MockClock, heard: Heard
) -> None:
    async with stage("PAQ", "PBQ", full="A") as (world, house):
        descriptor, request = begin(world)
        made = await pay_leg(house, descriptor, request)
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.PROMISED, 2)
        first, second = house.finder.asked
        assert first.deadline is not None and second.deadline is not None
        assert first.now_us + first.deadline == second.now_us + second.deadline
        bring(world, descriptor, request, "P", "Q")
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 2)
        phases = [p.phase for p in given_by(world, "P")]
        assert sorted(phases) == [PromisePhase.REDEEMED, PromisePhase.REFUSED]
        assert len({p.commit for p in given_by(world, "P")}) == 1
        world.audit()


@pytest.mark.parametrize("lead_us", [US, 3 * US])
async def test_a_leg_that_comes_too_late_is_given_up(
    autojump_clock: trio.testing.MockClock, heard: Heard, lead_us: int
) -> None:
    """At once, or after the refusals that used its time up; and says so."""
    async with stage(*["PAQ"] * 9, full="A") as (world, house):
        descriptor, request = begin(world, lead_us)
        made = await pay_leg(house, descriptor, request, attempts=20)
        await trio.sleep(9)
        phase, attempts, why = house.stands(made)
        assert phase is PaymentPhase.ABORTED
        assert (why is Reason.NO_ROUTE) == (attempts == 0) == (lead_us == US)
        assert "DEADLINE_TOO_NEAR" in house.payment(made).route
        assert heard.said.count(("on_payment_ended", made)) == 1
        world.audit()


async def test_a_payment_that_the_core_has_made_is_driven(
    autojump_clock: trio.testing.MockClock, heard: Heard
) -> None:
    """And goes on after a death, like any other."""
    async with stage("PAQ", "PAQ") as (world, house):
        descriptor, request = begin(world)
        await world.rest()
        read = read_request(request.signed, world.now_us)
        made = world.draw("payment")[:16]
        digest = request_hash(request.signed)
        options = PayOptions().to_json()
        event = CreatePayment(
            world.now_us, made, digest, request.signed, read, options, descriptor.encode()
        )
        answered(world.event("P", event))
        await world.rest()
        world.crash("P")
        await world.rest()
        house.open()
        house.payer.drive(made)
        house.payer.drive(made)
        await trio.sleep(1)
        assert house.stands(made)[:2] == (PaymentPhase.PROMISED, 1)
        await trio.sleep(UNTIL_S)
        assert house.stands(made) == (PaymentPhase.ABORTED, 1, Reason.ABORTED_AHEAD)
        world.audit()


# ---------------------------------------------------------------- leaving for the archive


async def test_an_exchange_leaves_when_it_is_over_and_comes_back(
    autojump_clock: trio.testing.MockClock, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all of its payments and requests; a late word brings all of them back."""
    over = False
    monkeypatch.setattr("node.core.escrow.hooks.is_over", lambda view, transaction: over)
    async with engines() as world:
        for name in "ABC":
            world.add(name, terms)
        for one, other in ("AB", "BC", "CA"):
            await world.open(one, other)
        ends, _ = await ring_once(world, "A", 99, after=False, commits=True)
        assert ends == {RequestPhase.PAID}
        await trio.sleep(3600)
        archiver, memory = world.running("A").archiver, world.engine("A").memory
        await archiver.batch(patient=False)
        await trio.sleep(60)
        assert await archiver.batch(patient=False) == 0, "not before it is over"
        (transaction,) = [r for r in memory.rows.values() if isinstance(r, Transaction)]
        before = {k: r for k, r in memory.rows.items() if k[0] != "settled"}
        over = True
        await archiver.batch(patient=False)
        assert not any(isinstance(r, Transaction | Payment | Request) for r in memory.rows.values())
        found = world.running("A").archive.transaction(transaction.commit)
        assert found is not None
        assert (len(found.bundle.payments), len(found.bundle.requests)) == (1, 1)
        (payment,), (request,) = found.bundle.payments, found.bundle.requests
        for identity in (payment.id, request.id):
            again = world.running("A").archive.owner(identity)
            assert again is not None and again.bundle == found.bundle
        deal = Exchange(decode_descriptor(transaction.descriptor), ())
        certificate = decided(world, deal, Ask.QUERY)
        world.event("A", LearnCertificate(world.now_us, certificate))
        await world.rest()
        back = {k: r for k, r in memory.rows.items() if k[0] != "settled"}
        assert back.keys() == before.keys(), "whole, and nothing else has happened"
        world.audit()
