"""Draws a route among its neighbours."""

from collections.abc import Mapping, Sequence
from math import dist
from typing import Final

from node.command.drawing.around_layout import AroundLayout, bent, clear_way
from node.command.drawing.canvas import Page, text_height, text_width
from node.command.drawing.chain_layout import Box, Point
from node.command.drawing.label_layout import Taken, Wish, place_labels
from node.command.drawing.legend import Entry
from node.command.drawing.styles import (
    END_FILL,
    GREY,
    INK,
    LEVEL_STROKES,
    MODE_FILLS,
    PALE,
    PAPER,
    Fill,
    Stroke,
)
from node.command.drawing.surroundings import Surroundings
from node.command.drawing.wording import short_name
from pathfinder.answer import Route
from proto.levels import Level

RADIUS: Final = 0.1  # of a chain's node
SMALL: Final = 0.045  # of a neighbour
NAME: Final = 8.0  # points
SMALL_NAME: Final = 6.5
NAME_CHARS: Final = 14
SMALL_CHARS: Final = 12
NUMBER: Final = 6.5
BEND: Final = 0.08  # of the distance that a line beside the chain keeps from it
MOST_BEND: Final = 0.28
OTHER: Final = Stroke(GREY, (), 0.6)
FAR: Final = Stroke("#cccccc", (), 0.4)  # lines that touch no node of the route
ASIDE: Final = 0.13
APART: Final = 0.1  # inches between arrows of several levels on one line
SHORT: Final = 0.8  # inches of an arrow that its number would cover: it stands beside
NEIGHBOUR: Final = Fill(PAPER, "o")


def draw_around(
    page: Page,
    routes: Sequence[Route],
    surroundings: Surroundings,
    layout: AroundLayout,
    left: float,
    top: float,
) -> None:
    """From that corner; grey below, then promises, nodes, names."""
    places = {name: (x + left, y + top) for name, (x, y) in layout.places.items()}
    chain = set(surroundings.chain)
    used = {frozenset((h.promisor, h.promisee)) for route in routes for h in route.hops}
    # What matters less is drawn first, so that it lies below.
    for a, b in reversed(surroundings.pairs):
        if frozenset((a, b)) in used:
            continue
        start, end = places[a], places[b]
        way: tuple[Point, ...] = (start, end)
        if a in chain and b in chain:  # it would lie on the chain's own arrows
            way = bent(start, end, min(MOST_BEND, BEND * dist(start, end)))
        page.line(way, OTHER if a in chain or b in chain else FAR, "other-line")
    numbers: list[tuple[Point, str]] = []
    for (promisor, promisee, level, shift), which in _promises(routes).items():
        start, end = _between(places[promisor], places[promisee], shift)
        others = [places[name] for name in surroundings.chain if name not in (promisor, promisee)]
        way = clear_way(start, end, others, 2 * RADIUS)
        at = _number_place(start, end) if len(way) == 2 else way[len(way) // 2]
        page.arrow(way, LEVEL_STROKES[level], "route-promise")
        numbers.append((at, ", ".join(which)))
    fills = node_fills(routes)
    for name in surroundings.beside:
        page.node(places[name], NEIGHBOUR, SMALL, "neighbour")
    for name in surroundings.chain:
        page.node(places[name], fills[name], RADIUS, "route-node")
    bounds = Box(left - 0.3, top - 0.1, page.width, layout.height + 0.2)
    _names(page, surroundings, places, numbers, bounds)


def node_fills(routes: Sequence[Route]) -> Mapping[str, Fill]:
    """By mode; a node that has several in chains of one payment shows the riskiest."""
    modes = sorted((m for route in routes for m in route.modes), key=lambda m: m[1].risk)
    ends = (routes[0].hops[0].promisor, routes[0].hops[-1].promisee)
    return {name: MODE_FILLS[mode] for name, mode in modes} | dict.fromkeys(ends, END_FILL)


def route_legend(routes: Sequence[Route], *, neighbours: bool) -> tuple[Entry, ...]:
    """Levels and modes that occur, safest first."""
    levels = {hop.level for route in routes for hop in route.hops}
    modes = {mode for route in routes for _, mode in route.modes}
    found = [Entry("payer, payee", fill=END_FILL)]
    found += [
        Entry(f"mode {mode.name}", fill=MODE_FILLS[mode])
        for mode in sorted(modes, key=lambda m: m.risk)
    ]
    found += [
        Entry(f"promise {level.name}", stroke=LEVEL_STROKES[level], arrow=True)
        for level in sorted(levels, key=lambda level: level.safety_rank)
    ]
    if neighbours:
        found.append(Entry("neighbour, line that is not used", stroke=OTHER, fill=NEIGHBOUR))
    return tuple(found)


def _promises(routes: Sequence[Route]) -> dict[tuple[str, str, Level, float], list[str]]:
    """Each promise once, with its numbers: chains of one payment may share a line. Where they use
    it at several levels, the arrows stand side by side: the last of the key is inches to the side.
    """
    found: dict[tuple[str, str, Level, float], list[str]] = {}
    levels: dict[tuple[str, str], list[Level]] = {}
    for number, route in enumerate(routes, 1):
        for i, hop in enumerate(route.hops, 1):
            beside = levels.setdefault((hop.promisor, hop.promisee), [])
            if hop.level not in beside:
                beside.append(hop.level)
            shift = beside.index(hop.level) * APART
            key = (hop.promisor, hop.promisee, hop.level, shift)
            found.setdefault(key, []).append(f"{number}.{i}" if len(routes) > 1 else str(i))
    return found


def _between(start: Point, end: Point, shift: float) -> tuple[Point, Point]:
    """The part of the way that lies outside both nodes, so far to the side."""
    (x, y), (to_x, to_y) = start, end
    length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
    along_x, along_y = (to_x - x) / length, (to_y - y) / length
    dx, dy = along_x * RADIUS * 1.3, along_y * RADIUS * 1.3
    aside_x, aside_y = along_y * shift, -along_x * shift
    return (x + dx + aside_x, y + dy + aside_y), (to_x - dx + aside_x, to_y - dy + aside_y)


def _number_place(start: Point, end: Point) -> Point:
    (x, y), (to_x, to_y) = start, end
    middle = ((x + to_x) / 2, (y + to_y) / 2)
    length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
    if length >= SHORT:
        return middle
    return middle[0] + ASIDE * (to_y - y) / length, middle[1] - ASIDE * (to_x - x) / length


def _names(
    page: Page,
    surroundings: Surroundings,
    places: Mapping[str, Point],
    numbers: Sequence[tuple[Point, str]],
    bounds: Box,
) -> None:
    taken = Taken(bounds)
    wishes, texts = [], []
    for at, number in numbers:
        half = text_width(number, NUMBER, bold=True) / 2 + 0.03
        place = Box(at[0] - half, at[1] - 0.07, 2 * half, 0.14)
        taken.add(place)
        page.box(place, edge="none")
        page.text(at, number, NUMBER, bold=True, align="center", mark="number")
    for name in surroundings.chain:
        taken.add(_disc(places[name], RADIUS))
        text = short_name(name, NAME_CHARS)
        size = (text_width(text, NAME, bold=True), text_height(1, NAME))
        wishes.append(Wish(places[name], size, RADIUS, must=True))
        texts.append((text, NAME, True))
    for name in surroundings.beside:
        taken.add(_disc(places[name], SMALL))
        text = short_name(name, SMALL_CHARS)
        size = (text_width(text, SMALL_NAME), text_height(1, SMALL_NAME))
        wishes.append(Wish(places[name], size, SMALL))
        texts.append((text, SMALL_NAME, False))
    for box, (text, points, bold) in zip(place_labels(wishes, taken, 0.03), texts, strict=True):
        if box is not None:
            page.box(box, edge="none")
            colour = INK if bold else PALE
            page.text(
                box.centre, text, points, bold=bold, colour=colour, align="center", mark="name"
            )


def _disc(at: Point, radius: float) -> Box:
    return Box(at[0] - radius, at[1] - radius, 2 * radius, 2 * radius)
