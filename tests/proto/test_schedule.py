"""Deadlines and expiries of a chain: the table of protocol section 5, and a slow second opinion."""

from itertools import pairwise, product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proto.levels import Level
from proto.modes import mode_of
from proto.schedule import Schedule, schedule

S = 1_000_000
BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
B, C, A, P = BARE, SECURED, ATOMIC, PROXY


def slow_schedule(
    levels: tuple[Level, ...], lateness: int, margin: int, floor: int
) -> tuple[int, list[int | None]] | None:
    """D and the expiries by raising D until every node that must stamp has the time for it."""
    deadline = max(10 * S, floor)
    for _ in range(len(levels) + 2):
        expiries = expiries_at(levels, deadline, lateness, margin)
        needed = deadline
        for i in range(1, len(levels)):
            mode = mode_of(levels[i - 1], levels[i])
            assert mode is not None
            if mode.name in ("SECURED", "GATEWAY"):
                expiry = expiries[i]
                assert expiry is not None
                needed = max(needed, expiry + 2 * S)
        if needed == deadline:
            return deadline, expiries
        deadline = needed
    return None  # each round that does not settle moves the expiries along with D


def expiries_at(
    levels: tuple[Level, ...], deadline: int, lateness: int, margin: int
) -> list[int | None]:
    """The table for a given D."""
    limit = deadline + lateness
    last = levels[-1]
    out: list[int | None] = [None if last is A else limit + 2 * S if last is P else margin]
    for level, following in reversed(list(pairwise(levels))):
        after = out[0]
        if level is A:
            out.insert(0, None)
        elif level is C and following in (A, P):
            out.insert(0, 2 * S)
        elif level is C or following in (B, P):
            assert after is not None
            out.insert(0, after + 2 * S)
        else:
            out.insert(0, max(limit + 4 * S, 0 if after is None else after + 2 * S))
    return out


ROWS = [  # levels, L - D, D, expiries; seconds
    ((B,), 0, 10, (2,)),
    ((C,), 0, 10, (2,)),
    ((P,), 0, 10, (12,)),
    ((P,), 4, 10, (16,)),
    ((A,), 0, 10, (None,)),
    ((C, B), 0, 10, (4, 2)),
    ((C, C), 0, 10, (4, 2)),
    ((C, A), 0, 10, (2, None)),
    ((C, P), 0, 10, (2, 12)),
    ((B, B), 0, 10, (4, 2)),
    ((B, P), 0, 10, (14, 12)),
    ((P, P), 0, 10, (14, 12)),
    ((P, P), 6, 10, (20, 18)),
    ((B, C), 0, 10, (14, 2)),
    ((B, A), 0, 10, (14, None)),
    ((B, A), 2, 10, (16, None)),
    ((P, A), 0, 10, (14, None)),
    ((B, C, C, C, C, C, C, C), 0, 14, (18, 14, 12, 10, 8, 6, 4, 2)),
    ((C, C, C, C, C, B), 0, 12, (12, 10, 8, 6, 4, 2)),
    ((A, B, B, B, B, B), 0, 12, (None, 10, 8, 6, 4, 2)),
    ((A, A, A, A, A), 0, 10, (None,) * 5),
    ((B, B, B, B, B, B), 0, 10, (12, 10, 8, 6, 4, 2)),
    ((A, A, P), 0, 10, (None, None, 12)),
    ((A, P, A), 0, 10, (None, 14, None)),
    ((B, C, A), 0, 10, (14, 2, None)),
]


@pytest.mark.parametrize(("levels", "lateness", "deadline", "expiries"), ROWS)
def test_row(
    levels: tuple[Level, ...], lateness: int, deadline: int, expiries: tuple[int | None, ...]
) -> None:
    plan = schedule(levels, lateness_us=lateness * S)
    assert plan is not None
    assert plan.deadline == deadline * S
    assert plan.limit == (deadline + lateness) * S
    assert plan.expiries == tuple(None if e is None else e * S for e in expiries)


def test_the_later_of_the_two_where_a_secured_one_follows_a_late_leak() -> None:
    """A long SECURED tail pushes the BARE promise before it beyond L + 4 s."""
    levels = (BARE, SECURED) + (SECURED,) * 3
    plan = schedule(levels, payee_margin_us=4 * S)
    assert plan is not None
    assert plan.deadline == 10 * S
    assert plan.expiries == (14 * S, 10 * S, 8 * S, 6 * S, 4 * S)
    # The holder of BARE is not one that must stamp, so its own outgoing expiry may pass D.
    later = schedule((BARE, SECURED), payee_margin_us=10 * S)
    assert later is not None
    assert later.deadline == 10 * S
    assert later.expiries == (14 * S, 10 * S)


NO_SCHEDULE = [
    (C, B, A),
    (C, B, P),
    (C, B, C),
    (A, B, A),
    (A, B, C),
    (A, B, B, P),
    (C, C, B, A),
    (A, C, B, A),
    (C, B, C, C),
]


@pytest.mark.parametrize("levels", NO_SCHEDULE)
def test_no_schedule_where_what_must_be_stamped_expires_after_the_deadline(
    levels: tuple[Level, ...],
) -> None:
    assert schedule(levels) is None
    assert schedule(levels, deadline_floor=10**12) is None


LOCKS = [  # level, e, lock; L = D = 10 s
    ((B,), (2,)),
    ((P,), (12,)),
    ((A,), (10,)),
    ((C,), (10,)),
    ((B, C, A), (14, 10, 10)),
    ((C, C, C, C, C, C), (12, 12, 12, 12, 12, 12)),
]


@pytest.mark.parametrize(("levels", "locks"), LOCKS)
def test_locks(levels: tuple[Level, ...], locks: tuple[int, ...]) -> None:
    plan = schedule(levels)
    assert plan is not None
    assert plan.locks == tuple(lock * S for lock in locks)


def test_an_all_atomic_chain_locks_every_hop_until_l_whatever_its_length() -> None:
    for hops in range(1, 21):
        for lateness in (0, 3 * S):
            plan = schedule((ATOMIC,) * hops, lateness_us=lateness)
            assert plan == Schedule(
                10 * S, 10 * S + lateness, (None,) * hops, (10 * S + lateness,) * hops
            )


@st.composite
def level_chains(draw: st.DrawFn) -> tuple[Level, ...]:
    length = draw(st.integers(1, 20))
    levels = [draw(st.sampled_from(list(Level)))]
    for _ in range(length - 1):
        before = levels[0]
        levels.insert(0, draw(st.sampled_from([x for x in Level if mode_of(x, before)])))
    return tuple(levels)


@given(
    level_chains(),
    st.sampled_from([0, 2 * S, 6 * S, 60 * S]),
    st.integers(0, 10 * S),
    st.integers(0, 40 * S),
)
def test_against_a_slow_computation(
    levels: tuple[Level, ...], lateness: int, margin: int, floor: int
) -> None:
    floor = max(floor, 10 * S)
    plan = schedule(levels, lateness_us=lateness, payee_margin_us=margin, deadline_floor=floor)
    wanted = slow_schedule(levels, lateness, margin, floor)
    if wanted is None:
        assert plan is None
        return
    assert plan is not None
    deadline, expiries = wanted
    assert (plan.deadline, list(plan.expiries)) == (deadline, expiries)
    assert plan.limit == deadline + lateness
    for level, expiry, lock in zip(levels, expiries, plan.locks, strict=True):
        candidates = {
            BARE: (expiry,),
            PROXY: (expiry,),
            ATOMIC: (plan.limit,),
            SECURED: (expiry, plan.limit),
        }[level]
        assert lock == max(x for x in candidates if x is not None)


def test_every_short_chain_against_the_slow_computation() -> None:
    seen = 0
    for length in range(1, 6):
        for levels in product(Level, repeat=length):
            if any(mode_of(*p) is None for p in pairwise(levels)):
                continue
            seen += 1
            plan = schedule(levels, lateness_us=2 * S)
            wanted = slow_schedule(levels, 2 * S, 2 * S, 0)
            got = None if plan is None else (plan.deadline, list(plan.expiries))
            assert got == wanted, levels
    assert seen > 600


@given(level_chains(), st.integers(0, 40 * S))
def test_the_deadline_is_the_smallest(levels: tuple[Level, ...], extra: int) -> None:
    """A floor below it changes nothing; a floor above it is taken as it stands."""
    plan = schedule(levels)
    assume(plan is not None)
    assert plan is not None
    assert schedule(levels, deadline_floor=max(10 * S, plan.deadline - extra)) == plan
    raised = schedule(levels, deadline_floor=plan.deadline + extra)
    assert raised is not None
    assert raised.deadline == plan.deadline + extra


@given(st.sampled_from([BARE, SECURED]), st.integers(0, 3600 * S))
def test_what_the_payee_asks_for_never_exceeds_the_deadline(last: Level, asked: int) -> None:
    for levels in ((last,), (BARE, last), (SECURED, last)):
        plan = schedule(levels, payee_margin_us=asked)
        assert plan is not None
        assert plan.expiries[-1] is not None
        assert plan.expiries[-1] <= plan.deadline
        if asked <= 10 * S:
            assert plan.expiries[-1] == asked
