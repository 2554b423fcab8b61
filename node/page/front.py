"""What waits for a visitor, what he has, what runs, and what has happened lately."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.failure import ControlFailure
from node.control.settled import answering
from node.core.people.rows import Confirmation, KnownDomain
from node.page import shown
from node.page.desk import Desk
from node.page.frame import Frame
from node.page.told import line_of
from node.page.visits import Visit
from node.people.journal import Cursor
from proto.request import PaymentRequest

MAX_LATELY: Final = 6  # what happened since somebody looked last, of a usual day
MAX_SHOWN: Final = 50  # requests on one page; the others come up as these are answered


@dataclass(frozen=True, slots=True)
class Waits:
    """A request in a list. `domain`: the payee's, where our own look-up found that it is."""

    row: Confirmation
    asked: PaymentRequest
    domain: str

    @property
    def amount(self) -> str:
        """What is asked for, or what was approved."""
        return shown.asked_amount(self.asked)

    @property
    def phase(self) -> str:
        """How it stands."""
        return shown.PHASES[self.row.phase]


class Front:
    """/ and /requests."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._frame.personal(self._front), methods=["GET"]),
            Route("/requests", self._frame.personal(self._old), methods=["GET"]),
        ]

    async def _front(self, request: Request, visit: Visit) -> Response:
        person = visit.person.id
        pending = self._desk.confirmations.pending_of(person)
        with answering():
            lately = self._desk.confirmations.journal.entries(person, limit=MAX_LATELY)
        return self._frame.page(
            "front",
            visit,
            pending=[self._waits(row) for row in pending[:MAX_SHOWN]],
            more=max(0, len(pending) - MAX_SHOWN),
            live=[self._waits(row) for row in self._desk.confirmations.live_of(person)],
            purses=self._desk.purses(visit),
            lately=[line_of(entry, person) for entry in lately.entries],
        )

    async def _old(self, request: Request, visit: Visit) -> Response:
        """All that was ever asked of the visitor, from the disk."""
        after = cursor_of(request)
        with answering():
            page = self._desk.confirmations.journal.asked(visit.person.id, after)
        return self._frame.page(
            "asked",
            visit,
            asked=[self._waits(row) for row in page.confirmations],
            next=page.next.text() if page.next else "",
            first=after is None,
        )

    def _waits(self, row: Confirmation) -> Waits:
        asked = self._desk.confirmations.request_of(row)
        known = self._frame.context.engine.memory.row((KnownDomain.table, bytes(asked.payee), b""))
        holds = isinstance(known, KnownDomain) and known.holds and known.domain == asked.domain
        return Waits(row, asked, asked.domain if holds else "")


def cursor_of(request: Request) -> Cursor | None:
    """Where a list goes on, as the link says; None: from the newest. ControlFailure."""
    text = request.query_params.get("after", "")
    if not text:
        return None
    try:
        return Cursor.read(text)
    except ValueError as error:
        cause = "this link leads to no place in the list"
        raise ControlFailure("BAD_ARGUMENT", cause, "Go to the first page.") from error
