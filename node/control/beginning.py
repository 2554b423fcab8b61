"""The first digits of an id, as people give them, found among many ids without writing them out."""

from dataclasses import dataclass
from typing import Final, Self

LEAST_DIGITS: Final = 4  # fewer name a tenth of everything
HEX_DIGITS: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Beginning:
    """`half`: the last digit, where their number is odd."""

    whole: bytes
    half: int | None

    @classmethod
    def of(cls, named: str) -> Self | None:
        """None where it begins no id."""
        digits = named.lower()
        if len(digits) < LEAST_DIGITS or not HEX_DIGITS.issuperset(digits):
            return None
        half = int(digits[-1], 16) if len(digits) % 2 else None
        return cls(bytes.fromhex(digits[: len(digits) // 2 * 2]), half)

    def begins(self, identity: bytes) -> bool:
        """Whether an id begins with these digits."""
        if not identity.startswith(self.whole):
            return False
        at = len(self.whole)
        return self.half is None or (at < len(identity) and identity[at] >> 4 == self.half)
