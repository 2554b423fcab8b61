"""Names that the eye does not tell apart. Pure.

Not a proof of anything: whoever is paid is known by a key. But people read names, so one that looks
like a name that its payer trusts has to be told from it loudly. The idea is the skeleton of Unicode
Technical Standard 39; the table holds what names of shops are made of, not all of Unicode.
"""

import unicodedata
from typing import Final

# Cyrillic and Greek letters that look like Latin ones; capitals before case is put aside, since
# some look like others than their small letters do.
_CAPITALS: Final = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u04c0\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABESIJKMHOPCTYX" + "IABEZHIKMNOPTYX",
)
_SMALL: Final = str.maketrans(
    "\u0430\u0432\u0435\u0455\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445"
    "\u04bb\u04cf\u0501\u051b\u051d\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
    "\u0131\u0261",
    "abesijkmhopctyx" + "hldqwaeikvoptux" + "ig",
)
# A capital I is a small l in most type faces, and each is a 1; an O is a 0.
_STROKES: Final = str.maketrans("i10", "llo")
_PAIRS: Final = (("rn", "m"), ("vv", "w"))


def skeleton(name: str) -> str:
    """The same for names that look alike: without case, accents, blanks and points, and with one
    letter for all that look like it. A name of signs alone is its own skeleton."""
    parts = unicodedata.normalize("NFKD", name).translate(_CAPITALS).casefold().translate(_SMALL)
    shown = "".join(c for c in parts if c.isalnum()).translate(_STROKES)
    for pair, letter in _PAIRS:
        shown = shown.replace(pair, letter)
    return shown or "".join(parts.split())
