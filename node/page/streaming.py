"""Server-sent events (WHATWG HTML section 9.2): one answer that goes on until its end."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE_S: Final = 15.0  # proxies end what says nothing for a minute, some after 30 s
MAX_STREAM_S: Final = 600.0  # then its reader comes back, with the id of the last event it has
RETRY_MS: Final = 3000  # how long it waits before that

Tell = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]
"""(id, event, data) -> once it was sent."""


class Events(Response):
    """`follow` tells events until it returns; it is cancelled where the reader has gone."""

    media_type = "text/event-stream"

    def __init__(self, follow: Callable[[Tell], Awaitable[None]]) -> None:
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._follow = follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lock = trio.Lock()  # a comment never falls into the middle of an event

        async def write(text: str) -> None:
            async with lock:
                body = {"type": "http.response.body", "body": text.encode(), "more_body": True}
                await send(body)

        async def tell(mark: str, event: str, data: Mapping[str, Any]) -> None:
            # JSON has no line feeds in it, so one line of data holds it whole.
            await write(f"id: {mark}\nevent: {event}\ndata: {json.dumps(data)}\n\n")

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

        async def stay() -> None:
            while True:
                await trio.sleep(KEEP_ALIVE_S)
                await write(": still here\n\n")

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await write(f"retry: {RETRY_MS}\n\n")
        with trio.move_on_after(MAX_STREAM_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gone)
                nursery.start_soon(stay)
                await self._follow(tell)
                nursery.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
