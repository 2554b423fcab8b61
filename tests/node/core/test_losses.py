"""Modes lose exactly where protocol section 3's second table says so, and nowhere else.

P promises to X, X promises to Q. U: X reaches P in time. R: X reaches the registry in time. The
downstream either claims at once or waits until X's incoming promise has expired.
"""

from itertools import product

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    chain_world,
    ended,
    given_by,
    held_by,
    is_viable,
    pay,
)
from node.command.sim.cores.world import Deliver, World
from node.core.rows import IncidentKind, PromisePhase
from proto.levels import Level
from proto.modes import Loss, is_late_leak, loss_of

FRONT = {Level.PROXY: (Level.ATOMIC,)}  # a PROXY needs an earlier node that trusts the registry
CHAINS = [
    (*FRONT.get(held, ()), held, given)
    for held, given in product(Level, Level)
    if is_viable((*FRONT.get(held, ()), held, given))
]
LATER = 300 * SECOND


def lost(world: World, x: str) -> bool:
    """X owes downstream and is not owed upstream."""
    (held,), (given,) = held_by(world, x), given_by(world, x)
    paid = given.phase is PromisePhase.REDEEMED
    return paid and held.phase is not PromisePhase.REDEEMED


def predicted(held: Level, given: Level, u: bool, r: bool, waits: bool) -> bool:
    match loss_of(held, given):
        case Loss.NOT_U:
            return not u
        case Loss.NOT_R:
            return not r
        case Loss.NOT_U_AND_NOT_R:
            return not u and not r
        case Loss.LATE_LEAK:
            return not u or (waits and not r)
        case _:
            return False


def deliver_until(world: World, holder: str) -> None:
    """Messages alone: no question reaches a registry yet."""
    while not held_by(world, holder):
        world.do(next(c for c in world.choices() if isinstance(c, Deliver)))


@pytest.mark.parametrize("waits", [False, True], ids=["claims at once", "waits"])
@pytest.mark.parametrize("r", [True, False], ids=["R", "not R"])
@pytest.mark.parametrize("u", [True, False], ids=["U", "not U"])
@pytest.mark.parametrize("levels", CHAINS, ids=lambda c: " ".join(level.name for level in c))
def test_a_pair_loses_as_published(
    levels: tuple[Level, ...], u: bool, r: bool, waits: bool
) -> None:
    *_, incoming, outgoing = levels
    if waits and not is_late_leak(incoming, outgoing):
        waits = False  # it would come too late itself
    world, names = chain_world(levels)
    upstream, x, payee = names[-3:]
    attempt = pay(world, [Route(names, levels, 10_000)])
    deliver_until(world, payee)
    if not u:
        world.sever(upstream, x)
    if not r:
        world.sever(x, "R1")
    if waits:
        world.sever(x, payee)  # it has the commit stamped, and says nothing yet
    elif not outgoing.needs_stamp:
        world.sever(payee, "R1")  # it stamps nothing, so that nobody upstream learns from R
    (held,) = held_by(world, x)
    world.run(max(attempt.deadline_us, held.expires_at_us) + 5 * SECOND)
    world.heal_all()
    world.run(world.now_us + LATER)
    assert lost(world, x) == predicted(incoming, outgoing, u, r, waits), world.trace
    assert ended(world) and not world.faults
    assert_books_mirror(world)
    losses = [i for i in world.incidents(x) if i.kind is IncidentKind.LOSS]
    assert bool(losses) == lost(world, x)
    assert sum(i.amount for i in losses) == (10_000 if lost(world, x) else 0)
