"""One HTTP/1.1 request and its answer over a stream that leads to a stranger."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

import h11
import trio

MAX_HEAD_BYTES: Final = 65_536  # status, headers, and the hints that may come before them
STATUS_ALONE: Final = 0  # as `most`: nothing is read after the head
_READ_BYTES: Final = 16_384  # as much as one record of TLS holds


@unique
class Failure(Enum):
    """Why a call got no answer that could be used."""

    BAD_URL = "not an https URL with a host that could be called"
    PRIVATE_ADDRESS = "its name leads to an address that is not public"
    NOT_FOUND = "its name has no address"
    REFUSED = "nobody answers there"
    TLS = "its certificate does not prove its name"
    TIMED_OUT = "it did not answer in time"
    TOO_LONG = "its answer is too long"
    REDIRECTED = "it leads elsewhere, which is not followed"
    BROKEN = "it ended the connection, or speaks no HTTP"
    BAD_STATUS = "it answered with an error"


class CallFailed(Exception):
    """A call that ended without an answer."""

    def __init__(self, why: Failure) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Asked:
    """`target`: path and query as they stand in the URL. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """The final answer, whatever its status."""

    status: int
    body: bytes


async def exchange(stream: trio.abc.Stream, asked: Asked, most: int) -> Said:
    """Asks, and reads a body of at most `most` bytes, of a 2xx alone. Raises CallFailed.

    It waits for as long as its caller lets it.
    """
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        # One that answers before it has read everything may end the connection as well.
        with suppress(trio.BrokenResourceError):
            await stream.send_all(bytes_of(talk, asked))
        return await _answer(stream, talk, most)
    except (h11.RemoteProtocolError, trio.BrokenResourceError) as error:
        raise CallFailed(Failure.BROKEN) from error


def bytes_of(talk: h11.Connection, asked: Asked) -> bytes:
    """The whole request as it is sent."""
    headers = [*asked.headers.items()]
    request = h11.Request(method=asked.method, target=asked.target, headers=headers)
    parts = [talk.send(request)]
    if asked.body:
        parts.append(talk.send(h11.Data(data=asked.body)))
    parts.append(talk.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


async def _answer(stream: trio.abc.Stream, talk: h11.Connection, most: int) -> Said:
    left = MAX_HEAD_BYTES + most  # of everything that comes, chunks' lengths and hints included
    said: Said | None = None
    body = bytearray()
    while True:
        event = talk.next_event()
        match event:
            case h11.NEED_DATA:
                data = bytes(await stream.receive_some(_READ_BYTES))
                left -= len(data)
                if left < 0:
                    raise CallFailed(Failure.TOO_LONG)
                talk.receive_data(data)
            case h11.InformationalResponse(status_code=101):
                raise CallFailed(Failure.BROKEN)  # it was not asked to speak otherwise
            case h11.InformationalResponse():
                pass
            case h11.Response():
                said = Said(event.status_code, b"")
                if most == STATUS_ALONE or said.status // 100 != 2:
                    return said
            case h11.Data():
                body += event.data
                if len(body) > most:
                    raise CallFailed(Failure.TOO_LONG)
            case h11.EndOfMessage() if said is not None:
                return Said(said.status, bytes(body))
            case _:
                raise CallFailed(Failure.BROKEN)
