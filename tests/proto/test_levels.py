"""What redeems a promise and what frees it: the table of protocol section 3, row by row."""

from itertools import product

import pytest

from proto.levels import Level, admissible, may_free, redeemable
from proto.limits import GRACE_US

E = 5_000_000
LONG_AFTER = 10**15
BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY

BOOLEANS = [  # level, needs_stamp, late_ok
    (BARE, False, False),
    (SECURED, False, True),
    (ATOMIC, True, True),
    (PROXY, True, False),
]


@pytest.mark.parametrize(("level", "needs_stamp", "late_ok"), BOOLEANS)
def test_two_booleans_tell_a_level(level: Level, needs_stamp: bool, late_ok: bool) -> None:
    assert (level.needs_stamp, level.late_ok) == (needs_stamp, late_ok)


def test_there_are_four_levels_and_their_booleans_differ() -> None:
    assert len(Level) == 4
    assert len({(lv.needs_stamp, lv.late_ok) for lv in Level}) == 4


REDEEMABLE = [  # level, certified, shown in time, shown late
    (BARE, False, True, False),
    (BARE, True, True, False),
    (SECURED, False, True, False),
    (SECURED, True, True, True),
    (ATOMIC, False, False, False),
    (ATOMIC, True, True, True),
    (PROXY, False, False, False),
    (PROXY, True, True, False),
]


@pytest.mark.parametrize(("level", "certified", "in_time", "late"), REDEEMABLE)
def test_redeemable(level: Level, certified: bool, in_time: bool, late: bool) -> None:
    for t in (0, E - 1, E):
        assert redeemable(level, t, E, certified=certified) is in_time
    for t in (E + 1, E + GRACE_US, LONG_AFTER):
        assert redeemable(level, t, E, certified=certified) is late


@pytest.mark.parametrize("level", list(Level))
def test_the_booleans_say_all_of_it(level: Level) -> None:
    for t, certified in product((E, E + 1), (False, True)):
        in_time = t <= E and (certified or not level.needs_stamp)
        late = level.late_ok and certified
        assert redeemable(level, t, E, certified=certified) == (in_time or late)


@pytest.mark.parametrize("aborted", [False, True])
@pytest.mark.parametrize("level", list(Level))
def test_may_free(level: Level, aborted: bool) -> None:
    before, after = E + GRACE_US, E + GRACE_US + 1
    expected = {
        BARE: (False, True),
        PROXY: (False, True),
        SECURED: (False, aborted),
        ATOMIC: (aborted, aborted),
    }[level]
    assert may_free(level, 0, E, aborted=aborted) is expected[0]
    assert may_free(level, before, E, aborted=aborted) is expected[0]
    assert may_free(level, after, E, aborted=aborted) is expected[1]
    assert may_free(level, LONG_AFTER, E, aborted=aborted) is expected[1]


@pytest.mark.parametrize("level", [SECURED, ATOMIC])
def test_silence_never_frees(level: Level) -> None:
    assert not may_free(level, LONG_AFTER, E, aborted=False)


@pytest.mark.parametrize("level", list(Level))
def test_nothing_that_may_still_be_claimed_is_ever_free(level: Level) -> None:
    """A registry signs one way: where there is a commit certificate there is no abort."""
    times = (0, E - 1, E, E + 1, E + GRACE_US - 1, E + GRACE_US, E + GRACE_US + 1, LONG_AFTER)
    for t, certified, aborted in product(times, (False, True), (False, True)):
        if certified and aborted:
            continue
        free = may_free(level, t, E, aborted=aborted)
        # After an abort certificate SECURED is still claimable bare until its expiry.
        assert not (free and redeemable(level, t, E, certified=certified))
        assert not (free and admissible(level, t, E, certified=certified))


@pytest.mark.parametrize("level", list(Level))
def test_grace_admits_what_was_on_its_way_and_nothing_more(level: Level) -> None:
    for certified in (False, True):
        assert admissible(level, E + GRACE_US, E, certified=certified) == redeemable(
            level, E, E, certified=certified
        )
        assert admissible(level, E + GRACE_US + 1, E, certified=certified) == redeemable(
            level, E + 1, E, certified=certified
        )


def test_only_atomic_has_no_expiry() -> None:
    assert [lv for lv in Level if not lv.has_expiry] == [ATOMIC]
    assert redeemable(ATOMIC, LONG_AFTER, 0, certified=True)


def test_safer_levels_come_first_between_equal_costs() -> None:
    """Section 6: ATOMIC before SECURED before PROXY before BARE."""
    assert sorted(Level, key=lambda lv: lv.safety_rank) == [ATOMIC, SECURED, PROXY, BARE]
