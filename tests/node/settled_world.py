"""Engines whose payments are settled: archiving them, and speaking of them later."""

from collections.abc import Sequence

import trio

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Attempt, Route, pay
from node.core.rows import (
    Line,
    Payment,
    Promise,
    Request,
    Row,
    Transaction,
)
from node.links import ACKNOWLEDGE_AFTER_US
from proto import messages
from proto.levels import Level
from proto.limits import US
from tests.node.engines import Engines

A, S, B = Level.ATOMIC, Level.SECURED, Level.BARE
LEVELS = [(A, A, A), (S, S, S), (B, B, B), (B, A, A)]
AMOUNT = 1000
LONG = 4000 * SECOND  # beyond every deadline, and beyond the hour that a request lives
SHORT = 200 * SECOND  # beyond every deadline, while the request lives
GONE = (Promise, Transaction, Payment, Request)


def live(world: Engines, name: str) -> list[Row]:
    return [r for r in world.engine(name).memory.rows.values() if isinstance(r, GONE)]


async def archive(world: Engines, names: str = "PABQ") -> int:
    """How many bundles leave when everybody archives what is settled."""
    left = 0
    await trio.sleep(2 * ACKNOWLEDGE_AFTER_US / US)
    for name in names:
        left += await world.running(name).archiver.batch(patient=False)
    await world.rest()
    return left


async def say(world: Engines, sender: str, receiver: str, body: messages.Body) -> None:
    """A node says something that it has no reason to say, in a message that is its own."""
    to = world.nodes[receiver].id
    await world.engine(sender).work(lambda group: group.sends.append((to, body)))
    await world.rest()


def line_of(world: Engines, name: str, other: str) -> Line:
    (line,) = world.engine(name).memory.lines_with(world.nodes[other].id)
    return line


def faults_of(world: Engines, name: str, other: str) -> bool:
    return world.neighbour(name, other).link is None


async def paid(world: Engines, levels: Sequence[Level]) -> Attempt:
    attempt = pay(world, [Route("PABQ", levels, AMOUNT)])
    await world.rest()
    await trio.sleep(2 * ACKNOWLEDGE_AFTER_US / US)  # what is not acknowledged has to stay
    return attempt


def promise_ids(world: Engines, name: str, commit: bytes) -> list[Promise]:
    return list(world.engine(name).memory.promises_of(commit))
