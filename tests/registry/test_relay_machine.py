"""A collective step by step: Hypothesis is payee, wires and liars, and chooses every next move.

The members' rule is the real one (registry.log.decide), over the relay rule of registry section 7.
Unlike the seeded schedules of relay_simulation nothing is planned: what comes next may depend on
all that has happened, and a failure shrinks to the few moves that it takes.
"""

from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.command.sim.cast import NOW_US, SECOND
from proto.statement import Outcome
from registry import log
from registry.log import DeclineShown, Query, abort_horizon_us
from tests.machines import caught_by, profile
from tests.registry.relay_world import (
    DELTA_US,
    END_US,
    ERROR_US,
    GUARD_US,
    HARD_BOUND_US,
    Carried,
    World,
    judge,
    make_world,
    policy_of,
    subject_under,
)

SIZES = st.sampled_from(((2, 0), (3, 0), (4, 1), (7, 2)))
WHICH = st.integers(0, 6)
NEAR_US = st.sampled_from((-SECOND, -1, 0, 1, ERROR_US, SECOND // 2))


class RelayMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.true_us = NOW_US
        self.on_their_way: list[tuple[int, int, Carried]] = []  # latest arrival, whom, what
        self.first: dict[int, Outcome] = {}

    @initialize(size=SIZES, seed=st.integers(0, 99))
    def members(self, size: tuple[int, int], seed: int) -> None:
        subject = subject_under(policy_of(*size))
        self.world = make_world(subject, Random(seed), rule=True, delay_us=HARD_BOUND_US)
        self.true_us = subject.descriptor.deadline_us - SECOND // 2  # nothing turns before

    @rule(whom=WHICH, liars=st.integers(0, 7), spoken=st.integers(0, 127))
    def a_commit_is_shown(self, whom: int, liars: int, spoken: int) -> None:
        """With statements of some liars, and of some members who have committed."""
        some = [m for i, m in enumerate(sorted(self.world.liars)) if liars >> i & 1]
        said = [m for i, m in enumerate(sorted(self.world.said)) if spoken >> i & 1]
        self._show(self._member(whom), frozenset(some) | frozenset(said))

    @rule(which=WHICH)
    def a_relay_arrives(self, which: int) -> None:
        if self.on_their_way:
            _, whom, carried = self.on_their_way.pop(which % len(self.on_their_way))
            self._show(whom, carried)

    @rule(whom=WHICH)
    def somebody_asks(self, whom: int) -> None:
        self.world.honest[self._member(whom)].hear(Query(self.world.subject), self.true_us)

    @rule(by_us=st.sampled_from((1, ERROR_US, SECOND // 2, SECOND, DELTA_US)))
    def time_passes(self, by_us: int) -> None:
        self._come_to(self.true_us + by_us)

    @rule(
        whom=WHICH,
        turns=st.integers(0, 4),
        off_us=NEAR_US,
        horizon=st.booleans(),
        shown=st.lists(WHICH, min_size=1, max_size=2),
        later_us=st.sampled_from((0, 1, SECOND // 2, SECOND)),
        asked=st.lists(WHICH, min_size=1, max_size=3),
    )
    def time_reaches_a_turn_of_the_rule(
        self, whom: int, turns: int, off_us: int, horizon: bool, shown: list[int], later_us: int,
        asked: list[int],
    ) -> None:  # fmt: skip
        """By the clock of a member: a limit for so many statements, or the abort horizon."""
        member = self.world.honest[self._member(whom)]
        descriptor = self.world.subject.descriptor
        edge_us = descriptor.deadline_us + turns * DELTA_US - ERROR_US
        if horizon:
            edge_us = abort_horizon_us(descriptor, member.terms) + ERROR_US
        self._come_to(max(self.true_us, edge_us - member.skew_us + off_us))
        for one in shown:
            self._show(self._member(one), self.world.liars | self.world.said)
        self._come_to(self.true_us + later_us)
        for one in asked:
            self.somebody_asks(one)

    def _come_to(self, true_us: int) -> None:
        """Relays travel no longer than the bound that delta covers."""
        while self.on_their_way and min(self.on_their_way)[0] <= true_us:
            late = min(self.on_their_way, key=lambda one: one[0])
            self.on_their_way.remove(late)
            self.true_us = max(self.true_us, late[0])
            self._show(late[1], late[2])
        self.true_us = max(self.true_us, true_us)

    def _show(self, whom: int, carried: Carried) -> None:
        world, before = self.world, self.world.said
        queued = len(world._queue)
        world._commit(self.true_us, whom, carried)
        assert world.said >= before and len(world._queue) >= queued
        for at_us, _, other, what in world._queue:
            assert isinstance(what, frozenset) and at_us <= self.true_us + HARD_BOUND_US
            self.on_their_way.append((self.true_us + HARD_BOUND_US, other, what))
        world._queue.clear()

    def _member(self, which: int) -> int:
        return sorted(self.world.honest)[which % len(self.world.honest)]

    @invariant()
    def nobody_decides_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        for number, member in self.world.honest.items():
            if member.outcome is not None:
                assert self.first.setdefault(number, member.outcome) is member.outcome

    @invariant()
    def nobody_refuses_what_another_may_still_accept(self) -> None:
        outcomes = set(self.first.values())
        assert len(outcomes) <= 1, f"honest members split: {self.first}"

    def teardown(self) -> None:
        """Everybody is asked at the end, when every relay has arrived."""
        if not hasattr(self, "world"):
            return
        self._come_to(END_US)
        for whom in self.world.honest:
            self.world.honest[whom].hear(Query(self.world.subject), END_US + GUARD_US)
        found = judge(self.world)
        assert not (found.split or found.undecided or found.contradictory), found


TestRelayMachine = RelayMachine.TestCase
TestRelayMachine.settings = profile(examples=100, steps=25)


def test_a_horizon_that_comes_too_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a refusal is not put off for those to whom a relay may still come."""

    def hasty(kept: log.Reserved, reading: log.Reading, terms: log.Terms) -> object:
        if reading.earliest_us > kept.deadline_us:
            return log._row(kept, log.DecisionReason.DEADLINE, kept.limit_us, reading, b"", b"")
        return log.Pause(log.InterimKind.PENDING, kept.commit_id, reading.now_us, 0, 0)

    monkeypatch.setattr(log, "_lapse", hasty)
    assert DeclineShown is log.DeclineShown
    assert caught_by(RelayMachine, examples=300, steps=25)
