"""Amounts, rates and brands (protocol section 2)."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.limits import MAX_AMOUNT, MAX_BRAND_NAME_CHARS
from proto.money import ONE, SCALE, Brand, Rate, amount, mul_div_ceil, mul_div_floor


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1])
def test_amounts_are_naturals_below_two_to_the_63(value: int) -> None:
    assert amount(value) == value


@pytest.mark.parametrize("value", [-1, 2**63, 2**64, -(2**63)])
def test_amounts_out_of_bounds(value: int) -> None:
    with pytest.raises(ValueError, match="an amount lies between"):
        amount(value)


PARSED = [
    ("1", SCALE),
    ("0", 0),
    ("1.0", SCALE),
    ("1.0005", 1_000_500_000),
    ("0.000000001", 1),
    ("1000", 1000 * SCALE),
    ("999.999999999", 999_999_999_999),
    ("1.100", 1_100_000_000),
]


@pytest.mark.parametrize(("text", "nano"), PARSED)
def test_rates_are_read_exactly(text: str, nano: int) -> None:
    assert Rate.parse(text) == Rate(nano)


REFUSED = [
    "",
    ".",
    "1.",
    ".5",
    "-1",
    "+1",
    "- 1",
    "1,5",
    "1.5.0",
    "1e3",
    "1E3",
    "0x1",
    "1_000",
    " 1",
    "1 ",
    "1\n",
    "1\0",
    "NaN",
    "inf",
    "Infinity",
    "1/2",
    "1.0000000001",  # ten decimals, were they zeros or not
    "1.0000000000",
    "١",  # digits of another script
    "1.٥",
    "²",
    "1" * 5000,
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal"):
        Rate.parse(text)


@given(st.integers(0, 10**19 - 1))
def test_rates_survive_print_and_parse(nano: int) -> None:
    text = str(Rate(nano))
    assert Rate.parse(text) == Rate(nano)
    assert "e" not in text
    assert not text.endswith(".")
    assert not ("." in text and text.endswith("0"))


@given(st.text(max_size=24))
def test_reading_a_rate_either_works_or_refuses(text: str) -> None:
    try:
        rate = Rate.parse(text)
    except ValueError:
        return
    assert Fraction(rate.nano, SCALE) == Fraction(text)


def test_rates_compare_as_numbers() -> None:
    assert Rate.parse("0.9") < ONE < Rate.parse("1.000000001") < Rate.parse("10")


@given(st.integers(0, 2**80), st.integers(0, 2**80), st.integers(1, 2**80))
def test_rounding_goes_where_the_name_says(value: int, num: int, den: int) -> None:
    exact = Fraction(value * num, den)
    assert mul_div_floor(value, num, den) == floor(exact)
    assert mul_div_ceil(value, num, den) == ceil(exact)


GUID = bytes(range(16))


def test_a_brand_has_defaults() -> None:
    assert Brand(GUID, "USD") == Brand(GUID, "USD", 1, b"")
    assert Brand(GUID, "€" * MAX_BRAND_NAME_CHARS, MAX_AMOUNT, b"\1" * 32)


BAD_BRANDS = [
    (GUID[:-1], "USD", 1, b"", "guid"),
    (GUID + b"\0", "USD", 1, b"", "guid"),
    (b"", "USD", 1, b"", "guid"),
    (GUID, "", 1, b"", "name"),
    (GUID, "x" * (MAX_BRAND_NAME_CHARS + 1), 1, b"", "name"),
    (GUID, "US\nD", 1, b"", "name"),
    (GUID, "US\x1b[2JD", 1, b"", "name"),
    (GUID, "US\u202eD", 1, b"", "name"),  # right-to-left override
    (GUID, "USD", 0, b"", "unit"),
    (GUID, "USD", -1, b"", "unit"),
    (GUID, "USD", MAX_AMOUNT + 1, b"", "unit"),
    (GUID, "USD", 1, b"\1" * 31, "issuer"),
    (GUID, "USD", 1, b"\1" * 33, "issuer"),
]


@pytest.mark.parametrize(("guid", "name", "unit", "issuer", "named"), BAD_BRANDS)
def test_bad_brands(guid: bytes, name: str, unit: int, issuer: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Brand(guid, name, unit, issuer)
