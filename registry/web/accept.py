"""Which form of an answer a client wants: the Accept header (RFC 9110 section 12.5.1). Pure."""

from collections.abc import Sequence
from typing import Final

MAX_RANGES: Final = 32  # browsers send fewer than ten; more only cost time
THOUSAND: Final = 1000  # a q-value has three decimals: counted in thousandths


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The media type among `offered` (lower case, best first) that `accept` likes best.

    The most specific range that matches a type gives its weight, whatever stands before it. Of
    equally liked types the earlier offered wins. Where nothing is acceptable, or the header says
    nothing, the first is given all the same (RFC 9110 allows it): a signed answer in a form that
    was not asked for tells more than none.
    """
    ranges = [_range(part) for part in accept.split(",")[:MAX_RANGES] if part.strip()]
    weights = {media: _weight(media, ranges) for media in offered}
    best = max(weights.values())
    return next(media for media in offered if weights[media] == best)


def _range(text: str) -> tuple[str, int]:
    """(media range, weight in thousandths); a range that cannot be read has weight 0."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = THOUSAND
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            weight = _thousandths(value.strip())
    return name, weight


def _thousandths(text: str) -> int:
    """0 to 1000 of a qvalue: 0, 1, 0.5, 0.123, 1.000; 0 where it is none."""
    whole, _, decimals = text.partition(".")
    if whole not in ("0", "1") or len(decimals) > 3 or not (decimals or "0").isdecimal():
        return 0
    if not text.isascii():
        return 0
    value = int(whole) * THOUSAND + int(decimals.ljust(3, "0"))
    return value if value <= THOUSAND else 0


def _weight(media: str, ranges: Sequence[tuple[str, int]]) -> int:
    if not ranges:
        return THOUSAND
    kind = media.partition("/")[0]
    for wanted in (media, f"{kind}/*", "*/*"):  # from the most specific on
        found = [weight for name, weight in ranges if name == wanted]
        if found:
            return max(found)
    return 0
