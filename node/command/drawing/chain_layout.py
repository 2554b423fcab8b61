"""Where the boxes and arrows of a chain's diagram stand: row after row, as an ox ploughs.

Pure geometry. Odd rows run to the right, even ones to the left, so that each arrow is short and
none crosses a box.
"""

from dataclasses import dataclass
from itertools import pairwise

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """`left` and `top`, `width` and `height`."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def centre(self) -> Point:
        return self.left + self.width / 2, self.top + self.height / 2

    def moved(self, right: float, down: float) -> "Box":
        return Box(self.left + right, self.top + down, self.width, self.height)

    def overlaps(self, other: "Box") -> bool:
        """Whether they share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box's edge to the next one's. `label`: the room for what is said about it."""

    start: Point
    end: Point
    label: Box

    @property
    def turns(self) -> bool:
        """It leads down to the next row; its label stands to the right of it."""
        return self.start[0] == self.end[0]


@dataclass(frozen=True, slots=True)
class ChainLayout:
    """One box for each node and one arrow for each promise, payer first."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def lay_out_chain(nodes: int, box: Size, label: Size, *, width: float, gap: float) -> ChainLayout:
    """Boxes of one size, with room for labels of one size between them.

    `width` is kept unless not even two boxes fit beside each other. `gap`: clear space around a
    label.
    """
    across, down = label[0] + 2 * gap, label[1] + 2 * gap
    # A label beside a turn reaches to the right of its box.
    over = max(0.0, gap + label[0] - box[0] / 2)
    each_row = max(1, int((width - over + across) / (box[0] + across) + 1e-9))
    each_row = -(-nodes // -(-nodes // each_row))  # no more rows, but equally full ones
    boxes = []
    for i in range(nodes):
        row, place = divmod(i, each_row)
        column = place if row % 2 == 0 else each_row - 1 - place
        boxes.append(Box(column * (box[0] + across), row * (box[1] + down), *box))
    arrows = [_arrow(a, b, label, gap) for a, b in pairwise(boxes)]
    rights = [b.right for b in boxes] + [a.label.right for a in arrows]
    return ChainLayout(tuple(boxes), tuple(arrows), max(rights), max(b.bottom for b in boxes))


def _arrow(first: Box, second: Box, label: Size, gap: float) -> Arrow:
    (x, y), (next_x, next_y) = first.centre, second.centre
    if y != next_y:
        top = (first.bottom + second.top - label[1]) / 2
        return Arrow((x, first.bottom), (x, second.top), Box(x + gap, top, *label))
    left, right = min(first.right, second.right), max(first.left, second.left)
    place = Box((left + right - label[0]) / 2, y - label[1] / 2, *label)
    if next_x > x:
        return Arrow((left, y), (right, y), place)
    return Arrow((right, y), (left, y), place)
