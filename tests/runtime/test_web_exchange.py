"""One request and its answer: whatever the other side says, it ends, and in one of few ways."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from runtime.web_exchange import (
    MAX_HEAD_BYTES,
    STATUS_ALONE,
    Asked,
    CallFailed,
    Failure,
    Said,
    exchange,
)

ASKED = Asked("POST", "/hook", {"host": "shop.example", "content-length": "2"}, b"{}")


class Other(trio.abc.Stream):
    """Says what it was given, piece by piece, and hangs up."""

    def __init__(self, *pieces: bytes, deaf: bool = False) -> None:
        self.pieces = [p for p in pieces if p]
        self.heard = b""
        self.deaf = deaf

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self.deaf:
            raise trio.BrokenResourceError
        self.heard += data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.pieces:
            return b""
        assert max_bytes is not None
        piece, rest = self.pieces[0][:max_bytes], self.pieces[0][max_bytes:]
        self.pieces[:1] = [rest] if rest else []
        return piece

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_what_is_said() -> None:
    other = Other(b"HTTP/1.1 202 x\r\n\r\n")
    assert await exchange(other, ASKED, STATUS_ALONE) == Said(202, b"")
    assert other.heard == (
        b"POST /hook HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 2\r\n\r\n{}"
    )


async def test_one_that_answers_before_it_has_heard_is_heard() -> None:
    deaf = Other(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", deaf=True)
    assert await exchange(deaf, ASKED, 10) == Said(410, b"")


async def test_hints_come_before_an_answer() -> None:
    hints = b"HTTP/1.1 103 x\r\nlink: y\r\n\r\n" * 3
    other = Other(hints, b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nok")
    assert await exchange(other, ASKED, 2) == Said(200, b"ok")


async def test_nobody_speaks_another_protocol() -> None:
    other = Other(b"HTTP/1.1 101 x\r\nupgrade: y\r\nconnection: upgrade\r\n\r\n")
    with pytest.raises(CallFailed) as found:
        await exchange(other, ASKED, 2)
    assert found.value.why is Failure.BROKEN


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        (
            *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 204 x\r\n", b"HTTP/1.1 100 x\r\n\r\n"),
            *(b"HTTP/1.1 101 x\r\n", b"HTTP/1.1 304 x\r\n\r\n", b"HTTP/2 200\r\n", b"\r\n"),
            *(b"content-length: 5\r\n", b"content-length: -1\r\n", b"content-length: 5, 6\r\n"),
            *(b"transfer-encoding: chunked\r\n", b"transfer-encoding: x\r\n", b"5\r\nhello\r\n"),
            *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"5;a=b\r\n", b"hello", b"a: b\r\n" * 99),
            *(b": \r\n", b" folded\r\n", b"connection: upgrade\r\nupgrade: h2c\r\n"),
        )
    ),
)


@given(st.lists(PIECES, max_size=12), st.sampled_from([STATUS_ALONE, 4, 5, 1000]))
def test_whatever_comes_it_ends(pieces: list[bytes], most: int) -> None:
    async def talk() -> Said | CallFailed:
        try:
            return await exchange(Other(*pieces), ASKED, most)
        except CallFailed as failed:
            return failed

    found = trio.run(talk)
    if isinstance(found, Said):
        assert len(found.body) <= most and 200 <= found.status <= 999
    else:
        assert found.why in (Failure.BROKEN, Failure.TOO_LONG)


async def test_of_what_never_ends_little_is_read() -> None:
    for endless in (b"a: b\r\n", b"HTTP/1.1 100 x\r\n\r\n", b"0" * 50):
        other = Other(b"HTTP/1.1 200 x\r\n" if endless[:1] == b"a" else b"", endless * 99_999)
        before = sum(map(len, other.pieces))
        with pytest.raises(CallFailed):
            await exchange(other, ASKED, 100)
        assert before - sum(map(len, other.pieces)) < 2 * MAX_HEAD_BYTES
