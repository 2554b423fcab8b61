"""The back channel: requesters bring requests, and ask how they stand (escrow section 10).

Nothing here says whether somebody has an account: a request for a name that nobody has is answered
as any other, and waits until it expires. What is told of a request is for whoever brought it, and
its place (`poll`) is the permission to read it.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.control.context import Context, store
from node.control.failure import refuse
from node.control.receipts import confirmation_receipt, receipt_json
from node.core.people.notices import NOTICE, WAY_BACK, urls_of
from node.core.people.rows import Confirmation, ConfirmationPhase, KnownRequester
from node.page.answers import (
    JSON_TYPE,
    No,
    Refused,
    answering,
    json_body,
    query_bytes,
    query_number,
)
from node.page.changes import Changes, Places
from node.page.frame import bounded_body
from node.page.streaming import Events, Tell
from node.page_config import PageConfig
from node.people.confirmations import Brought
from node.people.marks import ID_BYTES
from proto.request import PaymentRequest
from proto.submission import MAX_SUBMISSION_BYTES, Submitted, read_submission
from proto.wire import Untimely, WireFault
from runtime.buckets import LOCAL, UNKNOWN, Buckets, prefix_of

PLACE: Final = "/back/requests"
MAX_JSON_BYTES: Final = 2 * MAX_SUBMISSION_BYTES  # its base64, and the rest of the object
# A busy shop sells some ten things a second; a key beyond that is stuck in a loop.
KEY_PER_SECOND: Final = 10
KEY_BURST: Final = 100
# Keys that nobody has entered cost nothing, so all of them together have one allowance: what they
# do takes nothing from those whom the operator knows. No network has all of it.
STRANGERS_PER_SECOND: Final = 2
STRANGERS_BURST: Final = 60
STRANGERS: Final = "strangers"
NETWORK_PER_SECOND: Final = 1
NETWORK_BURST: Final = 30
MAX_WAIT_S: Final = 30  # of a long poll: proxies give up after 60
# Of the 256 answers that the guard lets be under way: the rest is for people with browsers.
MAX_HELD: Final = 96
MAX_HELD_OF_ONE: Final = 4  # of one request: a shop and its spare, polling and listening
MAX_HELD_OF_NETWORK: Final = 32  # guesses are held as what was brought is: not all by one
RECEIPT_TYPE: Final = "application/octet-stream"


class BackChannel:
    """Owned by trio."""

    def __init__(self, context: Context, page: PageConfig) -> None:
        self._context = context
        self._origin = page.origin
        self._changes = Changes(context.engine)
        self._held = Places(MAX_HELD, MAX_HELD_OF_ONE)
        self._held_by = Places(MAX_HELD, MAX_HELD_OF_NETWORK)
        self._keys = Buckets(KEY_PER_SECOND, KEY_BURST)
        self._networks = Buckets(NETWORK_PER_SECOND, NETWORK_BURST)
        self._strangers = Buckets(STRANGERS_PER_SECOND, STRANGERS_BURST)

    def routes(self) -> list[BaseRoute]:
        """Bring, poll, listen, fetch the receipt."""
        asked = PLACE + "/{poll}"
        return [
            Route(PLACE, answering(self.bring), methods=["POST"]),
            Route(asked, answering(self.state), methods=["GET"]),
            Route(asked + "/events", answering(self.events), methods=["GET"]),
            Route(asked + "/receipt", answering(self.receipt), methods=["GET"]),
        ]

    # ------------------------------------------------------------------ bringing

    async def bring(self, request: Request) -> Response:
        """201 with the places of what was brought; the same again for the same request."""
        submitted = self._read(await self._submission(request))
        known = self._known(submitted.by)
        if known:
            self._slow_down(self._keys, submitted.by.hex())
        else:
            self._slow_down(self._networks, _network(request))
            self._slow_down(self._strangers, STRANGERS)
        # A submission that is overheard and sent again within its minutes brings what is there.
        given = submitted.submission
        brought = await store(
            self._context.confirmations.bring(
                given.request, submitted.by, given.payer, given.nonce, given.state
            )
        )
        refuse(brought.refusal)
        return JSONResponse(self._places(brought, known, submitted.request), 201)

    async def _submission(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind != JSON_TYPE:
            return await bounded_body(request, MAX_SUBMISSION_BYTES)
        text = (await json_body(request, MAX_JSON_BYTES)).get("submission")
        if not isinstance(text, str):
            raise Refused(No.BAD_BODY, 'the object has no text "submission"')
        try:
            return b64decode(text, validate=True)
        except (Base64Error, ValueError) as error:
            raise Refused(No.BAD_BODY, "the submission is no base64") from error

    def _read(self, data: bytes) -> Submitted:
        node, now_us = self._context.identity.key.node_id, self._context.clock.now_us()
        try:
            return read_submission(data, node, now_us)
        except Untimely as fault:
            raise Refused(No.UNTIMELY, str(fault)) from fault
        except WireFault as fault:
            raise Refused(No.BAD_SUBMISSION, str(fault)) from fault

    def _known(self, key: bytes) -> KnownRequester | None:
        row = self._context.engine.memory.row((KnownRequester.table, key, b""))
        return row if isinstance(row, KnownRequester) and not row.ended_at_us else None

    def _slow_down(self, buckets: Buckets, of: str) -> None:
        now_us = self._context.clock.monotonic_us()
        if not buckets.take(of, 1, now_us):
            wait_s = -(-buckets.wait_us(of, 1, now_us) // 1_000_000)
            raise Refused(No.SLOW_DOWN, wait_s=wait_s)

    def _places(
        self, brought: Brought, known: KnownRequester | None, asked: PaymentRequest
    ) -> dict[str, Any]:
        poll = f"{self._origin}{PLACE}/{brought.poll.hex()}"
        return {
            "approval_id": brought.id.hex(),
            "approval_url": f"{self._origin}/a/{brought.id.hex()}",
            "poll": poll,
            "events": f"{poll}/events",
            "expires": brought.expires_at_us,
            "nonce": brought.nonce.hex(),
            "notify": is_registered_url(known, asked, NOTICE),
            "return": is_registered_url(known, asked, WAY_BACK),
        }

    # ------------------------------------------------------------------ asking

    async def state(self, request: Request) -> Response:
        """How it stands; with ?wait=SECONDS only once it is different, or the time is over."""
        poll = self._poll(request)
        wait_s = query_number(request, "wait", 0, MAX_WAIT_S)
        with self._place(request, poll) as held:
            changed = self._next_change(poll)
            told = self._told(poll)
            if wait_s and held and not told["final"]:
                with trio.move_on_after(wait_s):
                    await changed.wait()
                told = self._told(poll)
        return JSONResponse(told)

    async def events(self, request: Request) -> Response:
        """A stream that tells each change; it ends with the request."""
        poll, last = self._poll(request), request.headers.get("last-event-id", "")
        with self._place(request, poll) as held:
            if not held:
                raise Refused(No.TOO_MANY, wait_s=10)
        told = self._told(poll)
        if told["final"] and _mark(told) == last:
            return Response(None, 204)  # its reader has all, and does not come back

        async def follow(tell: Tell) -> None:
            with self._place(request, poll) as still_held:
                if still_held:
                    await self._follow(poll, last, tell)

        return Events(follow)

    async def _follow(self, poll: bytes, last: str, tell: Tell) -> None:
        while True:
            changed = self._next_change(poll)
            told = self._told(poll)
            mark = _mark(told)
            if mark != last:
                await tell(mark, str(told["phase"]).lower(), told)
                last = mark
            if told["final"]:
                return
            await changed.wait()

    async def receipt(self, request: Request) -> Response:
        """The file that proves it, without what is the payer's alone."""
        row = self._context.confirmations.find_polled(self._poll(request))
        if row is None or row.phase is not ConfirmationPhase.COMMITTED:
            raise Refused(No.NOT_PAID)
        found = receipt_json(self._context, confirmation_receipt(self._context, row, payers=False))
        name = f"{row.request_hash.hex()[:16]}.pledgeway-receipt"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(b64decode(found["file"]), 200, headers, RECEIPT_TYPE)

    @contextmanager
    def _place(self, request: Request, poll: bytes) -> Iterator[bool]:
        """Whether this one may wait here. A proxy on this machine limits its own callers."""
        network = _network(request)
        by = poll if network == LOCAL else network
        with self._held.one(poll) as first, self._held_by.one(by) as second:
            yield first and second

    def _poll(self, request: Request) -> bytes:
        poll = query_bytes(request.path_params["poll"], ID_BYTES)
        if not poll:
            raise Refused(No.NOT_FOUND)
        return poll

    def _next_change(self, poll: bytes) -> trio.Event:
        """Of a poll that nobody was given: never."""
        row = self._context.confirmations.find_polled(poll)
        return trio.Event() if row is None else self._changes.next(row.key)

    def _told(self, poll: bytes) -> dict[str, Any]:
        """The same for a guess as for what waits for a name that nobody has."""
        row = self._context.confirmations.find_polled(poll)
        phase = ConfirmationPhase.RECEIVED if row is None else row.phase
        paid = phase is ConfirmationPhase.COMMITTED
        return {
            "phase": phase.name,
            "final": phase.final,
            "since": 0 if row is None else _since_us(row),
            "attempt": 0 if row is None else row.attempt,
            "because": "" if row is None else row.because,
            "amount": 0 if row is None else row.amount,
            "receipt": f"{self._origin}{PLACE}/{poll.hex()}/receipt" if paid else None,
        }


def _network(request: Request) -> str:
    return prefix_of(request.client.host) if request.client else UNKNOWN


def is_registered_url(known: KnownRequester | None, asked: PaymentRequest, use: str) -> bool:
    """Whether the URL that a request names for this use is one that will be used."""
    if known is None or asked.requester is None:
        return False
    named = asked.requester.notify_url if use == NOTICE else asked.requester.return_url
    return bool(named) and named in urls_of(known, use)


def _mark(told: dict[str, Any]) -> str:
    """Names a state among those of one request, for Last-Event-ID."""
    return f"{told['phase']}-{told['attempt']}"


def _since_us(row: Confirmation) -> int:
    """0 while nobody has looked: whoever brought it knows when that was."""
    return row.ended_at_us or row.approved_at_us or row.presented_at_us
