"""Base64 and decimals as C2SP texts write them (signed-note, tlog-checkpoint, tlog-proof).

Each value has exactly one spelling. Two spellings of one hash would be two notes with one meaning,
and whoever compares bytes would take them for two.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final

from proto.wire import WireFault

MAX_DECIMAL: Final = 2**63 - 1  # fits a signed 64-bit column of every database
_MAX_DIGITS: Final = len(str(MAX_DECIMAL))  # longer texts are refused before they are converted


def to_base64(data: bytes) -> str:
    """Standard base64 with padding, RFC 4648 section 4."""
    return b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes behind `to_base64`. Raises WireFault, for stray bits behind the end as well."""
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except (Base64Error, UnicodeEncodeError) as error:
        raise WireFault("not base64") from error
    if to_base64(data) != text:
        raise WireFault("base64 in another than its one spelling")
    return data


def from_decimal(text: str) -> int:
    """0 to 2^63 - 1 in ASCII digits without leading zeros. Raises WireFault."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    if not plain or (text[0] == "0" and text != "0") or int(text) > MAX_DECIMAL:
        raise WireFault("not a decimal number without leading zeros below 2^63")
    return int(text)
