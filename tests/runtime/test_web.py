"""Pages from inside the trio loop: they answer, keep alive, and end when told."""

from pathlib import Path

import httpx
import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from runtime import web
from runtime.web import serve_web
from tests.patience import PATIENCE_S
from tests.runtime.web_servers import authority

pytestmark = pytest.mark.edge


async def hello(_: Request) -> PlainTextResponse:
    await trio.lowlevel.checkpoint()  # fails anywhere but in trio
    return PlainTextResponse("good day")


APP = Starlette(routes=[Route("/", hello)])


async def test_pages_are_served_until_the_shutdown() -> None:
    shutdown = trio.Event()
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            (url,) = await nursery.start(serve_web, APP, "127.0.0.1:0", shutdown)
            async with httpx.AsyncClient(base_url=url) as client:
                for _ in range(3):
                    assert (await client.get("/")).text == "good day"
            shutdown.set()
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/")


async def test_a_busy_connection_is_not_closed_after_a_thousand_requests() -> None:
    shutdown = trio.Event()
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            (url,) = await nursery.start(serve_web, APP, "127.0.0.1:0", shutdown)
            host, port = url.removeprefix("http://").split(":")
            stream = await trio.open_tcp_stream(host, int(port))
            async with stream:
                for _ in range(1002):
                    await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    answer = b""
                    while not answer.endswith(b"good day"):
                        chunk = await stream.receive_some()
                        assert chunk, "closed"
                        answer += chunk
            shutdown.set()


async def test_who_never_shakes_hands_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else some thousand silent strangers hold as many times 50 KB for a minute."""
    assert web.HANDSHAKE_S <= web.KEEP_ALIVE_S
    monkeypatch.setattr(web, "HANDSHAKE_S", 0.1)
    shutdown = trio.Event()
    authority(tmp_path).server("localhost")
    files = (str(tmp_path / "server.pem"),) * 2
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            (url,) = await nursery.start(serve_web, APP, "127.0.0.1:0", shutdown, files)
            host, port = url.removeprefix("https://").split(":")
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                assert await stream.receive_some() == b""
            shutdown.set()
