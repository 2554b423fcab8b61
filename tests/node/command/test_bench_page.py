"""What the benchmark of the page counts with, without its processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio

from node.command.bench.chain import PAYER
from node.command.bench.page_client import Client, NoAnswer
from node.command.bench.page_people import APPROVE, PAGES, Samples
from node.command.bench.page_result import Filled, Found, Held, Outcome, Wanted
from node.command.bench.page_show import show_page

TOOK = tuple(float(n) for n in range(1, 101))
FOUND = Found(
    seconds=10.0,
    took_ms={**dict.fromkeys(PAGES, TOOK), APPROVE: (5.0,)},
    errors={},
    cpu_s={PAYER: 2.0, "Registry": 9.0},
    resident_bytes=(100 << 20, 101 << 20),
    approved=3,
    paid=3,
    filled=Filled(10, 1000, 1.0, 2.5, 300 << 20, 4000),
    held=Held(1000, 96, 400, 504, 0, 300, 170),
)
WANTED = Wanted(50, 10.0, 0.0, 2.0, 5, "sqlite")
ABOUT = {"cores": 2, "cpu": "x", "memory_mib": 1}


def outcome(**changes: Any) -> Outcome:
    return Outcome(WANTED, replace(FOUND, **changes), PAYER, (), ABOUT, {})


def test_pages_are_what_browsers_load_and_cost_what_the_payers_node_takes() -> None:
    found = outcome().as_json()
    assert (found["pages"], found["pages_per_s"], found["cpu_ms_per_page"]) == (400, 40.0, 5.0)
    assert found["answers"]["front"] == {
        "answers": 100, "p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0
    }  # fmt: skip
    assert found["held"]["refused"] == 504 and found["filled"]["requests"] == 1000
    assert outcome(cpu_s={}).as_json()["cpu_ms_per_page"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": {"front 503": 1}},
        {"paid": 2},
        {"took_ms": {**FOUND.took_ms, "history": ()}},
        {"took_ms": {APPROVE: (5.0,)}},
    ],
)
def test_what_is_not_well_is_said(changes: dict[str, Any]) -> None:
    assert outcome().ok
    assert not outcome(**changes).ok
    assert not replace(outcome(), differences=("a book",)).ok


def test_people_see_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    show_page(outcome(errors={"front 503": 7}))
    shown = capsys.readouterr().out
    for words in ("400, 40 per second", "5.00 ms", "96 of 1000", "7 times: front 503", "170 sent"):
        assert words in shown, shown


def test_only_what_falls_into_the_window_counts() -> None:
    samples = Samples()
    samples.fault("front 503")
    samples.open = True
    samples.fault("front 503")
    assert samples.errors == {"front 503": 1} and not samples.took_ms


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[tuple[Client, list[bytes]]]:
    """A server that says these, one for each request, and hears what was asked."""
    heard: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        for said in answers:
            heard.append(await stream.receive_some(65536))
            for at in range(0, len(said), 7):  # in pieces, as a network may
                await stream.send_all(said[at : at + 7])
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, listeners)
        port = listeners[0].socket.getsockname()[1]
        async with Client(port, "bank.localhost", {"Cookie": "a=b"}) as client:
            yield client, heard
        nursery.cancel_scope.cancel()


async def test_answers_with_a_length_and_in_chunks_are_read_over_one_connection() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
    chunks = (
        b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n2;x=y\r\n22\r\n0\r\n\r\n"
    )
    empty = b"HTTP/1.1 303 See\r\nContent-Length: 0\r\n\r\n"
    async with serving(plain, chunks, empty) as (client, heard):
        assert (await client.get("/")).body == b"whole"
        answer = await client.get("/requests")
        assert (answer.status, answer.body) == (404, b"one22")
        assert (await client.post("/login", b"a=b")).status == 303
    assert heard[0] == b"GET / HTTP/1.1\r\nHost: bank.localhost\r\nCookie: a=b\r\n\r\n"
    assert heard[2].endswith(b"Content-Length: 3\r\nHost: bank.localhost\r\nCookie: a=b\r\n\r\na=b")


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no\r\n\r\n", b"x" * 20000]
)
async def test_what_is_no_answer_is_said_in_one_line(said: bytes) -> None:
    async with serving(said) as (client, _):
        with pytest.raises(NoAnswer) as fault:
            await client.get("/history")
    assert str(fault.value).startswith("/history") and "\n" not in str(fault.value)
