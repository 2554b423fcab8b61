"""What is in the pictures: read back from the SVG, and compared with the route."""

import re
from collections.abc import Iterator
from random import Random
from xml.etree import ElementTree

import pytest

from node.command.drawing.canvas import Page, own_rules, text_width
from node.command.drawing.chain_picture import plan_chain
from node.command.drawing.network_picture import draw_network
from node.command.drawing.picture_file import PNG, SVG
from node.command.drawing.route_picture import draw_route
from node.command.drawing.styles import LEVEL_STROKES, LIST_FILLS, MODE_FILLS, NO_LIST, OTHER_LIST
from node.command.drawing.wording import NAME_SHOWN, seconds, share, short_name, units
from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.network import Network
from pathfinder.plans.parts import find_parts
from pathfinder.question import RouteQuestion
from pathfinder.synthetic import Shape, synthetic_network
from proto.levels import Level
from proto.modes import Mode
from tests.node.command.drawing.chains import chain_network, found

NAMESPACE = "{http://www.w3.org/2000/svg}"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
ODD = [
    "$\\frac{a}{b}$",
    "<b>&amp;\"'",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}",
    "a1b2" * 16,
    "\u65e5\u672c\u8a9e\u306e\u540d\u524d",
    "W" * 64,
    "$x$ ]]> $y",
    "\N{GRINNING FACE} café",
]


def drawn(network: Network, *routes: Route, brand: str = "USD") -> ElementTree.Element:
    return ElementTree.fromstring(draw_route(network, brand, routes, SVG))


def marked(group: ElementTree.Element, mark: str) -> bool:
    """Each mark of a file ends with a number of its own."""
    return (group.get("id") or "").rpartition("-")[0] == mark


def texts(picture: ElementTree.Element, mark: str = "") -> list[str]:
    """Of all elements, or of those with one mark, in the order of drawing."""
    groups = [g for g in picture.iter(f"{NAMESPACE}g") if not mark or marked(g, mark)]
    return [t.text or "" for g in groups for t in g.findall(f"{NAMESPACE}text")]


def strokes(picture: ElementTree.Element, mark: str) -> Iterator[tuple[str, str]]:
    """(colour, dashes) of the lines whose mark begins so; "" = solid."""
    for group in picture.iter(f"{NAMESPACE}g"):
        if (group.get("id") or "").startswith(mark):
            for path in group.iter(f"{NAMESPACE}path"):
                style = path.get("style") or ""
                colour = re.search(r"stroke: (#\w+)", style)
                dashes = re.search(r"stroke-dasharray: ([^;]+)", style)
                yield (colour[1] if colour else "", dashes[1] if dashes else "")


@pytest.mark.parametrize(("hops", "beside"), [(1, 0), (2, 5), (8, 20), (20, 60)])
def test_every_promise_is_told(hops: int, beside: int) -> None:
    network = chain_network(hops, beside, strangers=frozenset({3, 6}))
    route = found(network)
    picture = drawn(network, route)
    labels = texts(picture, "label")
    for i, (hop, lock) in enumerate(zip(route.hops, route.schedule.locks, strict=True)):
        told = labels[3 * i : 3 * i + 3]
        assert told == [
            f"{i + 1} · {hop.level.name}",
            f"{hop.amount:,} USD",
            f"held ≤ {lock / 1_000_000:.1f} s",
        ]
        (stroke,) = strokes(picture, f"promise-1-{i + 1}-")
        assert stroke[0] == LEVEL_STROKES[hop.level].colour
        assert bool(stroke[1]) == (hop.level is not Level.ATOMIC)
    assert len(labels) == 3 * hops
    everything = texts(picture)
    for (name, mode), before, after in zip(
        route.modes, route.hops[:-1], route.hops[1:], strict=True
    ):
        assert name in everything and mode.name in everything
        fee = before.amount - after.amount
        assert any(text.startswith(f"fee {fee:,} USD (") for text in everything)
    assert {"payer", "payee", "Registry R1 decides within 10.0 s"} <= {*everything}
    legend = texts(picture, "legend")
    assert {f"promise {hop.level.name}" for hop in route.hops} <= {*legend}
    assert {f"mode {mode.name}" for _, mode in route.modes} <= {*legend}
    title = texts(picture, "title")[0]
    assert title.startswith(f"node 0 pays {route.cost:,} USD so that node {hops} receives 100,000")


def test_the_network_around_is_told() -> None:
    network = chain_network(20, 60)
    picture = drawn(network, found(network))
    note = texts(picture, "notes")[0]
    assert note.startswith("With 48 of 60 neighbours of the route, the best connected")
    names = texts(picture, "name")
    assert {f"node {i}" for i in range(21)} <= {*names}
    assert texts(picture, "number") == [str(i) for i in range(1, 21)]
    assert "neighbour, line that is not used" in texts(picture, "legend")
    alone = drawn(chain_network(1), found(chain_network(1)))
    assert texts(alone, "notes")[0].startswith("The route's nodes have no other neighbours")
    assert "neighbour, line that is not used" not in texts(alone, "legend")


def test_all_levels_and_modes() -> None:
    network = chain_network(5, 3, strangers=frozenset({5}))
    route = found(network, first=frozenset({Level.ATOMIC}), last=frozenset({Level.BARE}))
    assert {mode for _, mode in route.modes} == {Mode.ATOMIC, Mode.GATEWAY}
    picture = drawn(network, route)
    assert {"mode GATEWAY", "promise BARE"} <= {*texts(picture, "legend")}
    hatched = draw_route(network, "USD", (route,), SVG).count(b"<pattern")
    assert hatched >= 1, "the strip of a mode has a hatch"


def test_all_bare_names_no_registry() -> None:
    network = chain_network(3, strangers=frozenset(range(4)))
    picture = drawn(network, found(network))
    assert "No registry: every promise is bare" in texts(picture, "chain-1")


def test_several_chains() -> None:
    network = synthetic_network(60, 500, Random(5), Shape(3, 1, (5000, 80000)))
    answer = find_parts(
        Graph.from_network(network), RouteQuestion("n03", "n57", 60_000, brand="USD"), 4
    )
    assert len(answer.routes) > 1
    picture = drawn(network, *answer.routes)
    amounts = [f"{hop.amount:,} USD" for route in answer.routes for hop in route.hops]
    assert texts(picture, "label")[1::3] == amounts
    for i in range(1, len(answer.routes) + 1):
        (heading,) = texts(picture, f"chain-{i}")
        assert heading.startswith(f"Chain {i} of {len(answer.routes)}: ")
    numbers = {n for text in texts(picture, "number") for n in text.split(", ")}
    assert numbers == {
        f"{i}.{j}"
        for i, route in enumerate(answer.routes, 1)
        for j in range(1, len(route.hops) + 1)
    }
    cost = sum(route.cost for route in answer.routes)
    assert f"n03 pays {cost:,} USD" in texts(picture, "title")[0]


# ---------------------------------------------------------------- strangers' texts


def test_odd_names_stay_what_they_are() -> None:
    network = chain_network(7, 4, names=ODD, brand="$€ <Gold>")
    route = found(network, brand="$€ <Gold>", amount=10**12)
    picture = drawn(network, route, brand="$€ <Gold>")
    everything = texts(picture)
    for name in ODD:
        assert short_name(name) in everything
    assert f"{route.cost:,} $€ <Gold>" in texts(picture, "label")
    assert draw_route(network, "$€ <Gold>", (route,), PNG).startswith(PNG_MAGIC)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Alice", "Alice"),
        ("ab" * 32, "ababababab…"),
        ("x" * NAME_SHOWN, "x" * NAME_SHOWN),
        ("The House of Medici, Florence", "The House of…rence"),
        ("a\nb\x1b[31m\u202ec", "a\ufffdb\ufffd[31m\ufffdc"),
        ("", ""),
    ],
)
def test_short_names(name: str, shown: str) -> None:
    assert short_name(name) == shown
    assert len(short_name(name)) <= NAME_SHOWN
    assert len(short_name(name, 8)) <= 8


def test_right_to_left_moves_no_figure() -> None:
    shekel = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER QOF}"
    assert units(100, shekel) == f"100 \u200e{shekel}\u200e"
    assert text_width(short_name(shekel), 9) == text_width(shekel, 9)


def test_wording() -> None:
    assert units(1_234_567, "USD") == "1,234,567 USD"
    assert units(5, "") == "5"
    assert share(51, 100_000) == "0.051 %"
    assert (seconds(10_000_000), seconds(2_999_999)) == ("10.0 s", "2.9 s")


@pytest.mark.parametrize("names", [None, ODD, ["W" * 64, "i" * 64, "ab" * 32]])
def test_texts_fit_into_their_boxes(names: list[str] | None) -> None:
    network = chain_network(4, names=names)
    plan = plan_chain(found(network, amount=10**14), "USD", "", 11.4)
    for box, (name, *facts) in zip(plan.layout.boxes, plan.texts, strict=True):
        assert text_width(name, 9, bold=True) < box.width - 0.3
        assert all(text_width(text, 7.5) + 0.18 < box.width - 0.3 for text in facts)
    for arrow, told in zip(plan.layout.arrows, plan.labels, strict=True):
        assert all(text_width(text, 7.5, bold=True) <= arrow.label.width for text in told)


# ---------------------------------------------------------------- form


def test_the_same_route_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = chain_network(5, 12, strangers=frozenset({2}))
    route = found(network)
    for kind in (SVG, PNG):
        first = draw_route(network, "USD", (route,), kind)
        import matplotlib as mpl

        monkeypatch.setitem(mpl.rcParams, "lines.markeredgewidth", 5)
        monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "path")
        assert draw_route(network, "USD", (route,), kind) == first, "whatever a matplotlibrc says"
    net = synthetic_network(40, 160, Random(1))
    assert draw_network(net, "USD", SVG) == draw_network(net, "USD", SVG)


def test_ids_are_unique() -> None:
    network = chain_network(3, 5)
    ids = [e.get("id") for e in drawn(network, found(network)).iter() if e.get("id")]
    assert len(ids) == len({*ids})


def test_no_date_and_no_program_version() -> None:
    network = chain_network(1)
    svg = draw_route(network, "USD", (found(network),), SVG)
    assert b"dc:date" not in svg and b"matplotlib" not in svg.lower()
    assert b"matplotlib" not in draw_route(network, "USD", (found(network),), PNG)


def grey(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_levels_and_modes_are_told_apart_without_colour() -> None:
    assert {*LEVEL_STROKES} == {*Level} and {*MODE_FILLS} == {*Mode}
    assert len({stroke.dashes for stroke in LEVEL_STROKES.values()}) == len(Level)
    assert len({stroke.colour for stroke in LEVEL_STROKES.values()}) == len(Level)
    for key in ("marker", "hatch", "colour"):
        assert len({getattr(fill, key) for fill in MODE_FILLS.values()}) == len(Mode)
    lists = [*LIST_FILLS, OTHER_LIST, NO_LIST]
    assert len({fill.marker for fill in lists}) == len({fill.colour for fill in lists}) == 7
    for stroke in LEVEL_STROKES.values():
        assert 1.05 / (grey(stroke.colour) + 0.05) > 4.5, "stands out from white paper"
    for fill in MODE_FILLS.values():
        assert grey(fill.colour) > 0.3, "a hatch in black stands out from it"


def test_the_pictures_strokes_differ() -> None:
    network = chain_network(4, strangers=frozenset({4}))
    with own_rules():
        page = Page(2, 2, SVG)
        for i, (level, stroke) in enumerate(LEVEL_STROKES.items()):
            page.arrow(((0.1, i / 4 + 0.2), (1.9, i / 4 + 0.2)), stroke, f"line-{level.name}-")
        picture = ElementTree.fromstring(page.as_bytes())
    assert len({dashes for _, dashes in strokes(picture, "line-")}) == len(Level)
    assert drawn(network, found(network)) is not None


def test_a_page_too_large_is_refused() -> None:
    with own_rules(), pytest.raises(ValueError, match="too large"):
        Page(201, 1, PNG).as_bytes()


# ---------------------------------------------------------------- whole networks


def test_a_whole_network() -> None:
    network = synthetic_network(30, 120, Random(1))
    picture = ElementTree.fromstring(draw_network(network, "USD", SVG))
    assert texts(picture, "title") == ["The network in USD"]
    assert texts(picture, "notes")[0].startswith(f"30 nodes; {len(network.lines) // 2} pairs")
    assert {*texts(picture, "name")} == {node.name for node in network.nodes}
    legend = texts(picture, "legend")
    counts = sum(int(text.rsplit("(", 1)[1][:-1]) for text in legend if "(" in text)
    assert counts == 30 and "credit both ways" in legend
    assert sum(marked(g, "line") for g in picture.iter()) == len(network.lines) // 2


def test_a_large_network_says_what_was_left_out() -> None:
    network = synthetic_network(120, 480, Random(1))
    picture = ElementTree.fromstring(draw_network(network, "USD", SVG, whole=100))
    pairs = len(network.lines) // 2
    assert texts(picture, "title") == ["The best-connected core of the network in USD"]
    note = texts(picture, "notes")[0]
    assert note.startswith("100 of 120 nodes") and f" of {pairs} pairs of neighbours" in note
    assert sum(marked(g, "node") for g in picture.iter()) == 100
