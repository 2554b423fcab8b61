"""Hold times as a picture: the longest hold of one hop, and what all hops hold together.

The same measurements give the same bytes; in SVG they also stand in the file's description, so
that whoever has the picture has its figures.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from node.command.drawing.canvas import DPI, own_rules
from node.command.drawing.picture_file import PNG, SVG
from node.command.drawing.styles import GREY, INK, LEVEL_STROKES, PAPER
from node.command.sim.holding.measure import AMOUNT, Held, Levels, Silence
from proto.levels import Level
from proto.limits import US

INCHES: Final = (9.0, 4.1)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the picture; form and dashes tell it apart where there is no colour."""

    levels: Levels
    silence: Silence
    level: Level  # whose colour and dashes it has
    marker: str
    filled: bool
    label: str


CURVES: Final = (
    Curve(
        Levels.SECURED,
        Silence.ALL,
        Level.SECURED,
        "s",
        True,
        "SECURED, last BARE; nobody says anything",
    ),
    Curve(Levels.BARE, Silence.ALL, Level.BARE, "^", True, "all BARE; nobody says anything"),
    Curve(Levels.ATOMIC, Silence.ALL, Level.ATOMIC, "o", True, "all ATOMIC; whoever is silent"),
    Curve(
        Levels.BARE,
        Silence.PAYEE,
        Level.PROXY,
        "v",
        False,
        "all BARE; only the payee is silent",
    ),
)


def draw(found: Sequence[Held], kind: str) -> bytes:
    """The file; `kind` is .svg or .png. `found` holds every chain that `CURVES` name."""
    with own_rules():
        figure = Figure(figsize=INCHES, dpi=DPI, facecolor=PAPER)
        left, right = figure.subplots(1, 2)
        for curve in CURVES:
            chains = [h for h in found if (h.levels, h.silence) == (curve.levels, curve.silence)]
            hops = [held.hops for held in chains]
            _plot(left, curve, hops, [held.longest_us / US for held in chains])
            _plot(right, curve, hops, [sum(held.held_us) / US for held in chains])
        most = max(held.hops for held in found)
        _finish(left, most, "the longest hold of one hop", "seconds")
        _finish(right, most, "all hops together", "credit-seconds per unit paid")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="lower center",
            ncols=2,
            frameon=False,
            fontsize=8.5,
            handlelength=3.2,
        )
        figure.subplots_adjust(left=0.07, right=0.985, top=0.91, bottom=0.25, wspace=0.2)
        return _bytes(figure, kind, description(found))


def _plot(axes: Axes, curve: Curve, hops: Sequence[int], values: Sequence[float]) -> None:
    stroke = LEVEL_STROKES[curve.level]
    dashes: Any = (0, stroke.dashes) if stroke.dashes else "-"
    axes.plot(
        hops,
        values,
        color=stroke.colour,
        linestyle=dashes,
        linewidth=1.6,
        marker=curve.marker,
        markersize=4.5,
        markerfacecolor=stroke.colour if curve.filled else PAPER,
        label=curve.label,
    )


def _finish(axes: Axes, most: int, title: str, unit: str) -> None:
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_xlabel("promises in the chain", fontsize=9)
    axes.set_ylabel(unit, fontsize=9)
    axes.set_xlim(0.5, most + 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=8.5)
    axes.grid(color=GREY, linewidth=0.4, alpha=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _bytes(figure: Figure, kind: str, described: str) -> bytes:
    canvas = FigureCanvasSVG if kind == SVG else FigureCanvasAgg
    canvas(figure)
    metadata: dict[str, Any] = {"Software": "pledgeway", "Description": described}
    if kind == SVG:
        metadata = {"Date": None, "Creator": "pledgeway", "Description": described}
    out = BytesIO()
    assert kind in (SVG, PNG), kind
    figure.savefig(out, format=kind[1:], dpi=DPI, metadata=metadata)
    return out.getvalue()


def description(found: Sequence[Held]) -> str:
    """The figures of the picture as JSON: holds in microseconds, payer first."""
    chains = [
        {"levels": held.levels.value, "silent": held.silence.value, "held_us": held.held_us}
        for held in found
    ]
    return json.dumps({"amount": AMOUNT, "chains": chains}, separators=(",", ":"))


def figures_in(svg: str) -> str | None:
    """What `description` wrote into an SVG file; None where it is another picture."""
    match = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.DOTALL)
    return unescape(match.group(1)) if match else None
