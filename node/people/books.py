"""Whether the accounts of people are sound: every entry against every purse, as the disk has them.

Each entry leaves one account and reaches another, so all of them sum up to nothing; a purse is the
sum of its entries; what it holds is what its live confirmations hold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Integer,
    Select,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy import union_all as together

from node.core.people.rows import CASH, LINES, OWNER, Confirmation, Entry, Purse
from node.core.rows import Line
from node.store import ROWS
from node.store_codecs import CODECS
from proto.money import Brand
from runtime.faults import reading

# Sums are added up in two halves of an amount: that of one account may go beyond 64 bits, which
# SQLite refuses. 2³² entries of an account fit.
_HALF_BITS: Final = 31
_HALF: Final = (1 << _HALF_BITS) - 1

_entry = ROWS[Entry.table].table
_purse = ROWS[Purse.table].table
_asked = ROWS[Confirmation.table].table
_line = ROWS[Line.table].table

Key = tuple[bytes, bytes]
"""An account (a person's id, LINES or CASH) and a brand's id."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account in one brand as its entries say: what came in, what went out, in how many."""

    account: bytes
    brand: Brand
    taken: int = 0
    given: int = 0
    entries: int = 0

    @property
    def balance(self) -> int:
        """Smallest units; negative where more went out."""
        return self.taken - self.given


@dataclass(frozen=True, slots=True)
class Position:
    """What the node itself has in one brand, in smallest units.

    `lines`: what its neighbours owe it, less what it owes them; `people`: what it owes its people,
    less what they owe it; `cash`: what was paid in over the counter, less what was paid out.
    """

    brand: Brand
    lines: int = 0
    people: int = 0
    cash: int = 0

    @property
    def own(self) -> int:
        """What would be left to the node's owner if everybody settled."""
        return self.lines + self.cash - self.people


@dataclass(frozen=True, slots=True)
class Books:
    """All accounts of one moment. `faults`: what does not agree, a sentence each."""

    accounts: Mapping[Key, Account]
    purses: Mapping[Key, Purse]
    positions: tuple[Position, ...]
    faults: tuple[str, ...] = ()

    @property
    def entries(self) -> int:
        """How many the journal has: each is in two accounts."""
        return sum(account.entries for account in self.accounts.values()) // 2


@dataclass(slots=True)
class _Draft:
    """What the rows of the one statement come to."""

    accounts: dict[Key, Account] = field(default_factory=dict)
    purses: dict[Key, Purse] = field(default_factory=dict)
    held: dict[Key, int] = field(default_factory=dict)
    lines: dict[bytes, int] = field(default_factory=dict)
    brands: dict[bytes, Brand] = field(default_factory=dict)
    broken: int = 0


def read_books(engine: Engine) -> Books:
    """Of the node's database, in one statement and so of one moment. StoreFailed.

    Takes the calling thread for a second for each million of entries.
    """
    with reading(engine) as connection:
        rows = connection.execute(_everything()).all()
    draft = _Draft()
    for what, account, brand, *numbers in rows:
        _TAKE[what](draft, bytes(account), CODECS[Brand].from_db(bytes(brand)), *map(int, numbers))
    return Books(draft.accounts, draft.purses, _positions(draft), tuple(_faults(draft)))


def halves() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The sum of entries' amounts as two columns, for `whole`."""
    return _halves(_entry.c.amount)


def whole(high: Any, low: Any) -> int:
    """The sum that two columns of `halves` came to."""
    return (int(high) << _HALF_BITS) + int(low)


def _halves(amount: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    by = cast(literal(_HALF_BITS), Integer)  # PostgreSQL shifts a bigint by an integer alone
    return (
        func.coalesce(func.sum(amount.op(">>")(by)), 0),
        func.coalesce(func.sum(amount.op("&")(_HALF)), 0),
    )


def _everything() -> Any:
    """(what, account, brand, four numbers)."""
    brand, nothing = _entry.c.brand, cast(literal(0), BigInteger)
    # Both ends the same, or nothing moved: no step of the core writes such a line.
    broken = or_(_entry.c.amount <= 0, _entry.c.giver == _entry.c.taker)
    held = _asked.c.reserved
    parts: list[Select[Any]] = [
        *(
            select(
                literal(what), side, brand, *_halves(_entry.c.amount), func.count(), nothing
            ).group_by(side, brand)
            for what, side in (("taken", _entry.c.taker), ("given", _entry.c.giver))
        ),
        select(literal("broken"), _entry.c.giver, brand, func.count(), *[nothing] * 3)
        .where(broken)
        .group_by(_entry.c.giver, brand),
        select(
            literal("purse"),
            _purse.c.person,
            _purse.c.brand,
            *(_purse.c[name] for name in ("limit", "booked_in", "booked_out", "reserved")),
        ),
        select(literal("held"), _asked.c.person, _asked.c.brand, *_halves(held), *[nothing] * 2)
        .where(held > 0)
        .group_by(_asked.c.person, _asked.c.brand),
        select(
            literal("line"),
            _line.c.id,
            _line.c.brand,
            _line.c.booked_in,
            _line.c.booked_out,
            *[nothing] * 2,
        ),
    ]
    return together(*parts)


def _booked(draft: _Draft, account: bytes, brand: Brand, taken: int, given: int, n: int) -> None:
    old = draft.accounts.get((account, brand.guid), Account(account, brand))
    draft.brands[brand.guid] = brand
    draft.accounts[account, brand.guid] = Account(
        account, brand, old.taken + taken, old.given + given, old.entries + n
    )


def _taken(
    draft: _Draft, account: bytes, brand: Brand, high: int, low: int, n: int, _: int
) -> None:
    _booked(draft, account, brand, whole(high, low), 0, n)


def _given(
    draft: _Draft, account: bytes, brand: Brand, high: int, low: int, n: int, _: int
) -> None:
    _booked(draft, account, brand, 0, whole(high, low), n)


def _broken(draft: _Draft, _: bytes, __: Brand, count: int, *___: int) -> None:
    draft.broken += count


def _purses(draft: _Draft, person: bytes, brand: Brand, *numbers: int) -> None:
    draft.brands[brand.guid] = brand
    draft.purses[person, brand.guid] = Purse(person, brand.guid, brand, *numbers)


def _held(draft: _Draft, person: bytes, brand: Brand, high: int, low: int, *_: int) -> None:
    if person != OWNER:
        draft.held[person, brand.guid] = whole(high, low)


def _lines(draft: _Draft, _: bytes, brand: Brand, given: int, taken: int, *__: int) -> None:
    draft.brands[brand.guid] = brand
    draft.lines[brand.guid] = draft.lines.get(brand.guid, 0) + given - taken


_TAKE: Final[Mapping[str, Callable[..., None]]] = {
    "taken": _taken,
    "given": _given,
    "broken": _broken,
    "purse": _purses,
    "held": _held,
    "line": _lines,
}


def _positions(draft: _Draft) -> tuple[Position, ...]:
    people: dict[bytes, int] = {}
    for (_, guid), purse in draft.purses.items():
        people[guid] = people.get(guid, 0) + purse.balance
    found = []
    for brand in sorted(draft.brands.values(), key=lambda brand: (brand.name, brand.guid)):
        cash = draft.accounts.get((CASH, brand.guid))
        found.append(
            Position(
                brand,
                draft.lines.get(brand.guid, 0),
                people.get(brand.guid, 0),
                0 if cash is None else -cash.balance,
            )
        )
    return tuple(found)


def _faults(draft: _Draft) -> Iterator[str]:
    if draft.broken:
        yield f"{draft.broken} entries move nothing, or from an account to itself"
    for key in sorted(_persons(draft.accounts, draft.purses, draft.held)):
        account, purse, held = draft.accounts.get(key), draft.purses.get(key), draft.held.get(key)
        brand = draft.brands.get(key[1])
        where = f"{key[0].hex()} in {brand.name if brand else key[1].hex()}"
        if purse is None:
            yield f"the account {where} has no purse, and {'entries' if account else 'holds'}"
            continue
        booked = (0, 0) if account is None else (account.taken, account.given)
        if booked != (purse.booked_in, purse.booked_out):
            yield (
                f"the purse {where} says {purse.booked_in} came in and {purse.booked_out} went"
                f" out, and its entries {booked[0]} and {booked[1]}"
            )
        if purse.reserved != (held or 0):
            yield (f"the purse {where} holds {purse.reserved}, and its live payments {held or 0}")


def _persons(*parts: Mapping[Key, Any]) -> Iterable[Key]:
    return {key for part in parts for key in part if key[0] not in (LINES, CASH)}
