"""Amounts, rates and brands (protocol section 2). Integers only; the rounding is in the name."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NewType, Self

from proto.limits import MAX_AMOUNT, MAX_BRAND_NAME_CHARS, MAX_RATE_DECIMALS

Amount = NewType("Amount", int)
"""Natural number of a brand's smallest units, 0 <= a <= MAX_AMOUNT."""

SCALE: Final = 10**MAX_RATE_DECIMALS
BRAND_ID_BYTES: Final = 16
MAX_RATE_CHARS: Final = 64  # twenty would do; longer ones are refused before they are quoted


def amount(value: int) -> Amount:
    """Checks the range. Raises ValueError outside it."""
    if not 0 <= value <= MAX_AMOUNT:
        raise ValueError(f"an amount lies between 0 and {MAX_AMOUNT}, not {value}")
    return Amount(value)


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """An exact rational with at most 9 decimals: ``nano`` / 10**9."""

    nano: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a plain decimal such as "1.0005"; raises ValueError for anything else."""
        if len(text) > MAX_RATE_CHARS:
            raise ValueError(f"not a decimal number of at most {MAX_RATE_CHARS} characters")
        whole, dot, decimals = text.partition(".")
        if dot and not decimals:
            raise ValueError(f"not a decimal number: {text!r}")
        digits = whole + decimals
        # isascii first: isdigit alone admits digits of other scripts, which nobody would sign.
        if not whole or not digits.isascii() or not digits.isdigit():
            raise ValueError(f"not a decimal number: {text!r}")
        if len(decimals) > MAX_RATE_DECIMALS or len(whole) > 10:
            raise ValueError(f"a rate has at most {MAX_RATE_DECIMALS} decimals: {text!r}")
        return cls(int(whole) * SCALE + int(decimals.ljust(MAX_RATE_DECIMALS, "0")))

    def __str__(self) -> str:
        whole, rest = divmod(self.nano, SCALE)
        decimals = str(rest).rjust(MAX_RATE_DECIMALS, "0").rstrip("0")
        return f"{whole}.{decimals}" if decimals else str(whole)


ONE: Final = Rate(SCALE)


def mul_div_ceil(value: int, numerator: int, denominator: int) -> int:
    """value * numerator / denominator, rounded up. All natural, denominator > 0."""
    return -(-value * numerator // denominator)


def mul_div_floor(value: int, numerator: int, denominator: int) -> int:
    """value * numerator / denominator, rounded down."""
    return value * numerator // denominator


@dataclass(frozen=True, slots=True)
class Brand:
    """The unit of a right: every amount belongs to one.

    `guid` is 16 bytes; `unit` the smallest transferable amount; `issuer` a node id or empty.
    """

    guid: bytes
    name: str
    unit: int = 1
    issuer: bytes = b""

    def __post_init__(self) -> None:
        if len(self.guid) != BRAND_ID_BYTES:
            raise ValueError(f"a brand's guid has {BRAND_ID_BYTES} bytes, not {len(self.guid)}")
        if not 0 < len(self.name) <= MAX_BRAND_NAME_CHARS or not self.name.isprintable():
            raise ValueError(f"a brand's name has 1 to {MAX_BRAND_NAME_CHARS} printable characters")
        if not 1 <= self.unit <= MAX_AMOUNT:
            raise ValueError(f"a brand's unit is at least 1, not {self.unit}")
        if len(self.issuer) not in (0, 32):
            raise ValueError("a brand's issuer is a node id or empty")


def common_brand(name: str, unit: int = 1) -> Brand:
    """The brand without issuer that everybody means by this name and unit. ValueError."""
    tag = b"pledgeway/brand/v1\0" + unit.to_bytes(8, "big") + name.encode()
    return Brand(sha256(tag).digest()[:BRAND_ID_BYTES], name, unit)
