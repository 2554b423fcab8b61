"""Proves the loss table of protocol section 3 from the redemption rules and the schedule alone.

One intermediary X holds a promise and gives one. The downstream is the adversary: it chooses when
it shows the commit, whether it had it stamped and when, and whether it waits until X's incoming
promise is near its end. Whether X reaches its upstream in time (U), is served by the registry in
time (R) and watches it (W) is enumerated. Time is discrete: every instant at which any rule can
change its answer, one microsecond to both sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import pytest

from proto.levels import Level, may_free, redeemable
from proto.limits import (
    GRACE_US,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
    WATCH_MARGIN_US,
)
from proto.modes import Loss, is_late_leak, loss_of, mode_of
from proto.schedule import Schedule, schedule

EVER = 10**15  # later than everything: what may be done late is done by then
BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
PAIRS = [p for p in product(Level, Level) if mode_of(*p) is not None]


@dataclass(frozen=True)
class Show:
    """The downstream presents the commit at `at`; it was stamped at `stamped`, if at all."""

    at: int
    stamped: int | None
    certified: bool  # the certificate is shown too


@dataclass(frozen=True)
class World:
    """Whether X reaches upstream and registry in time, and whether it watches the registry."""

    u: bool
    r: bool
    w: bool


@dataclass(frozen=True)
class Pair:
    """What X holds and gives, with the times that the payer dictated."""

    incoming: Level
    outgoing: Level
    e_in: int
    e_out: int
    deadline: int
    limit: int


def instants(pair: Pair) -> list[int]:
    marks = {0, pair.e_in, pair.e_out, pair.deadline, pair.limit, pair.e_in - PRESENT_MARGIN_US}
    marks |= {pair.e_out + GRACE_US, pair.e_in + GRACE_US, pair.limit + WATCH_MARGIN_US}
    return sorted({m + d for m in marks for d in (-1, 0, 1) if m + d >= 0} | {EVER})


def shows(pair: Pair) -> Iterator[Show]:
    times = instants(pair)
    stamps = [None, *(t for t in times if t <= pair.limit)]
    for at, stamped in product(times, stamps):
        yield Show(at, stamped, certified=False)
        if stamped is not None and stamped <= at:
            yield Show(at, stamped, certified=True)


def waits(pair: Pair, show: Show) -> bool:
    """It comes so late that presenting upstream may no longer reach it before its expiry."""
    return pair.incoming.has_expiry and show.at + PRESENT_MARGIN_US > pair.e_in


def pays(pair: Pair, show: Show) -> bool:
    """X must honour the outgoing promise, unless it has rightly freed it before."""
    # A registry that stamped never signs an abort, so only the clock can have freed it.
    if may_free(pair.outgoing, show.at, pair.e_out, aborted=False):
        return False
    return redeemable(pair.outgoing, show.at, pair.e_out, certified=show.certified)


def is_paid(pair: Pair, show: Show, world: World, *, registry_declined: bool = False) -> bool:
    """X's whole repertoire: present upstream, stamp what came bare, present what it watched."""
    in_time = show.at + PRESENT_MARGIN_US
    if world.u and redeemable(pair.incoming, in_time, pair.e_in, certified=show.certified):
        return True
    certificate = show.certified
    # X submits a bare commit at once; the registry decides within STAMP_MARGIN and within L.
    if world.r and not registry_declined and show.at + STAMP_MARGIN_US <= pair.deadline:
        certificate = True
        answered = show.at + STAMP_MARGIN_US + PRESENT_MARGIN_US
        if world.u and redeemable(pair.incoming, answered, pair.e_in, certified=True):
            return True
    if world.w and world.r and show.stamped is not None:
        certificate = True
        seen = show.stamped + WATCH_MARGIN_US
        if world.u and redeemable(
            pair.incoming, seen + PRESENT_MARGIN_US, pair.e_in, certified=True
        ):
            return True
    # Not in time does not mean never: what may be shown late is shown when the way is open again.
    return redeemable(pair.incoming, EVER, pair.e_in, certified=certificate)


def loses(pair: Pair, world: World, *, downstream_waits: bool) -> bool:
    """Whether some behaviour of the downstream makes X pay without being paid."""
    return any(
        pays(pair, show) and not is_paid(pair, show, world)
        for show in shows(pair)
        if downstream_waits or not waits(pair, show)
    )


def condition(loss: Loss, world: World, *, downstream_waits: bool) -> bool:
    """The words of the table."""
    return {
        Loss.NOTHING: False,
        Loss.NOT_U: not world.u,
        Loss.NOT_R: not world.r,
        Loss.NOT_U_AND_NOT_R: not world.u and not world.r,
        Loss.LATE_LEAK: not world.u or (downstream_waits and not (world.w and world.r)),
    }[loss]


def worlds() -> list[World]:
    return [World(u, r, w) for u, r, w in product((False, True), repeat=3)]


def pair_in(levels: tuple[Level, ...], plan: Schedule, place: int) -> Pair:
    """The pair around the intermediary that gives promise `place` (from 0)."""
    e_in, e_out = plan.expiries[place - 1], plan.expiries[place]
    return Pair(
        levels[place - 1],
        levels[place],
        0 if e_in is None else e_in,
        0 if e_out is None else e_out,
        plan.deadline,
        plan.limit,
    )


def chains(length: int) -> list[tuple[Level, ...]]:
    """All viable sequences of levels of that length."""
    found = []
    for levels in product(Level, repeat=length):
        if all(p in PAIRS for p in pairwise(levels)) and schedule(levels):
            found.append(levels)
    return found


@pytest.mark.parametrize(("incoming", "outgoing"), PAIRS)
def test_loss_is_exactly_what_the_table_says(incoming: Level, outgoing: Level) -> None:
    plan = schedule((incoming, outgoing))
    assert plan is not None
    pair = pair_in((incoming, outgoing), plan, 1)
    loss = loss_of(incoming, outgoing)
    assert loss is not None
    for world, patient in product(worlds(), (False, True)):
        expected = condition(loss, world, downstream_waits=patient)
        assert loses(pair, world, downstream_waits=patient) == expected, (world, patient)


@pytest.mark.parametrize("levels", chains(3), ids=lambda c: "-".join(lv.name for lv in c))
def test_loss_does_not_depend_on_the_rest_of_the_chain(levels: tuple[Level, ...]) -> None:
    """The dictated expiries differ from chain to chain; the conditions must not."""
    for lateness in (0, 2_000_000):
        plan = schedule(levels, lateness_us=lateness)
        assert plan is not None
        for place in (1, 2):
            pair = pair_in(levels, plan, place)
            loss = loss_of(pair.incoming, pair.outgoing)
            assert loss is not None
            for world, patient in product(worlds(), (False, True)):
                expected = condition(loss, world, downstream_waits=patient)
                assert loses(pair, world, downstream_waits=patient) == expected, (place, world)


def test_the_leaking_pairs_are_those_that_a_waiting_downstream_can_hurt() -> None:
    """A node that reaches everybody in time, yet does not watch, loses in these pairs only."""
    diligent = World(u=True, r=True, w=False)
    hurt = set()
    for incoming, outgoing in PAIRS:
        plan = schedule((incoming, outgoing))
        assert plan is not None
        pair = pair_in((incoming, outgoing), plan, 1)
        assert not loses(pair, diligent, downstream_waits=False)
        if loses(pair, diligent, downstream_waits=True):
            hurt.add((incoming, outgoing))
    assert hurt == {p for p in PAIRS if is_late_leak(*p)}


def test_a_shorter_schedule_would_lose() -> None:
    """The margins are needed: one microsecond less, and a node that did everything pays."""
    everything = World(u=True, r=True, w=True)
    hurt = []
    for incoming, outgoing in PAIRS:
        plan = schedule((incoming, outgoing))
        assert plan is not None
        pair = pair_in((incoming, outgoing), plan, 1)
        shorter = Pair(incoming, outgoing, pair.e_in - 1, pair.e_out, pair.deadline, pair.limit)
        if incoming.has_expiry and loses(shorter, everything, downstream_waits=True):
            hurt.append((incoming, outgoing))
    # SECURED can be stamped instead, whatever its expiry.
    assert hurt == [p for p in PAIRS if p[0] in (BARE, PROXY)]


def test_a_deadline_that_leaves_no_time_to_stamp_would_lose() -> None:
    for outgoing in (BARE, SECURED):
        plan = schedule((ATOMIC, outgoing), payee_margin_us=9_000_000)
        assert plan is not None
        pair = pair_in((ATOMIC, outgoing), plan, 1)
        assert pair.e_out + STAMP_MARGIN_US == pair.deadline
        early = Pair(ATOMIC, outgoing, 0, pair.e_out, pair.deadline - 1, pair.limit - 1)
        everything = World(u=True, r=True, w=True)
        assert not loses(pair, everything, downstream_waits=True)
        assert loses(early, everything, downstream_waits=True)


@pytest.mark.parametrize("outgoing", [BARE, SECURED])
@pytest.mark.parametrize("incoming", [SECURED, ATOMIC])
def test_v12_a_decline_would_ruin_secured_and_gateway(incoming: Level, outgoing: Level) -> None:
    """Declined at the registry, then shown bare: R does not help any more."""
    plan = schedule((incoming, outgoing))
    assert plan is not None
    pair = pair_in((incoming, outgoing), plan, 1)
    show = Show(pair.e_out, None, certified=False)
    world = World(u=incoming is ATOMIC, r=True, w=True)
    assert pays(pair, show)
    assert is_paid(pair, show, world)
    assert not is_paid(pair, show, world, registry_declined=True)


@pytest.mark.parametrize("outgoing", [BARE, SECURED])
def test_the_unused_pairs_need_both_upstream_and_registry(outgoing: Level) -> None:
    """Why PROXY before BARE or SECURED is never used: no stamped commit can be had in time.

    Whatever U, R and W are, a bare commit at the last moment is lost, since the answer of the
    registry is not there when the incoming promise, which wants it, expires.
    """
    pair = Pair(PROXY, outgoing, 4_000_000, 2_000_000, 10_000_000, 10_000_000)
    for world in worlds():
        assert loses(pair, world, downstream_waits=False)
