"""A chain as a diagram: nodes as boxes with mode and fee, promises as arrows with what they say."""

from dataclasses import dataclass
from typing import Final

from node.command.drawing.canvas import Page, text_height, text_width
from node.command.drawing.chain_layout import Box, ChainLayout, lay_out_chain
from node.command.drawing.styles import END_FILL, INK, LEVEL_STROKES, MODE_FILLS, PALE, Fill
from node.command.drawing.wording import seconds, share, short_name, units
from pathfinder.answer import Route

NAME: Final = 9.0  # points
FACT: Final = 7.5
STRIP: Final = 0.17  # inches of a box's edge that tell the mode by colour and hatch
PAD: Final = 0.09
GAP: Final = 0.12
HEADING: Final = 0.3


@dataclass(frozen=True, slots=True)
class ChainDrawing:
    """A chain whose size is known before it is drawn. Heights in inches."""

    route: Route
    heading: str
    texts: tuple[tuple[str, ...], ...]  # of each node: name, what it does, what it takes
    labels: tuple[tuple[str, ...], ...]  # of each promise
    layout: ChainLayout

    @property
    def height(self) -> float:
        return HEADING + self.layout.height

    @property
    def width(self) -> float:
        return max(self.layout.width, text_width(self.heading, NAME, bold=True))


def plan_chain(route: Route, brand: str, title: str, width: float) -> ChainDrawing:
    """Lays a chain out on a page of that width. `title` begins its heading: "", or "Chain 2"."""
    texts = _node_texts(route, brand)
    labels = tuple(
        (f"{i} · {hop.level.name}", units(hop.amount, brand), f"held ≤ {seconds(lock)}")
        for i, (hop, lock) in enumerate(zip(route.hops, route.schedule.locks, strict=True), 1)
    )
    names = max(text_width(name, NAME, bold=True) for name, *_ in texts)
    facts = max(text_width(t, FACT) for _, *more in texts for t in more)
    box = (STRIP + 2 * PAD + max(names, facts + 0.2), 2 * PAD + text_height(3, NAME))
    # In bold, as the first line of a label is: the others are not, and so have room to spare.
    room = (
        max(text_width(t, FACT, bold=True) for label in labels for t in label),
        text_height(3, FACT),
    )
    layout = lay_out_chain(len(texts), box, room, width=width, gap=GAP)
    who = _who_decides(route)
    heading = f"{title}: {who}" if title else who[0].upper() + who[1:]
    return ChainDrawing(route, heading, texts, labels, layout)


def draw_chain(page: Page, drawing: ChainDrawing, left: float, top: float, number: int = 0) -> None:
    """From that corner. `number` tells chains of one payment apart in the marks of the file."""
    page.text((left, top + 0.08), drawing.heading, NAME, bold=True, mark=f"chain-{number}")
    top += HEADING
    for i, (hop, arrow) in enumerate(zip(drawing.route.hops, drawing.layout.arrows, strict=True)):
        way = [(x + left, y + top) for x, y in (arrow.start, arrow.end)]
        mark = f"promise-{number}-{i + 1}"
        page.arrow(way, LEVEL_STROKES[hop.level], mark)
        _label(page, drawing.labels[i], arrow.label.moved(left, top), turns=arrow.turns)
    modes = dict(drawing.route.modes)
    nodes = [hop.promisor for hop in drawing.route.hops] + [drawing.route.hops[-1].promisee]
    for i, (name, box) in enumerate(zip(nodes, drawing.layout.boxes, strict=True)):
        fill = MODE_FILLS[modes[name]] if name in modes else END_FILL
        _node(page, drawing.texts[i], box.moved(left, top), fill)


def _who_decides(route: Route) -> str:
    policy, within = route.policy, f"within {seconds(route.schedule.deadline)}"
    if not policy.members:
        return "no registry: every promise is bare"
    if len(policy.members) == 1:
        return f"registry {short_name(policy.name)} decides {within}"
    some = f"{policy.qc} of {len(policy.members)} registries"
    return f"{some} ({short_name(policy.name)}) decide {within}"


def _node_texts(route: Route, brand: str) -> tuple[tuple[str, ...], ...]:
    first, last = route.hops[0], route.hops[-1]
    found = [(short_name(first.promisor), "payer", f"pays {units(first.amount, brand)}")]
    pairs = route.hops[:-1], route.hops[1:]
    for (name, mode), before, after in zip(route.modes, *pairs, strict=True):
        fee = before.amount - after.amount
        taken = f"fee {units(fee, brand)} ({share(fee, after.amount)})" if fee else "no fee"
        found.append((short_name(name), mode.name, taken))
    got = f"receives {units(last.amount, brand)}"
    return (*found, (short_name(last.promisee), "payee", got))


def _label(page: Page, texts: tuple[str, ...], place: Box, *, turns: bool) -> None:
    """Level above the arrow, the rest below it; beside it where it turns."""
    step = text_height(1, FACT)
    middle = place.top + place.height / 2
    if turns:
        heights = [middle + step * (i - 1) for i in range(3)]
        x, align = place.left, "left"
    else:
        heights = [middle - step * 1.75, middle - step * 0.8, middle + step * 0.85]
        x, align = place.left + place.width / 2, "center"
    for i, (text, y) in enumerate(zip(texts, heights, strict=True)):
        page.text((x, y), text, FACT, bold=i == 0, align=align, mark="label")


def _node(page: Page, texts: tuple[str, ...], box: Box, fill: Fill) -> None:
    page.box(box, mark="node")
    strip = Box(box.left, box.top, STRIP, box.height)
    page.box(strip, fill=fill.colour, hatch=fill.hatch)
    x, step = box.left + STRIP + PAD, text_height(1, NAME)
    y = box.top + PAD + step / 2
    name, does, takes = texts
    page.text((x, y), name, NAME, bold=True)
    page.node((x + 0.06, y + step), fill, 0.055)
    page.text((x + 0.18, y + step), does, FACT)
    page.text((x, y + 2 * step), takes, FACT, colour=PALE if takes == "no fee" else INK)
