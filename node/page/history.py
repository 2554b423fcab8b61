"""The journal of a visitor: every entry with what it left, page by page, and as a file."""

import csv
from collections.abc import Iterable
from functools import partial
from io import StringIO
from itertools import islice
from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.failure import ControlFailure
from node.control.settled import answering
from node.core.people.rows import Entry, Purse
from node.page.desk import Desk
from node.page.frame import Frame
from node.page.front import cursor_of
from node.page.outcome import attached
from node.page.told import Line, counted, line_of
from node.page.visits import Visit
from node.people.journal import Cursor, Journal, Span
from proto.money import Brand
from runtime.looks.words import machine, plain

MAX_ROWS: Final = 50_000  # of a file: some 10 MB, and more than a person books in ten years
MAX_FILES: Final = 2  # made at once; each reads the disk for a second
COLUMNS: Final = ("time", "what", "to", "text", "amount", "brand", "brand_id", "reference")
# Programs that show tables take a cell that begins so for a formula of theirs, and run it.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class History:
    """/history and /history.csv; `brand`: of one brand, `after`: older ones."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)
        self._files = trio.CapacityLimiter(MAX_FILES)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/history", self._frame.personal(self._show), methods=["GET"]),
            Route("/history.csv", self._frame.personal(self._file), methods=["GET"]),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        purses = self._desk.purses(visit)
        purse = _chosen(request, purses)
        after, person = cursor_of(request), visit.person.id
        journal = self._desk.confirmations.journal
        with answering():
            span = Span(brand=purse.brand if purse else None)
            page = journal.entries(person, span, after)
            lines = _with_balances(journal, person, page.entries)
        return self._frame.page(
            "history",
            visit,
            lines=lines,
            purses=purses,
            chosen=purse,
            next=page.next.text() if page.next else "",
            first=after is None,
        )

    async def _file(self, request: Request, visit: Visit) -> Response:
        purse = _chosen(request, self._desk.purses(visit))
        span = Span(brand=purse.brand if purse else None)
        entries = self._desk.confirmations.journal.all_entries(visit.person.id, span)
        make = partial(as_csv, entries, visit.person.id)
        with answering():
            text = await trio.to_thread.run_sync(make, limiter=self._files)
        return attached(text.encode(), f"{visit.person.name}-history.csv", "text/csv")


def _chosen(request: Request, purses: list[Purse]) -> Purse | None:
    """The account that the link names. ControlFailure for one that the visitor does not have."""
    named = request.query_params.get("brand", "")
    if not named:
        return None
    found = next((p for p in purses if p.guid.hex() == named), None)
    if found is None:
        raise ControlFailure("NOT_FOUND", "you have no account in that unit", "Choose another.")
    return found


def _with_balances(journal: Journal, person: bytes, entries: tuple[Entry, ...]) -> list[Line]:
    """Each entry of a page with what it left in its brand, whatever stands on other pages."""
    brands: dict[bytes, Brand] = {entry.brand.guid: entry.brand for entry in entries}
    counts: dict[tuple[bytes, bytes], Line] = {}
    for guid, brand in brands.items():
        mine = [entry for entry in entries if entry.brand.guid == guid]
        balance = _balance_after(journal, person, mine[0], brand)
        counts |= {(x.entry.reference, x.entry.part): x for x in counted(mine, person, balance)}
    return [counts[entry.reference, entry.part] for entry in entries]


def _balance_after(journal: Journal, person: bytes, newest: Entry, brand: Brand) -> int:
    """What the account held right after this entry. Those of the same µs have an order, too."""
    at_us = newest.at_us
    # A page begins after its cursor: one that stands before this entry begins with it.
    before = Cursor(at_us, newest.reference, newest.part)
    same = journal.entries(person, Span(at_us, at_us + 1, brand), before)
    older = sum(line_of(entry, person).amount for entry in same.entries)
    return journal.balance_at(person, brand, at_us) + older + line_of(newest, person).amount


def as_csv(entries: Iterable[Entry], person: bytes) -> str:
    """The newest MAX_ROWS as RFC 4180; amounts are signed, in smallest units."""
    text = StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for entry in islice(entries, MAX_ROWS):
        line = line_of(entry, person)
        cells = (machine(entry.at_us), entry.kind.name, line.to, entry.text)
        ids = (entry.brand.guid.hex(), entry.reference.hex())
        table.writerow([*map(cell, cells), str(line.amount), cell(entry.brand.name), *ids])
    return text.getvalue()


def cell(text: str) -> str:
    """A stranger's words as a cell that no program takes for a formula."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
