"""A neighbour that floods the engine: what the others get, counted in messages."""

import trio
import trio.testing

from node.command.sim.cores.plan import Route, create, dictate, make_request, pay, payment_of, terms
from node.core.rows import PaymentPhase
from node.engine import MAX_BURST, MAX_GROUPS_AHEAD
from proto.levels import Level
from proto.messages import Claim
from runtime.transport import BatchArrived
from tests.node.engines import NOWHERE, Engines, engines
from tests.node.test_frames import COMMIT, envelopes

FRAME = 64


async def open_stage(world: Engines) -> None:
    """P-A-Q, and L, a neighbour of A that is nothing but a stream."""
    for name in "PAQL":
        world.add(name, terms)
    await world.open("P", "A")
    await world.open("A", "Q")
    await world.meet("A", "L")
    world.stop("L")
    puppet = world.network.join(world.nodes["L"].id, lambda _: (0, 0))
    puppet.set_peers({world.nodes["A"].id: NOWHERE})
    await world.rest()


def flood(world: Engines, frames: int) -> None:
    """So many full frames of L have arrived at A, each message to be answered."""
    link = world.neighbour("A", "L").link
    assert link is not None
    data = tuple(envelopes(world, *[Claim(bytes(16), COMMIT)] * FRAME))
    for number in range(frames):
        batch = BatchArrived(world.nodes["L"].id, link, number * FRAME + 1, data, 0)
        world.engine("A").link_event(batch, lambda: None)


async def test_a_payment_passes_between_the_frames_of_a_flood(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await open_stage(world)
        world.engine("A").links._max_unacknowledged = 10**6
        request = make_request(world, "Q", 1000)
        payment = create(world, "P", request)
        attempt = dictate(world, payment, request, [Route("PAQ", (Level.ATOMIC,) * 2, 1000)])
        await world.rest()
        flood(world, 250)
        world.event("P", attempt.event)
        while payment_of(world, "P", attempt).phase is not PaymentPhase.COMMITTED:
            await trio.lowlevel.checkpoint()
        ahead = world.neighbour("A", "L").have
        assert 0 < ahead < 250 * FRAME, "the end of the flood had to be waited for"
        await world.rest()
        assert world.neighbour("A", "L").have == 250 * FRAME


async def test_a_slow_disk_is_waited_for_and_nothing_piles_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """While nothing is written, only so many groups are applied; the rest is not even read."""
    async with engines() as world:
        await open_stage(world)
        held: list[object] = []
        disk = world.running("A").writer
        soon, disk._schedule = disk._schedule, held.append
        flood(world, 200)
        await world.rest()
        seen = world.neighbour("A", "L").seen
        assert 0 < seen <= MAX_GROUPS_AHEAD * (MAX_BURST + FRAME)
        assert world.neighbour("A", "L").have == 0
        disk._schedule = soon
        disk.flush()
        await world.rest()
        assert world.neighbour("A", "L").have == 200 * FRAME


async def test_a_paced_neighbour_is_heard_at_its_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        world.messages_per_s = 128
        await open_stage(world)
        flood(world, 20)
        await world.rest()
        assert world.neighbour("A", "L").have == 3 * FRAME
        attempt = pay(world, [Route("PAQ", (Level.ATOMIC,) * 2, 1000)])
        await world.rest()
        assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
        await trio.sleep(4.25)
        assert world.neighbour("A", "L").have == 11 * FRAME
        await trio.sleep(5)
        assert world.neighbour("A", "L").have == 20 * FRAME
