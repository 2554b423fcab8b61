"""The interval clock fails closed (registry section 4)."""

import pytest

from registry.timing import MAX_TIME_US, ClockRules, Sample, assess, stepped

T = 1_790_000_000_000_000
RULES = ClockRules(max_error_us=250_000, not_before_us=T - 1000, not_after_us=T + 1000)


@pytest.mark.parametrize(
    ("now_us", "error_us", "mark_us", "usable"),
    [
        (T, 250_000, 0, True),
        (T, 250_001, 0, False),
        (T, -1, 0, False),
        (T, 100, T + 100, True),
        (T, 100, T + 101, False),
        (T - 1000, 0, 0, True),
        (T - 1001, 0, 0, False),
        (T + 1000, 0, 0, True),
        (T + 1001, 0, 0, False),
    ],
)
def test_when_a_reading_decides(now_us: int, error_us: int, mark_us: int, usable: bool) -> None:
    reading = assess(Sample(now_us, error_us, 0), mark_us, RULES)
    assert reading.usable is usable
    assert (reading.now_us, reading.error_us) == (now_us, error_us)


def test_a_time_that_no_column_holds() -> None:
    rules = ClockRules(1, 0, 2**80)
    assert assess(Sample(MAX_TIME_US, 0, 0), 0, rules).usable
    assert not assess(Sample(MAX_TIME_US + 1, 0, 0), 0, rules).usable


@pytest.mark.parametrize(
    ("wall_us", "boot_us", "is_step"),
    [
        *((500, 500, False), (10**7, 10**7, False), (550, 500, False), (551, 500, True)),
        *((450, 500, False), (449, 500, True), (-500, 0, True)),
    ],
)
def test_a_step_is_wall_time_without_boot_time(wall_us: int, boot_us: int, is_step: bool) -> None:
    assert stepped(Sample(T, 50, 7), Sample(T + wall_us, 50, 7 + boot_us)) is is_step
