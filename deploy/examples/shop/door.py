"""Who comes in: limits by network, strict headers, whose browser it is, and which forms count."""

from contextlib import aclosing
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Scope

from runtime.buckets import LOCAL, Buckets, prefix_of
from runtime.looks.guard import Guard

# "__Host-": no other site below the same domain can set it. Lax: it has to come along when the
# buyer's node leads back here; no form of another site's brings it.
COOKIE: Final = "__Host-basket"
MAX_FORM_BYTES: Final = 4096
MAX_FIELDS: Final = 16
PER_SECOND: Final = 20
BURST: Final = 100
# An order costs us a call to a stranger, and a row at our node that stays.
ORDERS_PER_SECOND: Final = 1
ORDERS_BURST: Final = 20
MAX_AT_ONCE: Final = 100
US: Final = 1_000_000
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded(app: ASGIApp) -> ASGIApp:
    """Limits by network, strict headers."""
    asking, ordering = Buckets(PER_SECOND, BURST), Buckets(ORDERS_PER_SECOND, ORDERS_BURST)

    def wait_us(scope: Scope) -> int:
        client = scope.get("client")
        prefix, now_us = prefix_of(client[0]) if client else LOCAL, int(trio.current_time() * US)
        orders = scope["method"] == "POST" and scope["path"].startswith("/orders")
        for buckets in (asking, ordering) if orders else (asking,):
            if not buckets.take(prefix, 1, now_us):
                return max(1, buckets.wait_us(prefix, 1, now_us))
        return 0

    return Guard(app, wait_us, HEADERS, MAX_AT_ONCE)


def session_of(token: str) -> str:
    """What is kept of a browser's token: whoever reads the orders cannot take one over."""
    return sha256(b"session\0" + token.encode()).hexdigest() if token else "nobody"


async def own_form(request: Request) -> dict[str, str]:
    """The fields of a POST that a page of ours has sent; 403 for any other."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403)
    body = await bounded(request, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    return dict(pairs)


async def bounded(request: Request, most: int) -> bytes:
    """The body; 413 where it is longer than `most` bytes."""
    data = bytearray()
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > most:
                raise HTTPException(413)
    return bytes(data)
