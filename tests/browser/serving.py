"""A web app on loopback for as long as a test needs it: Hypercorn's trio worker in a thread."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

from runtime.web import serve_web
from tests.patience import PATIENCE_S

ANY_PORT = "127.0.0.1:0"


@contextmanager
def served(app: Any) -> Iterator[int]:
    """An ASGI `app` behind any host's name; its port."""
    told: queue.SimpleQueue[tuple[int, trio.lowlevel.TrioToken, trio.Event]] = queue.SimpleQueue()

    async def run() -> None:
        shutdown = trio.Event()
        async with trio.open_nursery() as nursery:
            urls = await nursery.start(serve_web, app, ANY_PORT, shutdown)
            port = int(urls[0].rpartition(":")[2])
            told.put((port, trio.lowlevel.current_trio_token(), shutdown))

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    port, token, shutdown = told.get(timeout=PATIENCE_S)
    try:
        yield port
    finally:
        token.run_sync_soon(shutdown.set)
        thread.join(PATIENCE_S)
