"""The journal of people's accounts and their old confirmations, as the disk has them. Reads alone.

Memory holds purses and what has not ended; entries and what is over lie on the disk alone. Reads
take the calling thread: a page of an account some milliseconds, `books` a second for each million
of entries, so a daemon calls that one in a thread. StoreFailed wherever the disk does not answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    or_,
    select,
)

from node.core.people.rows import (
    OWNER,
    Confirmation,
    Entry,
)
from node.core.rows import Row
from node.people.books import Books, halves, read_books, whole
from node.store import ROWS
from node.store_codecs import CODECS
from proto.money import Brand
from runtime.faults import reading

PAGE: Final = 50  # entries of one answer: what a page shows at once
MAX_PAGE: Final = 1000  # some 300 KB of an answer's megabyte
# No time of an entry or confirmation reaches it.
_NEVER_US: Final = (1 << 63) - 1

_entry = ROWS[Entry.table].table
_asked = ROWS[Confirmation.table].table


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: what comes after it is older, or of the same µs with a smaller key."""

    at_us: int
    key: bytes
    part: bytes = b""

    def text(self) -> str:
        """For a link: only digits and hyphens."""
        return f"{self.at_us}-{self.key.hex()}-{self.part.hex()}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """What `text` gave. ValueError."""
        at_us, key, part = text.split("-")
        if not at_us.isdecimal() or len(at_us) > 19 or int(at_us) > _NEVER_US:
            raise ValueError("not a place in a journal")
        return cls(int(at_us), bytes.fromhex(key), bytes.fromhex(part))


@dataclass(frozen=True, slots=True)
class Entries:
    """Some lines of a journal, newest first; `next`: where the next page begins; None: the end."""

    entries: tuple[Entry, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Some confirmations, those that came last first; `next` as in `Entries`."""

    confirmations: tuple[Confirmation, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Span:
    """Entries of a time (µs, POSIX; `until_us` is not in it any more) and brand; None: of all."""

    from_us: int = 0
    until_us: int = _NEVER_US
    brand: Brand | None = None


ALWAYS: Final = Span()


class Journal:
    """Reads what the engine has written. `engine`: the database of the node."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------------ entries

    def entries(
        self,
        account: bytes,
        span: Span = ALWAYS,
        after: Cursor | None = None,
        limit: int = PAGE,
    ) -> Entries:
        """Of one account (a person's id, LINES or CASH), newest first, at most `limit`."""
        with reading(self._engine) as connection:
            found = self._of_account(connection, account, span, after, limit + 1)
        more = len(found) > limit
        shown = tuple(found[:limit])
        last = Cursor(shown[-1].at_us, shown[-1].reference, shown[-1].part) if more else None
        return Entries(shown, last)

    def all_entries(self, account: bytes, span: Span = ALWAYS) -> Iterator[Entry]:
        """Every one of a span, newest first, page by page: for a statement."""
        after: Cursor | None = None
        while True:
            page = self.entries(account, span, after, MAX_PAGE)
            yield from page.entries
            after = page.next
            if after is None:
                return

    def of_reference(self, reference: bytes) -> tuple[Entry, ...]:
        """What became of one confirmation, request or transfer; oldest first."""
        query = select(_entry).where(_entry.c.reference == reference)
        with reading(self._engine) as connection:
            return _entries(connection, query.order_by(_entry.c.at_us, _entry.c.part))

    def balance_at(self, account: bytes, brand: Brand, at_us: int) -> int:
        """What an account held before this time (µs, POSIX), by its entries alone."""
        at = and_(_entry.c.brand == _brand(brand), _entry.c.at_us < at_us)
        with reading(self._engine) as connection:
            taken, given = (
                connection.execute(select(*halves()).where(at, side == account)).one()
                for side in (_entry.c.taker, _entry.c.giver)
            )
        return whole(*taken) - whole(*given)

    def _of_account(
        self, connection: Connection, account: bytes, span: Span, after: Cursor | None, limit: int
    ) -> list[Entry]:
        """Each side has an index of its own, so each is asked by itself."""
        at, key, part = _entry.c.at_us, _entry.c.reference, _entry.c.part
        fits = [at >= span.from_us, at < span.until_us]
        if span.brand is not None:
            fits.append(_entry.c.brand == _brand(span.brand))
        if after is not None:
            fits.append(_older((at, after.at_us), (key, after.key), (part, after.part)))
        found: list[Entry] = []
        for side in (_entry.c.giver, _entry.c.taker):
            query = select(_entry).where(side == account, *fits)
            query = query.order_by(at.desc(), key.desc(), part.desc()).limit(limit)
            found += _entries(connection, query)
        found.sort(key=lambda e: (e.at_us, e.reference, e.part), reverse=True)
        return found[:limit]

    # ------------------------------------------------------------------ confirmations

    def asked(self, person: bytes, after: Cursor | None = None, limit: int = PAGE) -> Asked:
        """What a person was asked, what is over included, newest first; OWNER: what he took."""
        at, key = _asked.c.received_at_us, _asked.c.id
        query = select(_asked).where(_asked.c.person == person)
        if person == OWNER:
            query = query.where(_asked.c.owned == 1)
        if after is not None:
            query = query.where(_older((at, after.at_us), (key, after.key)))
        query = query.order_by(at.desc(), key.desc()).limit(limit + 1)
        with reading(self._engine) as connection:
            found = _confirmations(connection, query)
        shown = tuple(found[:limit])
        more = len(found) > limit
        return Asked(shown, Cursor(shown[-1].received_at_us, shown[-1].id) if more else None)

    def confirmation(self, confirmation: bytes) -> Confirmation | None:
        """One by its whole id, over or not."""
        with reading(self._engine) as connection:
            rows = _confirmations(connection, select(_asked).where(_asked.c.id == confirmation))
        return next(iter(rows), None)

    def books(self) -> Books:
        """Every entry against every purse: to be called in a thread of its own."""
        return read_books(self._engine)


def _entries(connection: Connection, query: Select[Any]) -> tuple[Entry, ...]:
    return tuple(row for row in _read(connection, query, Entry.table) if isinstance(row, Entry))


def _confirmations(connection: Connection, query: Select[Any]) -> list[Confirmation]:
    rows = _read(connection, query, Confirmation.table)
    return [row for row in rows if isinstance(row, Confirmation)]


def _read(connection: Connection, query: Select[Any], table: str) -> Iterator[Row]:
    # Asking the query for its table would compile it each time, which takes longer than the rest.
    read = ROWS[table].from_columns
    return (read(dict(row)) for row in connection.execute(query).mappings())


def _brand(brand: Brand) -> bytes:
    column: bytes = CODECS[Brand].to_db(brand)
    return column


def _older(*columns: tuple[ColumnElement[Any], Any]) -> ColumnElement[bool]:
    """Columns that come before the values in falling order, the first of them first."""
    (column, value), *others = columns
    if not others:
        smaller: ColumnElement[bool] = column < value
        return smaller
    return or_(column < value, and_(column == value, _older(*others)))
