"""Who wants to pay whom how much, and what goes wrong meanwhile: drawn once, the same for all."""

from dataclasses import dataclass
from random import Random
from typing import Final

from node.command.sim.replay.terrain import FULL, Rooms, Terrain
from pathfinder.synthetic import log_uniform

# One pair in five to two hundred is connected in real data; after so many in a row that are not,
# the sample has hardly any.
MAX_MISSES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Troubles:
    """What goes wrong, each in per cent of the payments.

    `silent`: the payee takes the promise and never signs. `offline`: the payer or somebody between
    is gone for OFFLINE_US, from a moment of the payment on. `thieves`: a promisor reads the claims
    on its promise only when that promise has run out. `outages`: one registry answers nobody for
    OUTAGE_US.
    """

    silent: float = 2
    offline: float = 2
    thieves: float = 2
    outages: float = 0.5


CALM: Final = Troubles(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wish:
    """One payment. Troubles are shares of its chain and of its duration, whatever they are:
    `offline` (who, when), `thief` (who), `outage` (which registry, when); None = it is spared."""

    payer: str
    payee: str
    amount: int
    silent: bool = False
    offline: tuple[float, float] | None = None
    thief: float | None = None
    outage: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """`drawn`: pairs looked at until so many of them were connected at their amount."""

    wishes: tuple[Wish, ...]
    drawn: int


def draw_wishes(
    terrain: Terrain, seed: int, payments: int, amounts: tuple[int, int], troubles: Troubles
) -> Wishes:
    """As many payments between connected pairs, or fewer where the sample has hardly any.

    `amounts`: least and greatest, between which they are spread evenly on a logarithmic scale.
    """
    rooms, found, drawn = Rooms(terrain.lines), list[Wish](), 0
    pairs, faults = Random(f"pairs {seed}"), Random(f"troubles {seed}")
    if len(terrain.sample) < 2:
        return Wishes((), 0)
    missed = 0
    while len(found) < payments and missed < MAX_MISSES:
        payer, payee = pairs.sample(terrain.sample, 2)
        amount = log_uniform(*amounts, pairs)
        drawn += 1
        missed += 1
        if rooms.reaches(payer, payee, amount):
            found.append(_troubled(Wish(payer, payee, amount), faults, troubles))
            missed = 0
    return Wishes(tuple(found), drawn)


def _troubled(wish: Wish, draw: Random, troubles: Troubles) -> Wish:
    # Always as many draws, so that one kind of trouble does not move the others.
    silent, offline, thief, outage = (draw.random() * FULL for _ in range(4))
    who, when, robber, which, stop = (draw.random() for _ in range(5))
    return Wish(
        wish.payer,
        wish.payee,
        wish.amount,
        silent < troubles.silent,
        (who, when) if offline < troubles.offline else None,
        robber if thief < troubles.thieves else None,
        (which, stop) if outage < troubles.outages else None,
    )
