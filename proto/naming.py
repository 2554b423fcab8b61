"""Whom somebody means by a name (pure): nodes, and whatever else has an id and a name.

An id given whole is always its bearer: no name stands in its way. Else a name counts, of those whom
the person knows before those of strangers, and so do the first digits of an id.
"""

from collections.abc import Collection, Mapping
from typing import Final

LEAST_DIGITS: Final = 8  # of an id that is not given whole; a name that could be one is not used
HEX_DIGITS: Final = frozenset("0123456789abcdef")


def begins_an_id(text: str) -> bool:
    """Whether a text could be the first digits of an id; in lower case."""
    return len(text) >= LEAST_DIGITS and HEX_DIGITS.issuperset(text)


def meant(given: str, ids: Collection[str], *called: Mapping[str, str]) -> frozenset[str]:
    """Ids (hex) that somebody may mean. `called`: their names by id, the first that has the name
    counts alone. A name that looks like an id is nobody's alone: then all that know it count."""
    if given in ids:
        return frozenset((given,))
    lower = given.lower()
    if lower in ids:
        return frozenset((lower,))
    if not begins_an_id(lower):
        bearers = ({i for i, name in names.items() if name == given} for names in called)
        return frozenset(next(filter(None, bearers), ()))
    found = {i for names in called for i, name in names.items() if name == given}
    return frozenset(found | {i for i in ids if i.startswith(lower)})
