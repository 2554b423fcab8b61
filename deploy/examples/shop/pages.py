"""The shop's pages: a catalogue, orders, the way back from the buyer's node, and its calls."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import trio
from checking import heard
from door import COOKIE, bounded, guarded, own_form, session_of
from goods import THINGS, Kind, NoBasket, in_words, read_basket
from orders import Order
from selling import COMMITTED, WITHDRAWN, Selling, Unsold
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from proto.domain import WELL_KNOWN
from proto.interaction import read_way_back
from proto.webhook import (
    ID_HEADER,
    MAX_BODY_BYTES,
    TOLERANCE_S,
    WebhookFault,
    read_public,
)
from proto.wire import WireFault
from runtime.looks.templates import environment

FOLDER: Final = Path(__file__).parent
TOKEN_BYTES: Final = 16
MAX_FOLLOWED: Final = 64  # orders that are polled at once, each with a connection of its own
LOOK_S: Final = 10.0  # longer than all that one look waits for
US: Final = 1_000_000
FILES: Final = ("shop.css", "shop.svg")
NOTHING_TYPED: Final[Mapping[str, str]] = MappingProxyType({})
ENDED: Final = ("DENIED", "EXPIRED", WITHDRAWN)

Watch = Callable[[Order, bool], None]
"""Has somebody look at an order, later; True: until it is over."""


class Pages:
    """Owned by trio. `watch`: as above; `now_us`: POSIX µs."""

    def __init__(
        self, selling: Selling, watch: Watch, now_us: Callable[[], int], domain: bytes = b""
    ) -> None:
        """`domain`: the document that shows that our domain is our node's."""
        self._selling = selling
        self._orders = selling.orders
        self._watch = watch
        self._now_us = now_us
        self._domain = domain
        self._templates = environment(FOLDER / "templates")

    def routes(self) -> list[BaseRoute]:
        """All of them. What changes something is POST, and comes from these pages or is signed."""
        return [
            Route("/", self.catalogue),
            Route("/orders", self.all_orders, methods=["GET"]),
            Route("/orders", self.begin, methods=["POST"]),
            Route("/orders/{number}", self.one_order, methods=["GET"]),
            Route("/orders/{number}/pay", self.pay, methods=["GET"]),
            Route("/orders/{number}/receipt", self.receipt, methods=["GET"]),
            Route("/orders/{number}/refill", self.refill, methods=["POST"]),
            Route("/orders/{number}/again", self.again, methods=["POST"]),
            Route("/thanks", self.thanks, methods=["GET"]),
            Route("/called", self.called, methods=["POST"]),
            Route(WELL_KNOWN, self.well_known, methods=["GET"]),
            *(Route(f"/{name}", _file(name)) for name in FILES),
        ]

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        """A template filled in."""
        text = self._templates.get_template(f"{name}.html").render(
            shop=self._selling.terms.name, brand=self._selling.terms.brand, **values
        )
        return Response(text, status, media_type="text/html")

    # ------------------------------------------------------------------ choosing

    async def catalogue(self, request: Request) -> Response:
        """What there is."""
        return self._catalogue("")

    def _catalogue(
        self, fault: str, status: int = 200, typed: Mapping[str, str] = NOTHING_TYPED
    ) -> Response:
        """`typed`: the fields as they came, so that nobody types them twice."""
        return self.page("catalogue", status, things=THINGS.values(), fault=fault, typed=typed)

    async def begin(self, request: Request) -> Response:
        """A basket becomes an order, and its request waits at the buyer's node."""
        fields = await own_form(request)
        account = fields.pop("account", "")
        token = request.cookies.get(COOKIE, "") or secrets.token_hex(TOKEN_BYTES)
        try:
            order = await self._selling.order(session_of(token), read_basket(fields), account)
        except (NoBasket, Unsold) as fault:
            return self._catalogue(str(fault), 400, fields | {"account": account})
        self._watch(order, True)
        answer = RedirectResponse(f"/orders/{order.number}/pay", 303)
        answer.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
        return answer

    async def pay(self, request: Request) -> Response:
        """Leads on to the buyer's node. A redirect would be stopped by our own form-action."""
        order = self._own(request)
        answer = self.page("pay", order=order)
        answer.headers["Refresh"] = f"0; url={order.approval_url}"
        return answer

    async def refill(self, request: Request) -> Response:
        """The lamp asks for oil: what the buyer has approved once and for all pays it."""
        await own_form(request)
        parent = self._own(request)
        if THINGS[next(iter(parent.things))].kind is not Kind.FILLED or parent.parent:
            raise HTTPException(404)
        try:
            order = await self._selling.refill(parent.session, parent)
        except Unsold as fault:
            return self.page("told", 502, title="Not ordered", text=str(fault))
        self._watch(order, True)
        return RedirectResponse(f"/orders/{order.number}", 303)

    async def again(self, request: Request) -> Response:
        """What was not paid is asked for once more."""
        await own_form(request)
        before = self._own(request)
        try:
            order = await self._selling.again(before.session, before)
        except Unsold as fault:
            return self.page("told", 409, title="Not ordered again", text=str(fault))
        if order.number == before.number:
            return RedirectResponse(f"/orders/{order.number}", 303)
        self._watch(order, True)
        return RedirectResponse(f"/orders/{order.number}/pay", 303)

    # ------------------------------------------------------------------ looking

    async def all_orders(self, request: Request) -> Response:
        """Those of this browser."""
        orders = self._orders.of_session(session_of(request.cookies.get(COOKIE, "")))
        return self.page("orders", orders=[self._shown(order) for order in orders])

    async def one_order(self, request: Request) -> Response:
        """How it stands by the receipt; nothing that came with the address counts."""
        order = self._own(request)
        with trio.move_on_after(LOOK_S):
            await self._selling.look(order)
        order = self._own(request)  # as it is now
        answer = self.page("order", one=self._shown(order))
        if self._waits(order):
            answer.headers["Refresh"] = "2"
        return answer

    async def thanks(self, request: Request) -> Response:
        """The way back: whose browser it is and whence, and never whether something was paid."""
        try:
            state, interaction = read_way_back(f"?{request.url.query}")
        except WireFault:
            raise HTTPException(404) from None
        session = session_of(request.cookies.get(COOKIE, ""))
        order = self._selling.comes_back(session, state, interaction)
        if order is None:
            text = "This is not the browser that ordered, or not the way back from its node."
            return self.page("told", 403, title="Nothing to show here", text=text)
        # Away from the address, so that neither is kept or passed on.
        return RedirectResponse(f"/orders/{order.number}", 303)

    async def receipt(self, request: Request) -> Response:
        """The file, for the buyer to keep."""
        done = self._orders.delivery(self._own(request))
        if done is None:
            raise HTTPException(404)
        name = f"order-{done.number[:8]}.receipt"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(done.receipt, 200, disposition, "application/octet-stream")

    async def well_known(self, _: Request) -> Response:
        """For payers' nodes, which look whether the domain in a request is its payee's."""
        if not self._domain:
            raise HTTPException(404)
        return Response(self._domain, media_type="application/json")

    def _own(self, request: Request) -> Order:
        """The order of the address, for the browser that made it: else there is none."""
        order = self._orders.find("number", request.path_params["number"])
        if order is None or order.session != session_of(request.cookies.get(COOKIE, "")):
            raise HTTPException(404)
        return order

    def _waits(self, order: Order) -> bool:
        return self._orders.delivery(order) is None and order.said not in ENDED

    def _shown(self, order: Order) -> dict[str, Any]:
        done = self._orders.delivery(order)
        fills = THINGS[next(iter(order.things))].kind is Kind.FILLED
        return {
            "order": order,
            "words": in_words(order.things),
            "done": done,
            "waits": self._waits(order),
            "committed": order.said == COMMITTED,
            "refills": done is not None and fills and not order.parent,
        }

    # ------------------------------------------------------------------ being called

    async def called(self, request: Request) -> Response:
        """A call of the buyer's node. Believed or not, it only makes us look."""
        body = await bounded(request, MAX_BODY_BYTES)
        order = self._named(body)
        if order is None:
            raise HTTPException(401)  # as for a wrong signature: nobody learns which orders exist
        keys = [read_public(text) for text in json.loads(order.keys)]
        try:
            heard(request.headers, body, keys, self._now_us() // US)
        except WebhookFault:
            raise HTTPException(401) from None
        if self._orders.heard(request.headers[ID_HEADER], self._now_us(), 2 * TOLERANCE_S * US):
            self._watch(order, False)
        return Response(status_code=204)

    def _named(self, body: bytes) -> Order | None:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        named = said.get("request_id") if isinstance(said, dict) else None
        known = isinstance(named, str) and named.isascii()
        return self._orders.find("request_id", named) if known else None


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def get(_: Request) -> Response:
        return FileResponse(FOLDER / name)

    return get


def shop(pages: Pages) -> ASGIApp:
    """The app behind its guard."""

    async def wrong(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)
        return pages.page("told", fault.status_code, title="There is nothing here", text="")

    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]]
    handlers = {HTTPException: wrong}
    made = Starlette(routes=pages.routes(), exception_handlers=handlers)
    return guarded(made)
