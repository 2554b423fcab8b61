"""Credit that waits: what each promise of a chain holds when the payee never answers.

Every node runs the real core, all clocks are equal, and a message takes no time: what is measured
is what the protocol alone makes everybody wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from node.command.sim.cores.plan import Route, make_request, open_line, pay, terms
from node.command.sim.cores.world import Deliver, World
from node.core.rows import Direction
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import DEFAULT_HOLD_MAX_US, MAX_HOPS, PAYEE_MARGIN_US, US
from proto.modes import Mode
from proto.schedule import schedule

AMOUNT: Final = 1000  # every node forwards for nothing, so that hops can be compared
FREE: Final = FeeSet(MappingProxyType(dict.fromkeys(Mode, Fee())))
LONG_US: Final = 3600 * US  # whatever the payee asks for, everything has ended by then


@unique
class Levels(Enum):
    """Which levels a chain has."""

    ATOMIC = "all ATOMIC"
    SECURED = "SECURED, last BARE"
    BARE = "all BARE"

    def of(self, hops: int) -> tuple[Level, ...] | None:
        """So many promises, payer first; None where there is no such chain."""
        match self:
            case Levels.ATOMIC:
                return (Level.ATOMIC,) * hops
            case Levels.BARE:
                return (Level.BARE,) * hops
            case _:
                return (*(Level.SECURED,) * (hops - 1), Level.BARE) if hops > 1 else None


@unique
class Silence(Enum):
    """Who does not answer."""

    PAYEE = "the payee"
    GONE = "the payee, gone"
    ALL = "everybody"

    @property
    def words(self) -> str:
        """A sentence about it."""
        return _WORDS[self]


_WORDS: Final = {
    Silence.PAYEE: "the payee holds its promise and never signs; all others do what they should",
    Silence.GONE: "the payee is gone before its promise arrives; all others do what they should",
    Silence.ALL: "once all have promised, no node says anything to another one any more",
}


@dataclass(frozen=True, slots=True)
class Held:
    """One chain. `held_us`: for each promise, payer first, from its making until it is free.

    `lock_us`: the longest that any of them may lock by its schedule.
    """

    levels: Levels
    silence: Silence
    held_us: tuple[int, ...]
    lock_us: int

    @property
    def hops(self) -> int:
        return len(self.held_us)

    @property
    def longest_us(self) -> int:
        return max(self.held_us)

    @property
    def excess_us(self) -> int:
        """By how much it locks longer than a node allows that keeps the default `hold_max`."""
        return max(0, self.lock_us - DEFAULT_HOLD_MAX_US)


def measure_all(
    most: int = MAX_HOPS,
    payee_margin_us: int = PAYEE_MARGIN_US,
    told: Callable[[str], None] = lambda line: None,
) -> tuple[Held, ...]:
    """Chains of 1 to `most` promises, of each kind, under each silence."""
    found = []
    for hops in range(1, most + 1):
        told(f"measuring chains of {hops} promises")
        for levels in Levels:
            chain = levels.of(hops)
            for silence in Silence if chain is not None else ():
                found.append(measure(levels, hops, silence, payee_margin_us))
    return tuple(found)


def measure(
    levels: Levels, hops: int, silence: Silence, payee_margin_us: int = PAYEE_MARGIN_US
) -> Held:
    """One chain. Nodes take any lock: what exceeds the default is in the result."""
    chain = levels.of(hops)
    assert chain is not None
    plan = schedule(chain, payee_margin_us=payee_margin_us)
    assert plan is not None
    names = [f"N{i}" for i in range(hops + 1)]
    world = World()
    for name in names:
        world.add(name, partial(terms, fees=FREE, hold_max_us=LONG_US))
    for one, other in pairwise(names):
        open_line(world, one, other)
    request = make_request(world, names[-1], AMOUNT, manual=True)
    pay(world, [Route(names, chain, AMOUNT)], request, payee_margin_us=payee_margin_us)
    fall_silent(world, names, silence)
    world.run(world.now_us + LONG_US)
    return Held(levels, silence, tuple(held_us(world, names)), max(plan.locks))


def fall_silent(world: World, names: Sequence[str], silence: Silence) -> None:
    """All have promised; from here on nobody hears of whoever is silent."""
    *_, last, payee = names
    ahead = Deliver(last, payee)
    while found := [choice for choice in world.choices() if choice != ahead]:
        world.do(found[0])
    if silence is Silence.GONE:
        world.sever(last, payee)
        for registry in world.judges:
            world.sever(payee, registry)
        return
    world.acknowledged()
    if silence is Silence.ALL:
        for one, other in pairwise(names):
            world.sever(one, other)


def held_us(world: World, names: Sequence[str]) -> list[int]:
    """For each promise in its promisor's own books; all must have ended."""
    found = []
    for name in names[:-1]:
        (given,) = [p for p in world.promises(name) if p.direction is Direction.OUT]
        assert given.phase.final, given
        found.append(given.ended_at_us - given.made_at_us)
    return found
