"""Who is killed when: drawn from a seed before anything runs. Pure.

A wave strikes one process or several at once; the next one comes while victims of the one before
still start, so that whole neighbourhoods are half up and half down for most of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

# How many are struck at once, by weight: mostly one, at times as when the power fails.
AT_ONCE: Final = ((1, 60), (2, 25), (3, 12), (4, 3))
# How long a victim stays down before it is started again (s), by weight: the kernel restarts it
# at once, an operator soon, or it misses the margins (2 s) or even a deadline (10 s) of others.
DOWN_S: Final = ((0.0, 60), (0.3, 15), (1.5, 15), (4.0, 8), (13.0, 2))
GENTLE: Final = 0.1  # share of blows that are a SIGTERM: they come on top of the kills
AGAIN: Final = 0.25  # share of starts that are killed themselves, and then again
MAX_AGAIN: Final = 3  # in a row, or one victim would never come up
START_S: Final = 0.5  # a warm start with its recovery takes about half of this
# Share of blows that wait until somebody has just asked to pay or to be paid, and for how long at
# most they then hold back (s): a node is between two of its steps for a few milliseconds only.
AMBUSHED: Final = 0.6
MAX_AFTER_S: Final = 0.08
MIN_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 0.9


@dataclass(frozen=True, slots=True)
class Blow:
    """One victim: ended, down for a while (s), started; `again_s`: killed so long after each of
    the next starts, which may be before it is ready. `after_s`: struck so long after the next
    word of a customer, None = at once."""

    victim: str
    gentle: bool
    after_s: float | None
    down_s: float
    again_s: tuple[float, ...]

    @property
    def kills(self) -> int:
        """How many SIGKILLs this is."""
        return (not self.gentle) + len(self.again_s)


@dataclass(frozen=True, slots=True)
class Wave:
    """Blows that fall together, so long (s) after the wave before."""

    after_s: float
    blows: tuple[Blow, ...]


def draw_waves(seed: int, victims: Sequence[str], kills: int) -> tuple[Wave, ...]:
    """Waves with exactly so many SIGKILLs in all."""
    random = Random(seed)
    waves, left = [], kills
    while left > 0:
        struck = random.sample(victims, min(_weighted(random, AT_ONCE), len(victims)))
        blows = []
        for victim in struck:
            blow = _blow(random, victim, left)
            left -= blow.kills
            blows.append(blow)
            if left <= 0:
                break
        waves.append(Wave(random.uniform(MIN_PAUSE_S, MAX_PAUSE_S), tuple(blows)))
    return tuple(waves)


def _blow(random: Random, victim: str, left: int) -> Blow:
    gentle = random.random() < GENTLE
    again: list[float] = []
    while len(again) < MAX_AGAIN and random.random() < AGAIN:
        again.append(random.uniform(0.0, START_S))
    room = left - (not gentle)
    after_s = random.uniform(0.0, MAX_AFTER_S) if random.random() < AMBUSHED else None
    return Blow(victim, gentle, after_s, _weighted(random, DOWN_S), tuple(again[: max(0, room)]))


def _weighted(random: Random, table: Sequence[tuple[T, int]]) -> T:
    (chosen,) = random.choices([value for value, _ in table], [weight for _, weight in table])
    return chosen
