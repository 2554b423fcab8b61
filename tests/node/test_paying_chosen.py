"""Payments over an amount that their payer chose: every attempt is over it, and says so."""

from typing import Any

import trio
import trio.testing

from node.command.sim.cores.plan import ended, given_by, make_request
from node.core.events import ConfirmRequest
from node.core.rows import PaymentPhase, PromisePhase, Request, RequestPhase, Transaction
from node.pay_options import PayOptions
from node.routing import RouteFound, RouteQuery
from proto.descriptor import decode_descriptor
from proto.payment_terms import terms_root
from proto.reason import Reason
from proto.request import read_request, request_hash
from tests.node.engines import Engines
from tests.node.test_paying import House, stage

LEAST, MOST, CHOSEN = 400, 1000, 700


async def pay(house: House, request: Request, amount: int) -> tuple[bytes, Reason | None]:
    read = read_request(request.signed, house.world.now_us)
    made, no = await house.payer.create(request.signed, read, PayOptions(), amount=amount)
    return made, no and no.reason


def arrived(world: Engines, request: Request) -> tuple[RequestPhase, int, int]:
    """(phase, what the attempt was to bring, what was redeemed)"""
    row = world.engine("Q").memory.row(request.key)
    assert isinstance(row, Request)
    held = [p for p in world.promises("Q") if p.owner == request.id]
    paid = sum(p.amount for p in held if p.phase is PromisePhase.REDEEMED)
    return row.phase, row.taking, paid


def roots(world: Engines, request: Request) -> set[bool]:
    """Whether each of the payer's descriptors says which amount was chosen."""
    rows = world.engine("P").memory.rows.values()
    made = [decode_descriptor(r.descriptor) for r in rows if isinstance(r, Transaction)]
    hashed = request_hash(request.signed)
    return {d.terms_root == terms_root(d.salt, hashed, CHOSEN) for d in made}


async def test_it_is_what_arrives(autojump_clock: trio.testing.MockClock) -> None:
    async with stage("PAQ") as (world, house):
        request = make_request(world, "Q", MOST, amount_min=LEAST)
        made, no = await pay(house, request, CHOSEN)
        await trio.sleep(1)
        assert no is None and house.stands(made) == (PaymentPhase.COMMITTED, 1, None)
        assert house.payment(made).amount == CHOSEN
        assert arrived(world, request) == (RequestPhase.PAID, CHOSEN, CHOSEN)
        assert [q.amount for q in house.finder.asked] == [CHOSEN]
        assert roots(world, request) == {True}
        assert ended(world)
        world.audit()


async def test_the_next_attempt_is_over_it_too(autojump_clock: trio.testing.MockClock) -> None:
    async with stage("PAQ", "PBQ", full="A") as (world, house):
        request = make_request(world, "Q", MOST, amount_min=LEAST)
        made, _ = await pay(house, request, CHOSEN)
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 2)
        assert {q.amount for q in house.finder.asked} == {CHOSEN}
        assert arrived(world, request) == (RequestPhase.PAID, CHOSEN, CHOSEN)
        assert roots(world, request) == {True}
        world.audit()


async def test_payer_and_payee_that_died_go_on_with_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage("PAQ") as (world, house):
        request = make_request(world, "Q", MOST, amount_min=LEAST, manual=True)
        await world.rest()
        made, _ = await pay(house, request, CHOSEN)
        await trio.sleep(0.5)
        assert arrived(world, request) == (RequestPhase.OPEN, CHOSEN, 0)
        for name in "PQ":
            world.crash(name)
        house.open()
        world.event("Q", ConfirmRequest(world.now_us, request.id))
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 1)
        assert arrived(world, request) == (RequestPhase.PAID, CHOSEN, CHOSEN)
        world.audit()


async def test_at_once_over_a_route_from_before(autojump_clock: trio.testing.MockClock) -> None:
    """The first attempt shares the payment's transaction, and names what was chosen as well."""
    async with stage("PAQ") as (world, house):
        kept: list[RouteFound] = []

        def recall(query: RouteQuery) -> RouteFound | None:
            assert query.amount == CHOSEN
            return kept[0]

        request = make_request(world, "Q", MOST, amount_min=LEAST)
        read = read_request(request.signed, world.now_us)
        found = await house.payer.plan(read.over(CHOSEN), PayOptions())
        assert isinstance(found, RouteFound)
        kept.append(found)
        finder: Any = house.finder
        finder.recall = recall
        house.finder.asked.clear()
        made, no = await pay(house, request, CHOSEN)
        assert no is None and house.stands(made)[1] == 1
        await trio.sleep(1)
        assert house.stands(made)[0] is PaymentPhase.COMMITTED and not house.finder.asked
        assert arrived(world, request) == (RequestPhase.PAID, CHOSEN, CHOSEN)


async def test_what_the_request_does_not_take_is_not_begun(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage("PAQ") as (world, house):
        request = make_request(world, "Q", MOST, amount_min=LEAST)
        for amount in (0, LEAST - 1, MOST + 1):
            assert await pay(house, request, amount) == (b"", Reason.REQUEST_MISMATCH)
        exact = make_request(world, "Q", MOST)
        assert await pay(house, exact, MOST - 1) == (b"", Reason.REQUEST_MISMATCH)
        assert not given_by(world, "P") and not house.finder.asked
