"""Asking for money: requests that credit a visitor, shown as link, QR code and file."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

import segno
from segno.encoder import DataOverflowError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control import requests
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.events import DeclineRequest
from node.core.payee import terms_of
from node.core.rows import LinePhase, RequestPhase
from node.core.rows import Request as AskedRow
from node.page import shown
from node.page.desk import Desk, path_id, require_rested, whole
from node.page.frame import Frame, see_other
from node.page.outcome import attached
from node.page.visits import Visit
from proto.limits import MAX_DESCRIPTION_CHARS, US
from proto.money import Brand
from proto.request import PaymentRequest

MAX_SHOWN: Final = 100  # the newest
MAX_OPEN: Final = 100  # of one person: each is kept until it expires, by the node and for nothing
MAX_A_DAY: Final = 500  # made by one person, taken back or not: each is some 3 KB on the disk
DAY_S: Final = 86_400
EXPIRES: Final = (
    (3600, "1 hour"),
    (DAY_S, "1 day"),
    (7 * DAY_S, "7 days"),
    (30 * DAY_S, "30 days"),
)
WORDS: Final = {
    "OPEN": "waits to be paid",
    "HELD": "is being paid",
    "SIGNED": "is being paid",
    "PAID": "paid",
    "DECLINED": "taken back",
    "EXPIRED": "expired",
}


@dataclass(frozen=True, slots=True)
class Mine:
    """A request of the visitor's. `phase`: as `request show` has it; `received`: what came."""

    row: AskedRow
    asked: PaymentRequest
    phase: str
    text: str
    received: int

    @property
    def words(self) -> str:
        """How it stands."""
        return WORDS[self.phase]


class Asking:
    """/ask, and /ask/ID of each request."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)

    def routes(self) -> list[BaseRoute]:
        personal = self._frame.personal
        return [
            Route("/ask", personal(self._list), methods=["GET"]),
            Route("/ask", personal(self._make), methods=["POST"]),
            Route("/ask/{id}", personal(self._show), methods=["GET"]),
            Route("/ask/{id}/code.svg", personal(self._code), methods=["GET"]),
            Route("/ask/{id}/file", personal(self._file), methods=["GET"]),
            Route("/ask/{id}/take-back", personal(self._take_back), methods=["POST"]),
        ]

    # ------------------------------------------------------------------ all of them

    async def _list(self, request: Request, visit: Visit) -> Response:
        return self._page(visit, {})

    def _page(self, visit: Visit, fields: dict[str, str], fault: str = "") -> Response:
        rows = asked_by(self._frame.context, visit.person.id)[:MAX_SHOWN]
        mine = [self._told(row) for row in rows]
        return self._frame.page(
            "ask",
            visit,
            400 if fault else 200,
            mine=mine,
            shown=shown,
            brands=self._brands(visit),
            expires=EXPIRES,
            given=fields,
            fault=fault,
            most=MAX_DESCRIPTION_CHARS,
        )

    def _told(self, row: AskedRow) -> Mine:
        told = requests.request_json(self._frame.context, row)
        paid = told["phase"] == "PAID"
        # Within this node nothing crosses a line: what was taken is what came.
        received = told["received"] or (row.taking if paid else 0)
        return Mine(row, terms_of(row), told["phase"], told["text"], received)

    def _brands(self, visit: Visit) -> list[Brand]:
        """Units in which the visitor can be paid: of his accounts, and of the lines."""
        found = {purse.guid: purse.brand for purse in self._desk.purses(visit)}
        lines = self._frame.context.lines
        found |= {x.brand.guid: x.brand for x in lines if x.phase is LinePhase.OPEN}
        return sorted(found.values(), key=lambda brand: (brand.name, brand.guid))

    async def _make(self, request: Request, visit: Visit) -> Response:
        fields = await self._frame.form(request, visit)
        require_rested(visit, "Asking for money takes a session that a passkey has opened.")
        require_room(self._frame.context, visit.person.id)
        try:
            brand, told = self._wanted(visit, fields)
            made = await requests.create_in(self._frame.context, Arguments(told), brand)
        except ControlFailure as failure:
            if failure.code != "BAD_ARGUMENT":
                raise
            return self._page(visit, fields, failure.message)
        return see_other(f"/ask/{made['id']}")

    def _wanted(self, visit: Visit, fields: dict[str, str]) -> tuple[Brand, dict[str, Any]]:
        """What `request create` would be told. BAD_ARGUMENT."""
        brands = self._brands(visit)
        brand = next((b for b in brands if b.guid.hex() == fields.get("brand", "")), None)
        if brand is None:
            raise bad_argument("brand", "choose one of those that you can be paid in")
        spans = {str(seconds): seconds for seconds, _ in EXPIRES}
        expires_s = spans.get(fields.get("expires", ""))
        if expires_s is None:
            raise bad_argument("expires", "choose one of the times")
        told: dict[str, Any] = {
            "description": " ".join(fields.get("description", "").split()),
            "expires_s": expires_s,
            "person": visit.person.id.hex(),
        }
        if fields.get("open"):
            return brand, told | {"open": True}
        told["amount"] = whole("amount", fields.get("amount", ""))
        if least := fields.get("least", "").strip():
            told["amount_min"] = whole("least", least)
        return brand, told

    # ------------------------------------------------------------------ one of them

    def _own(self, request: Request, visit: Visit) -> Mine:
        """Another's request is one that does not exist."""
        memory = self._frame.context.engine.memory
        row = memory.row((AskedRow.table, path_id(request), b""))
        if not isinstance(row, AskedRow) or row.person != visit.person.id:
            raise HTTPException(404)
        return self._told(row)

    async def _show(self, request: Request, visit: Visit) -> Response:
        mine = self._own(request, visit)
        link = self._link(mine)
        return self._frame.page(
            "ask_one", visit, mine=mine, shown=shown, link=link, drawn=drawn(link) is not None
        )

    def _link(self, mine: Mine) -> str:
        return f"{self._frame.config.origin}/pay?request={quote(mine.text, safe=':')}"

    async def _code(self, request: Request, visit: Visit) -> Response:
        picture = drawn(self._link(self._own(request, visit)))
        if picture is None:
            raise HTTPException(404)
        return Response(picture, media_type="image/svg+xml")

    async def _file(self, request: Request, visit: Visit) -> Response:
        mine = self._own(request, visit)
        return attached(mine.text.encode() + b"\n", f"{mine.row.id.hex()[:8]}.pledgeway-request")

    async def _take_back(self, request: Request, visit: Visit) -> Response:
        mine = self._own(request, visit)
        await self._frame.form(request, visit)
        require_rested(visit, "Taking a request back takes a session that a passkey has opened.")
        await self._frame.context.do(partial(DeclineRequest, request=mine.row.id))
        return see_other(f"/ask/{mine.row.id.hex()}")


def asked_by(context: Context, person: bytes) -> list[AskedRow]:
    """A person's own requests, newest first, as far as memory has them."""
    mine = (row for row in context.engine.memory.owned(AskedRow) if row.person == person)
    return sorted(mine, key=lambda r: (r.created_at_us, r.id), reverse=True)


def require_room(context: Context, person: bytes) -> None:
    """ControlFailure where a person asks for more than anybody does, by hand or by a program."""
    rows, now_us = asked_by(context, person), context.clock.now_us()
    waiting = sum(r.phase is RequestPhase.OPEN and now_us <= r.expires_at_us for r in rows)
    today = sum(now_us - row.created_at_us < DAY_S * US for row in rows)
    if waiting >= MAX_OPEN:
        cause = f"{MAX_OPEN} of your requests wait already"
        raise ControlFailure("LIMIT_REACHED", cause, "Take some back first.")
    if today >= MAX_A_DAY:
        cause = f"you have asked {MAX_A_DAY} times within a day"
        raise ControlFailure("LIMIT_REACHED", cause, "Come back tomorrow.")


def drawn(link: str) -> bytes | None:
    """A QR code as SVG, black on white in the dark too; None where the link is too long for one."""
    try:
        code = segno.make_qr(link, error="l", boost_error=False)
    except DataOverflowError:
        return None
    picture = BytesIO()
    code.save(
        picture, kind="svg", xmldecl=False, border=4, dark="#000", light="#fff", omitsize=True
    )
    return picture.getvalue()
