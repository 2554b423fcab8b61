"""Geometry alone: nothing lies on anything else, and the same goes in the same place."""

from itertools import combinations
from random import Random

import pytest

from node.command.drawing.around_layout import clear_way, lay_out_around
from node.command.drawing.chain_layout import Box, Size, lay_out_chain
from node.command.drawing.core_layout import lay_out_core
from node.command.drawing.label_layout import Taken, Wish, place_labels
from node.command.drawing.surroundings import (
    CORE_NODES,
    CORE_PAIRS,
    MAX_NEIGHBOURS,
    MAX_OTHER_LINES,
    Core,
    around,
    core,
)
from pathfinder.network import Line, Network, Node
from pathfinder.synthetic import synthetic_network
from tests.node.command.drawing.chains import chain_network, found

WIDTH = 11.4
CLOSE = pytest.approx


@pytest.mark.parametrize("nodes", [2, 3, 4, 5, 9, 21])
@pytest.mark.parametrize(
    ("box", "label"), [((1.4, 0.7), (0.8, 0.5)), ((2.9, 0.7), (2.5, 0.5)), ((8.0, 1), (3.0, 0.5))]
)
def test_chains(nodes: int, box: Size, label: Size) -> None:
    layout = lay_out_chain(nodes, box, label, width=WIDTH, gap=0.12)
    assert (len(layout.boxes), len(layout.arrows)) == (nodes, nodes - 1)
    labels = [arrow.label for arrow in layout.arrows]
    for one, other in combinations([*layout.boxes, *labels], 2):
        assert not one.overlaps(other)
    for arrow, a, b in zip(layout.arrows, layout.boxes[:-1], layout.boxes[1:], strict=True):
        on_edge = [(a.left, a.right, a.top, a.bottom), (b.left, b.right, b.top, b.bottom)]
        for (x, y), (left, right, top, bottom) in zip(
            (arrow.start, arrow.end), on_edge, strict=True
        ):
            assert left <= x <= right and top <= y <= bottom
            assert x in (left, right) or y in (top, bottom)
    furthest = max(b.right for b in (*layout.boxes, *labels))
    assert layout.width == furthest and min(b.left for b in layout.boxes) == 0
    assert layout.height == max(b.bottom for b in layout.boxes)
    if box[0] + label[0] < 5:
        assert layout.width <= WIDTH + 1e-9


def test_rows_are_equally_full() -> None:
    tops = [box.top for box in lay_out_chain(5, (2.0, 1), (0.8, 0.5), width=WIDTH, gap=0.12).boxes]
    assert [tops.count(top) for top in sorted(set(tops))] == [3, 2]


def test_names_lie_on_nothing() -> None:
    rng = Random(1)
    page = Box(0, 0, 10, 8)
    taken = Taken(page)
    spots = [(rng.uniform(0.1, 9.9), rng.uniform(0.1, 7.9)) for _ in range(300)]
    nodes = [Box(x - 0.05, y - 0.05, 0.1, 0.1) for x, y in spots]
    for node in nodes:
        taken.add(node)
    wishes = [Wish(at, (0.6, 0.12), 0.05, must=i < 3) for i, at in enumerate(spots)]
    placed = place_labels(wishes, taken, 0.02)
    assert None not in placed[:3]
    free = [box for box in placed[3:] if box is not None]
    assert 50 < len(free) < 297, "some find room, some do not"
    for one, other in combinations(free, 2):
        assert not one.overlaps(other)
    assert not any(box.overlaps(node) for box in free for node in nodes)
    assert all(b.left >= 0 and b.right <= 10 and b.top >= 0 and b.bottom <= 8 for b in free)


@pytest.mark.parametrize(("hops", "beside"), [(1, 0), (2, 7), (8, 30), (20, 90)])
def test_nodes_around_a_route_stand_apart(hops: int, beside: int) -> None:
    network = chain_network(hops, beside)
    routes = (found(network),)
    surroundings = around(network, "USD", routes)
    layout = lay_out_around(routes, surroundings, WIDTH)
    assert set(layout.places) == {*surroundings.chain, *surroundings.beside}
    for (x, y), (other_x, other_y) in combinations(layout.places.values(), 2):
        assert abs(x - other_x) > 0.4 or abs(y - other_y) > 0.3
    assert all(0 < x < WIDTH and 0 < y < layout.height for x, y in layout.places.values())
    across = [layout.places[name][0] for name in surroundings.chain]
    assert across == sorted(across), "from the payer on the left to the payee on the right"


def test_a_way_keeps_clear() -> None:
    assert clear_way((0, 0), (4, 0), [(2, 1)], 0.2) == ((0, 0), (4, 0))
    way = clear_way((0, 0), (4, 0), [(2, 0)], 0.2)
    assert way[0] == (0, 0) and way[-1] == CLOSE((4, 0))
    assert min(abs(x - 2) + abs(y) for x, y in way) > 0.2
    assert len(clear_way((0, 0), (4, 0), [(0.01, 0)], 0.2)) >= 2, "there is none: any will do"


def test_who_is_around() -> None:
    network = chain_network(20, 90)
    one = around(network, "USD", (found(network),))
    assert len(one.chain) == 21 and len(one.beside) == MAX_NEIGHBOURS
    assert one.all_beside == 90 and not {*one.chain} & {*one.beside}
    drawn = {*one.chain, *one.beside}
    assert all(a in drawn and b in drawn for a, b in one.pairs)
    every = {name for pair in one.pairs for name in pair}
    assert {*one.beside} <= every, "each has a line to the route"
    again = around(network, "USD", (found(network),))
    assert one == again


def test_a_node_of_thousands_leaves_room_for_others() -> None:
    small = chain_network(2, 0)
    crowd = [f"crowd {i}" for i in range(2000)]
    lines = [Line(name, "node 1", "USD", 5) for name in crowd]
    lines += [Line("friend", "node 0", "USD", 5), Line("friend", "crowd 0", "EUR", 5)]
    nodes = (*small.nodes, *map(Node, crowd), Node("friend"))
    network = Network(small.registries, (), nodes, (*small.lines, *lines))
    one = around(network, "USD", (found(network),))
    assert "friend" in one.beside and len(one.beside) == MAX_NEIGHBOURS
    assert (one.all_beside, one.all_pairs) == (2001, MAX_NEIGHBOURS + 2)


def test_lines_among_neighbours_are_few() -> None:
    network = synthetic_network(100, 3000, Random(3))
    one = around(network, "USD", (found(network, "n03", "n97"),))
    among = [pair for pair in one.pairs if not {*pair} & {*one.chain}]
    assert len(among) == MAX_OTHER_LINES < one.all_pairs


def connected(one: Core) -> bool:
    reached, ring = {one.nodes[0]}, [one.nodes[0]]
    while ring:
        at = ring.pop()
        for a, b in one.pairs:
            if at in (a, b) and not {a, b} <= reached:
                reached |= {a, b}
                ring += [a, b]
    return reached == {*one.nodes}


def test_a_small_network_is_drawn_whole() -> None:
    network = synthetic_network(50, 300, Random(1))
    one = core(Network(nodes=(*network.nodes, Node("alone")), lines=network.lines), "USD")
    assert {*one.nodes} == {node.name for node in network.nodes}
    assert (one.all_nodes, one.lonely) == (51, 1)
    assert len(one.pairs) == one.all_pairs == len(network.lines) // 2
    assert one.both == {*one.pairs}
    assert list(one.nodes) == sorted(one.nodes, key=lambda n: (-one.degrees[n], n))


def test_a_large_network_has_a_core_that_hangs_together() -> None:
    network = synthetic_network(1200, 20_000, Random(1))
    one = core(network, "USD")
    assert (len(one.nodes), len(one.pairs)) == (CORE_NODES, CORE_PAIRS)
    assert connected(one)
    assert one.all_nodes == 1200 and one.all_pairs == len(network.lines) // 2


def test_credit_that_goes_one_way() -> None:
    lines = (Line("B", "A", "USD", 5), Line("A", "B", "USD", 0), Line("A", "C", "USD", 5))
    both = (*lines, Line("C", "A", "USD", 1))
    nodes = tuple(map(Node, "ABC"))
    assert core(Network(nodes=nodes, lines=lines), "USD").both == frozenset()
    assert core(Network(nodes=nodes, lines=both), "USD").both == {("A", "C")}
    assert core(Network(nodes=nodes, lines=both), "USD").pairs[0] == ("A", "C"), "the larger first"


def test_places_of_a_core_fill_its_frame() -> None:
    one = core(synthetic_network(60, 240, Random(1)), "USD")
    frame = Box(1, 2, 8, 5)
    places = lay_out_core(one, frame)
    assert places == lay_out_core(one, frame)
    assert min(x for x, _ in places.values()) == CLOSE(1)
    assert max(x for x, _ in places.values()) == CLOSE(9)
    assert min(y for _, y in places.values()) == CLOSE(2)
    assert max(y for _, y in places.values()) == CLOSE(7)
    assert len({*places.values()}) == 60
