"""The picture of a whole network, or of its best-connected core where it is too large for one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.command.drawing.canvas import Page, own_rules, text_height, text_width
from node.command.drawing.chain_layout import Box, Point
from node.command.drawing.core_layout import lay_out_core
from node.command.drawing.label_layout import Taken, Wish, place_labels
from node.command.drawing.legend import Entry, draw_legend, legend_height
from node.command.drawing.styles import (
    LIST_FILLS,
    NO_LIST,
    OTHER_LIST,
    PALE,
    Fill,
    Stroke,
)
from node.command.drawing.surroundings import MAX_WHOLE_NODES, Core, Pair, core
from node.command.drawing.wording import many, short_name
from pathfinder.network import Network

WIDTH: Final = 11.4
HEIGHT: Final = 7.6
MARGIN: Final = 0.4
TITLE: Final = 12.0
NOTE: Final = 7.5
MAX_NAMES: Final = 60  # of the nodes with most neighbours; more than that hides the lines
NAME: Final = 7.0
NAME_CHARS: Final = 14
LEAST_RADIUS: Final = 0.035
MOST_RADIUS: Final = 0.12
LISTED: Final = 3  # registries that the legend names of one list
BOTH: Final = Stroke("#8a8a8a", (), 0.7)
ONE_WAY: Final = Stroke("#b4b4b4", (4, 2.5), 0.6)
UNCROWDED: Final = 300  # nodes, around which a name finds room
MANY_PAIRS: Final = 400  # beyond which lines would hide the nodes
PALE_BOTH: Final = Stroke("#a8a8a8", (), 0.35)
PALE_ONE_WAY: Final = Stroke("#b4b4b4", (6, 4), 0.35)


@dataclass(frozen=True, slots=True)
class _Lists:
    """How each node looks by the registries that it accepts, and what the legend says of that."""

    fills: Mapping[str, Fill]
    entries: tuple[Entry, ...]


@own_rules()
def draw_network(network: Network, brand: str, kind: str, whole: int = MAX_WHOLE_NODES) -> bytes:
    """The file, of that kind. A network of more than `whole` nodes is drawn in part. The brand has
    at least one line."""
    chosen = core(network, brand, whole)
    lists = _lists(network, chosen)
    many_lines = len(chosen.pairs) > MANY_PAIRS
    both, one_way = (PALE_BOTH, PALE_ONE_WAY) if many_lines else (BOTH, ONE_WAY)
    kinds = ((both, "credit both ways", chosen.both), (one_way, "one way only", _one_way(chosen)))
    legend = (*lists.entries, *(Entry(text, stroke=s) for s, text, pairs in kinds if pairs))
    tall = legend_height(legend, WIDTH)
    page = Page(WIDTH + 2 * MARGIN, 2 * MARGIN + 0.75 + HEIGHT + tall, kind)
    y = MARGIN + 0.1
    page.text((MARGIN, y), _title(chosen, brand), TITLE, bold=True, mark="title")
    page.text((MARGIN, y + 0.24), _notes(chosen), NOTE, colour=PALE, mark="notes")
    frame = Box(MARGIN + 0.3, y + 0.65, WIDTH - 0.6, HEIGHT - 0.3)
    places = lay_out_core(chosen, frame)
    for pair in chosen.pairs:
        stroke = both if pair in chosen.both else one_way
        page.line((places[pair[0]], places[pair[1]]), stroke, "line")
    radii = _radii(chosen)
    for name in reversed(chosen.nodes):
        page.node(places[name], lists.fills[name], radii[name], "node")
    _names(page, chosen, places, radii)
    draw_legend(page, legend, Box(MARGIN, y + 0.55 + HEIGHT, WIDTH, tall))
    return page.as_bytes()


def _one_way(chosen: Core) -> frozenset[Pair]:
    return frozenset(chosen.pairs) - chosen.both


def _radii(chosen: Core) -> Mapping[str, float]:
    """By the square root of neighbours, which makes the area grow with them."""
    greatest = max(chosen.degrees[name] for name in chosen.nodes) ** 0.5
    room = MOST_RADIUS if len(chosen.nodes) <= UNCROWDED else MOST_RADIUS * 0.8
    return {
        name: max(LEAST_RADIUS, room * chosen.degrees[name] ** 0.5 / greatest)
        for name in chosen.nodes
    }


def _names(
    page: Page, chosen: Core, places: Mapping[str, Point], radii: Mapping[str, float]
) -> None:
    taken = Taken(Box(0.05, 0.8, page.width - 0.1, HEIGHT + 0.2))
    for name in chosen.nodes:
        (x, y), radius = places[name], radii[name]
        # In a crowd a name may lie on small nodes, but not on large ones.
        if len(chosen.nodes) <= UNCROWDED or radius > 1.5 * LEAST_RADIUS:
            taken.add(Box(x - radius, y - radius, 2 * radius, 2 * radius))
    named = chosen.nodes[:MAX_NAMES]
    texts = [short_name(name, NAME_CHARS) for name in named]
    wishes = [
        Wish(places[name], (text_width(text, NAME), text_height(1, NAME)), radii[name])
        for name, text in zip(named, texts, strict=True)
    ]
    for box, text in zip(place_labels(wishes, taken, 0.02), texts, strict=True):
        if box is not None:
            page.box(box, edge="none")
            page.text(box.centre, text, NAME, align="center", mark="name")


def _lists(network: Network, chosen: Core) -> _Lists:
    drawn = set(chosen.nodes)
    accepts = {node.name: node.accepts for node in network.nodes if node.name in drawn}
    counts = Counter(of for of in accepts.values() if of)
    order = sorted(counts, key=lambda of: (-counts[of], sorted(of)))
    fills = dict(zip(order, LIST_FILLS, strict=False))
    entries = [
        Entry(f"accepts {_listed(of)} ({counts[of]:,})", fill=fill) for of, fill in fills.items()
    ]
    if rest := sum(counts[of] for of in order[len(LIST_FILLS) :]):
        entries.append(Entry(f"accepts others ({rest:,})", fill=OTHER_LIST))
    if none := sum(not of for of in accepts.values()):
        entries.append(Entry(f"accepts no registry ({none:,})", fill=NO_LIST))
    looks = {n: fills.get(of, OTHER_LIST) if of else NO_LIST for n, of in accepts.items()}
    return _Lists(looks, tuple(entries))


def _listed(registries: frozenset[str]) -> str:
    names = sorted(registries)
    text = ", ".join(short_name(name, 14) for name in names[:LISTED])
    return f"{text} and {len(names) - LISTED} more" if len(names) > LISTED else text


def _title(chosen: Core, brand: str) -> str:
    whole = len(chosen.nodes) + chosen.lonely == chosen.all_nodes
    what = "The network" if whole else "The best-connected core of the network"
    return f"{what} in {short_name(brand)}"


def _notes(chosen: Core) -> str:
    nodes, pairs = len(chosen.nodes), len(chosen.pairs)
    connected = chosen.all_nodes - chosen.lonely
    drawn = many(nodes, "node") if nodes == connected else f"{nodes:,} of {connected:,} nodes"
    if nodes < connected:
        drawn += ", which have most neighbours and hang together"
    between = (
        many(pairs, "pair of neighbours", "pairs of neighbours")
        if pairs == chosen.all_pairs
        else f"{pairs:,} of {chosen.all_pairs:,} pairs of neighbours"
    )
    alone = f" {many(chosen.lonely, 'node')} without a line left out." if chosen.lonely else ""
    return f"{drawn}; {between}.{alone} A larger node has more neighbours."
