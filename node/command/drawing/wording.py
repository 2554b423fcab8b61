"""What pictures say: names that fit, amounts and spans that can be read."""

import re
from typing import Final
from unicodedata import bidirectional

from node.command.exit_status import plain
from proto.limits import US

ID: Final = re.compile(r"[0-9a-f]{64}")
ID_SHOWN: Final = 10  # digits of an id: as a prefix it is unique among millions
NAME_SHOWN: Final = 18
TAIL_SHOWN: Final = 5  # long names often differ at their ends
RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
LEFT_TO_RIGHT: Final = "\N{LEFT-TO-RIGHT MARK}"


def short_name(name: str, most: int = NAME_SHOWN) -> str:
    """At most that many characters (at least 8), none of which moves others about.

    What is written from right to left stands between two marks that nobody sees: without them the
    figures beside it would change places.
    """
    text = plain(name)
    if ID.fullmatch(text):
        text = f"{text[: min(ID_SHOWN, most - 1)]}…"
    elif len(text) > most:
        text = f"{text[: most - TAIL_SHOWN - 1]}…{text[-TAIL_SHOWN:]}"
    if any(bidirectional(char) in RIGHT_TO_LEFT for char in text):
        return f"{LEFT_TO_RIGHT}{text}{LEFT_TO_RIGHT}"
    return text


def units(amount: int, brand: str) -> str:
    """An amount with its unit; digits in groups."""
    return f"{amount:,} {short_name(brand, 12)}".rstrip()


def share(part: int, whole: int) -> str:
    """A part in percent, to the thousandth, rounded down."""
    thousandths = part * 100_000 // whole
    return f"{thousandths // 1000}.{thousandths % 1000:03d} %"


def seconds(span_us: int) -> str:
    """A span, to the tenth of a second, rounded down as in the tables of commands."""
    return f"{span_us // US}.{span_us % US // 100_000} s"


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
