"""What stands for what: rows of samples with their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.command.drawing.canvas import Page, text_width
from node.command.drawing.chain_layout import Box
from node.command.drawing.styles import Fill, Stroke

POINTS: Final = 8.0
ROW: Final = 0.26
SAMPLE: Final = 0.5  # inches of line; a node's sample stands in the middle of as much
SPACE: Final = 0.28  # between entries
PAD: Final = 0.09  # between sample and name


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample, of a line or of a node, and its name."""

    text: str
    stroke: Stroke | None = None
    fill: Fill | None = None
    arrow: bool = False


def legend_height(entries: Sequence[Entry], width: float) -> float:
    """Inches that `draw_legend` takes."""
    return ROW * len(_rows(entries, width))


def draw_legend(page: Page, entries: Sequence[Entry], place: Box) -> None:
    """As many rows as it takes, from the top left of `place`."""
    for number, row in enumerate(_rows(entries, place.width)):
        x, y = place.left, place.top + ROW * (number + 0.5)
        for entry in row:
            sample = _sample(entry)
            if entry.stroke is not None and entry.arrow:
                page.arrow(((x, y), (x + sample, y)), entry.stroke)
            elif entry.stroke is not None:
                page.line(((x, y), (x + sample, y)), entry.stroke)
            if entry.fill is not None and entry.fill.hatch and entry.stroke is None:
                swatch = Box(x, y - 0.08, 0.17, 0.16)
                page.box(swatch, fill=entry.fill.colour, hatch=entry.fill.hatch, points=0.8)
            if entry.fill is not None:
                page.node((x + sample - 0.06, y), entry.fill, 0.065)
            page.text((x + sample + PAD, y), entry.text, POINTS, mark="legend")
            x += _width(entry)


def _sample(entry: Entry) -> float:
    if entry.stroke is not None:
        return SAMPLE
    return 0.34 if entry.fill is not None and entry.fill.hatch else 0.16


def _width(entry: Entry) -> float:
    return _sample(entry) + PAD + text_width(entry.text, POINTS) + SPACE


def _rows(entries: Sequence[Entry], width: float) -> list[list[Entry]]:
    rows: list[list[Entry]] = []
    used = width
    for entry in entries:
        if not rows or used + _width(entry) - SPACE > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += _width(entry)
    return rows
