"""Asked to pay while it is being paid, and asked by somebody who goes away."""

from random import Random
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cores.plan import make_request
from node.core.events import GiveUpPayment
from node.core.rows import Payment, PaymentPhase
from node.routing import NoRoute, RouteFound, RouteQuery
from proto.reason import Reason, Refusal
from runtime.seeded import run_seeded
from tests.node.test_paying import AMOUNT, stage


@pytest.mark.parametrize("seed", range(6))
def test_a_payment_that_ends_while_it_is_asked_for_again(seed: int) -> None:
    """Refused, since one is live, and when the refusal is durable that one has ended: the owner is
    told of that end. Or of a payment of its own, where the end came first."""

    async def main(_: Random) -> None:
        async with stage() as (world, house):
            routed = trio.Event()
            find = house.finder.find

            async def late(query: RouteQuery) -> RouteFound | NoRoute:
                await routed.wait()
                return await find(query)

            house.finder.find = late  # type: ignore[method-assign]
            request = make_request(world, "Q", AMOUNT)
            made, _ = await house.pay(request)
            again: list[tuple[bytes, Reason | None]] = []

            async def ask() -> None:
                again.append(await house.pay(request))

            async def end() -> None:
                no = Refusal(Reason.NO_ROUTE)
                await world.tell("P", GiveUpPayment(world.now_us, made, no))

            async with trio.open_nursery() as both:
                both.start_soon(ask)
                both.start_soon(end)
            assert house.stands(made)[0] is PaymentPhase.ABORTED
            ((payment, refused),) = again
            assert payment, "there is a payment to be looked at"
            assert refused is (Reason.PAYMENT_LIVE if payment == made else None)
            routed.set()

    run_seeded(seed, main)


async def test_who_asked_may_go_away_while_a_payment_is_made(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The payment is durable by then, or will be: whether anybody still listens or not, it is
    driven, and whoever asks again follows it to its end."""
    async with stage("PAQ") as (world, house):
        engine = world.engine("P")
        asking = engine.ask
        request = make_request(world, "Q", AMOUNT)
        await world.rest()
        with trio.CancelScope() as caller:

            async def ask(*makes: Any) -> Refusal | None:
                caller.cancel()
                return await asking(*makes)

            engine.ask = ask  # type: ignore[method-assign]
            await house.pay(request)
        assert caller.cancelled_caught
        engine.ask = asking  # type: ignore[method-assign]
        await trio.sleep(1)
        (payment,) = engine.memory.owned(Payment)
        assert house.stands(payment.id) == (PaymentPhase.COMMITTED, 1, None)
