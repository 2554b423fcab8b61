"""Where names go, so that none lies on another one or on a node. Pure geometry."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor

from node.command.drawing.chain_layout import Box, Point, Size

CELL: float = 0.5
"""Of the grid by which neighbours are found, so that thousands of nodes take no time."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A text of that size near `at`, whose node reaches `radius` far. `must`: even if it has to
    lie on another one."""

    at: Point
    size: Size
    radius: float
    must: bool = False


class Taken:
    """Boxes that nothing may lie on."""

    def __init__(self, page: Box) -> None:
        self._page = page
        self._cells: dict[tuple[int, int], list[Box]] = defaultdict(list)

    def add(self, box: Box) -> None:
        for cell in _cells(box):
            self._cells[cell].append(box)

    def overlaps(self, box: Box) -> int:
        """How many boxes it would lie on; one more where it leaves the page."""
        touched = {id(o) for c in _cells(box) for o in self._cells.get(c, ()) if box.overlaps(o)}
        page = self._page
        inside = page.left <= box.left and box.right <= page.right
        inside = inside and page.top <= box.top and box.bottom <= page.bottom
        return len(touched) + (not inside)


def place_labels(wishes: Sequence[Wish], taken: Taken, clearance: float) -> tuple[Box | None, ...]:
    """A box for each wish in turn, which is then taken; None where there is no room for it.

    A node's own place is in `taken` already, and so are those of all others.
    """
    found: list[Box | None] = []
    for wish in wishes:
        places = list(_places(wish, clearance))
        counts = [taken.overlaps(place) for place in places]
        least = min(range(len(places)), key=lambda i: (counts[i], i))
        if counts[least] and not wish.must:
            found.append(None)
            continue
        taken.add(places[least])
        found.append(places[least])
    return tuple(found)


def _places(wish: Wish, clearance: float) -> Iterator[Box]:
    """Above, below, beside, at the corners; then the same a little farther away."""
    (x, y), (width, height) = wish.at, wish.size
    for further in (0.0, height):
        away = wish.radius + clearance + further
        tops = (y - away - height, y + away, y - height / 2)
        lefts = (x - width / 2, x + away, x - away - width)
        for column, row in ((0, 0), (0, 1), (1, 2), (2, 2), (1, 0), (1, 1), (2, 0), (2, 1)):
            yield Box(lefts[column], tops[row], width, height)


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    for column in range(floor(box.left / CELL), floor(box.right / CELL) + 1):
        for row in range(floor(box.top / CELL), floor(box.bottom / CELL) + 1):
            yield column, row
