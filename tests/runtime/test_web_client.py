"""Calls to URLs that strangers named: what is refused, and what their servers may try."""

import gc
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import h11
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from runtime.web_client import (
    MAX_ANSWER_BYTES,
    PUBLIC,
    Answer,
    Failed,
    Reach,
    WebClient,
    callable_parts,
    request_of,
)
from runtime.web_exchange import Failure, bytes_of
from tests.runtime.web_servers import OK, Authority, Says, authority, says, serving, silence

pytestmark = pytest.mark.edge
HOST = "shop.example"


@pytest.fixture
def issuer(tmp_path: Path) -> Authority:
    return authority(tmp_path)


class Names:
    """A resolver that says one thing after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        await trio.lowlevel.checkpoint()
        if not self.answers[0]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return list(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


def client(issuer: Authority, *answers: Sequence[str]) -> WebClient:
    """One that may call this machine; without `answers` the name leads there."""
    reach = Reach(private=True, trusted=issuer.file)
    return WebClient(reach, Names(*(answers or (["127.0.0.1"],))))


async def test_reads_an_answer_of_the_name_that_it_asked_for(issuer: Authority) -> None:
    async with serving(says(OK), issuer.server(HOST)) as server:
        answer = await client(issuer).get(f"https://{HOST}:{server.port}/a%20b?c=d")
    assert answer == Answer(200, b"hello")
    assert server.names == [HOST]
    assert server.heads[0].splitlines()[0] == "GET /a%20b?c=d HTTP/1.1"
    assert f"host: {HOST}:{server.port}" in server.heads[0].lower()
    assert "cookie" not in server.heads[0].lower()


async def test_posts_and_takes_the_status_for_the_answer(issuer: Authority) -> None:
    long = b"HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n" + b"x" * 9
    async with serving(says(long), issuer.server(HOST)) as server:
        url = f"https://{HOST}:{server.port}"
        answer = await client(issuer).post(url, b"{}", {"content-type": "application/json"})
    assert answer == Answer(204, b"")
    assert server.bodies == [b"{}"]
    assert server.heads[0].startswith("POST / HTTP/1.1")
    assert "content-type: application/json" in server.heads[0].lower()


async def test_calls_an_address_that_proves_itself(issuer: Authority) -> None:
    async with serving(says(OK), issuer.server("127.0.0.1")) as server:
        found = await client(issuer).get(f"https://127.0.0.1:{server.port}/")
    assert found == Answer(200, b"hello")


def head(status: int, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} x", *headers, "content-length: 0", "", "")).encode()


def chunked(size: int) -> bytes:
    """An answer that says nothing of its length."""
    start = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return start + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)


ANSWERS: tuple[tuple[str, Says, Failed], ...] = (
    (
        "redirect",
        says(head(302, "location: https://127.0.0.1/")),
        Failed(Failure.REDIRECTED, 302),
    ),
    ("see other", says(head(303)), Failed(Failure.REDIRECTED, 303)),
    ("gone", says(head(410)), Failed(Failure.BAD_STATUS, 410)),
    ("busy", says(head(503, "retry-after: 120")), Failed(Failure.BAD_STATUS, 503)),
    ("no HTTP", says(b"SSH-2.0-OpenSSH\r\n\r\n"), Failed(Failure.BROKEN)),
    ("nothing", says(b""), Failed(Failure.BROKEN)),
    ("cut off", says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), Failed(Failure.BROKEN)),
    ("long", says(chunked(MAX_ANSWER_BYTES + 1)), Failed(Failure.TOO_LONG)),
    ("long head", says(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 99_999), Failed(Failure.BROKEN)),
    ("hints for ever", says(head(103) * 9_999), Failed(Failure.TOO_LONG)),
)


@pytest.mark.parametrize(("say", "expected"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
async def test_answers_that_are_none(issuer: Authority, say: Says, expected: Failed) -> None:
    async with serving(say, issuer.server(HOST)) as server:
        found = await client(issuer).get(f"https://{HOST}:{server.port}/")
    assert found == expected
    assert server.calls == 1  # what it leads to is not followed


async def test_an_answer_of_exactly_the_limit_is_read(issuer: Authority) -> None:
    async with serving(says(chunked(MAX_ANSWER_BYTES)), issuer.server(HOST)) as server:
        found = await client(issuer).get(f"https://{HOST}:{server.port}/")
    assert isinstance(found, Answer) and len(found.body) == MAX_ANSWER_BYTES


async def begins(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\na: b\r\n")
    await trio.sleep_forever()


@pytest.mark.parametrize("say", [silence, begins], ids=["silent", "begins"])
async def test_one_deadline_ends_it_all(issuer: Authority, say: Says) -> None:
    async with serving(say, issuer.server(HOST)) as server:
        url = f"https://{HOST}:{server.port}/"
        assert await client(issuer).get(url, within_s=0.3) == Failed(Failure.TIMED_OUT)


async def test_a_handshake_that_never_ends_leaves_nothing_open(issuer: Authority) -> None:
    async with serving(silence, listens=False) as server:
        url = f"https://{HOST}:{server.port}/"
        assert await client(issuer).get(url, within_s=0.3) == Failed(Failure.TIMED_OUT)
        gc.collect()  # an open socket would complain now


async def test_a_look_up_that_never_ends_is_left_behind() -> None:
    async def never(host: str, port: int) -> list[str]:
        await trio.sleep_forever()
        raise AssertionError

    found = await WebClient(PUBLIC, never).get(f"https://{HOST}/", within_s=0.1)
    assert found == Failed(Failure.TIMED_OUT)


async def test_certificates_for_another_name_or_time_or_by_another(
    issuer: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = authority(tmp_path / "other")
    contexts = (issuer.server("other.example"), issuer.server(HOST, days=-1), stranger.server(HOST))
    for context in contexts:
        async with serving(says(OK), context) as server:
            found = await client(issuer).get(f"https://{HOST}:{server.port}/")
        assert found == Failed(Failure.TLS)
        assert server.heads == []  # nothing was said to it
    async with serving(says(OK), listens=False) as server:  # no TLS at all
        found = await client(issuer).get(f"https://{HOST}:{server.port}/")
    assert found == Failed(Failure.TLS)


async def test_plain_http_is_for_those_who_allow_it(issuer: Authority) -> None:
    async with serving(says(OK)) as server:
        url = f"http://{HOST}:{server.port}/"
        assert await client(issuer).get(url) == Failed(Failure.BAD_URL)
        open_ = WebClient(Reach(private=True, plain=True), Names(["127.0.0.1"]))
        assert await open_.get(url) == Answer(200, b"hello")


async def test_the_environment_has_no_say(
    issuer: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a proxy nor trust in further certificates."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(says(OK), issuer.server(HOST)) as server:
        found = await client(issuer).get(f"https://{HOST}:{server.port}/")
    assert found == Answer(200, b"hello")


# ---------------------------------------------------------------- addresses


async def test_private_addresses_are_refused_and_not_even_connected_to(issuer: Authority) -> None:
    async with serving(says(OK), issuer.server(HOST)) as server:
        for addresses in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["::1"]):
            strict = WebClient(Reach(trusted=issuer.file), Names(addresses))
            found = await strict.get(f"https://{HOST}:{server.port}/")
            assert found == Failed(Failure.PRIVATE_ADDRESS), addresses
    assert server.calls == 0


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "0.0.0.0", "169.254.1.1"]
)
async def test_addresses_in_a_url_are_looked_at_as_well(issuer: Authority, text: str) -> None:
    """By the machine's own resolver, which reads them without asking anybody."""
    found = await WebClient(Reach(trusted=issuer.file)).get(f"https://{text}/")
    assert found == Failed(Failure.PRIVATE_ADDRESS)


@pytest.mark.parametrize("text", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost"])
async def test_other_spellings_of_this_machine_are_no_hosts(text: str) -> None:
    assert await WebClient().get(f"https://{text}/") == Failed(Failure.BAD_URL)


async def test_a_name_that_leads_elsewhere_the_second_time(issuer: Authority) -> None:
    """DNS rebinding: what was checked is what is called; there is no second question."""
    async with serving(says(OK), issuer.server(HOST)) as server:
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        one = WebClient(Reach(private=True, trusted=issuer.file), names)
        assert await one.get(f"https://{HOST}:{server.port}/") == Answer(200, b"hello")
        assert names.asked == [(HOST, server.port)]
        turned = Names(["8.8.8.8", "127.0.0.1"], ["8.8.8.8"])
        other = WebClient(Reach(trusted=issuer.file), turned)
        assert await other.get(f"https://{HOST}/") == Failed(Failure.PRIVATE_ADDRESS)
        assert len(turned.asked) == 1


async def test_the_next_address_is_tried_where_nobody_answers(issuer: Authority) -> None:
    async with serving(says(OK), issuer.server(HOST)) as server:
        # The server listens on 127.0.0.1 alone.
        both = client(issuer, ["127.0.0.2", "127.0.0.1"])
        assert await both.get(f"https://{HOST}:{server.port}/") == Answer(200, b"hello")
        none = client(issuer, ["127.0.0.2", "127.0.0.3"])
        assert await none.get(f"https://{HOST}:{server.port}/") == Failed(Failure.REFUSED)


async def test_names_without_an_address(issuer: Authority) -> None:
    assert await client(issuer, []).get(f"https://{HOST}/") == Failed(Failure.NOT_FOUND)
    groups = client(issuer, ["224.0.0.1"])  # not even where private addresses are allowed
    assert await groups.get(f"https://{HOST}/") == Failed(Failure.PRIVATE_ADDRESS)


URLS = (
    ("https://shop.example", True),
    ("https://shop.example:8443/hook?x=1", True),
    ("https://8.8.8.8/", True),
    ("https://[2606:4700::1111]:444/", True),
    ("http://shop.example/", False),
    ("ftp://shop.example/", False),
    ("https://shop/", False),
    ("https://shop.example:0/", False),
    ("https://shop.example:99999/", False),
    ("https://shop.example/#top", False),
    ("https://me:secret@shop.example/", False),
    ("https://shop.example\\@127.0.0.1/", False),
    ("https://127.0.0.1\n.example/", False),
    ("https://SHOP.example/", True),
    ("https://shop_1.example/", False),
    ("https://shop.example./", False),
    ("https://xn--hp-fka.example/", True),
    ("https://sh\N{CYRILLIC SMALL LETTER O}p.example/", False),
    ("https://[fe80::1%25eth0]/", False),
    ("https:///path", False),
    ("https://shop.example/" + "a" * 600, False),
)


@pytest.mark.parametrize(("url", "fits"), URLS)
def test_which_urls_may_be_called(url: str, fits: bool) -> None:
    assert (callable_parts(url, PUBLIC) is not None) is fits


TLS = ssl.create_default_context()
PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


@given(st.text(PRINTABLE, max_size=60), st.text(PRINTABLE, max_size=30))
def test_whatever_may_be_called_can_be_said(rest: str, host: str) -> None:
    """No URL breaks the head of a request, or the handshake: that would be our fault."""
    for url in (f"https://shop.example{rest}", f"https://{host}.example/{rest}"):
        parts = callable_parts(url, PUBLIC)
        if parts is None:
            continue
        said = bytes_of(h11.Connection(h11.CLIENT), request_of("GET", parts, {}, b""))
        assert said.startswith(b"GET /") and said.count(b"\r\n\r\n") == 1
        TLS.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=parts.hostname)
