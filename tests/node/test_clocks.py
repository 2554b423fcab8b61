"""The wall clock of a node is stepped while promises pend. What is kept: nobody pays twice or
without being paid where the level says so, every promise ends, and the books agree."""

import pytest
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Attempt, Route, ended, make_request, pay
from node.core.events import ConfirmRequest
from node.core.rows import PaymentPhase, PromisePhase
from proto.levels import Level
from tests.node.engines import Engines, chain, engines
from tests.node.test_engine import phase

A, S, B = Level.ATOMIC, Level.SECURED, Level.BARE
HOUR = 3600 * SECOND


async def hold(world: Engines, level: Level) -> tuple[Attempt, bytes]:
    """Promises all the way, and a payee that waits for its owner."""
    request = make_request(world, "Q", 1000, manual=True)
    await world.rest()
    attempt = pay(world, [Route("PABQ", (level,) * 3, 1000)], request)
    await world.rest()
    assert phase(world, attempt) is PaymentPhase.PROMISED
    return attempt, request.id


async def confirm(world: Engines, request: bytes) -> None:
    world.event("Q", ConfirmRequest(world.now_us, request))
    await world.rest()


@pytest.mark.parametrize("level", [A, S, B])
async def test_a_step_forward_ends_what_it_passes(
    autojump_clock: trio.testing.MockClock, level: Level
) -> None:
    """An hour ahead at once: each promise ends as if the hour had been waited, within seconds."""
    async with engines() as world:
        await chain(world)
        attempt, request = await hold(world, level)
        await trio.sleep(1.5)  # nothing else wakes an engine for seconds now
        world.clock.step(HOUR)
        await trio.sleep(1.2)
        assert ended(world), "an engine that sleeps does not sleep through a step"
        assert phase(world, attempt) is PaymentPhase.ROUTING
        await confirm(world, request)
        assert ended(world) and not world.incidents()
        world.audit()


@pytest.mark.parametrize("level", [A, S, B])
async def test_a_step_backward_delays_and_breaks_nothing(
    autojump_clock: trio.testing.MockClock, level: Level
) -> None:
    """An hour back: what pends can still be paid, or ends when its time has come again."""
    async with engines() as world:
        await chain(world)
        attempt, request = await hold(world, level)
        other, _ = await hold(world, level)
        await trio.sleep(0.2)
        world.clock.step(-HOUR)
        await trio.sleep(600)
        assert phase(world, attempt) is PaymentPhase.PROMISED, "its deadline is an hour away"
        await confirm(world, request)
        await trio.sleep(1)
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert phase(world, other) is PaymentPhase.PROMISED
        world.clock.step(HOUR)
        await trio.sleep(60)
        assert phase(world, other) is PaymentPhase.ROUTING
        assert ended(world) and not world.incidents()
        world.audit()


async def test_a_clock_that_goes_up_and_down_ends_nothing_twice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        attempts = [(await hold(world, level))[0] for level in (A, S, B)]
        for step in (20, -20, 3, -3, 40, -39, 7):
            world.clock.step(step * SECOND)
            await trio.sleep(0.7)
        await trio.sleep(90)
        assert ended(world)
        assert {phase(world, a) for a in attempts} == {PaymentPhase.ROUTING}
        phases = {p.phase for name in "PABQ" for p in world.promises(name)}
        assert phases <= {PromisePhase.ABORTED, PromisePhase.EXPIRED, PromisePhase.RELEASED}
        world.audit()


async def test_a_step_while_nobody_runs(autojump_clock: trio.testing.MockClock) -> None:
    """A machine that slept: timers come from the rows, so a start finds what has passed."""
    async with engines() as world:
        await chain(world)
        attempt, _ = await hold(world, A)
        for name in "PABQ":
            world.stop(name)
        world.clock.step(HOUR)
        for name in "PABQ":
            world.start(name)
        await trio.sleep(5)
        assert phase(world, attempt) is PaymentPhase.ROUTING and ended(world)
        world.audit()
