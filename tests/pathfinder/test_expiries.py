"""What expires leaves once, and what comes and goes leaves nothing behind."""

import pytest

from pathfinder.core import expiries as room
from pathfinder.core import graph as graph_room
from pathfinder.core.board import CLOSED
from pathfinder.core.expiries import FOR_EVER, Expiries, Subject
from pathfinder.core.graph import Graph
from pathfinder.network import Line, Node


def test_only_what_is_current_is_due_and_only_once() -> None:
    now: dict[Subject, int] = {}
    kept = Expiries(now.get)
    for at_us, subject in ((5, ("a",)), (7, ("a",)), (5, ("a",)), (6, ("b",)), (6, ("b",))):
        now[subject] = at_us
        kept.add(at_us, subject)
    kept.add(FOR_EVER, ("c",))
    assert list(kept.due(5)) == [(5, ("a",))]  # and 7 is passed over
    assert kept.first([room.NODES]) == 6
    assert list(kept.due(9)) == [(6, ("b",))]
    assert (kept.first([room.NODES]), len(kept)) == (FOR_EVER, 0)


def test_refreshed_adverts_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MIN_SWEPT", 10)
    now: dict[Subject, int] = {}
    kept = Expiries(now.get)
    for at_us in range(1, 5_000):
        now[f"n{at_us % 20}",] = at_us
        kept.add(at_us, (f"n{at_us % 20}",))
    assert len(kept) <= 10 + 2 * 20 + 1
    assert len(list(kept.due(9_999))) == 20


def test_a_line_said_twice_with_one_expiry_takes_only_itself_along() -> None:
    graph = Graph()
    for name in "ABC":
        graph.upsert_node(Node(name))
    for sequence in (1, 2, 3):
        line = Line("A", "B", "USD", sequence)
        graph.upsert_line(line, sequence=sequence, expires_at_us=500)
    graph.upsert_line(Line("B", "C", "USD", 1), sequence=1)
    assert graph.brands(499) == ("USD",)
    assert graph.brands(500) == ("USD",)  # there is still B → C
    graph.upsert_line(Line("B", "C", "USD", 1), sequence=2, closed=True)
    assert graph.brands(500) == ()


def test_brands_that_come_and_go_leave_nothing() -> None:
    graph = Graph()
    for i in range(1, 100):
        brand = f"brand {i}"
        graph.upsert_line(Line("A", "B", brand, 1), expires_at_us=i)
        graph.forget_expired(i)
        assert graph.brands(i) == ()
    assert (len(graph._open), len(graph._expiries), len(graph._expiries._heaps)) == (0, 0, 0)


def test_lines_that_come_and_go_wear_no_board_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_room, "MIN_DEAD", 10)
    graph = Graph()
    names = [f"n{i:02}" for i in range(30)]
    for name in names:
        graph.upsert_node(Node(name))
    for start in names:
        for end in names:
            if start != end:
                graph.upsert_line(Line(start, end, "USD", 5))
                assert len(graph.board("USD").lines) <= 10 + 2
                graph.forget_line(start, end, "USD")


@pytest.mark.edge
def test_a_newer_advert_that_has_expired_takes_the_older_one_along() -> None:
    graph = Graph()
    for name in "AB":
        graph.upsert_node(Node(name), sequence=1)
    graph.upsert_line(Line("A", "B", "USD", 5))
    assert graph.board("USD", 100).room[0] == 5
    graph.upsert_node(Node("B"), sequence=2, expires_at_us=90)
    board = graph.board("USD", 100)
    assert (board.knows("B"), board.room[0]) == (False, CLOSED)
    graph.upsert_node(Node("B"), sequence=3, expires_at_us=200)
    assert graph.board("USD", 100).room[0] == 5
