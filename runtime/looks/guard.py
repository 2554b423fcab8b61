"""What stands before every route: strict headers on every answer, and how much is done at once."""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.buckets import LOCAL, prefix_of

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    # An id in the address bar is often the permission to read: it must not travel on.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Wait = Callable[[Scope], int]
"""How long whoever asks has to wait (µs); 0 where he need not. -1: it is never refused."""


def network_of(scope: Scope) -> str:
    """The part of the net that a call comes from; LOCAL where its socket has no address."""
    client = scope.get("client")
    return prefix_of(client[0]) if client else LOCAL


class Guard:
    """ASGI around an app. Owned by trio. `headers` are set where a route sets no other value."""

    def __init__(
        self, app: ASGIApp, wait_us: Wait, headers: Mapping[str, str], at_once: int
    ) -> None:
        self._app = app
        self._wait_us = wait_us
        self._headers = {**ALWAYS, **headers}
        self._most = at_once
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        wait_us = self._wait_us(scope)
        if wait_us > 0 or (wait_us == 0 and self._at_once >= self._most):
            await refuse(send_guarded, 429 if wait_us else 503, wait_us)
            return
        self._at_once += 1
        try:
            await self._app(scope, receive, send_guarded)
        finally:
            self._at_once -= 1


async def refuse(send: Send, status: int, wait_us: int) -> None:
    """Too much at once: says when to come back."""
    after_s = max(1, -(-wait_us // 1_000_000))
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"retry-after", str(after_s).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    text = f"too many requests: come back in {after_s} s\n"
    await send({"type": "http.response.body", "body": text.encode()})
