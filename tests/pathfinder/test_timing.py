"""Timing carried label by label says the same as the schedule of the whole chain."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pathfinder.core.timing import Timing, earlier_timing, held, last_timing
from proto.levels import Level
from proto.modes import mode_of
from proto.schedule import schedule

SECOND = 1_000_000
CHAINS = st.lists(st.sampled_from(Level), min_size=1, max_size=6)
HOLDS = st.lists(st.integers(8, 32).map(lambda s: s * SECOND), min_size=6, max_size=6)
LATE = st.sampled_from((0, SECOND, 4 * SECOND))
MARGIN = st.integers(1, 12).map(lambda s: s * SECOND)
LATEST = st.none() | st.integers(9, 25).map(lambda s: s * SECOND)


def in_table(levels: list[Level]) -> bool:
    return all(mode_of(*pair) is not None for pair in pairwise(levels))


def carried(
    levels: list[Level], holds: list[int], lateness: int, margin: int, latest: int | None
) -> Timing | None:
    timing = last_timing(levels[-1], lateness, margin, latest)
    for i in range(len(levels) - 1, -1, -1):
        if timing is not None:
            timing = held(timing, levels[i], lateness, holds[i])
        if i and timing is not None:
            mode = mode_of(levels[i - 1], levels[i])
            assert mode is not None
            timing = earlier_timing(timing, levels[i - 1], levels[i], mode, lateness)
    return timing


@given(CHAINS.filter(in_table), HOLDS, LATE, MARGIN, LATEST)
def test_viable_labels_are_viable_schedules(
    levels: list[Level], holds: list[int], lateness: int, margin: int, latest: int | None
) -> None:
    plan = schedule(levels, lateness_us=lateness, payee_margin_us=margin)
    viable = (
        plan is not None
        and (latest is None or plan.deadline <= latest)
        and all(lock <= hold for lock, hold in zip(plan.locks, holds, strict=False))
    )
    timing = carried(levels, holds, lateness, margin, latest)
    assert (timing is not None) == viable
    if timing is not None:
        assert plan is not None and timing.least == plan.deadline


@given(st.data())
def test_what_is_no_worse_stays_so(data: st.DataObject) -> None:
    number = st.integers(0, 20).map(lambda s: s * SECOND)
    first = Timing(*(data.draw(number) for _ in range(4)))
    second = Timing(*(data.draw(number) for _ in range(4)))
    if not first.no_worse(second):
        return
    level, incoming = data.draw(st.sampled_from(Level)), data.draw(st.sampled_from(Level))
    mode, hold = mode_of(incoming, level), data.draw(number)
    if mode is None or mode.relies_on_registry:
        return
    after = [held(timing, level, 0, hold) for timing in (first, second)]
    after = [t and earlier_timing(t, incoming, level, mode, 0) for t in after]
    if after[1] is not None:
        # Saying an expiry in its one way may drop the fixed part of either, never its bounds.
        assert after[0] is not None
        assert after[0].least <= after[1].least and after[0].most >= after[1].most
