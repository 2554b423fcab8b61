"""The witness over HTTP: C2SP tlog-witness, and what people and monitoring ask it.

The transport needs no secrecy and no login: whoever submits shows a checkpoint that its log has
signed, and what comes back is signed as well.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from registry.witness.cosigning import Cosigner
from registry.witness.page import page_html
from registry.witness.rule import MAX_REQUEST_BYTES, Refusal, Refused
from registry.witness.state import State, Tally, health_json, metrics_text
from runtime.faults import StoreFailed

log = logging.getLogger(__name__)

T = TypeVar("T")

SIZE_TYPE: Final = "text/x.tlog.size"
BODY_WITHIN_S: Final = 10.0  # a request has a few kilobytes; who is slower only holds a place
MAX_WORKERS: Final = 8  # requests that check signatures or wait for the disk at a time
HASH_HEX_CHARS: Final = 64
NO_STORE: Final = {"Cache-Control": "no-store"}
ONE_SECOND: Final = {"Retry-After": "1"}

STATUS: Final[Mapping[Refused, int]] = {
    Refused.MALFORMED: 400,
    Refused.SHRINKS: 400,
    Refused.UNKNOWN_KEY: 403,
    Refused.TOO_MANY_SHARDS: 403,
    Refused.UNKNOWN_LOG: 404,
    Refused.STALE: 409,
    Refused.OTHER_ROOT: 409,
    Refused.UNPROVEN: 422,
    Refused.TOO_OFTEN: 429,
    Refused.CLOCK_UNSAFE: 503,
}

Look = Callable[[], State]


@dataclass(frozen=True, slots=True)
class WitnessService:
    """`look` gives the state of the whole; it reads the disk, so it is called in a thread.

    `doubt` is told the prefix of a log whose checkpoint was signed by a key that we do not know.
    """

    cosigner: Cosigner
    look: Look
    tally: Tally
    doubt: Callable[[str], None] = lambda prefix: None
    workers: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(MAX_WORKERS))

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/add-checkpoint", self.add_checkpoint, methods=["POST"]),
                Route("/checkpoint/{origin}", self.get_checkpoint, methods=["GET"]),
                Route("/health", self.get_health, methods=["GET"]),
                Route("/metrics", self.get_metrics, methods=["GET"]),
                Route("/", self.get_page, methods=["GET"]),
            ],
            exception_handlers={StoreFailed: _store_failed},
        )

    async def add_checkpoint(self, request: Request) -> Response:
        """C2SP tlog-witness: 200 with cosignature lines, or why not."""
        body = await _body(request)
        if isinstance(body, Response):
            return body
        answer = await self._work(partial(self.cosigner.add, body))
        if not isinstance(answer, Refusal):
            self.tally.count("cosigned")
            return _plain(200, answer.line)
        self.tally.count(answer.reason.name.lower())
        if answer.prefix:
            self.doubt(answer.prefix)  # the log submits again, and by then we may know the key
        status = STATUS[answer.reason]
        if status == 409:
            # As a header: with a media type of "text/" a charset would be appended.
            return Response(f"{answer.size}\n", 409, {**NO_STORE, "Content-Type": SIZE_TYPE})
        later = ONE_SECOND if status in (429, 503) else {}
        return _plain(status, f"{answer.reason.value}\n", later)

    async def get_checkpoint(self, request: Request) -> Response:
        """Not of C2SP: what a log asks for at its start, to find out whether it was set back."""
        text = request.path_params["origin"]
        try:
            origin = bytes.fromhex(text) if len(text) == HASH_HEX_CHARS else b""
        except ValueError:
            origin = b""
        if len(origin) != sha256().digest_size:
            return _plain(404, "not the SHA-256 of an origin\n")
        note = await self._work(partial(self.cosigner.newest, origin))
        return _plain(404, "never cosigned here\n") if note is None else _plain(200, note)

    async def get_health(self, request: Request) -> Response:
        state = await self._work(self.look)
        return JSONResponse(health_json(state), 200 if state.ok else 503, NO_STORE)

    async def get_metrics(self, request: Request) -> Response:
        text = metrics_text(await self._work(self.look), self.tally)
        return Response(text, 200, NO_STORE, "text/plain; version=0.0.4; charset=utf-8")

    async def get_page(self, request: Request) -> Response:
        return HTMLResponse(page_html(await self._work(self.look)), 200, NO_STORE)

    async def _work(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self.workers)


async def _body(request: Request) -> bytes | Response:
    """The body, or what to answer instead: the rest of one that is too long is not read."""
    body = b""
    with trio.move_on_after(BODY_WITHIN_S):
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_REQUEST_BYTES:
                    return _plain(413, f"a request has at most {MAX_REQUEST_BYTES} bytes\n")
        return body
    return _plain(408, "the request came too slowly\n")


async def _store_failed(request: Request, error: Exception) -> Response:
    """Nothing was cosigned that is not on disk; the log asks again."""
    assert isinstance(error, StoreFailed)
    log.error("the database failed: %s", error.kind.value)
    return _plain(503, "the database does not answer\n", ONE_SECOND)


def _plain(status: int, text: str | bytes, more: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, {**NO_STORE, **(more or {})}, "text/plain; charset=utf-8")
