"""The engine with its store, numbers and signatures: payments, crashes, repeats, refusals."""

import trio

from node.core.rows import PaymentPhase
from proto.levels import Level
from tests.node.engines import chain, engines
from tests.node.plan import Attempt, Route, ended, pay, payment_of
from tests.node.world import World

ATOMIC = (Level.ATOMIC,) * 3


def phase(world: World, attempt: Attempt) -> PaymentPhase:
    return payment_of(world, "P", attempt).phase


async def test_a_payment_over_three_hops(autojump_clock: trio.testing.MockClock) -> None:
    async with engines() as world:
        await chain(world)
        attempt = pay(world, [Route("PABQ", ATOMIC, 100_000)])
        await world.rest()
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert ended(world)
        world.audit()
