"""A request that somebody was given as a link, text or file: read, and put on the own list.

A link alone puts nothing there: whoever sends links may not fill a list. Its page says what it
holds to anybody who has it, for it is no secret, and the button is its visitor's own.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.context import store
from node.control.failure import ControlFailure
from node.page import shown
from node.page.desk import Desk
from node.page.frame import Frame, see_other
from node.page.uploads import uploaded
from node.page.visits import Visit
from proto.limits import MAX_REQUEST_BYTES
from proto.reason import Reason
from proto.request import REQUEST_PREFIX, PaymentRequest, from_text, read_asked
from proto.wire import WireFault

MAX_TEXT: Final = 2 * MAX_REQUEST_BYTES  # in base64, with the line breaks of a mail


class Taking:
    """/pay: from a link; /pay/mine: of whoever is logged in."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)

    def routes(self) -> list[BaseRoute]:
        personal = self._frame.personal
        return [
            Route("/pay", self._link, methods=["GET"]),
            Route("/pay", personal(self._take), methods=["POST"]),
            Route("/pay/mine", personal(self._mine), methods=["GET"]),
        ]

    async def _link(self, request: Request) -> Response:
        """What a link holds. Where it comes from another site no cookie comes with it, so that
        nobody is logged in here: the way on is a link of our own."""
        visit = self._frame.visits.of(request)
        text = request.query_params.get("request", "")
        if visit is not None or not text:
            return await self._frame.personal(self._mine)(request)
        try:
            asked = self._read(text)
        except ControlFailure as failure:
            return self._frame.failure(None, failure)
        return self._frame.page("given", None, asked=asked, text=text, shown=shown)

    async def _mine(self, request: Request, visit: Visit) -> Response:
        text = request.query_params.get("request", "")
        asked = self._read(text) if text else None
        return self._frame.page("pay", visit, asked=asked, text=text, shown=shown)

    async def _take(self, request: Request, visit: Visit) -> Response:
        fields = await uploaded(self._frame, request, visit)
        given = fields.get("file", b"").strip() or fields.get("request", b"").strip()
        if not given:
            raise _none("Paste its text or choose its file.")
        data = _bytes_of(given)
        try:
            found, refusal = await store(self._desk.confirmations.take(visit.person.id, data))
        except WireFault as fault:
            raise _none(f"This is no payment request that holds: {fault}.") from fault
        if refusal is not None:
            if refusal.reason is Reason.CONFIRMATION_UNKNOWN:
                # Somebody else's already: its being there is nobody's business.
                raise ControlFailure("NOT_FOUND", "This request is not for you.", "Ask the payee.")
            said = shown.why(refusal)
            raise ControlFailure(refusal.reason.name, said.text, said.step)
        return see_other(f"/requests/{found.hex()}")

    def _read(self, text: str) -> PaymentRequest:
        try:
            asked = read_asked(_bytes_of(text.encode()), self._frame.context.clock.now_us())
        except WireFault as fault:
            raise _none(f"This is no payment request that holds: {fault}.") from fault
        return asked[1]


def _bytes_of(given: bytes) -> bytes:
    """The request in a text that begins as such a text does. ControlFailure."""
    if len(given) > MAX_TEXT:
        raise _none(f"This is no payment request: it has more than {MAX_TEXT} characters.")
    try:
        return from_text(given.decode("ascii"))
    except (UnicodeDecodeError, WireFault) as fault:
        text = f"This is no payment request: the text of one begins with {REQUEST_PREFIX}"
        raise _none(text) from fault


def _none(text: str) -> ControlFailure:
    """To be raised; it leads back to the form."""
    return ControlFailure("BAD_ARGUMENT", text, "/pay/mine")
