"""What stands before every route: buckets by network, a bound at once, headers on everything."""

from typing import Any

import pytest
import trio
import trio.testing
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proto.limits import US
from registry.web import guard as room
from registry.web.guard import BURST, LOG_BURST, LOG_PER_SECOND, PER_SECOND, guarded
from runtime.clock import FakeClock
from runtime.looks.guard import ALWAYS


class Inner:
    """Answers 200 when it is let."""

    def __init__(self) -> None:
        self.let = trio.Event()
        self.let.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.let.wait()
        headers = [(b"referrer-policy", b"its own")] if scope["path"] == "/own" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def ask(
    guard: ASGIApp, host: str | None, method: str = "GET", path: str = "/"
) -> dict[str, Any]:
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    client = None if host is None else (host, 1)
    scope = {"type": "http", "method": method, "path": path, "client": client}
    await guard(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return {"status": told[0]["status"], **head}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_every_answer_bears_the_headers(clock: FakeClock) -> None:
    guard = guarded(Inner(), clock.monotonic_us)
    answer = await ask(guard, "203.0.113.7")
    assert {name.lower(): value for name, value in ALWAYS.items()}.items() <= answer.items()
    assert (await ask(guard, "203.0.113.7", path="/own"))["referrer-policy"] == "its own"


async def test_who_asks_too_much_waits(clock: FakeClock) -> None:
    guard = guarded(Inner(), clock.monotonic_us)
    for _ in range(BURST):
        assert (await ask(guard, "203.0.113.7"))["status"] == 200
    refused = await ask(guard, "203.0.113.200")
    assert refused["status"] == 429, "its neighbour is the same network"
    assert refused["retry-after"] == "1"
    assert "content-security-policy" in refused
    assert (await ask(guard, "198.51.100.7"))["status"] == 200, "another one is not"
    clock.advance(US // PER_SECOND)
    assert (await ask(guard, "203.0.113.7"))["status"] == 200
    assert (await ask(guard, "203.0.113.7"))["status"] == 429


@pytest.mark.parametrize("path", ["/log/2026/checkpoint", "/tile/entries/000", "/checkpoint"])
async def test_a_reader_of_the_log_has_more_room_and_takes_nobody_elses(
    clock: FakeClock, path: str
) -> None:
    guard = guarded(Inner(), clock.monotonic_us)
    for _ in range(LOG_BURST):
        assert (await ask(guard, "203.0.113.7", path=path))["status"] == 200
    assert (await ask(guard, "203.0.113.7", path=path))["status"] == 429, "it is bounded as well"
    assert (await ask(guard, "203.0.113.7"))["status"] == 200, "pages have their own allowance"
    clock.advance(US // PER_SECOND)
    again = [
        await ask(guard, "203.0.113.7", path=path) for _ in range(LOG_PER_SECOND // PER_SECOND)
    ]
    assert all(answer["status"] == 200 for answer in again)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", None])
async def test_the_operator_and_its_proxy_are_not_bounded(
    clock: FakeClock, host: str | None
) -> None:
    guard = guarded(Inner(), clock.monotonic_us)
    assert all([(await ask(guard, host))["status"] == 200 for _ in range(BURST + 1)])


async def test_a_commit_is_never_refused_here(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would force an abort."""
    monkeypatch.setattr(room, "MAX_AT_ONCE", 2)
    inner = Inner()
    guard = guarded(inner, clock.monotonic_us)
    for _ in range(BURST + 1):
        assert (await ask(guard, "203.0.113.7", "POST", "/submit"))["status"] == 200
    inner.let = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(ask, guard, "203.0.113.7")
        await trio.testing.wait_all_tasks_blocked()
        assert (await ask(guard, "203.0.113.7"))["status"] == 503, "two are being answered"
        done: list[dict[str, Any]] = []

        async def submit() -> None:
            done.append(await ask(guard, "203.0.113.7", "POST", "/submit"))

        nursery.start_soon(submit)
        await trio.testing.wait_all_tasks_blocked()
        inner.let.set()
    assert done[0]["status"] == 200
    assert (await ask(guard, "203.0.113.7"))["status"] == 200, "places come back"
