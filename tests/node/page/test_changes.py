"""Waiting for rows adds nothing however often it is done, and places are given back."""

from typing import Any

import trio

from node.page.changes import MAX_KEPT, Changes, Places


class FakeEngine:
    """Counts what it was asked for."""

    def __init__(self) -> None:
        self.events: list[trio.Event] = []

    def next_change(self, *_: Any) -> trio.Event:
        self.events.append(trio.Event())
        return self.events[-1]


async def test_asking_again_adds_no_event() -> None:
    engine: Any = FakeEngine()
    changes = Changes(engine)
    key = ("confirmation", b"1", b"")
    first = changes.next(key)
    assert all(changes.next(key) is first for _ in range(100)) and len(engine.events) == 1
    first.set()
    assert changes.next(key) is not first and len(engine.events) == 2


async def test_what_has_happened_is_let_go_of() -> None:
    engine: Any = FakeEngine()
    changes = Changes(engine)
    for i in range(MAX_KEPT):
        changes.next(("confirmation", i.to_bytes(4, "big"), b"")).set()
    assert len(changes) == MAX_KEPT
    changes.next(("confirmation", b"one more", b""))
    assert len(changes) == 1


def test_places_are_few_and_given_back() -> None:
    places = Places(most=3, most_of_one=2)
    with places.one("a") as a, places.one("a") as b, places.one("a") as c:
        assert (a, b, c) == (True, True, False)
        with places.one("b") as d, places.one("c") as e:
            assert (d, e) == (True, False)
    with places.one("a") as a, places.one("b") as b, places.one("c") as c:
        assert (a, b, c) == (True, True, True)
