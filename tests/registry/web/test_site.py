"""The whole site over real HTTP: forms, caches, pages, buckets, metrics, and what strangers try."""

import re
from base64 import b64decode
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import NOW_US, SECOND, digest
from node.command.verify_certificate import judge
from proto.descriptor import commit_id, transaction_uuid
from proto.registry_record import read_record
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.desk import Desk
from registry.health_json import read_health
from registry.log import Reason, Refused
from registry.web import questions
from registry.web.pages import FOLDER
from runtime.looks import FOLDER as LOOKS
from runtime.looks.guard import ALWAYS
from tests.proto.build import make_commit
from tests.registry.build import PREIMAGE
from tests.registry.serving import Serving, commit_item, decline_item, query_item, serving

pytestmark = pytest.mark.edge

PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
MINUTE_US = 60 * SECOND


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path / "r", name='<b>"Pier" & Söhne</b>') as running:
        yield running


@pytest.fixture
async def http(served: Serving) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        yield client


async def committed(served: Serving, label: str = "a") -> str:
    """Decided and published: nothing about it changes any more."""
    descriptor = served.descriptor(label)
    commit = make_commit(descriptor)
    (answer,) = await served.decide(commit_item(commit))
    while not answer.final.tlog_proof:
        (answer,) = await served.decide(query_item(descriptor))
    return f"/commit/{transaction_uuid(commit.commit_id)}"


def said(answer: httpx.Response) -> bytes:
    """The statement. Its log proof may have come between one answer and the next."""
    return pb.SignedStatement.FromString(answer.content).statement


class Words(HTMLParser):
    """The words of a page as a reader gets them; complains where a tag is not closed."""

    VOID = frozenset({"meta", "link", "br", "wbr", "path", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.parts: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag in ("dd", "td", "li"):
            self.parts.append(" ")
        assert not any(name == "style" or name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", "".join(self.parts)).strip()


async def page(http: httpx.AsyncClient, path: str, status: int = 200) -> Words:
    answer = await http.get(path, headers=PAGE)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert ALWAYS.items() <= {name.title(): v for name, v in answer.headers.items()}.items()
    return Words(answer.text)


async def test_the_page_of_a_commit(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served)
    shown = await page(http, path)
    for words in (
        "Committed",
        '<b>"Pier" & Söhne</b> received a valid commit in time, 10 seconds before the deadline.',
        "This is final",
        "within 50\u202fms",
        "this registry alone",
        "No witness watches this log.",
        "Who paid whom, how much",
        f'"{served.url}{path}/certificate"',
    ):
        assert words in shown.text, words
    for link in shown.links:
        assert not link.startswith(("http:", "https:", "//", "/")), "it works behind any prefix"


async def test_every_link_of_every_page_leads_somewhere(
    served: Serving, http: httpx.AsyncClient
) -> None:
    declined = served.declinable("declined")
    await served.decide(decline_item(declined, PREIMAGE))
    refused = f"/commit/{transaction_uuid(commit_id(declined.encode()))}"
    unknown = f"/commit/{transaction_uuid(digest('nobody'))}"
    for path in ("/", await committed(served), refused, unknown):
        shown = Words((await http.get(path, headers=PAGE)).text)
        base = httpx.URL(served.url + path)
        for link in shown.links:
            if link.startswith("#"):
                continue
            found = await http.get(base.join(link))
            expected = 404 if path == unknown and link.startswith("6382b3cc") else 200
            assert found.status_code == expected, (path, link)


async def test_the_pages_of_refusals(served: Serving, http: httpx.AsyncClient) -> None:
    declined, late = served.declinable("declined"), served.descriptor("late")
    await served.decide(decline_item(declined, PREIMAGE))
    served.clock.advance(MINUTE_US)
    await served.decide(query_item(late))
    shown = await page(http, f"/commit/{transaction_uuid(commit_id(declined.encode()))}")
    assert "Not committed" in shown.text
    assert "declined before anything was committed" in shown.text
    shown = await page(http, f"/commit/{transaction_uuid(commit_id(late.encode()))}")
    assert "decided 50 seconds after it" in shown.text
    assert "of a passed deadline no descriptor is kept" in shown.text
    assert not any("certificate" in link or "evidence" in link for link in shown.links)


async def test_the_page_of_nothing(served: Serving, http: httpx.AsyncClient) -> None:
    shown = await page(http, f"/commit/{transaction_uuid(digest('nobody'))}", 404)
    assert "Nothing recorded yet" in shown.text
    assert "look again in half a minute" in shown.text
    assert f'curl --data-binary @FILE "{served.url}/commit"' in shown.text
    assert "This is not an archive id" in (await page(http, "/commit/x", 404)).text
    assert "There is nothing here" in (await page(http, "/a/b/c", 404)).text
    assert "nothing here" not in (await http.get("/a/b/c")).text, "a program gets no page"
    served.clock.set_error(10**6)
    shown = await page(http, f"/commit/{transaction_uuid(digest('nobody'))}", 503)
    assert "No answer at the moment" in shown.text


async def test_the_page_of_what_is_pending(served: Serving, http: httpx.AsyncClient) -> None:
    d = served.descriptor("a")
    answer = await http.post("/commit", content=d.encode(), headers=PAGE)
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "13"
    assert "Not decided yet" in Words(answer.text).text


async def test_the_registrys_page(served: Serving, http: httpx.AsyncClient) -> None:
    first = await committed(served)
    await committed(served, "b")
    shown = await page(http, "/")
    for words in (
        "Deciding",
        "decisions 2",
        "± 50\u202fms",
        "error declared by its operator",
        "version 1: 1 of 1 operators sign",
        "None. Nobody but this registry vouches",
        f'pledgeway registry status "{served.url}"',
    ):
        assert words in shown.text, words
    prefix = first.removeprefix("/commit/")[:8]
    assert f"{prefix}… committed" in shown.text
    assert first.removeprefix("/commit/")[:13].replace("-", "") not in shown.text
    served.clock.set_error(10**6)
    shown = await page(http, "/")
    assert "Not deciding Its clock may be wrong by 1 second." in shown.text
    assert "What it decided before stands" in shown.text


async def test_a_certificate_that_verify_accepts(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served)
    for headers in ({}, JSON):
        file = await http.get(path + "/certificate", headers=headers)
        assert judge(file.content, NOW_US).outcome == "COMMITTED"
    declined = served.declinable("declined")
    await served.decide(decline_item(declined, PREIMAGE))
    path = f"/commit/{transaction_uuid(commit_id(declined.encode()))}/certificate"
    assert judge((await http.get(path)).content, NOW_US).outcome == "NOT_COMMITTED"
    late = served.descriptor("late")
    served.clock.advance(MINUTE_US)
    await served.decide(query_item(late))
    path = f"/commit/{transaction_uuid(commit_id(late.encode()))}/certificate"
    assert (await http.get(path)).status_code == 404


async def test_forms_can_be_named_in_a_link(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served)
    statement = said(await http.get(path))
    for form, media in (("json", "application/json"), ("html", "text/html")):
        answer = await http.get(path, params={"as": form})
        assert answer.headers["content-type"].startswith(media)
        assert answer.headers["vary"] == "Accept"
    assert said(await http.get(path, params={"as": "protobuf"}, headers=PAGE)) == statement
    assert said(await http.get(path, params={"as": "../x"})) == statement


async def test_what_may_be_kept_is_not_sent_twice(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served) + "/evidence"
    answer = await http.get(path)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    tag = answer.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert (await http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    assert "etag" in (await http.get(path.removesuffix("/evidence"))).headers
    health = await http.get("/health")
    assert "etag" not in health.headers, "who keeps it is told yesterday's"


async def test_head_is_get_without_a_body(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served)
    for where in (path, "/registry", "/style.css", "/nowhere"):
        whole, head = await http.get(where), await http.head(where)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-length"] == str(len(whole.content))
    for where in ("/", "/health", "/metrics", "/checkpoint"):  # they may differ from look to look
        head = await http.head(where)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 100
    for where in ("/registry", "/metrics", path):
        assert (await http.delete(where)).status_code == 405


async def test_the_record_for_programs_that_read(served: Serving, http: httpx.AsyncClient) -> None:
    answer = (await http.get("/registry", headers=JSON)).json()
    record = served.record
    assert read_record(b64decode(answer.pop("record"))) == record
    assert answer["registry"] == record.registry.hex()
    assert answer["clock"] == {"source": "declared", "max_error_us": 250_000, "leap": "smear"}
    assert answer["limits"]["guard_us"] == record.guard_us
    assert answer["policy"] == {"release": "logged", "witness_quorum": 0, "witnesses": []}
    assert [key["purpose"] for key in answer["keys"]] == ["STATEMENT", "LOG"]
    assert answer["roots"][0]["threshold"] == 1
    signed = await http.get("/registry", headers=PAGE)
    assert signed.headers["content-type"] == "application/x-protobuf", "a download, not a page"


async def test_a_bucket_holds_what_shares_prefix_and_minute(
    served: Serving, http: httpx.AsyncClient
) -> None:
    paths = sorted([await committed(served, label) for label in "abcde"])
    path = paths[2]  # ids of the same minute lie on both sides of it
    statement = await http.get(path)  # whoever asks by id has the index brought up to date
    prefix, minute = path.removeprefix("/commit/")[:4], NOW_US // MINUTE_US
    served.clock.advance(2 * MINUTE_US)
    bucket = await http.get(f"/recent/{prefix}/{minute}")
    (answer,) = rpb.DecideResponse.FromString(bucket.content).answers
    assert answer.commit_id[:2].hex() == prefix
    assert answer.final.statement == said(statement)
    assert answer.HasField("commit")
    assert bucket.headers["cache-control"] == "public, max-age=60"
    for other in (f"/recent/{prefix}/{minute - 1}", f"/recent/{prefix}/{minute + 1}"):
        assert not rpb.DecideResponse.FromString((await http.get(other)).content).answers
    for prefix, time in (("fffff", minute), ("FFFF", minute), ("ffff", "1" * 20), ("..", 1)):
        assert (await http.get(f"/recent/{prefix}/{time}")).status_code == 404


async def test_a_bucket_is_no_way_round_a_missing_proof(
    served: Serving, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await committed(served)
    await http.get(path)

    async def not_yet(self: Desk, found: object) -> Refused:
        return Refused(Reason.LOG_STALLED)

    monkeypatch.setattr(Desk, "released", not_yet)
    prefix = path.removeprefix("/commit/")[:4]
    for where in (f"/recent/{prefix}/{NOW_US // MINUTE_US}", path, path + "/certificate"):
        answer = await http.get(where)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.text == "LOG_STALLED\n"
    assert (await http.get(path, headers=PAGE)).status_code == 503


async def test_a_minute_that_goes_on_is_kept_by_nobody(
    served: Serving, http: httpx.AsyncClient
) -> None:
    bucket = await http.get(f"/recent/0000/{NOW_US // MINUTE_US}")
    assert bucket.headers["cache-control"] == "no-store"


async def test_metrics(served: Serving, http: httpx.AsyncClient) -> None:
    path = await committed(served)
    await http.get(path)
    await http.post("/commit", content=b"\xff")
    answer = await http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = set(answer.text.splitlines())
    for line in (
        'decisions_total{outcome="COMMITTED",reason="COMMIT"} 1',
        'decisions_total{outcome="NOT_COMMITTED",reason="DEADLINE"} 0',
        'refusals_total{reason="INVALID_DESCRIPTOR"} 1',
        "group_decisions_count 1",
        'state{state="DECIDING"} 1',
        'state{state="CLOCK_UNSAFE"} 0',
        "clock_error_seconds 0.05",
        f"clock_mark_seconds {NOW_US / SECOND}".removesuffix(".0"),
        "queue_items 0",
    ):
        assert f"pledgeway_registry_{line}" in lines, line
    assert len([line for line in lines if line.startswith("# TYPE")]) > 15


async def test_health_is_read_as_it_is_written(http: httpx.AsyncClient) -> None:
    answer = await http.get("/health")
    health = read_health(answer.content)
    assert health is not None
    assert health.ok
    for bad in (b"", b"[]", b"{}", b"[" * 100_000, b'{"ok": 1}'):
        assert read_health(bad) is None
    for key, value in answer.json().items():
        wrong = answer.json() | {key: None if isinstance(value, str) else "x"}
        assert read_health(httpx.Response(200, json=wrong).content) is None, key
    for key in ("shards", "witnesses"):
        for entries in ([{}], [1], [{"shard": "x"}], 5 * [None]):
            wrong = answer.json() | {key: entries}
            assert read_health(httpx.Response(200, json=wrong).content) is None


async def test_a_body_that_comes_byte_by_byte_holds_no_place_for_ever(
    served: Serving, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "BODY_WITHIN_S", 0.05)
    host, port = served.url.removeprefix("http://").split(":")
    head = b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(head + b"x")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 408")
    assert (await http.get("/health")).status_code == 200


def test_pages_load_nothing_and_style_nothing_by_themselves() -> None:
    templates = list((FOLDER / "templates").glob("*.html"))
    assert len(templates) > 5
    for template in templates:
        text = template.read_text()
        assert not re.search(r"<script|<style|style=|\son\w+=|\|\s*safe|autoescape", text), template
    assert not re.search(r"@import|url\(", (LOOKS / "style.css").read_text())
