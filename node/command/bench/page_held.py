"""Connections that keep a page's answers to themselves: those who wait, and those who dawdle.

Half of the waiting ones ask for a stream of events, half for an answer that comes once something
has changed; each of a request of its own that nobody has brought, which no answer tells from
others. The slow ones send a form at one byte a second.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from node.command.bench.page_result import Held
from node.page.back_channel import MAX_WAIT_S
from node.people.marks import ID_BYTES

SLOW: Final = 100  # connections: below what may be sent at once, so that others can send, too
BYTE_S: Final = 1.0  # between two bytes
SLOW_BODY: Final = 600  # bytes: ten minutes
LOOK_S: Final = 8.0  # until it is clear who is made to wait: all of them come at once
HEAD_BYTES: Final = 1024


@dataclass(slots=True)
class _Place:
    port: int
    host: str
    counts: Counter[str]

    async def connect(self, head: str) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        await stream.send_all(f"{head}\r\nHost: {self.host}\r\n\r\n".encode())
        return stream

    async def wait(self, number: int) -> None:
        """A stream of events or a long poll: counted by the first that is said."""
        poll = f"/back/requests/{number.to_bytes(ID_BYTES, 'big').hex()}"
        path = f"{poll}/events" if number % 2 else f"{poll}?wait={MAX_WAIT_S}"
        try:
            stream = await self.connect(f"GET {path} HTTP/1.1")
            async with stream:
                first = b""
                with trio.move_on_after(LOOK_S):
                    first = await stream.receive_some(HEAD_BYTES)
                status = first.partition(b"\r\n")[0].split(b" ")[1:2] if first else [b"waits"]
                waits = status == [b"waits"] or b"text/event-stream" in first
                self.counts["waits" if waits else status[0].decode() if status else "closed"] += 1
                if waits:
                    await trio.sleep_forever()
        except (OSError, trio.BrokenResourceError):
            self.counts["closed"] += 1

    async def dawdle(self) -> None:
        """A form of which a byte comes each second, until the other side has had enough."""
        head = f"POST /login HTTP/1.1\r\nContent-Type: {FORM}\r\nContent-Length: {SLOW_BODY}"
        try:
            async with await self.connect(head) as stream:
                self.counts["slow"] += 1
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._drip, stream)
                    while await stream.receive_some(HEAD_BYTES):
                        pass
                    nursery.cancel_scope.cancel()
        except* (OSError, trio.BrokenResourceError):
            pass  # it was sent away
        self.counts["sent away"] += 1

    async def _drip(self, stream: trio.SocketStream) -> None:
        for _ in range(SLOW_BODY):
            await stream.send_all(b"x")
            await trio.sleep(BYTE_S)


FORM: Final = "application/x-www-form-urlencoded"


@asynccontextmanager
async def hold(port: int, host: str, polls: int) -> AsyncIterator[Counter[str]]:
    """So many that wait, and SLOW that dawdle, for as long as it is open. The counts grow."""
    place = _Place(port, host, Counter())
    async with trio.open_nursery() as nursery:
        for number in range(polls):
            nursery.start_soon(place.wait, number)
        for _ in range(SLOW):
            nursery.start_soon(place.dawdle)
        # Not before it is clear who is let in: what is measured is the page beside them.
        await trio.sleep(LOOK_S)
        yield place.counts
        nursery.cancel_scope.cancel()


def held_of(counts: Counter[str], polls: int) -> Held:
    """What `hold` has counted."""
    return Held(
        polls=polls,
        let_in=counts["waits"],
        at_once=counts["200"],
        refused=counts["503"],
        closed=counts["closed"],
        slow=counts["slow"],
        sent_away=counts["sent away"],
    )
