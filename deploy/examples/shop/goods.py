"""What the shop sells, and what a basket comes to."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from hashlib import sha256
from typing import Final

MAX_PIECES: Final = 9  # of one thing in a basket: whoever wants more talks to the shop
DAY_S: Final = 86_400
CODE_BYTES: Final = 15  # nobody guesses the code of somebody else's lamp


@unique
class Kind(Enum):
    """How a thing is handed over."""

    PARCEL = "goes out by post"
    HELD = "goes out by post; there is one of it, and it is held for a moment only"
    CODE = "is a code, shown once it is paid"
    FILLED = "fills itself again: it asks for more when it runs out"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing. `price` in smallest units of the shop's brand."""

    code: str
    name: str
    text: str
    price: int
    kind: Kind


THINGS: Final[Mapping[str, Thing]] = {
    thing.code: thing
    for thing in (
        Thing("ledger", "The Ledger", "Two columns for everything. Half linen, 312 pages.", 700,
              Kind.PARCEL),
        Thing("promise", "A Short History of Promises", "From tally sticks on. Cloth, 240 pages.",
              450, Kind.PARCEL),
        Thing("first", "Pacioli, first edition", "Venice 1494, rebound.", 9000,
              Kind.HELD),
        Thing("lamp", "A lamp for your world", "A virtual lamp. Its light casts shadows.",
              120, Kind.CODE),
        Thing("oil", "Oil for the lamp", "Enough for one evening.",
              30, Kind.FILLED),
    )
}  # fmt: skip


def standing_approval(thing: Thing) -> dict[str, int]:
    """What a thing that fills itself asks for beside its price: ten times a day, for a month.

    A fifth more each time than it costs, for the fees of those between."""
    most = thing.price + max(1, thing.price // 5)
    return {
        "per_payment": most,
        "period_s": DAY_S,
        "per_period": 10 * most,
        "total": 100 * most,
        "lasts_s": 30 * DAY_S,
    }


class NoBasket(ValueError):
    """One line: why this cannot be ordered."""


def read_basket(counts: Mapping[str, str]) -> dict[str, int]:
    """A form's fields: how many of each thing. Raises NoBasket."""
    basket = {}
    for code, text in counts.items():
        if code not in THINGS or not text.isascii() or not (text.isdigit() or text == ""):
            raise NoBasket("The basket cannot be read.")
        if int(text or 0) > MAX_PIECES:
            raise NoBasket(f"At most {MAX_PIECES} of {THINGS[code].name}.")
        if int(text or 0):
            basket[code] = int(text)
    if not basket:
        raise NoBasket("The basket is empty.")
    kinds = {THINGS[code].kind for code in basket}
    if kinds & {Kind.HELD, Kind.FILLED} and basket not in ({code: 1} for code in THINGS):
        raise NoBasket("The first edition and the oil are ordered alone, one at a time.")
    return basket


def total(basket: Mapping[str, int]) -> int:
    """In smallest units."""
    return sum(THINGS[code].price * count for code, count in basket.items())


def in_words(basket: Mapping[str, int]) -> str:
    """For the payer's page: one line."""
    names = (
        THINGS[code].name if count == 1 else f"{count} × {THINGS[code].name}"
        for code, count in sorted(basket.items())
    )
    return ", ".join(names)


def order_hash(number: str, basket: Mapping[str, int], brand: str) -> bytes:
    """SHA-256 of all that was agreed. It stands in the request, so the receipt is of this basket
    and of no other."""
    agreed = {
        "order": number,
        "things": {code: [count, THINGS[code].price] for code, count in basket.items()},
        "brand": brand,
    }
    return sha256(json.dumps(agreed, sort_keys=True, separators=(",", ":")).encode()).digest()


def handed(code: str, count: int) -> str:
    """Hands over so many of a thing, and says how: what stands in the book of deliveries."""
    thing = THINGS[code]
    match thing.kind:
        case Kind.CODE:
            codes = ", ".join(secrets.token_hex(CODE_BYTES) for _ in range(count))
            return f"{thing.name}: {codes}"
        case Kind.FILLED:
            return f"{thing.name}: filled"
        case _:
            return f"{thing.name}: {count} in parcel {secrets.token_hex(4)}"
