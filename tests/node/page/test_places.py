"""Whoever sends or reads as slowly as he can holds few of the places that are for everybody."""

from typing import Any

import trio
import trio.testing

from node.page.guard import MAX_AT_ONCE, MAX_OF_NETWORK, guarded


async def test_no_network_has_all_places() -> None:
    """One laptop would have kept everybody out of his own account."""
    told: dict[str, list[int]] = {}

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await trio.sleep_forever()

    now_us = 0

    def monotonic_us() -> int:
        nonlocal now_us
        now_us += 1_000_000  # so that nobody asks too often
        return now_us

    site = guarded(inner, monotonic_us, secure=True)

    async def ask(address: str) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.setdefault(address, []).append(message["status"])

        scope = {"type": "http", "method": "GET", "path": "/", "client": (address, 1)}
        await site(scope, _nothing, send)

    async with trio.open_nursery() as nursery:
        for _ in range(MAX_AT_ONCE + 1):
            nursery.start_soon(ask, "203.0.113.7")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask, "198.51.100.1")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert told["198.51.100.1"] == [200]
    assert told["203.0.113.7"].count(200) == MAX_OF_NETWORK
    assert set(told["203.0.113.7"]) == {200, 503}


async def _nothing() -> Any:
    await trio.sleep_forever()
