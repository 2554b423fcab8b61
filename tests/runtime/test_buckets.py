"""Token buckets: what a prefix gets, what it does not, and how little is remembered of it."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import buckets as room
from runtime.buckets import LOCAL, UNKNOWN, US, Buckets, prefix_of

NOW_US = 5_000_000_000


@pytest.mark.parametrize(
    ("peer", "prefix"),
    [
        ("ipv4:203.0.113.7:5000", "203.0.113.0/24"),
        ("ipv6:%5B2001:db8:1:2::1%5D:5000", "2001:db8:1::/48"),
        ("ipv6:[2001:db8:1:2::1]:5000", "2001:db8:1::/48"),
        ("ipv6:%5B::ffff:203.0.113.7%5D:5000", "203.0.113.0/24"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5000", "fe80::/48"),
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8::1", "2001:db8::/48"),
        ("unix:/run/x.sock", LOCAL),
        ("ipv4:127.0.0.1:5000", LOCAL),
        ("ipv6:%5B::1%5D:5000", LOCAL),
        ("", UNKNOWN),
        ("ipv4:", UNKNOWN),
        ("ipv4:nonsense:1", UNKNOWN),
    ],
)
def test_where_a_caller_lies(peer: str, prefix: str) -> None:
    assert prefix_of(peer) == prefix


def test_a_burst_and_then_what_is_earned() -> None:
    buckets = Buckets(per_s=10, burst=5)
    taken = [buckets.take("a", 1, NOW_US) for _ in range(7)]
    assert taken == [True] * 5 + [False] * 2
    assert buckets.wait_us("a", 1, NOW_US) == US // 10
    assert not buckets.take("a", 1, NOW_US + US // 10 - 1)
    assert buckets.take("a", 1, NOW_US + US // 10)
    assert buckets.take("b", 5, NOW_US), "another prefix has its own"


def test_what_costs_more_than_a_bucket_holds_costs_all_of_it() -> None:
    buckets = Buckets(per_s=10, burst=5)
    assert buckets.take("a", 1000, NOW_US)
    assert not buckets.take("a", 1, NOW_US)
    assert buckets.wait_us("a", 1000, NOW_US) == US // 2


def test_who_is_exempt() -> None:
    buckets = Buckets(1, 1, [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
    assert all(buckets.take("10.7.7.0/24", 1, NOW_US) for _ in range(9))
    assert all(buckets.take(prefix_of("ipv6:%5B2001:db8::1%5D:1"), 1, NOW_US) for _ in range(9))
    assert all(buckets.take(LOCAL, 1, NOW_US) for _ in range(9))
    assert [buckets.take(UNKNOWN, 1, NOW_US) for _ in range(2)] == [True, False]
    narrow = Buckets(1, 1, [ip_network("10.0.0.1/32")])
    assert [narrow.take("10.0.0.0/24", 1, NOW_US) for _ in range(2)] == [True, False]
    assert [buckets.take("11.0.0.0/24", 1, NOW_US) for _ in range(2)] == [True, False]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_BUCKETS", 3)
    buckets = Buckets(per_s=1, burst=1)
    assert all(buckets.take(name, 1, NOW_US) for name in "abcd")
    assert len(buckets) == 3
    assert [buckets.take(name, 1, NOW_US) for name in "bcda"] == [False, False, False, True]


@given(
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(0, 3 * US), st.integers(1, 50)), max_size=60),
)
def test_nobody_gets_more_than_the_burst_and_what_time_earned(
    per_s: int, burst: int, asks: list[tuple[int, int]]
) -> None:
    buckets, now_us, got = Buckets(per_s, burst), NOW_US, 0
    for pause_us, cost in asks:
        now_us += pause_us
        wait_us = buckets.wait_us("a", cost, now_us)
        taken = buckets.take("a", cost, now_us)
        assert taken == (wait_us == 0)
        got += min(cost, burst) if taken else 0
        # One microsecond's worth more: what is taken is rounded up, what a burst holds too.
        assert got * US <= (burst * US) + (now_us - NOW_US + 1) * per_s
