"""One search at a time, in time; and what is heard meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
import trio.testing

from pathfinder.by_id import Unfound
from pathfinder.core.graph import Graph
from pathfinder.serving import searching as room
from pathfinder.serving.searching import Searching, find_in_time
from proto.route import NoRoute, RouteFound, RouteQuery
from tests.pathfinder.advertised import id_of, line_advert, node_advert, signed, town
from tests.pathfinder.serving import Ears

Found = RouteFound | NoRoute | Unfound


class Effort:
    """A search that takes a millisecond for each label, and is exact from so many on."""

    def __init__(self, found: RouteFound, exact_from: int) -> None:
        self._found = found
        self._exact_from = exact_from
        self.now_s = 0.0
        self.labels: list[int] = []

    def search(self, graph: Graph, query: RouteQuery, budget: int) -> Found:
        self.labels.append(budget)
        self.now_s += min(budget, self._exact_from) / 1000
        return replace(self._found, exact=budget >= self._exact_from)

    def monotonic(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("exact_from", "limit_s", "tries", "exact"),
    [
        (100, 1.0, 1, True),  # exact at once, whatever the limit
        (6_000, 100.0, 2, True),
        (6_000, 10.0, 1, False),  # the second would take up to twenty seconds
        (90_000, 1000.0, 4, True),
        (90_000, 106.0, 3, False),
        (90_000, 104.0, 2, False),
        (10**9, 10**9, 4, False),  # no more than the budget of a search
    ],
)
def test_a_search_is_in_time(
    exact_from: int,
    limit_s: float,
    tries: int,
    exact: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = town()
    query = made.query("P", "Q", 1000)
    found = made.find(query)
    assert isinstance(found, RouteFound)
    effort = Effort(found, exact_from)
    monkeypatch.setattr(room, "search", effort.search)
    monkeypatch.setattr(room.time, "monotonic", effort.monotonic)
    answer = find_in_time(made.feed.graph, query, limit_s)
    assert isinstance(answer, RouteFound) and answer.exact is exact
    assert len(effort.labels) == tries and effort.labels == sorted(effort.labels)
    assert effort.now_s <= max(limit_s, room.FIRST_LABELS / 1000)


@pytest.mark.parametrize("limit_s", [0.0, 5.0])
def test_what_is_found_in_time_is_what_is_found(limit_s: float) -> None:
    """Where it is exact; a no has its reasons either way."""
    made = town()
    for changes in ({}, {"max_cost": 1000}, {"payee": id_of("C")}, {"brand": b"x" * 16}):
        query = replace(made.query("P", "Q", 1000), **changes)  # type: ignore[arg-type]
        assert find_in_time(made.feed.graph, query, limit_s) == made.find(query)


class Held:
    """A search that stays in its thread until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        real: Callable[[Graph, RouteQuery], Found] = room.find

        def find(graph: Graph, query: RouteQuery) -> Found:
            self.begun.set()
            assert self.go.wait(timeout=60)
            return real(graph, query)

        monkeypatch.setattr(room, "find", find)


@pytest.mark.edge
async def test_what_is_heard_during_a_search_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    held, made = Held(monkeypatch), town()
    finder: Searching = Ears(made)
    query = made.query("P", "Q", 1000)
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await finder.find(query))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.to_thread.run_sync(held.begun.wait, 8)
        assert finder.waiting == 1
        nodes = finder.size()
        finder.observe(node_advert("Z"), signed("Z", node_advert("Z")))
        finder.forget(line_advert("A", "B", 9000))
        assert finder.size() == nodes, "the graph belongs to the search"
        assert finder.recall(query) is None
        held.go.set()
    assert finder.waiting == 0
    assert isinstance(answers[0], RouteFound) and len(answers[0].hops) == 3
    # Afterwards the line is gone, and so is the answer that rested on it.
    assert finder.recall(query) is None
    found = await finder.find(query)
    assert isinstance(found, RouteFound) and found.hops[0].promisee == id_of("C")
    assert finder.size() == (6, 4)


@pytest.mark.edge
async def test_who_asks_the_same_at_the_same_time_shares_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, made = Held(monkeypatch), town()
    finder = Ears(made)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(finder.find, made.query("P", "Q", 1000))
        await trio.to_thread.run_sync(held.begun.wait, 8)
        await trio.testing.wait_all_tasks_blocked()
        assert finder.waiting == 5
        held.go.set()
    assert (finder.searches, finder.remembered) == (1, 4)
