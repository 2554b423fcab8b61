"""What is sent to the page is read whole before anybody works on it.

Somebody who sends a byte a second otherwise holds one of the places of those who are answered, and
a few hundred of him close the page for everybody.
"""

from collections.abc import Mapping
from typing import Final

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.page.changes import Places
from runtime.buckets import LOCAL, UNKNOWN, prefix_of

# More than any form or program's object has; what is longer is refused by whoever would read it.
WHOLE_BYTES: Final = 64 * 1024
BODY_S: Final = 10.0  # a phone with a bad line sends 32 KB in less
MAX_READING: Final = 128  # some 8 MB
MAX_READING_OF_NETWORK: Final = 32  # an office: a form takes a tenth of a second of its place
WITHOUT: Final = frozenset({"GET", "HEAD"})


class Bodies:
    """ASGI around an app. Owned by trio. `headers`: of what is refused here."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers
        self._all = Places(MAX_READING, MAX_READING)
        self._networks = Places(MAX_READING, MAX_READING_OF_NETWORK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in WITHOUT:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        network = prefix_of(client[0]) if client else UNKNOWN
        # A proxy on this machine has to limit its own callers.
        networks = Places(1, 1) if network == LOCAL else self._networks
        with self._all.one(LOCAL) as first, networks.one(network) as second:
            if not (first and second):
                await self._refuse(send, 503, "too many are sending: come back in a minute\n")
                return
            messages: list[Message] = []
            with trio.move_on_after(BODY_S) as slow:
                messages = await _whole(receive)
        if slow.cancelled_caught:
            await self._refuse(send, 408, "this came too slowly: send it again\n")
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    async def _refuse(self, send: Send, status: int, text: str) -> None:
        named = {**self._headers, "Content-Type": "text/plain; charset=utf-8", "Retry-After": "60"}
        pairs = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": text.encode()})


async def _whole(receive: Receive) -> list[Message]:
    """Up to the end, to where its sender has gone, or to more than anybody reads."""
    messages: list[Message] = []
    size = 0
    while size <= WHOLE_BYTES:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body"):  # of a disconnect, too
            break
    return messages
