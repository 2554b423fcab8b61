"""Whose address a page believes in behind proxies."""

from typing import Any

import pytest

from runtime.buckets import UNKNOWN, prefix_of
from runtime.looks import MAX_PROXIES
from runtime.looks.behind import NOBODY, behind, forwarded


async def seen_by(proxies: int, client: Any, *lines: bytes) -> Any:
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["client"])

    headers = [(b"X-Forwarded-For", line) for line in lines]
    scope = {"type": "http", "headers": headers, "client": client}
    await behind(app, proxies)(scope, None, None)  # type: ignore[arg-type]
    assert scope["client"] == client, "what the server keeps of the call is its own"
    return found[0][0] if found[0] else None


@pytest.mark.parametrize(
    ("proxies", "client", "lines", "address"),
    [
        (0, "127.0.0.1", [b"203.0.113.7"], "127.0.0.1"),
        (1, "127.0.0.1", [b"203.0.113.7"], "203.0.113.7"),
        (1, "::1", [b"2001:db8::1"], "2001:db8::1"),
        (1, "::ffff:10.0.0.3", [b"203.0.113.7"], "203.0.113.7"),
        # What callers say of themselves stands before what the proxy adds, in one line or several.
        (1, "10.0.0.3", [b"127.0.0.1, 203.0.113.7"], "203.0.113.7"),
        (1, "10.0.0.3", [b"127.0.0.1", b"203.0.113.7"], "203.0.113.7"),
        (2, "10.0.0.3", [b"127.0.0.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        # Nobody is believed who reached the page past its proxies.
        (1, "9.9.9.9", [b"127.0.0.1"], "9.9.9.9"),
        (1, "no address", [b"127.0.0.1"], "no address"),
        (1, "127.0.0.1", [], "127.0.0.1"),
        # Who calls the inner of two proxies himself is limited as himself, whatever he writes.
        (2, "127.0.0.1", [b"203.0.113.7"], "203.0.113.7"),
        (2, "127.0.0.1", [b"127.0.0.1, 203.0.113.7"], NOBODY),
        (2, "127.0.0.1", [b"::ffff:127.0.0.1, 203.0.113.7"], NOBODY),
        (2, "127.0.0.1", [b", 203.0.113.7"], NOBODY),
        (1, "127.0.0.1", [b"203.0.113.7, "], NOBODY),
        (1, "127.0.0.1", [b"unknown"], NOBODY),
        # Some proxies add the port: else all callers would share one allowance.
        (1, "127.0.0.1", [b"203.0.113.7:4711"], "203.0.113.7"),
        (1, "127.0.0.1", [b"[2001:db8::1]:4711"], "2001:db8::1"),
        (1, "127.0.0.1", [b"[2001:db8::1]"], "2001:db8::1"),
    ],
)
async def test_whose_address(proxies: int, client: str, lines: list[bytes], address: str) -> None:
    assert await seen_by(proxies, (client, 4711), *lines) == address


def test_whoever_has_no_address_is_limited() -> None:
    assert prefix_of(NOBODY) == UNKNOWN


async def test_a_socket_without_an_address_stays_so() -> None:
    assert await seen_by(1, None, b"203.0.113.7") is None


@pytest.mark.parametrize("proxies", range(1, MAX_PROXIES + 1))
def test_whatever_is_sent_is_read_without_a_fault(proxies: int) -> None:
    for value in (b"", b",,,,", b"\xff\x00", b"a" * 9999, b"1.2.3.4" + b"," * proxies):
        found = forwarded([(b"x-forwarded-for", value)], proxies)
        assert found is None or 0 < len(found) <= 64
