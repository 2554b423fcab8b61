"""What no split over given tracks can beat.

Prices are affine but for their rounding up, so amounts of a share s are at least r·s + f: rates and
flat fees from the payee to that line. Without rounding, with whole parts allowed to be fractions
(a part of s ≤ its widest share w pays s/w of its flat fees and counts s/w), a plan is a linear
programme. Its coefficients are rounded down, which only makes a bound weaker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from fractions import Fraction

from pathfinder.plans.programme import ONE, Programme
from pathfinder.plans.track import Room, Track

Affine = tuple[int, int]
"""Rate and flat part of an amount in 2^-SCALE, both at most what the rounded price asks."""


@dataclass(frozen=True, slots=True)
class Ray:
    """A track as straight lines: what a share puts on each of its lines, the payer's first.

    `flat`: whether a part pays anything for being one.
    """

    track: Track
    amounts: tuple[Affine, ...]
    flat: bool


def ray_of(track: Track) -> Ray:
    """Affine amounts from the payee backwards."""
    rate, constant = Fraction(1), Fraction(0)
    found = [(rate, constant)]
    for step in reversed(track.steps):
        price = Fraction(step.num, step.den)
        rate, constant = rate * price, constant * price + step.flat
        found.append((rate, constant))
    amounts = tuple((int(r * ONE), int(f * ONE)) for r, f in reversed(found))
    return Ray(track, amounts, constant > 0)


@dataclass(frozen=True, slots=True)
class Box:
    """One track in one corner of the search: its share lies in [low, high], `high` ≥ 1.

    `used`: it is a part for certain, so it pays its flat fees and `low` ≥ 1.
    """

    ray: Ray
    low: int
    high: int
    used: bool

    def coefficients(self) -> Sequence[Affine]:
        """Of the amounts on its lines, the payer's first."""
        if self.used:
            lowest, highest = (self.ray.track.amounts(share) for share in (self.low, self.high))
            # Fees never fall as a share grows: where both ends pay the same, all between do.
            return [
                (ONE, (least - self.low) * ONE) if most - least == self.high - self.low else affine
                for least, most, affine in zip(lowest, highest, self.ray.amounts, strict=True)
            ]
        return [(rate + constant // self.high, 0) for rate, constant in self.ray.amounts]


@unique
class Unsolved(Enum):
    """Why there is no bound: proven that no plan fits, or the solver alone says so."""

    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Relaxed:
    """`bound`: no plan in these boxes costs less (or delivers more). `shares`: what the programme
    chose, in the order of the boxes."""

    bound: int
    shares: tuple[float, ...]


def relaxed_plan(
    boxes: Sequence[Box], room: Room, parts: int, max_cost: int, amount: int | None
) -> Relaxed | Unsolved:
    """What the boxes can do at best. `room`: what each line carries.

    `max_cost`: of the whole plan; `parts`: how many may be used; `amount` None: as much as possible
    is to be delivered, else that amount for the least cost.
    """
    made = [box.coefficients() for box in boxes]
    base = sum(amounts[0][1] for amounts in made)
    cost = [amounts[0][0] for amounts in made]
    objective = cost if amount is not None else [-ONE] * len(boxes)
    programme = Programme([(box.low, box.high) for box in boxes], objective)
    by_line: dict[int, list[tuple[int, Affine]]] = {}
    for number, box in enumerate(boxes):
        for line, one in zip(box.ray.track.lines, made[number], strict=True):
            by_line.setdefault(line, []).append((number, one))
    for line, users in by_line.items():
        constants = sum(constant for _, (_, constant) in users)
        programme.row([(n, rate) for n, (rate, _) in users], room(line) * ONE - constants)
    undecided = [(n, ONE // box.high) for n, box in enumerate(boxes) if not box.used]
    programme.row(undecided, (parts - sum(box.used for box in boxes)) * ONE)
    programme.row(list(enumerate(cost)), max_cost * ONE - base)
    if amount is not None:
        programme.row([(n, -ONE) for n in range(len(boxes))], -amount * ONE)
    if programme.impossible:
        return Unsolved.IMPOSSIBLE
    found = programme.solve()
    if found is None:
        return Unsolved.UNKNOWN
    bound = found.least + base // ONE if amount is not None else -found.least
    return Relaxed(bound, found.values)


def used_shares(boxes: Sequence[Box], shares: Sequence[float]) -> Mapping[int, float]:
    """Number of the box → its share, where there is any to speak of."""
    return {i: share for i, share in enumerate(shares) if share > 1e-6 * boxes[i].high}
