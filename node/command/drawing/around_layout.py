"""Where a route and its neighbours stand: the chains across the page, the others in rows around.

Pure geometry. Places are slots of a grid, so no node and no name lies on another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import dist
from typing import Final

from node.command.drawing.chain_layout import Point
from node.command.drawing.surroundings import Surroundings
from pathfinder.answer import Route

SLOT: Final = 0.95  # inches between neighbours in a row: a name of twelve characters
ROW: Final = 0.62  # between rows of neighbours
LANE: Final = 1.0  # between chains, and from the outer ones to the first row of neighbours
EDGE: Final = 0.6  # room for half a name
WIDEST: Final = 2.6  # between nodes of a short chain: more looks lost
NARROW: Final = 1.15  # nodes of a chain that stand closer go up and down in turn
SWING: Final = 0.5  # how far
CURVE: Final = 24  # straight pieces of a curve
BENDS: Final = (0.0, 0.25, -0.25, 0.45, -0.45, 0.8, -0.8)  # inches from the straight line


@dataclass(frozen=True, slots=True)
class AroundLayout:
    """Places by name, and the height that they take."""

    places: Mapping[str, Point]
    height: float


def lay_out_around(
    routes: Sequence[Route], surroundings: Surroundings, width: float
) -> AroundLayout:
    """Chains from left to right, one below the other; what several share stands in the first."""
    places: dict[str, Point] = {}
    swing = 0.0
    for lane, route in enumerate(routes):
        names = [hop.promisor for hop in route.hops] + [route.hops[-1].promisee]
        step = min(WIDEST, (width - 2 * EDGE) / (len(names) - 1))
        reach = step * (len(names) - 1)
        sway = SWING / 2 if step < NARROW else 0.0
        swing = max(swing, sway)
        for i, name in enumerate(names):
            sign = 1 if i % 2 else -1
            x = (width - reach) / 2 + i * step
            places.setdefault(name, (x, lane * LANE + sign * sway))
    _centre_ends(places, routes)
    top, bottom = -LANE * 0.75 - swing, (len(routes) - 1) * LANE + LANE * 0.75 + swing
    _around(places, surroundings, (top, bottom), width)
    highest = min(y for _, y in places.values()) - EDGE / 2
    lowest = max(y for _, y in places.values()) + EDGE / 2
    return AroundLayout(
        {name: (x, y - highest) for name, (x, y) in places.items()}, lowest - highest
    )


def _centre_ends(places: dict[str, Point], routes: Sequence[Route]) -> None:
    """Payer and payee of several chains stand between them, at the outermost places."""
    if len(routes) < 2:
        return
    middle, xs = (len(routes) - 1) * LANE / 2, [x for x, _ in places.values()]
    for name, x in ((routes[0].hops[0].promisor, min(xs)), (routes[0].hops[-1].promisee, max(xs))):
        places[name] = (x, middle)


def _around(
    places: dict[str, Point], surroundings: Surroundings, edges: Point, width: float
) -> None:
    """Each neighbour in the free slot nearest to the nodes of the chain that it has lines with."""
    each = max(1, int((width - 2 * EDGE) / SLOT))
    rows = -(-len(surroundings.beside) // each)
    free: list[Point] = []
    for row in range(rows + rows % 2):
        depth, below = divmod(row, 2)
        y = edges[1] + depth * ROW if below else edges[0] - depth * ROW
        shift = SLOT / 2 if depth % 2 else 0.0
        free += [(EDGE + shift + (i + 0.25) * SLOT, y) for i in range(each)]
    chain = set(surroundings.chain)
    near: dict[str, list[float]] = {name: [] for name in surroundings.beside}
    for a, b in surroundings.pairs:
        for one, other in ((a, b), (b, a)):
            if one in near and other in chain:
                near[one].append(places[other][0])
    for name, xs in near.items():
        wanted = sum(xs) / len(xs)
        slot = min(free, key=lambda at: (abs(at[0] - wanted) + abs(at[1]) / 4, at))
        free.remove(slot)
        places[name] = slot


def bent(start: Point, end: Point, away: float) -> tuple[Point, ...]:
    """A curve between two places whose middle is that far to the left of the straight line."""
    (x, y), (to_x, to_y) = start, end
    length = dist(start, end) or 1.0
    # The curve's middle comes half as far out as the point that it is drawn to.
    middle_x = (x + to_x) / 2 + 2 * away * (to_y - y) / length
    middle_y = (y + to_y) / 2 - 2 * away * (to_x - x) / length
    found = []
    for i in range(CURVE + 1):
        t = i / CURVE
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        found.append((a * x + b * middle_x + c * to_x, a * y + b * middle_y + c * to_y))
    return tuple(found)


def clear_way(start: Point, end: Point, others: Sequence[Point], clear: float) -> tuple[Point, ...]:
    """The straightest way that stays that far from the others; else the one that does most."""
    straight: tuple[Point, ...] = (start, end)
    best, most = straight, 0.0
    for away in BENDS:
        way = bent(start, end, away)
        least = min((dist(at, other) for at in way for other in others), default=clear)
        way = way if away else straight
        if least >= clear:
            return way
        if least > most:
            best, most = way, least
    return best
