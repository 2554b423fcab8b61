"""Times, spans and sizes as people read them. Pure; everything in UTC."""

from datetime import UTC, datetime
from typing import Final

from proto.limits import US

MS: Final = US // 1000
_UNITS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_BINARY: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"
BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that show nothing


def moment(at_us: int) -> str:
    """2026-11-21 05:31:07.123 UTC, rounded down; the number where no calendar has it."""
    whole = _calendar(at_us)
    if whole is None:
        return f"{at_us} µs"
    return f"{whole:%Y-%m-%d %H:%M:%S}.{at_us % US // MS:03d} UTC"


def second(at_us: int) -> str:
    """2026-11-21 05:31:07 UTC, rounded down."""
    whole = _calendar(at_us)
    return f"{at_us} µs" if whole is None else f"{whole:%Y-%m-%d %H:%M:%S} UTC"


def day(at_us: int) -> str:
    """2026-11-21."""
    whole = _calendar(at_us)
    return f"{at_us} µs" if whole is None else f"{whole:%Y-%m-%d}"


def machine(at_us: int) -> str:
    """The same instant for programs, to the microsecond (RFC 3339); "" where there is none."""
    whole = _calendar(at_us)
    return "" if whole is None else f"{whole:%Y-%m-%dT%H:%M:%S}.{at_us % US:06d}Z"


def _calendar(at_us: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(at_us // US, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def span(us: int) -> str:
    """A span >= 0 in its two largest units, rounded down: 250 ms, 2.5 seconds, 3 days 4 hours."""
    assert us >= 0, us
    if us < US:
        return _decimal(us, MS) + f"{NARROW}ms"
    if us < 60 * US:
        text = _decimal(us, US)
        return f"{text} second" if text == "1" else f"{text} seconds"
    left, parts = us // US, []
    for unit, name in _UNITS:
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count} {name}" if count == 1 else f"{count} {name}s")
    return " ".join(parts[:2])


def _decimal(value: int, unit: int) -> str:
    """`value` in units with one decimal, which is left out where it is 0."""
    whole, tenths = value // unit, value % unit * 10 // unit
    return f"{whole}.{tenths}" if tenths else f"{whole}"


def size(count: int) -> str:
    """A number of bytes in binary units, rounded down: 512 bytes, 1.5 MiB."""
    unit, power = 1, 0
    while count >= unit * 1024 and power < len(_BINARY) - 1:
        unit, power = unit * 1024, power + 1
    return _decimal(count, unit) + NARROW + _BINARY[power]


def number(count: int) -> str:
    """1 234 567, with spaces that never break a line."""
    return f"{count:,}".replace(",", NARROW)


def grouped(text: str, every: int = 4) -> list[str]:
    """A long hash in pieces that may be broken into lines between them."""
    return [text[i : i + every] for i in range(0, len(text), every)]


def plain(text: object) -> str:
    """A stranger's words with every character in sight: one that turns the direction of reading, is
    blank or moves the rest stands there by its number. Line feeds stay."""
    seen = (c if c == "\n" or _is_seen(c) else f"[U+{ord(c):04X}]" for c in str(text))
    return "".join(seen)


def _is_seen(char: str) -> bool:
    """Our own numbers and spans have narrow spaces, which are as plain to see as the wide one."""
    return char == NARROW or (char.isprintable() and char not in BLANKS)
