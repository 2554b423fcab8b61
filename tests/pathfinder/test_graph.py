"""Newest sequence wins, what has expired takes no part, boards are built once."""

import random

import pytest

from pathfinder.core import graph as graph_module
from pathfinder.core.graph import Graph, Upsert
from pathfinder.core.search import Guide, find_route
from pathfinder.network import Line, Node, Policy
from pathfinder.question import BadQuestion, Fault, RouteQuestion
from proto.fees import Fee, FeeSet
from proto.modes import Mode

BARE_FREE = FeeSet({Mode.BARE: Fee()})


def relay() -> Graph:
    graph = Graph()
    for name in "PAQ":
        graph.upsert_node(Node(name, fees=BARE_FREE), sequence=1, expires_at_us=1000)
    graph.upsert_line(Line("P", "A", "USD", 10), sequence=1, expires_at_us=1000)
    graph.upsert_line(Line("A", "Q", "USD", 10), sequence=1, expires_at_us=500)
    return graph


def found(graph: Graph, amount: int = 10, now_us: int = 0) -> bool:
    return find_route(graph, RouteQuestion("P", "Q", amount, brand="USD", now_us=now_us)).found


def test_the_newest_sequence_wins() -> None:
    graph = relay()
    assert found(graph)
    smaller = Line("P", "A", "USD", 9)
    assert graph.upsert_line(Line("P", "A", "USD", 10), sequence=1) is Upsert.STALE
    assert graph.upsert_line(smaller, sequence=0) is Upsert.STALE
    assert found(graph)
    assert graph.upsert_line(smaller, sequence=2) is Upsert.APPLIED
    assert not found(graph)
    assert graph.upsert_node(Node("A"), sequence=0) is Upsert.STALE
    assert found(graph, 9)
    assert graph.upsert_node(Node("A"), sequence=2) is Upsert.APPLIED
    assert not found(graph, 9)  # it has no price any more


def test_of_two_things_under_one_number_the_later_one_counts() -> None:
    graph = relay()
    assert graph.upsert_line(Line("P", "A", "USD", 9), sequence=1) is Upsert.APPLIED
    assert not found(graph)
    assert graph.upsert_node(Node("A"), sequence=1) is Upsert.APPLIED
    assert not found(graph, 9)


def test_a_closed_line_cannot_come_back_by_an_old_advert() -> None:
    graph = relay()
    line = Line("A", "Q", "USD", 10)
    assert graph.upsert_line(line, sequence=5, closed=True) is Upsert.APPLIED
    assert graph.upsert_line(line, sequence=4) is Upsert.STALE
    assert not found(graph)
    assert graph.upsert_line(line, sequence=6) is Upsert.APPLIED
    assert found(graph)


def test_expired_entries_take_no_part() -> None:
    graph = relay()
    assert found(graph, now_us=499)
    assert not found(graph, now_us=500)
    assert found(graph, now_us=499)  # an earlier question gets the earlier board
    assert graph.nodes(999) == ("A", "P", "Q")
    assert graph.nodes(1000) == ()
    with pytest.raises(BadQuestion) as caught:
        find_route(graph, RouteQuestion("P", "Q", 1, now_us=1000))
    assert caught.value.args == (Fault.PAYER_UNKNOWN, "P")


def test_forgetting_what_has_expired() -> None:
    graph = relay()
    graph.upsert_registry("R", sequence=3, expires_at_us=500)
    before = graph.version
    assert graph.forget_expired(499) == 0
    assert graph.version == before
    assert graph.forget_expired(500) == 2
    assert graph.candidates() == ()
    assert graph.forget_expired(1000) == 4
    assert graph.brands() == ()
    assert graph.nodes() == ()


def test_a_line_waits_for_its_nodes() -> None:
    graph = Graph()
    assert graph.upsert_line(Line("P", "Q", "USD", 10)) is Upsert.APPLIED
    assert graph.nodes() == ()
    graph.upsert_node(Node("P"))
    assert graph.board("USD").lines == []
    graph.upsert_node(Node("Q"))
    assert found(graph)


def test_candidates_need_all_their_members() -> None:
    graph = Graph()
    both = Policy("C", ("R", "S"), 2, 1, 0, 1_000_000)
    graph.set_policy(both)
    graph.upsert_registry("S", expires_at_us=100)
    assert graph.candidates() == (Policy.single("S"),)
    graph.upsert_registry("R")
    assert graph.candidates() == (both, Policy.single("R"), Policy.single("S"))
    assert graph.candidates(100) == (Policy.single("R"),)
    assert graph.upsert_registry("R") is Upsert.STALE


def test_a_board_is_changed_in_place() -> None:
    graph = relay()
    board = graph.board("USD")
    assert graph.board("USD", 499) is board
    assert found(graph, 10, now_us=499)
    graph.upsert_line(Line("A", "Q", "USD", 9), sequence=2, expires_at_us=700)
    assert graph.board("USD", 500) is board
    assert not found(graph, 10, now_us=500)
    assert found(graph, 9, now_us=699)
    assert not found(graph, 9, now_us=700)
    graph.upsert_line(Line("A", "Q", "USD", 11), sequence=3, expires_at_us=900)
    assert found(graph, 10, now_us=700)
    graph.upsert_node(Node("Z", fees=BARE_FREE), sequence=1, expires_at_us=800)
    graph.upsert_line(Line("Z", "Q", "USD", 99), sequence=1)
    graph.upsert_line(Line("P", "Z", "USD", 99), sequence=1)
    assert found(graph, 11, now_us=799)
    assert found(graph, 12, now_us=799)
    assert not found(graph, 12, now_us=800)  # Z has expired, and its lines with it
    graph.upsert_node(Node("Z", fees=BARE_FREE), sequence=2, expires_at_us=950)
    assert found(graph, 12, now_us=800)
    assert graph.board("USD", 800) is board
    assert graph.board("EUR").lines == []


def test_a_board_that_was_changed_is_like_one_that_is_built() -> None:
    rng = random.Random(5)
    graph, now_us = Graph(), 0
    for sequence in range(1, 1500):
        now_us += rng.randint(0, 3)
        until_us = now_us + rng.randint(1, 400)
        ends = rng.sample("PABCQ", 2)
        if rng.random() < 0.3:
            fee = Fee(flat=rng.randint(0, 3))
            graph.upsert_node(
                Node(ends[0], fees=FeeSet({Mode.BARE: fee})),
                sequence=sequence,
                expires_at_us=until_us,
            )
        else:
            own = FeeSet({Mode.BARE: Fee(flat=1)}) if rng.random() < 0.2 else None
            graph.upsert_line(
                Line(*ends, "USD", rng.randint(1, 30), own),
                sequence=sequence,
                expires_at_us=until_us,
                closed=rng.random() < 0.1,
            )
        if rng.random() < 0.02:
            graph.forget_expired(now_us)
        if sequence % 3 == 0:
            question = RouteQuestion("P", "Q", rng.randint(1, 20), brand="USD", now_us=now_us)
            assert answered(graph, question) == answered(anew(graph, now_us), question)


def anew(graph: Graph, now_us: int) -> Graph:
    made = Graph()
    for node in graph.node_entries(now_us):
        made.upsert_node(node.node)
    for line in graph.line_entries(now_us):
        made.upsert_line(line.line)
    return made


def answered(graph: Graph, question: RouteQuestion) -> object:
    try:
        answer = find_route(graph, question)
    except BadQuestion as bad:
        return bad.args
    return answer.exact, answer.route


def test_bounds_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = relay()
    monkeypatch.setattr(graph_module, "MAX_GRAPH_NODES", 3)
    monkeypatch.setattr(graph_module, "MAX_GRAPH_LINES", 2)
    monkeypatch.setattr(graph_module, "MAX_GRAPH_REGISTRIES", 0)
    monkeypatch.setattr(graph_module, "MAX_GRAPH_POLICIES", 0)
    before = graph.version
    assert graph.upsert_node(Node("Z")) is Upsert.FULL
    assert graph.upsert_line(Line("Q", "P", "USD", 1)) is Upsert.FULL
    assert graph.upsert_registry("R") is Upsert.FULL
    assert graph.set_policy(Policy("C", ("R",), 1, 1)) is Upsert.FULL
    assert graph.version == before
    assert graph.upsert_node(Node("A"), sequence=7) is Upsert.APPLIED
    assert graph.upsert_line(Line("P", "P", "USD", 1), sequence=9) is Upsert.STALE


def test_boards_of_many_brands_do_not_all_keep_what_they_have_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_module, "MAX_LEARNED_BYTES", 5_000)
    monkeypatch.setattr(graph_module, "MAX_BOARDS", 4)
    graph = Graph()
    for name in "PAQ":
        graph.upsert_node(Node(name, fees=BARE_FREE))
    brands = [f"brand {i}" for i in range(6)]
    for brand in brands:
        graph.upsert_line(Line("P", "A", brand, 10))
        graph.upsert_line(Line("A", "Q", brand, 10))
    for brand in brands * 2:
        question = RouteQuestion("P", "Q", 5, brand=brand)
        assert find_route(graph, question, guides=(Guide.FINE,)).found
        others = [b for b in graph._boards.values() if b is not graph.board(brand)]
        assert len(others) < 4
        assert sum(board.learned_bytes for board in others) <= 5_000
        assert graph.board(brand).learned_bytes > 0
