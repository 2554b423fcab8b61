"""Times, spans and sizes in words, rounded down."""

import pytest

from proto.limits import US
from runtime.looks.words import (
    NARROW,
    day,
    grouped,
    machine,
    moment,
    number,
    plain,
    second,
    size,
    span,
)

DAY_US = 86_400 * US
AT_US = 1_795_239_067_123_999  # 2026-11-21


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (0, "0 ms"),
        (50, "0 ms"),
        (250_000, "250 ms"),
        (1_550, "1.5 ms"),
        (US - 1, "999.9 ms"),
        (US, "1 second"),
        (2 * US, "2 seconds"),
        (2_590_000, "2.5 seconds"),
        (60 * US - 1, "59.9 seconds"),
        (60 * US, "1 minute"),
        (61 * US, "1 minute 1 second"),
        (3600 * US, "1 hour"),
        (3601 * US, "1 hour 1 second"),
        (DAY_US + 3_725 * US, "1 day 1 hour"),
        (30 * DAY_US, "30 days"),
    ],
)
def test_span(us: int, said: str) -> None:
    assert span(us).replace(NARROW, " ") == said


def test_an_instant_in_four_ways() -> None:
    assert moment(AT_US) == "2026-11-21 05:31:07.123 UTC"
    assert second(AT_US) == "2026-11-21 05:31:07 UTC"
    assert day(AT_US) == "2026-11-21"
    assert machine(AT_US) == "2026-11-21T05:31:07.123999Z"


@pytest.mark.parametrize("at_us", [2**62, -(2**62), 2**63 - 1])
def test_a_time_that_no_calendar_has(at_us: int) -> None:
    assert moment(at_us) == second(at_us) == day(at_us) == f"{at_us} µs"
    assert machine(at_us) == ""


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (2**30, "1 GiB"),
        (2**70, "1048576 PiB"),
    ],
)
def test_size(count: int, said: str) -> None:
    assert size(count).replace(NARROW, " ") == said


def test_long_things_can_be_broken_but_numbers_cannot() -> None:
    assert number(1_234_567) == f"1{NARROW}234{NARROW}567"
    assert grouped("abcdefgh") == ["abcd", "efgh"]
    assert grouped("abcde") == ["abcd", "e"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Søren & Co. <b>", "Søren & Co. <b>"),
        ("two\nlines", "two\nlines"),
        ("paid \u202elaer\u202c", "paid [U+202E]laer[U+202C]"),
        ("sh\u200bop", "sh[U+200B]op"),
        ("shop\u3164", "shop[U+3164]"),
        ("a\rb\x00", "a[U+000D]b[U+0000]"),
        (17, "17"),
        (number(3600), f"3{NARROW}600"),
    ],
)
def test_a_strangers_words_hide_nothing(written: object, seen: str) -> None:
    assert plain(written) == seen
