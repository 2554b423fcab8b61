"""A page to draw on: matplotlib without a display, and the same bytes for the same drawing.

Text is never read as mathematics, so a name may hold a dollar sign. In SVG it stays text; where
the font lacks a character, a viewer has another font, and a PNG shows an empty square.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from node.command.drawing.chain_layout import Box, Point
from node.command.drawing.picture_file import KINDS, PNG, SVG
from node.command.drawing.styles import INK, PAPER, Fill, Stroke

DPI: Final = 150  # of a PNG: text of 7 points is 15 pixels high
MAX_INCHES: Final = 200.0  # beyond it matplotlib's own limit of 2^16 pixels is near
LINE_HEIGHT: Final = 1.35  # of a text's size
POINTS: Final = 72.0  # in an inch
HEAD_LENGTH: Final = 0.13
HEAD_WIDTH: Final = 0.1

_LACKING: Final = "\N{WHITE SQUARE}"
_RULES: Final[Any] = {
    "svg.hashsalt": "pledgeway",  # else ids in the file are drawn anew each time
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],  # what a viewer of an SVG falls back to
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so it is everywhere the same
    "hatch.linewidth": 0.7,
    "path.simplify": False,
}
_METADATA: Final[dict[str, dict[str, Any]]] = {
    SVG: {"Date": None, "Creator": "pledgeway"},
    PNG: {"Software": "pledgeway"},
}


def text_width(text: str, points: float, *, bold: bool = False) -> float:
    """Inches. Characters that the font lacks count as wide ones."""
    em = sum(_advance(char, bold) for char in text)
    return em * points / POINTS


def text_height(lines: int, points: float) -> float:
    """Inches of so many lines below each other."""
    return lines * points * LINE_HEIGHT / POINTS


@cache
def _font(bold: bool) -> FT2Font:
    weight = "bold" if bold else "normal"
    return FT2Font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))


@cache
def _known(bold: bool) -> frozenset[int]:
    return frozenset(_font(bold).get_charmap())


@cache
def _advance(char: str, bold: bool) -> float:
    if ord(char) not in _known(bold):
        return 1.0
    font = _font(bold)
    font.set_size(POINTS, POINTS)  # one em is one inch
    return float(font.load_char(ord(char)).linearHoriAdvance) / 65536 / POINTS


@contextmanager
def own_rules() -> Iterator[None]:
    """Around all drawing: what a person's own matplotlibrc says must not change a picture."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RULES)
        yield


class Page:
    """Inches from the left and from the top. Things drawn later lie on those drawn before.

    Made and used within `own_rules`.
    """

    def __init__(self, width: float, height: float, kind: str) -> None:
        assert kind in KINDS, kind
        self.kind, self.width, self.height = kind, width, height
        self._figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._order = 0

    def _put(self, artist: Artist, mark: str) -> None:
        # Each lies on what was there before; matplotlib would sort them by kind.
        self._order += 1
        artist.set_zorder(self._order)
        artist.set_clip_on(False)
        if mark:
            artist.set_gid(f"{mark}-{self._order}")  # an id that nothing else in the file has
        self._axes.add_artist(artist)

    def text(
        self,
        at: Point,
        text: str,
        points: float,
        *,
        bold: bool = False,
        colour: str = INK,
        align: str = "left",
        mark: str = "",
    ) -> None:
        """One line, whose middle stands at that height. `align`: left, center or right of `at`."""
        if self.kind == PNG:
            text = "".join(c if ord(c) in _known(bold) else _LACKING for c in text)
        self._put(
            Text(
                *at,
                text,
                fontsize=points,
                fontweight="bold" if bold else "normal",
                color=colour,
                ha=align,
                va="center_baseline",
                parse_math=False,
            ),
            mark,
        )

    def line(self, points: Sequence[Point], stroke: Stroke, mark: str = "") -> None:
        """From point to point."""
        xs, ys = zip(*points, strict=True)
        dashes: Any = (0, stroke.dashes) if stroke.dashes else "-"
        self._put(
            Line2D(
                xs,
                ys,
                color=stroke.colour,
                linewidth=stroke.points,
                linestyle=dashes,
                dash_capstyle="butt",
                solid_capstyle="round",
            ),
            mark,
        )

    def arrow(self, points: Sequence[Point], stroke: Stroke, mark: str = "") -> None:
        """Along the points. Its head is a filled triangle: dashed outlines of heads look broken."""
        (x, y), end = points[-2:]
        to_x, to_y = end
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
        along = ((to_x - x) / length, (to_y - y) / length)
        base = (to_x - along[0] * HEAD_LENGTH, to_y - along[1] * HEAD_LENGTH)
        self.line((*points[:-1], base), stroke, mark)
        half = HEAD_WIDTH / 2
        sides = [(base[0] + s * along[1] * half, base[1] - s * along[0] * half) for s in (1, -1)]
        self._put(Polygon([end, *sides], closed=True, fc=stroke.colour, ec="none"), "")

    def box(
        self,
        box: Box,
        *,
        fill: str = PAPER,
        edge: str = INK,
        hatch: str = "",
        points: float = 1.0,
        mark: str = "",
    ) -> None:
        """A rectangle; `edge` "none" = without an outline."""
        self._put(
            Rectangle(
                (box.left, box.top),
                box.width,
                box.height,
                facecolor=fill,
                edgecolor=edge,
                hatch=hatch or None,
                linewidth=points,
            ),
            mark,
        )

    def node(self, at: Point, fill: Fill, radius: float, mark: str = "") -> None:
        """A marker that reaches about that far."""
        self._put(
            Line2D(
                [at[0]],
                [at[1]],
                linestyle="",
                marker=fill.marker,
                # A diamond is a square that stands on its corner.
                markersize=2 * radius * POINTS * (0.78 if fill.marker == "D" else 1),
                markerfacecolor=fill.colour,
                markeredgecolor=INK,
                markeredgewidth=0.8,
            ),
            mark,
        )

    def as_bytes(self) -> bytes:
        """The file. ValueError where the page is too large for one."""
        if max(self.width, self.height) > MAX_INCHES:
            raise ValueError(f"a page of {self.width:.0f} by {self.height:.0f} inches is too large")
        canvas = FigureCanvasSVG if self.kind == SVG else FigureCanvasAgg
        canvas(self._figure)
        out = BytesIO()
        with warnings.catch_warnings():
            # A character that the font lacks is the viewer's to show.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self._figure.savefig(out, format=self.kind[1:], dpi=DPI, metadata=_METADATA[self.kind])
        return out.getvalue()
