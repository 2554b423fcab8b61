"""Everything at once, by seed: deaths at commits, cuts, a failing disk, a registry that is gone,
clocks that step. Chains of ATOMIC promises lose nothing in it, and all of it ends."""

from itertools import pairwise
from random import Random

import pytest
import trio

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Route, ended, make_request, pay, request_of
from node.core.rows import PaymentPhase, RequestPhase
from proto.levels import Level
from runtime.seeded import run_seeded
from tests.node.engines import Engines, chain, engines
from tests.node.test_engine import phase

NAMES = "PABQ"
PAYMENTS = 25
LONGEST_S = 120  # after all faults have healed: a deadline, the guard, the slowest question


def trouble(world: Engines, rng: Random) -> None:
    """One fault, or one that heals."""
    name = rng.choice(NAMES)
    one, other = rng.choice(list(pairwise(NAMES)))
    ends = world.nodes[one].id, world.nodes[other].id
    match rng.randrange(10):
        case 0:
            world.crash(name)
        case 1:
            world.running(name).writer.die(rng.randrange(1, 4), after=rng.random() < 0.5)
        case 2:
            world.network.cut(*ends)
        case 3 | 4 | 5:
            for pair in pairwise(NAMES):
                world.network.restore(*(world.nodes[n].id for n in pair))
        case 6:
            world.network.reconnect(*ends)
        case 7 | 8:
            down = rng.random() < 0.3
            for judge in world.judges.values():
                judge.down = down
        case _:
            world.clock.step(rng.randrange(-SECOND // 2, SECOND // 2))


async def heal(world: Engines) -> None:
    for judge in world.judges.values():
        judge.down = False
    for one, other in pairwise(NAMES):
        world.network.restore(world.nodes[one].id, world.nodes[other].id)
    for name in NAMES:
        world.running(name).writer.deadly = None
    await trio.sleep(LONGEST_S)


async def storm(rng: Random) -> None:
    async with engines() as world:
        await chain(world)
        tried = []
        for number in range(PAYMENTS):
            request = make_request(world, "Q", 100 + number)
            await trio.sleep(rng.random())
            tried.append(
                (request, pay(world, [Route(NAMES, (Level.ATOMIC,) * 3, 100 + number)], request))
            )
            for _ in range(rng.randrange(3)):
                trouble(world, rng)
                await trio.sleep(rng.random() * 2)
        await heal(world)
        assert ended(world)
        assert not world.incidents()
        world.audit()
        ends = []
        for request, attempt in tried:
            ends.append(phase(world, attempt))
            known = ("request", request.id, b"") in world.nodes["Q"].books.rows
            paid = known and request_of(world, "Q", request).phase is RequestPhase.PAID
            assert paid == (ends[-1] is PaymentPhase.COMMITTED), (request.amount, ends[-1])
        assert PaymentPhase.PROMISED not in ends
        assert ends.count(PaymentPhase.COMMITTED) > PAYMENTS // 6, ends


@pytest.mark.parametrize("seed", range(8))
def test_a_storm(seed: int) -> None:
    run_seeded(seed, storm)
