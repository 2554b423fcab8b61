"""Two stores compared turn by turn, while both go on hearing, replacing and forgetting.

What differed from a comparison's first turn to its last is the same in both when it ends; and one
that nothing disturbs leaves the two equal. Answers of former comparisons come late, or twice.
"""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from proto.gossip_summary import Summary
from proto.gossip_sync import Answer, Ask, read_sync
from runtime import gossip_sync
from runtime.gossip_store import Held, Store
from runtime.gossip_sync import MAX_TURNS, Drive, answer
from tests.machines import caught_by, profile
from tests.runtime.gossiping import NOW_US, content, held, keep, line, store_of

SPAN_US = 60 * 1_000_000
NUMBERS = st.integers(0, 40)


class GossipMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stores = (store_of([]), store_of([]))
        self.now_us = NOW_US
        self.data: dict[bytes, Held] = {}
        self.drive: Drive | None = None
        self.turns = 0
        self.disturbed = False
        self.apart: set[tuple[bytes, bytes]] = set()  # differed at the first turn, and since
        self.old: list[Answer] = []

    @rule(
        side=st.integers(0, 2),
        numbers=st.lists(NUMBERS, max_size=30),
        sequence=st.integers(1, 4),
        long=st.booleans(),
    )
    def adverts_are_heard(self, side: int, numbers: list[int], sequence: int, long: bool) -> None:
        """By one of them, or (2) by both."""
        expires_at_us = self.now_us + (60 if long else 1) * SPAN_US
        for number in numbers:
            news = held(line(number, sequence=sequence, expires_at_us=expires_at_us))
            self.data[news.data] = news
            for store in self.stores if side == 2 else (self.stores[side],):
                keep(store, news)
        self.disturbed = self.disturbed or bool(numbers)

    @rule(spans=st.integers(0, 3))
    def time_passes(self, spans: int) -> None:
        self.now_us += spans * SPAN_US
        for store in self.stores:
            store.forget_expired(self.now_us)
        self.disturbed = self.disturbed or spans > 0

    @rule()
    def a_comparison_begins(self) -> None:
        self.drive, self.turns, self.disturbed = Drive(self.stores[0]), 0, False

    @precondition(lambda self: self.drive is not None)
    @rule(turns=st.integers(1, 5), late=st.booleans())
    def it_goes_on(self, turns: int, late: bool) -> None:
        for _ in range(turns):
            if self.drive is not None:
                self._turn(self.drive, late)

    @precondition(lambda self: self.drive is not None)
    @rule()
    def it_comes_to_its_end(self) -> None:
        while self.drive is not None:
            self._turn(self.drive, False)

    def _turn(self, drive: Drive, late: bool) -> None:
        ours, theirs = self.stores
        turn = drive.next_turn(self.now_us)
        self._pass_on(turn.adverts, theirs)
        self.turns += 1
        assert self.turns <= MAX_TURNS
        if turn.ask is None:
            self.drive = None
            if not self.disturbed:
                assert content(ours) == content(theirs)
            return
        asked = read_sync(turn.ask.encode())
        assert asked == turn.ask and isinstance(asked, Ask)
        adverts, said = answer(theirs, asked, self.now_us)
        assert len(said.encode()) <= gossip_sync.TURN_BYTES
        self._pass_on(adverts, ours)
        for former in self.old[-2:] if late else ():
            assert former.turn == said.turn or not drive.heard(former)
        read = read_sync(said.encode())
        assert read == said and isinstance(read, Answer)
        assert drive.heard(read)
        self.old.append(read)

    def _pass_on(self, adverts: list[bytes], receiver: Store) -> None:
        for data in adverts:
            keep(receiver, self.data[data])

    def a_summary_is_that_of_what_is_held(self) -> None:
        """Not after every rule: a fresh one takes some ten milliseconds."""
        for store in self.stores:
            fresh = Summary()
            for entry in store:
                fresh.put(entry.id, entry.version)
            assert store.summary.digest("") == fresh.digest("")
            assert len(store.summary) == len(fresh)

    def teardown(self) -> None:
        """Left alone they end equal, whatever has been."""
        self.a_summary_is_that_of_what_is_held()
        self.a_comparison_begins()
        self.it_comes_to_its_end()


TestGossipMachine = GossipMachine.TestCase
TestGossipMachine.settings = profile(examples=25, steps=20)


def test_a_digest_that_is_not_renewed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a part keeps its hash when one of its adverts is replaced."""
    put = Summary.put

    def lazy(self: Any, item: bytes, version: bytes) -> None:
        if self.version(item) is None:
            put(self, item, version)
        else:
            self._bucket(item)[item] = version

    monkeypatch.setattr(Summary, "put", lazy)
    assert caught_by(GossipMachine, examples=60, steps=20)
