"""Who sends slowly holds nothing up, and who sends much is not kept in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.page.bodies import (
    BODY_S,
    MAX_READING,
    MAX_READING_OF_NETWORK,
    WHOLE_BYTES,
    Bodies,
)
from node.page.guard import MAX_AT_ONCE, guarded

HEADERS = {"X-Content-Type-Options": "nosniff"}
LOOPBACK, ABROAD, ELSEWHERE = "127.0.0.1", "203.0.113.7", "198.51.100.9"


class App:
    """Says how many bytes it got. `inside`: how many it is working on, at most."""

    def __init__(self) -> None:
        self.got: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0
        if scope["method"] == "POST":
            while True:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body") or size > WHOLE_BYTES:
                    break
        self.got.append(size)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"shown"})


async def ask(app: Any, pieces: Callable[[], Awaitable[Any]], client: str, method: str) -> int:
    """The status."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": method, "path": "/login", "client": (client, 1)}
    await app(scope, pieces, send)
    status = said[0]["status"]
    assert isinstance(status, int)
    return status


def sent(*pieces: bytes) -> Callable[[], Awaitable[Any]]:
    """A body in pieces, and nothing after it."""
    left = list(pieces)

    async def receive() -> Any:
        if not left:
            await trio.sleep_forever()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return receive


def dripping() -> Callable[[], Awaitable[Any]]:
    """A byte a second, without an end."""

    async def receive() -> Any:
        await trio.sleep(1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    return receive


@asynccontextmanager
async def dawdlers(app: Any, many: int, client: str) -> AsyncIterator[list[int]]:
    """So many that drip; their answers."""
    answers: list[int] = []

    async def one() -> None:
        answers.append(await ask(app, dripping(), client, "POST"))

    async with trio.open_nursery() as nursery:
        for _ in range(many):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        yield answers


async def test_a_page_is_shown_beside_those_who_drip(autojump_clock: MockClock) -> None:
    app = guarded(App(), lambda: int(trio.current_time() * 1e6), secure=True)
    async with dawdlers(app, MAX_AT_ONCE + 50, LOOPBACK) as answers:
        assert await ask(app, dripping(), LOOPBACK, "GET") == 200
        assert answers == [503] * (MAX_AT_ONCE + 50 - MAX_READING)
        await trio.sleep(BODY_S + 1)
        assert answers.count(408) == MAX_READING
        assert await ask(app, sent(b"a=b"), LOOPBACK, "POST") == 200, "the places are free again"


async def test_one_network_does_not_keep_others_from_sending(autojump_clock: MockClock) -> None:
    app = Bodies(App(), HEADERS)
    async with dawdlers(app, MAX_READING, ABROAD) as answers:
        assert answers == [503] * (MAX_READING - MAX_READING_OF_NETWORK)
        assert await ask(app, sent(b"a=b"), "203.0.113.200", "POST") == 503, "the same network"
        assert await ask(app, sent(b"a=b"), ELSEWHERE, "POST") == 200


@pytest.mark.parametrize("pieces", [(b"",), (b"one",), (b"o", b"n", b"e"), (b"x" * WHOLE_BYTES,)])
async def test_what_was_read_is_handed_on(pieces: tuple[bytes, ...]) -> None:
    inner = App()
    assert await ask(Bodies(inner, HEADERS), sent(*pieces), ABROAD, "POST") == 200
    assert inner.got == [sum(map(len, pieces))]


async def test_more_than_anybody_reads_is_not_kept() -> None:
    inner, taken = App(), list[int]()

    async def endless() -> Any:
        taken.append(1)
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    assert await ask(Bodies(inner, HEADERS), endless, ABROAD, "POST") == 200
    assert len(taken) <= WHOLE_BYTES // 1024 + 2 and inner.got[0] > WHOLE_BYTES


async def test_a_sender_who_goes_away_is_told_on() -> None:
    inner = App()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    await ask(Bodies(inner, HEADERS), gone, ABROAD, "POST")
    assert inner.got == [0]
