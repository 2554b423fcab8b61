"""A person's browser, as small as it can be: one connection, one page at a time.

The answers are read as HTTP/1.1 says and thrown away, so that the processors are the server's.
"""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import trio

ANSWER_S: Final = 30.0  # nobody looks longer at an empty page
READ_BYTES: Final = 65_536
MAX_HEAD_BYTES: Final = 16_384
COOKIE: Final = "set-cookie:"


class NoAnswer(Exception):
    """One line: the server has closed, took too long, or said what is no HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` without its coding; `cookies` as a browser would send them back."""

    status: int
    body: bytes
    cookies: tuple[str, ...] = ()


@dataclass(slots=True)
class Client:
    """To the page on a port of this machine. `host`: what the page is called; `headers`: of every
    request. Connects anew after a fault."""

    port: int
    host: str
    headers: dict[str, str] = field(default_factory=dict)
    _stream: trio.SocketStream | None = None
    _held: bytearray = field(default_factory=bytearray)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Whatever was being answered is lost."""
        stream, self._stream = self._stream, None
        self._held.clear()
        if stream is not None:
            await trio.aclose_forcefully(stream)

    async def get(self, path: str) -> Answer:
        """NoAnswer."""
        return await self._ask(f"GET {path} HTTP/1.1", b"")

    async def post(self, path: str, body: bytes, kind: str = "application/json") -> Answer:
        """NoAnswer."""
        line = f"POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
        return await self._ask(line, body)

    async def _ask(self, line: str, body: bytes) -> Answer:
        told = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"{line}\r\nHost: {self.host}\r\n{told}\r\n".encode()
        try:
            with trio.fail_after(ANSWER_S):
                if self._stream is None:
                    self._stream = await trio.open_tcp_stream("127.0.0.1", self.port)
                await self._stream.send_all(head + body)
                return await self._answer()
        except (trio.TooSlowError, trio.BrokenResourceError, OSError, ValueError) as fault:
            await self.close()
            raise NoAnswer(f"{line.split()[1]}: {fault or 'no answer in time'}") from fault

    async def _answer(self) -> Answer:
        head = await self._until(b"\r\n\r\n", MAX_HEAD_BYTES)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        status = int(first.partition(" ")[2][:3])
        if fields.get("transfer-encoding", "") == "chunked":
            body = await self._chunks()
        else:
            body = await self._exactly(int(fields.get("content-length", "0")))
        if fields.get("connection", "") == "close":
            await self.close()
        cookies = (x.partition(":")[2].strip() for x in lines if x.lower().startswith(COOKIE))
        return Answer(status, body, tuple(cookie.partition(";")[0] for cookie in cookies))

    async def _chunks(self) -> bytes:
        whole = bytearray()
        while True:
            size = int((await self._until(b"\r\n", MAX_HEAD_BYTES)).partition(b";")[0], 16)
            piece = await self._exactly(size + 2)
            if not size:
                return bytes(whole)
            whole += piece[:-2]

    async def _until(self, end: bytes, most: int) -> bytes:
        while (at := self._held.find(end)) < 0:
            if len(self._held) > most:
                raise ValueError("a line without an end")
            await self._read()
        found = bytes(self._held[:at])
        del self._held[: at + len(end)]
        return found

    async def _exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            await self._read()
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    async def _read(self) -> None:
        assert self._stream is not None
        data = await self._stream.receive_some(READ_BYTES)
        if not data:
            raise ValueError("the server has closed")
        self._held += data
