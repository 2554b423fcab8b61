"""Payments both ways through a node whose processes die, come and take streams from each other."""

from random import Random

import pytest
import trio
import trio.lowlevel
import trio.testing

from node.command.sim.cores.plan import Route, ended, make_request, pay
from node.core.rows import Payment, PaymentPhase
from proto.levels import Level
from tests.cluster import Cluster
from tests.node.shared_engines import SharedEngines, shared_chain, shared_engines

pytestmark = pytest.mark.edge

STEPS = 40
AMOUNT = 1000


async def storm(world: SharedEngines, rng: Random) -> int:
    """How many payments were asked for."""
    asked = 0
    for _ in range(STEPS):
        match rng.choice(("pay", "pay", "pay", "pay", "move", "die", "deafen", "wait")):
            case "pay":
                names = rng.choice(("PXQ", "QXP"))
                request = make_request(world, names[-1], AMOUNT)
                await world.rest()
                level = rng.choice((Level.ATOMIC, Level.SECURED))
                pay(world, [Route(names, (level, level), AMOUNT)], request)
                asked += 1
            case "move":
                world.move("X", rng.choice("PQ"), rng.randrange(len(world.processes["X"])))
            case "die":
                world.process("X", rng.randrange(len(world.processes["X"]))).writer.die(
                    rng.randrange(1, 4), after=rng.random() < 0.5
                )
            case "deafen":
                process = world.process("X", rng.randrange(len(world.processes["X"])))
                process.deaf = not process.deaf
            case _:
                await trio.sleep(rng.choice((0.1, 1, 6)))
        for _ in range(rng.randrange(12)):
            await trio.lowlevel.checkpoint()
        while len(world.processes["X"]) < 2:
            world.join("X")
    return asked


@pytest.mark.parametrize("seed", [1, 2, 5])
async def test_everything_ends_and_nothing_is_lost(
    server: Cluster, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    async with shared_engines(server) as world:
        await shared_chain(world)
        asked = await storm(world, Random(seed))
        for process in world.processes["X"]:
            process.deaf, process.writer.deadly = False, None
        for _ in range(50):
            for peer in "PQ":
                if world.neighbour(peer, "X").link is None:
                    world.network.restore(world.nodes[peer].id, world.nodes["X"].id)
            await trio.sleep(1)
        assert ended(world) and not world.incidents()
        payments = [
            row
            for name in "PQ"
            for row in world.nodes[name].books.rows.values()
            if isinstance(row, Payment)
        ]
        phases = [payment.phase for payment in payments]
        assert len(phases) == asked
        assert set(phases) <= {PaymentPhase.COMMITTED, PaymentPhase.ROUTING}
        assert phases.count(PaymentPhase.COMMITTED) > 0
        paid = phases.count(PaymentPhase.COMMITTED)
        assert sum(line.sequence_in for line in world.lines("X")) == paid
        world.audit()
