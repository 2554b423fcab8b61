"""What stands before every route: how much is answered at once, and strict headers on all of it.

A look-up that is refused is only late. A commit that is refused becomes an abort: the desk alone
decides what of those it has room for.
"""

from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.buckets import LOCAL, Buckets, prefix_of

MAX_AT_ONCE: Final = 256  # each holds a request of some 30 KB; decisions share the event loop
PER_SECOND: Final = 50  # a person's browser asks for three things to show one page
BURST: Final = 200  # a node that comes back after an hour asks for what it missed
NEVER_REFUSED: Final = ("POST", "/submit")
# Tiles and checkpoints are small files, immutable or two seconds old, and no database is asked for
# them. Who reads a whole log needs one request for 256 entries: ten million take a minute.
LOG_PER_SECOND: Final = 1000
LOG_BURST: Final = 4000
LOG_PATHS: Final = ("/log/", "/tile/", "/checkpoint")

# Pages are text and one stylesheet of our own. Nothing else is ever loaded, run, framed or sent.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # An archive id in the address bar is the permission to read: it must not travel on.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI around an app. Owned by trio; `monotonic_us` is the clock that buckets refill by."""

    def __init__(self, app: ASGIApp, monotonic_us: Callable[[], int]) -> None:
        self._app = app
        self._monotonic_us = monotonic_us
        self._buckets = Buckets(PER_SECOND, BURST)
        self._log_buckets = Buckets(LOG_PER_SECOND, LOG_BURST)  # so neither reader stops the other
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        free = (scope["method"], scope["path"]) == NEVER_REFUSED
        wait_us = 0 if free else self._wait_us(scope)
        if wait_us or (not free and self._at_once >= MAX_AT_ONCE):
            await _refuse(send_guarded, 429 if wait_us else 503, wait_us)
            return
        self._at_once += 1
        try:
            await self._app(scope, receive, send_guarded)
        finally:
            self._at_once -= 1

    def _wait_us(self, scope: Scope) -> int:
        client = scope.get("client")
        prefix, now_us = prefix_of(client[0]) if client else LOCAL, self._monotonic_us()
        of_log = scope["path"].startswith(LOG_PATHS)
        buckets = self._log_buckets if of_log else self._buckets
        if buckets.take(prefix, 1, now_us):
            return 0
        return max(1, buckets.wait_us(prefix, 1, now_us))


async def _refuse(send: Send, status: int, wait_us: int) -> None:
    after_s = max(1, -(-wait_us // 1_000_000))
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"retry-after", str(after_s).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    text = f"too many requests: come back in {after_s} s\n"
    await send({"type": "http.response.body", "body": text.encode()})
