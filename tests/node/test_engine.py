"""The engine with its store, numbers and signatures: payments, and deaths at every commit."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio
import trio.lowlevel
import trio.testing

from node.command.sim.cores.plan import (
    Attempt,
    Route,
    create,
    dictate,
    ended,
    make_request,
    pay,
    payment_of,
    request_of,
)
from node.core.events import AddRequest
from node.core.rows import Payment, PaymentPhase, RequestPhase
from node.links import ACKNOWLEDGE_AFTER_US
from proto.levels import Level
from proto.limits import US
from tests.node.engines import Engines, chain, engines

A, S, B, X = Level.ATOMIC, Level.SECURED, Level.BARE, Level.PROXY
ATOMIC = (A, A, A)
AMOUNT = 1000


def phase(world: Engines, attempt: Attempt, payer: str = "P") -> PaymentPhase | None:
    """None: its payer died before it was booked."""
    row = world.nodes[payer].books.rows.get((Payment.table, attempt.payment, b""))
    return row.phase if isinstance(row, Payment) else None


@pytest.mark.parametrize("levels", [ATOMIC, (S, S, S), (B, B, B), (B, A, A), (S, B, B)])
async def test_a_payment_over_three_hops(
    autojump_clock: trio.testing.MockClock, levels: Sequence[Level]
) -> None:
    async with engines() as world:
        await chain(world)
        attempt = pay(world, [Route("PABQ", levels, AMOUNT)])
        await world.rest()
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert ended(world) and not world.incidents()
        world.audit()


async def test_an_acknowledgement_goes_along_or_follows_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        pay(world, [Route("PABQ", ATOMIC, AMOUNT)])
        await world.rest()
        assert world.engine("A").links.owing, "the last booking had no message to go along with"
        await trio.sleep(2 * ACKNOWLEDGE_AFTER_US / US)
        for name, other in (("P", "A"), ("A", "P"), ("B", "Q"), ("Q", "B")):
            neighbour = world.engine(name).links.neighbours[world.nodes[other].id]
            assert neighbour.sent > 0
            assert neighbour.acknowledged == neighbour.sent and not neighbour.outbox
        assert not any(world.engine(name).links.owing for name in "PABQ")


async def test_many_at_once_share_transactions(autojump_clock: trio.testing.MockClock) -> None:
    async with engines() as world:
        await chain(world)
        attempts = []
        for _ in range(30):
            request = make_request(world, "Q", AMOUNT)
            payment = create(world, "P", request)
            attempts.append(dictate(world, payment, request, [Route("PABQ", ATOMIC, AMOUNT)]))
        await world.rest()
        before = world.running("A").writer.commits
        for attempt in attempts:
            world.engine("P").submit(lambda _, event=attempt.event: event)
        await world.rest()
        assert {phase(world, a) for a in attempts} == {PaymentPhase.COMMITTED}
        assert world.running("A").writer.commits - before < 15, "they were written one by one"
        world.audit()


async def test_nothing_leaves_before_it_is_durable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        disk = world.running("P").writer
        held: list[object] = []
        disk._schedule = held.append  # a disk that does not come to an end
        heard = len(world.running("A").heard)
        attempt = pay(world, [Route("PABQ", ATOMIC, AMOUNT)])
        await world.rest()
        assert held and len(world.running("A").heard) == heard
        assert phase(world, attempt) is not None, "memory runs ahead, words do not"
        del disk._schedule
        await trio.lowlevel.checkpoint()


async def deaths(world: Engines, victim: str, levels: Sequence[Level]) -> int:
    """Pays once for every commit that the victim makes meanwhile, and kills it there, before the
    commit and after it. Returns how many deaths there were."""
    killed = 0
    for number in range(1, 20):
        for after in (False, True):
            request = make_request(world, "Q", AMOUNT)
            await world.rest()
            disk = world.running(victim).writer
            disk.die(number, after=after)
            attempt = pay(world, [Route("PABQ", levels, AMOUNT)], request)
            await trio.sleep(1)  # a question whose answer died is asked again
            died = world.running(victim).writer is not disk
            killed += died
            expected = {PaymentPhase.COMMITTED}
            if died and victim == "P":
                # Its wishes died with it: what was never booked was never promised.
                expected |= {None, PaymentPhase.ROUTING}
            assert phase(world, attempt) in expected, (victim, number, after)
            paid = request_of(world, "Q", request).phase is RequestPhase.PAID
            assert paid == (phase(world, attempt) is PaymentPhase.COMMITTED)
            disk.deadly = None
            world.audit()
            if not died:
                return killed
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("victim", "PABQ")
async def test_a_death_at_any_commit_loses_nothing(
    autojump_clock: trio.testing.MockClock, victim: str
) -> None:
    """What was committed is resumed, what was not is sent again: everybody ends alike."""
    async with engines() as world:
        await chain(world)
        assert await deaths(world, victim, ATOMIC) >= 4
        assert not world.incidents()


@pytest.mark.parametrize("victim", "AQ")
@pytest.mark.parametrize("levels", [(S, S, S), (B, B, B)], ids=["SECURED", "BARE"])
async def test_deaths_that_are_short_cost_nothing_at_any_level(
    autojump_clock: trio.testing.MockClock, victim: str, levels: Sequence[Level]
) -> None:
    async with engines() as world:
        await chain(world)
        assert await deaths(world, victim, levels) >= 4
        assert not world.incidents()


async def test_everything_is_taken_up_again_from_files(
    autojump_clock: trio.testing.MockClock, tmp_path: pytest.TempPathFactory
) -> None:
    """All die at once with promises in the air; all come back and end it."""
    async with engines(tmp_path) as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT, manual=True)
        attempt = pay(world, [Route("PABQ", ATOMIC, AMOUNT)], request)
        await world.rest()
        assert phase(world, attempt) is PaymentPhase.PROMISED
        for name in "PABQ":
            world.stop(name)
        for name in "PABQ":
            world.start(name)
        await trio.sleep(20)
        # Nobody signed: the registry's word ends it on all sides.
        assert phase(world, attempt) is PaymentPhase.ROUTING
        assert ended(world)
        world.audit()


async def test_the_same_wish_twice_is_one_wish(autojump_clock: trio.testing.MockClock) -> None:
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT)
        world.event("Q", AddRequest(world.now_us, request))
        attempt = pay(world, [Route("PABQ", ATOMIC, AMOUNT)], request)
        await world.rest()
        world.event("P", attempt.event)
        await world.rest()
        assert len(world.refusals) == 1, "a second attempt while the first has ended paid"
        assert payment_of(world, "P", attempt).attempt == 1
        world.audit()


async def test_links_that_come_and_go(autojump_clock: trio.testing.MockClock) -> None:
    """Every pair reconnects in the middle of twenty payments: each message counts once."""
    async with engines() as world:
        await chain(world)
        attempts = []
        for _ in range(5):
            attempts += [pay(world, [Route("PABQ", ATOMIC, AMOUNT)]) for _ in range(4)]
            for one, other in pairwise("PABQ"):
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
                world.network.reconnect(world.nodes[one].id, world.nodes[other].id)
        await world.rest()
        await trio.sleep(20)
        assert ended(world)
        assert PaymentPhase.PROMISED not in {phase(world, a) for a in attempts}
        world.audit()
