"""What pictures say: names that fit, amounts and spans that can be read."""

import re
from typing import Final

from node.command.exit_status import plain
from proto.limits import US

ID: Final = re.compile(r"[0-9a-f]{64}")
ID_SHOWN: Final = 10  # digits of an id: as a prefix it is unique among millions
NAME_SHOWN: Final = 18
TAIL_SHOWN: Final = 5  # long names often differ at their ends


def short_name(name: str, most: int = NAME_SHOWN) -> str:
    """At most that many characters (at least 8), none of which moves others about."""
    text = plain(name)
    if ID.fullmatch(text):
        return f"{text[: min(ID_SHOWN, most - 1)]}…"
    if len(text) <= most:
        return text
    return f"{text[: most - TAIL_SHOWN - 1]}…{text[-TAIL_SHOWN:]}"


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
