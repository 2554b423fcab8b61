"""Codes for who lost all passkeys, written down on paper. Pure.

The node keeps a hash of each and no more. They have 80 bits, so that a plain hash tells nobody what
a code is.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from node.core.people.rows import RecoveryCode

CODES: Final = 10
CODE_BYTES: Final = 10
CODE_GROUP: Final = 4
# Crockford's digits: none is taken for another, and what is read wrongly is read as meant.
DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", " ": None, "-": None})
MAX_TYPED: Final = 64  # of a code, with all the blanks that somebody puts into it


def fresh_codes(
    person: bytes, entropy: Callable[[int], bytes], now_us: int
) -> tuple[tuple[str, ...], tuple[RecoveryCode, ...]]:
    """Codes as the person writes them down, and the rows that know them again."""
    codes = tuple(_code(entropy(CODE_BYTES)) for _ in range(CODES))
    return codes, tuple(RecoveryCode(person, code_hash(code), now_us) for code in codes)


def _code(drawn: bytes) -> str:
    number = int.from_bytes(drawn, "big")
    digits = "".join(DIGITS[number >> shift & 31] for shift in range(8 * CODE_BYTES - 5, -1, -5))
    return "-".join(digits[i : i + CODE_GROUP] for i in range(0, len(digits), CODE_GROUP))


def code_hash(typed: str) -> bytes:
    """What is kept of a code; the same however it is typed."""
    meant = typed[:MAX_TYPED].lower().translate(MISREAD).strip()
    return sha256(b"pledgeway/recovery/v1\0" + meant.encode(errors="replace")).digest()
