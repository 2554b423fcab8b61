"""What one origin may say, and who goes where there is no room."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.adverts import LINE_KIND, LineAdvert
from proto.keys import NodeId
from runtime import gossip_store, gossip_waiting
from runtime.gossip_limits import MINUTE_US, GossipLimits, Rates
from runtime.gossip_store import Store
from runtime.gossip_waiting import Waiting
from tests.runtime.gossiping import (
    HOUR_US,
    NOW_US,
    content,
    held,
    keep,
    line,
    node_id,
    reconcile,
    store_of,
)

A, B, C = (node_id(number) for number in range(3))
SECOND_US = 1_000_000

# ---------------------------------------------------------------- rates


@pytest.mark.parametrize(
    ("after_us", "granted"),
    [
        (0, 0),
        (SECOND_US - 1, 0),
        (SECOND_US, 1),
        (3 * SECOND_US, 3),
        (10 * SECOND_US, 5),
        (HOUR_US, 5),
        (-HOUR_US, 0),  # a clock that was set back
    ],
)
def test_a_burst_and_then_the_rate(after_us: int, granted: int) -> None:
    """Sixty in a minute, at most five at once, of each origin by itself."""
    rates = Rates(60, 5)
    assert [rates.pay(A, NOW_US) for _ in range(7)] == [True] * 5 + [False] * 2
    assert rates.pay(B, NOW_US)
    later_us = NOW_US + after_us
    assert [rates.pay(A, later_us) for _ in range(6)] == [True] * granted + [False] * (6 - granted)


def test_a_clock_that_was_set_back_shuts_nobody_out_for_longer_than_a_bucket_lasts() -> None:
    rates = Rates(60, 5)
    while rates.pay(A, NOW_US + 10 * HOUR_US):
        pass
    assert not rates.pay(A, NOW_US)
    assert rates.free_at_us(A, NOW_US) <= NOW_US + SECOND_US
    assert rates.pay(A, NOW_US + SECOND_US)


@given(st.lists(st.integers(0, 5 * SECOND_US), max_size=60), st.integers(1, 600), st.integers(1, 9))
def test_never_more_than_burst_and_rate(pauses: list[int], per_min: int, burst: int) -> None:
    rates, now_us, paid = Rates(per_min, burst), NOW_US, 0
    for pause_us in pauses:
        now_us += pause_us
        free_us = rates.free_at_us(A, now_us)
        granted = rates.pay(A, now_us)
        assert granted == (free_us == now_us), "it says when it will"
        paid += granted
    assert paid <= burst + (now_us - NOW_US) * per_min // MINUTE_US + 1


def test_who_has_been_silent_is_forgotten() -> None:
    rates = Rates(60_000, 1)
    for number in range(5000):
        rates.pay(node_id(number), NOW_US + number * SECOND_US)
    assert len(rates._full_at_us) <= 1024


# ---------------------------------------------------------------- waiting


def test_the_newest_of_each_subject_waits_and_goes_in_turn() -> None:
    rates = Rates(60, 1)
    waiting = Waiting(rates)
    assert rates.pay(A, NOW_US)
    for sequence in (1, 2, 3):
        for number in (7, 8):
            assert waiting.put(held(line(number, A, sequence)))
    assert len(waiting) == 2
    assert held(line(7, A, 3)).data in waiting and held(line(7, A, 2)).data not in waiting
    assert list(waiting.due(NOW_US)) == []
    assert waiting.next_us(NOW_US) == NOW_US + SECOND_US
    gone = [(h.key, h.advert.sequence) for h in waiting.due(NOW_US + SECOND_US)]
    assert gone == [(line(7, A).key, 3)]
    gone = [(h.key, h.advert.sequence) for h in waiting.due(NOW_US + HOUR_US)]
    assert gone == [(line(8, A).key, 3)]
    assert (len(waiting), waiting.next_us(NOW_US)) == (0, None)


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip_waiting, "MAX_ORIGIN_WAITING", 3)
    monkeypatch.setattr(gossip_waiting, "MAX_WAITING", 5)
    waiting = Waiting(Rates(60, 1))
    assert [waiting.put(held(line(number, A))) for number in range(4)] == [True] * 3 + [False]
    assert [waiting.put(held(line(number, B))) for number in range(3)] == [True] * 2 + [False]
    assert waiting.put(held(line(0, A, 2))), "a newer one takes the place of what waits"
    assert len(waiting) == 5


# ---------------------------------------------------------------- room


def keys(store: Store) -> set[bytes]:
    return {entry.key[1] for entry in store}


@given(st.permutations(list(range(12))), st.permutations(list(range(12))), st.integers(1, 12))
def test_of_one_origin_everybody_keeps_the_same(
    one: list[int], other: list[int], limit: int
) -> None:
    """Whatever the order in which they hear of its lines: else they would tell each other for
    ever."""
    limits = GossipLimits(per_origin=limit)
    stores = [store_of((line(number, A) for number in some), limits) for some in (one, other)]
    assert content(stores[0]) == content(stores[1])
    assert len(stores[0]) == limit
    assert reconcile(*stores).adverts == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),  # whose
            st.integers(0, 8),  # which line
            st.integers(1, 4),  # sequence
            st.integers(0, 3),  # expires after so many steps
            st.integers(0, 30),  # longer by so many fee sets' bytes
        ),
        max_size=60,
    ),
    st.integers(1, 10),
    st.integers(300, 2000),
)
def test_bounds_hold_whatever_comes(
    steps: list[tuple[int, int, int, int, int]], count: int, size: int
) -> None:
    limits = GossipLimits(per_origin=4, adverts=count, stored_bytes=size)
    safe = node_id(0)
    gone: list[bytes] = []
    store = Store(limits, lambda o: o == safe, lambda a: gone.append(a.key[1]))
    came: dict[bytes, int] = {}
    for number, (whose, which, sequence, life, longer) in enumerate(steps):
        now_us = NOW_US + number
        advert = line(which, node_id(whose), sequence, 2**longer, NOW_US + number + life)
        news = held(advert)
        before = content(store)
        if not store.is_news(news):
            continue
        fault = store.put(news, now_us)
        if fault is None:
            came[advert.key[1]] = came.get(advert.key[1], 0) + 1
            assert store.get(advert.key) == news and news.data in store
        else:
            assert content(store).items() <= before.items(), "nothing has come in for it"
        others = [e for e in store if e.origin != safe]
        assert len(others) <= count
        assert sum(len(e.data) for e in others) <= size
        assert store.bytes == sum(len(e.data) for e in store)
        assert all(sum(e.origin == o for e in store) <= 4 for o in {e.origin for e in store})
        assert len(store.summary) == len(store) == store.count(LINE_KIND)
        assert {e.id for e in store} == store.summary.items("").keys()
    store.forget_expired(NOW_US + HOUR_US)
    assert (len(store), store.bytes, len(store.summary)) == (0, 0, 0)
    assert set(gone) == set(came)


def filled(limit: int, protected: NodeId | None = None) -> Store:
    """A has six lines, B three, and there is room for no more."""
    store = Store(GossipLimits(adverts=limit), lambda o: o == protected)
    for number in range(6):
        assert keep(store, held(line(number, A)))
    for number in range(3):
        assert keep(store, held(line(number, B)))
    return store


def counts(store: Store) -> dict[bytes, int]:
    return {o: sum(e.origin == o for e in store) for o in (A, B, C)}


def test_a_newcomer_takes_the_room_of_whoever_has_most() -> None:
    store = filled(9)
    assert [keep(store, held(line(number, C))) for number in range(4)] == [True] * 3 + [False]
    assert counts(store) == {A: 3, B: 3, C: 3}
    assert (len(store), store.evicted) == (9, 3)


def test_whoever_has_most_does_not_push_others_out() -> None:
    store = filled(9)
    assert not keep(store, held(line(100, A)))
    assert not keep(store, held(line(100, B))) or counts(store)[A] == 5
    assert keep(store, held(line(3, A, sequence=2))), "what replaces needs no room"
    assert len(store) == 9


def test_two_that_have_as_many_do_not_push_each_other_out_in_turn() -> None:
    store = store_of([line(n, A) for n in range(4)] + [line(n, B) for n in range(3)],
                     GossipLimits(adverts=7))  # fmt: skip
    assert not keep(store, held(line(9, B)))
    assert not keep(store, held(line(9, A)))
    assert (counts(store), store.evicted) == ({A: 4, B: 3, C: 0}, 0)


def test_the_protected_stay_and_come_in() -> None:
    store = filled(9, protected=A)
    assert keep(store, held(line(100, C)))
    assert counts(store) == {A: 6, B: 2, C: 1}
    assert keep(store, held(line(100, A))), "of our neighbours there is always room"
    assert counts(store) == {A: 7, B: 2, C: 1}


def test_what_has_expired_goes_first() -> None:
    store = Store(GossipLimits(adverts=3), lambda _: False)
    for number in range(3):
        expires = NOW_US + (SECOND_US if number == 1 else HOUR_US)
        store.put(held(line(number, A, expires_at_us=expires)), NOW_US)
    assert store.put(held(line(9, A)), NOW_US) is not None
    assert store.put(held(line(9, A)), NOW_US + SECOND_US) is None
    assert keys(store) == {line(n, A).key[1] for n in (0, 2, 9)}


def test_a_replaced_advert_does_not_expire_with_the_one_before() -> None:
    store = store_of([line(1, expires_at_us=NOW_US + SECOND_US)])
    keep(store, held(line(1, sequence=2)))
    store.forget_expired(NOW_US + SECOND_US)
    assert len(store) == 1


def test_updates_leave_no_trail() -> None:
    store = store_of([])
    for sequence in range(1, 5000):
        keep(store, held(line(1, sequence=sequence)))
    assert len(store._expiries) < 2000


@pytest.mark.parametrize("seed", range(3))
def test_of_one_sequence_everybody_keeps_the_same(seed: int) -> None:
    """Whoever signs two of a number splits nobody: all who hear of both prefer the same."""
    contradictory = [held(line(1, A, 5, available)) for available in range(20)]
    random.Random(seed).shuffle(contradictory)
    store = store_of([])
    for entry in contradictory:
        keep(store, entry)
    best = max(contradictory, key=lambda entry: entry.version)
    assert [entry.data for entry in store] == [best.data]
    assert keep(store, held(line(1, A, 6)))


def test_records_of_strangers_are_bounded_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can make registries: the first ones stay, and lines have their room."""
    monkeypatch.setitem(gossip_store.OWN_CAPS, LINE_KIND, 3)
    store = store_of([])
    adverts: list[LineAdvert] = [line(number, node_id(number)) for number in range(5)]
    assert [keep(store, held(advert)) for advert in adverts] == [True] * 3 + [False] * 2
    assert keep(store, held(line(0, node_id(0), sequence=2)))
