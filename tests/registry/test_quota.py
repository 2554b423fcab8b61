"""Reserved capacity, watchers' bells, chrony's words. What a full queue sheds: sim/attacks."""

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest
from registry.calendar import Calendar
from registry.chrony import DRIFT_PPM, STALE_US, UNKNOWN_US, ChronyClock, tracking_error_us
from registry.hub import Hub
from registry.log import Reserved

SECOND_OF_D = NOW_US + 10 * SECOND


def kept(label: str, deadline_us: int = SECOND_OF_D) -> Reserved:
    return Reserved(digest(label), deadline_us, deadline_us)


def test_a_second_holds_sixty_percent() -> None:
    calendar = Calendar(10)
    taken = [calendar.reserve(kept(f"{i}", SECOND_OF_D + i)) for i in range(8)]
    assert taken == [True] * 6 + [False] * 2
    assert calendar.reserve(kept("0")), "announcing twice takes one place"
    assert len(calendar) == 6
    assert calendar.holds(SECOND_OF_D, digest("0"))
    assert not calendar.holds(SECOND_OF_D, digest("7"))
    calendar.release(SECOND_OF_D, digest("0"))
    calendar.release(SECOND_OF_D, digest("0"))
    assert len(calendar) == 5
    assert calendar.reserve(kept("7"))


def test_what_lapsed_keeps_its_place_until_it_is_decided() -> None:
    calendar = Calendar(1)
    assert calendar.reserve(kept("a"))
    assert not calendar.reserve(kept("b"))
    assert calendar.reserve(kept("c", SECOND_OF_D + 5 * SECOND))
    assert calendar.lapsed(SECOND_OF_D, 9) == []
    assert calendar.lapsed(SECOND_OF_D + 1, 9) == [kept("a")]
    assert calendar.lapsed(SECOND_OF_D + 60 * SECOND, 9) == [
        kept("a"),
        kept("c", SECOND_OF_D + 5 * SECOND),
    ]
    assert calendar.lapsed(SECOND_OF_D + 60 * SECOND, 1) == [kept("a")]
    calendar.release(SECOND_OF_D, digest("a"))
    assert calendar.reserve(kept("b"))


async def test_a_bell_rings_for_its_own_ids_only() -> None:
    hub = Hub()
    with hub.listen([b"a", b"b"]) as bell, hub.listen([b"b"]) as other:
        assert len(hub) == 2
        hub.ring(b"c")
        hub.ring(b"a")
        assert await bell.wait(60) == {b"a"}
        assert await other.wait(0) == set()
        assert await other.wait(-0.1) == set(), "its time came while something else was done"
        hub.ring(b"b")
        assert await bell.wait(60) == await other.wait(60) == {b"b"}
    assert len(hub) == 0


TRACKING = "C0A80101,192.168.1.1,2,1790000000.5,-0.000012345,0.1,0.1,1,0,0.1,0.012,0.0005,64,Normal"


def test_chronys_error_bound() -> None:
    assert tracking_error_us(TRACKING) == 6513  # 12.345 + 500 + 6000 us, rounded up
    assert tracking_error_us(TRACKING + "\n") == 6513


@pytest.mark.parametrize(
    "line",
    [
        "",
        "506 Cannot talk to daemon",
        TRACKING.replace(",2,", ",0,"),
        TRACKING.replace(",2,", ",16,"),
        TRACKING.replace("0.012", "nan"),
        TRACKING.replace("0.012", "-0.012"),
        TRACKING.replace("0.0005", "inf"),
        TRACKING.replace("0.0005", "soon"),
        TRACKING + ",more",
    ],
)
def test_without_a_measurement_there_is_no_bound(line: str) -> None:
    assert tracking_error_us(line) is None


def test_a_measurement_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ChronyClock()
    assert clock.error_us() == UNKNOWN_US
    now_us = 1_000_000
    monkeypatch.setattr(clock, "monotonic_us", lambda: now_us)
    clock.measured(500)
    assert clock.error_us() == 501
    now_us += 10_000_000
    assert clock.error_us() == 501 + 10 * DRIFT_PPM
    now_us += STALE_US
    assert clock.error_us() == UNKNOWN_US
    clock.measured(500)
    assert clock.error_us() == 501
    clock.measured(None)
    assert clock.error_us() == UNKNOWN_US
