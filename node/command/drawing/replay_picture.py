"""What `sim replay` found, as small pictures beside each other: one for each question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.command.drawing.canvas import Page, own_rules, text_width
from node.command.drawing.chain_layout import Box, Point
from node.command.drawing.styles import GREY, INK, PALE, Fill, Stroke
from node.command.sim.replay.report import Ground
from node.command.sim.replay.summary import SAFEST_FIRST, Summary, percent, permille, seconds
from proto.levels import Level

MARGIN: Final = 0.35
PLOT: Final = (2.75, 1.75)  # inches
GAP: Final = (0.95, 1.0)
HEAD: Final = 0.85  # for the title and the legend
COLUMNS: Final = 3
TITLE: Final = 11.5
NAME: Final = 8.5
NOTE: Final = 7.0
TICKS: Final = 4  # between 0 and the top
STEPS: Final = (1, 2, 2.5, 5, 10)  # numbers that people count in
MARK: Final = 0.065
SMALL_MARK: Final = 0.042
THICKEST: Final = "MIXED"
BAR: Final = 0.5  # of the room between two shares
# A regime by colour, dashes and marker: in grey, dashes and markers alone tell them apart.
LOOKS: Final[Mapping[str, tuple[Stroke, Fill]]] = {
    THICKEST: (Stroke("#4a4a4a", (), 3.4), Fill("#4a4a4a", "o")),
    "ATOMIC": (Stroke("#0072b2", (5, 1.6), 1.6), Fill("#a9d4ee", "s")),
    "BARE": (Stroke("#c04000", (1, 1.3), 1.8), Fill("#ef9a6b", "^")),
    "SECURED": (Stroke("#00795a", (5, 1.5, 1, 1.5), 1.6), Fill("#7fd6b8", "D")),
}
LEVEL_LOOKS: Final[
    Mapping[Level, tuple[str, str]]
] = {  # fill and hatch, dark to light in grey; dots as a hatch take 150 KB of an SVG
    Level.ATOMIC: ("#5f93bd", ""),
    Level.SECURED: ("#7fd6b8", "///"),
    Level.PROXY: ("#d9b8d0", "\\\\\\"),
    Level.BARE: ("#f7d5c2", "xxx"),
}


@dataclass(frozen=True, slots=True)
class _Chart:
    """A curve for each regime: `value` of a summary, in `unit`; None = nothing to show."""

    title: str
    unit: str
    value: Callable[[Summary], float | None]
    most: float | None = None


def _common_fee(summary: Summary) -> float | None:
    return permille(summary.fee_common) if summary.fee_common else None


def _failed_held(summary: Summary) -> float | None:
    return seconds(summary.held.failed) if summary.held.failed else None


CHARTS: Final = (
    _Chart("Payments that arrive", "%", lambda s: s.success, 100),
    _Chart("Fee, median of what all regimes paid", "‰", _common_fee),
    _Chart("Mean risk of those between (3 = BARE)", "", lambda s: s.risk, 3),
    _Chart("Held by a payment that failed", "s", _failed_held),
    _Chart("Lost, of what was delivered", "‰", lambda s: permille(s.lost_millionths)),
)


@own_rules()
def draw_replay(ground: Ground, summaries: Sequence[Summary], kind: str) -> bytes:
    """The file, of that kind: .svg or .png. There is at least one summary."""
    width = 2 * MARGIN + COLUMNS * PLOT[0] + (COLUMNS - 1) * GAP[0] + 0.4
    page = Page(width, 2 * MARGIN + HEAD + 2 * PLOT[1] + GAP[1] + 0.45, kind)
    found, (nodes, _) = len(ground.wishes.wishes), ground.terrain.whole
    title = f"{found:,} payments over a credit network of {nodes:,} nodes"
    page.text((MARGIN, MARGIN), title, TITLE, bold=True, mark="title")
    regimes = list(dict.fromkeys(s.regime for s in summaries))
    _regimes_legend(page, (MARGIN, MARGIN + 0.32), regimes)
    for i, chart in enumerate(CHARTS):
        _curves(page, _frame(i), chart, summaries, regimes)
    _levels(page, _frame(len(CHARTS)), [s for s in summaries if s.regime == regimes[0]])
    return page.as_bytes()


def _frame(i: int) -> Box:
    row, column = divmod(i, COLUMNS)
    left = MARGIN + 0.4 + column * (PLOT[0] + GAP[0])
    return Box(left, MARGIN + HEAD + row * (PLOT[1] + GAP[1]), *PLOT)


def _regimes_legend(page: Page, at: Point, regimes: Sequence[str]) -> None:
    x, y = at
    for regime in regimes:
        stroke, fill = LOOKS[regime]
        page.line([(x, y), (x + 0.4, y)], stroke, "legend")
        page.node((x + 0.2, y), fill, _mark(regime), "legend")
        page.text((x + 0.48, y), regime, NAME, mark="legend")
        x += 0.48 + text_width(regime, NAME) + 0.3
    text = "across: nodes that accept each registry, in per cent"
    page.text((x + 0.1, y), text, NAME, colour=PALE)


def _mark(regime: str) -> float:
    return MARK if regime == THICKEST else SMALL_MARK


def _top(values: Sequence[float], most: float | None) -> float:
    """The upper end of a scale that begins at 0."""
    if most is not None:
        return most
    greatest = max(values, default=0.0)
    if greatest <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= greatest / TICKS:
        power *= 10
    while power > greatest / TICKS:
        power /= 10
    return TICKS * power * next(s for s in STEPS if s * power * TICKS >= greatest)


def _axes(page: Page, frame: Box, title: str, unit: str, top: float) -> None:
    above = (frame.left, frame.top - 0.17)
    page.text(above, f"{title}, {unit}" if unit else title, NAME, bold=True, mark="chart")
    ticks = 3 if top == 3 else TICKS  # risks are counted in whole numbers
    for i in range(ticks + 1):
        y = frame.top + frame.height * (1 - i / ticks)
        stroke = Stroke(INK if i == 0 else GREY, (), 0.8 if i == 0 else 0.4)
        page.line([(frame.left, y), (frame.left + frame.width, y)], stroke)
        label = f"{top * i / ticks:.4g}"
        page.text((frame.left - 0.07, y), label, NOTE, colour=PALE, align="right")


def _across(frame: Box, shares: Sequence[int]) -> Mapping[int, float]:
    """Where each share stands: by its value, with room at both ends."""
    least, most = min(shares), max(shares)
    room = frame.width * 0.12
    span = (frame.width - 2 * room) / (most - least or 1)
    if least == most:
        return {least: frame.left + frame.width / 2}
    return {share: frame.left + room + (share - least) * span for share in shares}


def _curves(
    page: Page, frame: Box, chart: _Chart, summaries: Sequence[Summary], regimes: Sequence[str]
) -> None:
    values = {(s.regime, s.share): chart.value(s) for s in summaries}
    top = _top([v for v in values.values() if v is not None], chart.most)
    _axes(page, frame, chart.title, chart.unit, top)
    places = _across(frame, [s.share for s in summaries])
    _shares(page, frame, places)
    # The first one beneath: it is the thickest, so that others on the same line are still seen.
    for regime in regimes:
        stroke, fill = LOOKS[regime]
        points = []
        for share in sorted(places):
            value = values.get((regime, share))
            if value is not None:
                y = frame.top + frame.height * (1 - min(1.0, value / top))
                points.append((places[share], y))
        if len(points) > 1:
            page.line(points, stroke, "curve")
        for point in points:
            page.node(point, fill, _mark(regime), "point")


def _shares(page: Page, frame: Box, places: Mapping[int, float]) -> None:
    for share, x in places.items():
        below = (x, frame.top + frame.height + 0.13)
        page.text(below, str(share), NOTE, colour=PALE, align="center")


def _levels(page: Page, frame: Box, summaries: Sequence[Summary]) -> None:
    """Bars of 100 per cent, the safest level at the bottom."""
    _axes(page, frame, f"Levels of all promises, {summaries[0].regime}", "%", 100)
    places = _across(frame, [s.share for s in summaries])
    xs = sorted(places.values())
    apart = min((b - a for a, b in pairwise(xs)), default=frame.width / 2)
    wide = apart * BAR
    _shares(page, frame, places)
    for summary in summaries:
        whole = sum(summary.levels.values())
        y = frame.top + frame.height
        for level in SAFEST_FIRST:
            tall = frame.height * percent(summary.levels[level], whole) / 100
            if tall > 0:
                y -= tall
                box = Box(places[summary.share] - wide / 2, y, wide, tall)
                fill, hatch = LEVEL_LOOKS[level]
                page.box(box, fill=fill, hatch=hatch, points=0.6, mark="bar")
    x, y = frame.left - 0.1, frame.top + frame.height + 0.42
    for level in SAFEST_FIRST:
        fill, hatch = LEVEL_LOOKS[level]
        page.box(Box(x, y - 0.06, 0.2, 0.12), fill=fill, hatch=hatch, points=0.6, mark="legend")
        page.text((x + 0.25, y), level.name, NOTE, mark="legend")
        x += 0.25 + text_width(level.name, NOTE) + 0.14
