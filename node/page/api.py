"""What a person's own programs may ask and do: the verbs of the pages, as JSON (escrow section 10).

A program believes none of it: what it signs are the bytes of an Approval, which it compares with
the request that its payee has signed (node/command/wallet/checking.py).
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.control import requests
from node.control.context import Context, store
from node.control.failure import Arguments, ControlFailure, bad_argument, refuse
from node.control.goods import goods_json
from node.control.people import entry_json, purse_json
from node.control.receipts import confirmation_receipt, receipt_json
from node.core.people.rows import Confirmation, Credential, Mandate, Purse, Session
from node.core.rows import Row
from node.page.answers import (
    No,
    Refused,
    answering,
    arguments,
    query_bytes,
    query_number,
)
from node.page.asking import asked_by, require_room
from node.page.changes import Places
from node.page.programs import Programs
from node.page.shown_json import (
    confirmation_json,
    mandate_json,
    prepared_json,
    resting_json,
)
from node.page.streaming import Events, Tell
from node.page.visits import Visit
from node.page_config import PageConfig
from node.people.journal import PAGE, Cursor
from node.people.marks import ID_BYTES
from node.people.passkeys import resting
from proto.approval import MAX_APPROVAL_BYTES, Approved
from proto.envelope import Proof
from proto.keys import KEY_BYTES, SIGNATURE_BYTES
from proto.limits import MAX_AMOUNT, MAX_REQUEST_BYTES
from proto.request import from_text
from proto.wire import WireFault

MAX_BODY_BYTES: Final = 4 * MAX_REQUEST_BYTES  # a request as text, and all that may be said of one
MAX_PAGE: Final = 200
# Of the 256 answers that the guard lets be under way; one person's programs take some of them.
MAX_LISTENING: Final = 48
MAX_LISTENING_OF_ONE: Final = 4
HASH_BYTES: Final = 32
# What somebody may say of a request for money to himself; the node says the rest of it.
ASKING: Final = (
    *("amount", "amount_min", "open", "fees_by_payee", "brand", "description", "expires_s"),
    *("order_hash", "refund_to"),
)

Personal = Callable[[Request, Visit], Awaitable[dict[str, Any]]]


class Api:
    """Owned by trio."""

    def __init__(self, context: Context, page: PageConfig, programs: Programs) -> None:
        self._context = context
        self._page = page
        self._programs = programs
        self._listening = Places(MAX_LISTENING, MAX_LISTENING_OF_ONE)

    def routes(self) -> list[BaseRoute]:
        """Every path, with the method that it takes."""
        one = "/api/requests/{id}"
        table: list[tuple[str, str, Personal]] = [
            ("GET", "/api/me", self.me),
            ("GET", "/api/pending", self.pending),
            ("POST", "/api/requests", self.bring),
            ("GET", one, self.show),
            ("POST", one + "/approve", self.approve),
            ("POST", one + "/deny", self.deny),
            ("GET", one + "/receipt", self.receipt),
            ("GET", "/api/history", self.history),
            ("GET", "/api/balances", self.balances),
            ("GET", "/api/mandates", self.mandates),
            ("POST", "/api/mandates/{id}/revoke", self.revoke),
            ("POST", "/api/ask", self.ask),
            ("GET", "/api/asked", self.asked),
        ]
        routes: list[BaseRoute] = [
            Route(path, self._personal(handler), methods=[method])
            for method, path, handler in table
        ]
        return [*routes, Route("/api/events", answering(self.events), methods=["GET"])]

    def _personal(self, handler: Personal) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            told = await handler(request, self._programs.visit(request))
            # Memory runs ahead of the disk, and a crash must not take back what was told.
            await store(self._context.engine.durable())
            return JSONResponse(told)

        return answering(handle)

    # ------------------------------------------------------------------ looking

    async def me(self, _: Request, visit: Visit) -> dict[str, Any]:
        """Who is logged in, and where."""
        return {
            "name": visit.person.name,
            "display": visit.person.display,
            "person": visit.person.id.hex(),
            "node": self._context.identity.node.hex(),
            "alias": self._context.alias,
            "origin": self._page.origin,
        }

    async def pending(self, _: Request, visit: Visit) -> dict[str, Any]:
        """What waits for the person, and what of it runs now; and the passkeys that a recovery code
        has let in, since whoever asks here may never look at the page."""
        of, person = self._context.confirmations, visit.person.id
        now_us = self._context.clock.now_us()
        mine = self._context.engine.memory.of_person(person)
        ways = [row for row in mine if isinstance(row, Credential)]
        return {
            "pending": [confirmation_json(c, of.request_of(c)) for c in of.pending_of(person)],
            "running": [confirmation_json(c, of.request_of(c)) for c in of.live_of(person)],
            "resting": [resting_json(way) for way in resting(ways, now_us)],
        }

    async def show(self, request: Request, visit: Visit) -> dict[str, Any]:
        """One request, and while it waits what it would cost: with ?amount=N where that is the
        payer's to choose. `approval` holds the bytes that are to be signed."""
        row = self._of(request, visit)
        amount = query_number(request, "amount", None, MAX_AMOUNT)
        of = self._context.confirmations
        if row.phase.waiting:
            # Whoever opens one that came by a link makes it his own, as on the page.
            refuse(await store(of.present(row.id, visit.person.id)))
            row = self._of(request, visit)
        told = confirmation_json(row, of.request_of(row))
        told["asked"] = b64encode(row.asked).decode()
        if row.phase.waiting:
            prepared = await of.prepare(row, visit.person.id, amount)
            told |= prepared_json(prepared, visit.person.id, self._page.rp_id)
            goods = prepared.goods
            told["in_return"] = None if goods is None else goods_json(self._context, goods)
        return told

    async def receipt(self, request: Request, visit: Visit) -> dict[str, Any]:
        """What proves a payment, with the person's own approval: `file` in base64, and what it
        says. NOT_FOUND where nothing was paid."""
        row = self._of(request, visit)
        return receipt_json(self._context, confirmation_receipt(self._context, row))

    async def history(self, request: Request, visit: Visit) -> dict[str, Any]:
        """Entries of the journal, the newest first; `next` is the ?after= of the following page."""
        limit = query_number(request, "limit", PAGE, MAX_PAGE) or PAGE
        text = request.query_params.get("after", "")
        try:
            after = Cursor.read(text) if text else None
        except ValueError as error:
            raise bad_argument("after", "not from an answer of this node") from error
        journal, person = self._context.confirmations.journal, visit.person.id
        read = partial(journal.entries, person, after=after, limit=limit)
        found = await trio.to_thread.run_sync(read)
        return {
            "entries": [entry_json(self._context, person, entry) for entry in found.entries],
            "next": found.next.text() if found.next else None,
        }

    async def balances(self, _: Request, visit: Visit) -> dict[str, Any]:
        """Every purse."""
        return {"balances": self._purses(visit.person.id)}

    def _purses(self, person: bytes) -> list[dict[str, Any]]:
        rows = self._context.engine.memory.of_person(person)
        purses = sorted((r for r in rows if isinstance(r, Purse)), key=lambda p: p.brand.name)
        return [purse_json(purse) for purse in purses]

    async def mandates(self, _: Request, visit: Visit) -> dict[str, Any]:
        """Standing approvals, ended ones too."""
        rows = self._context.confirmations.mandates_of(visit.person.id)
        now_us = self._context.clock.now_us()
        return {"mandates": [mandate_json(row, now_us) for row in rows]}

    # ------------------------------------------------------------------ doing

    async def bring(self, request: Request, visit: Visit) -> dict[str, Any]:
        """{request: the text of one} -> its id here: as pasting it on the page."""
        given = await arguments(request, MAX_BODY_BYTES)
        text = given.text("request", most=MAX_BODY_BYTES)
        given.done()
        try:
            taken = self._context.confirmations.take(visit.person.id, from_text(text))
            identifier, refusal = await store(taken)
        except WireFault as fault:
            raise bad_argument("request", str(fault)) from fault
        refuse(refusal)
        return {"id": identifier.hex()}

    async def approve(self, request: Request, visit: Visit) -> dict[str, Any]:
        """{approval: base64, signature: hex} by the key that has logged in."""
        row = self._of(request, visit)
        given = await arguments(request, MAX_BODY_BYTES)
        approval = _base64(given.text("approval", most=2 * MAX_APPROVAL_BYTES), "approval")
        signature = query_bytes(given.text("signature"), SIGNATURE_BYTES)
        given.done()
        key = visit.session.by
        assert len(key) == KEY_BYTES
        approved = Approved(approval, Proof(key, signature))
        try:
            done = self._context.confirmations.approve(row.id, visit.person.id, approved)
            refuse(await store(done))
        except WireFault as fault:
            raise bad_argument("approval", str(fault)) from fault
        return self._told(request, visit)

    async def deny(self, request: Request, visit: Visit) -> dict[str, Any]:
        """As if it had never been requested."""
        row = self._of(request, visit)
        refuse(await store(self._context.confirmations.deny(row.id, visit.person.id)))
        return self._told(request, visit)

    async def revoke(self, request: Request, visit: Visit) -> dict[str, Any]:
        """A standing approval ends at once."""
        mandate = query_bytes(request.path_params["id"], HASH_BYTES)
        refuse(await store(self._context.confirmations.revoke(mandate, visit.person.id)))
        return await self.mandates(request, visit)

    async def ask(self, request: Request, visit: Visit) -> dict[str, Any]:
        """A request of this node for money to this person: as `request create`, without what is
        the operator's to say."""
        given = await arguments(request, MAX_BODY_BYTES)
        said = {name: given.maybe(name) for name in ASKING}
        given.done()
        require_room(self._context, visit.person.id)
        known = {name: value for name, value in said.items() if value is not None}
        made = Arguments({**known, "person": visit.person.id.hex()})
        return await requests.create(self._context, made)

    async def asked(self, _: Request, visit: Visit) -> dict[str, Any]:
        """The person's own requests that are not settled yet, the newest first."""
        mine = asked_by(self._context, visit.person.id)
        return {"asked": [requests.request_json(self._context, r) for r in mine[:MAX_PAGE]]}

    def _told(self, request: Request, visit: Visit) -> dict[str, Any]:
        row = self._of(request, visit)
        return confirmation_json(row, self._context.confirmations.request_of(row))

    def _of(self, request: Request, visit: Visit) -> Confirmation:
        """Another person's looks like one that is not there. ControlFailure, StoreFailed."""
        identifier = query_bytes(request.path_params["id"], ID_BYTES)
        row = self._context.confirmations.find_of(identifier, visit.person.id)
        if row is None:
            raise ControlFailure("CONFIRMATION_UNKNOWN")
        return row

    # ------------------------------------------------------------------ listening

    async def events(self, request: Request) -> Response:
        """A stream of `changed`: balances and what waits, at first and whenever they change."""
        visit = self._programs.visit(request)
        with self._listening.one(visit.person.id) as held:
            if not held:
                raise Refused(No.TOO_MANY, wait_s=10)

        async def follow(tell: Tell) -> None:
            with self._listening.one(visit.person.id) as still_held:
                if still_held:
                    await self._follow(request, visit.person.id, tell)

        return Events(follow)

    async def _follow(self, request: Request, person: bytes, tell: Tell) -> None:
        changed = trio.Event()

        def heard(rows: Iterable[Row]) -> None:
            if any(_is_of(row, person) for row in rows):
                changed.set()

        silence = self._context.engine.listen(heard)
        try:
            last: dict[str, Any] = {}
            while True:
                changed = trio.Event()
                self._programs.visit(request)  # Refused: the session is over, and so is this
                told = self._summary(person)
                if told != last:
                    await tell("0", "changed", told)
                    last = told
                    continue  # it may have changed while that was sent
                await changed.wait()
        except Refused:
            await tell("0", "ended", {"code": No.NOT_LOGGED_IN.name})
        finally:
            silence()

    def _summary(self, person: bytes) -> dict[str, Any]:
        of = self._context.confirmations
        return {
            "pending": [row.id.hex() for row in of.pending_of(person)],
            "running": [row.id.hex() for row in of.live_of(person)],
            "balances": self._purses(person),
        }


def _is_of(row: Row, person: bytes) -> bool:
    # Sessions too: a stream ends with its own.
    return isinstance(row, Purse | Confirmation | Mandate | Session) and row.person == person


def _base64(text: str, name: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise bad_argument(name, "no base64") from error
