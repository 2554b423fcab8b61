"""A graph that adverts change in place answers as one made afresh of what is in force.

Newer, older and repeated adverts, closed lines, new fees, expiries, a clock that goes on and back:
in any order, with searches in between, since what a search leaves on a board must not outlive it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pathfinder.core import graph as room
from pathfinder.core.board import Board
from pathfinder.core.graph import Graph, Upsert
from pathfinder.core.search import find_route
from pathfinder.network import Line, Node
from pathfinder.question import RouteQuestion
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate
from tests.machines import by_option, caught_by, profile

NAMES = ("P", "A", "B", "C", "Q")
SECOND = 1_000_000
NAME = st.sampled_from(NAMES)
ENDS = st.tuples(NAME, NAME).filter(lambda ends: ends[0] != ends[1])
SPAN = st.sampled_from((1, 3, 10, 1000))  # seconds until an advert expires
STEP = st.integers(0, 3)  # how much newer than what is known; 0: as old

Said = tuple[Any, int, int, bool]  # node or line, sequence, expiry, closed


def fees(rate: int, flat: int, modes: int) -> FeeSet:
    priced = [mode for i, mode in enumerate(Mode) if modes >> i & 1]
    return FeeSet({mode: Fee(Rate.parse(f"1.00{rate}"), flat) for mode in priced})


FEES = st.builds(fees, st.integers(0, 9), st.integers(0, 3), st.integers(0, 15))


class BoardMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        self.said: dict[tuple[str, ...], Said] = {}
        self.now_us = 1000 * SECOND

    @initialize()
    def registry(self) -> None:
        self.graph.upsert_registry("R")

    @rule(name=NAME, step=STEP, span=SPAN, asks=FEES, accepts=st.booleans(), watches=st.booleans())
    def a_node_speaks(
        self, name: str, step: int, span: int, asks: FeeSet, accepts: bool, watches: bool
    ) -> None:
        node = Node(name, frozenset({"R"} if accepts else ()), watches_registry=watches, fees=asks)
        self._take((name,), node, step, span, False, self.graph.upsert_node)

    @rule(
        ends=ENDS,
        step=STEP, span=SPAN, available=st.sampled_from((0, 50, 1000, 9000)),
        closed=st.booleans(), own=st.none() | FEES,
    )  # fmt: skip
    def a_line_is_told(
        self, ends: tuple[str, str], step: int, span: int, available: int, closed: bool,
        own: FeeSet | None,
    ) -> None:  # fmt: skip
        line = Line(*ends, "USD", available, own)

        def upsert(line: Line, **about: int) -> Upsert:
            return self.graph.upsert_line(line, closed=closed, **about)

        self._take((*ends, "USD"), line, step, span, closed, upsert)

    def _take(
        self, key: tuple[str, ...], thing: Any, step: int, span: int, closed: bool,
        upsert: Callable[..., Upsert],
    ) -> None:  # fmt: skip
        known = self.said.get(key)
        sequence = (known[1] if known else 5) + step - 1
        expires_at_us = self.now_us + span * SECOND
        found = upsert(thing, sequence=sequence, expires_at_us=expires_at_us)
        if known is None or sequence > known[1]:
            assert found is Upsert.APPLIED
        if known is not None and sequence < known[1]:
            assert found is Upsert.STALE
        if found is Upsert.APPLIED:
            self.said[key] = (thing, sequence, expires_at_us, closed)

    @rule(by_s=st.sampled_from((1, 2, 5, 20, -1, -15)))
    def the_clock_moves(self, by_s: int) -> None:
        self.now_us += by_s * SECOND

    @rule()
    def what_has_expired_is_forgotten(self) -> None:
        self.graph.forget_expired(self.now_us)
        self.said = {key: said for key, said in self.said.items() if said[2] >= self.now_us}

    @rule(ends=ENDS, amount=st.sampled_from((1, 60)))
    def somebody_asks(self, ends: tuple[str, str], amount: int) -> None:
        known = {key[0] for key in self.said if len(key) == 1}
        if not set(ends) <= {n for n in known if self.said[n,][2] > self.now_us}:
            return
        question = RouteQuestion(*ends, amount, brand="USD", now_us=self.now_us)
        if "USD" not in self.graph.brands(self.now_us):
            assert "USD" not in self._afresh().brands(self.now_us)
            return
        ours, theirs = find_route(self.graph, question), find_route(self._afresh(), question)
        assert (ours.route, ours.exact) == (theirs.route, theirs.exact)

    def _afresh(self) -> Graph:
        graph = Graph()
        graph.upsert_registry("R")
        for key, (thing, sequence, expires_at_us, closed) in self.said.items():
            about = {"sequence": sequence, "expires_at_us": expires_at_us}
            if len(key) == 1:
                graph.upsert_node(thing, **about)
            else:
                graph.upsert_line(thing, closed=closed, **about)
        return graph


TestBoardMachine = BoardMachine.TestCase
TestBoardMachine.settings = profile(examples=60, steps=40)


PLANTED = {
    "a node's new terms leave the old prices on the board": (Board, "_reprice"),
    "a line that is closed stays open": (Board, "close_line"),
}


@by_option
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name = PLANTED[bug]
    monkeypatch.setattr(where, name, lambda *_: None)
    assert room.Graph is Graph
    assert caught_by(BoardMachine, examples=300, steps=40)
