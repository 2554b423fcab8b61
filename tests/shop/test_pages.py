"""The example shop's pages: whose orders are shown, who may call, and what a call can do."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import Response

from node.command.sim.cast import NOW_US, digest, signing_key
from proto.interaction import interaction_hash
from proto.keys import SigningKey
from proto.webhook import public_text, sign_webhook
from tests.proto import receipts as r
from tests.shop.till import ORDER, ORIGIN, Till, orders, pages, till

TOKEN = "7" * 32
BANK_KEY = SigningKey(digest("webhooks"))
HOST = "https://shop.example"
PAID = json.dumps({"type": "payment.committed", "request_id": "11" * 16}).encode()


@dataclass
class Counter:
    """A shop that is open. `watched`: numbers of orders that it was made to look at."""

    till: Till
    http: httpx.AsyncClient
    order: Any
    watched: list[str] = field(default_factory=list)

    async def called(self, key: SigningKey, body: bytes = PAID, now_us: int = NOW_US) -> int:
        headers = sign_webhook([key], "call-1", now_us // 1_000_000, body)
        return (await self.http.post("/called", content=body, headers=headers)).status_code


@asynccontextmanager
async def opened(folder: Path, **cookies: str) -> AsyncIterator[Counter]:
    """With one order, of the browser whose token is TOKEN."""
    made = till(folder)
    order = _order()
    made.orders.add(order)
    watched: list[str] = []
    app = pages.shop(
        pages.Pages(made.selling, lambda one, _: watched.append(one.number), lambda: NOW_US)
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HOST, cookies=cookies) as http:
        yield Counter(made, http, order, watched)
    made.orders.close()


def _order() -> Any:
    return replace(
        ORDER,
        number="b" * 32,
        session=sha256(b"session\0" + TOKEN.encode()).hexdigest(),
        request_id="11" * 16,
        request_hash=digest("another request"),
        state="8" * 32,
        keys=json.dumps([public_text(BANK_KEY.public)]),
    )


def _second(folder: Path) -> Path:
    made = folder / "second"
    made.mkdir()
    return made


def own() -> dict[str, str]:
    return {pages.COOKIE: TOKEN}


async def test_an_order_is_shown_to_its_own_browser_alone(tmp_path: Path) -> None:
    paths = ["", "/pay", "/receipt"]
    async with opened(tmp_path) as shop:
        for path in paths:
            assert (await shop.http.get(f"/orders/{shop.order.number}{path}")).status_code == 404
        posted = await shop.http.post(f"/orders/{shop.order.number}/refill")
        assert posted.status_code == 404
        assert shop.order.number not in (await shop.http.get("/orders")).text
    async with opened(_second(tmp_path), **own()) as shop:
        shown = await shop.http.get(f"/orders/{shop.order.number}")
        assert shown.status_code == 200 and "It waits for you at your own node" in shown.text
        assert shop.order.number in (await shop.http.get("/orders")).text


async def test_every_answer_is_strict(tmp_path: Path) -> None:
    async with opened(tmp_path) as shop:
        for path in ("/", "/orders", "/nowhere", "/shop.css"):
            headers = (await shop.http.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-frame-options"] == "DENY"


async def test_the_way_back_is_for_the_browser_that_ordered(tmp_path: Path) -> None:
    hashed = interaction_hash(ORDER.nonce, ORDER.node_nonce, ORDER.approval_id, ORDER.endpoint)
    true = {"state": "8" * 32, "hash": hashed}
    async with opened(tmp_path) as shop:
        assert (await shop.http.get("/thanks", params=true)).status_code == 403
    async with opened(_second(tmp_path), **own()) as shop:
        back = await shop.http.get("/thanks", params=true)
        assert back.headers["location"] == f"/orders/{shop.order.number}"
        for wrong in ({"state": "9" * 32}, {"hash": hashed[:-1] + "_"}):
            assert (await shop.http.get("/thanks", params=true | wrong)).status_code == 403
        assert (await shop.http.get("/thanks?state=1")).status_code == 404
        assert shop.till.orders.delivery(shop.order) is None


async def test_a_call_makes_the_shop_look_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as shop:
        assert await shop.called(BANK_KEY) == 204
        assert await shop.called(BANK_KEY) == 204
        assert shop.watched == [shop.order.number]
        assert shop.till.orders.delivery(shop.order) is None


async def test_a_forged_paid_callback_does_nothing(tmp_path: Path) -> None:
    other = json.dumps({"type": "payment.committed", "request_id": ORDER.request_id}).encode()
    async with opened(tmp_path) as shop:
        assert await shop.called(signing_key("somebody")) == 401
        assert await shop.called(BANK_KEY, now_us=NOW_US - 3600 * 1_000_000) == 401
        assert await shop.called(BANK_KEY, other) == 401, "of another node's request"
        for body in (
            b"",
            b"[]",
            b"\xff",
            b"[" * 10_000,
            b'{"request_id": 7}',
            b'{"request_id": "\\ud800"}',
        ):
            assert await shop.called(BANK_KEY, body) == 401
        assert not shop.watched and not shop.till.sold


async def test_another_site_cannot_order_in_somebodys_name(tmp_path: Path) -> None:
    form = {"lamp": "1", "account": ORIGIN}
    async with opened(tmp_path, **own()) as shop:
        for site in ("cross-site", "same-site", "none"):
            headers = {"sec-fetch-site": site}
            posted = await shop.http.post("/orders", data=form, headers=headers)
            assert posted.status_code == 403
        assert not shop.till.banks.brought


async def test_ordering_leads_to_the_buyers_own_node(tmp_path: Path) -> None:
    async with opened(tmp_path) as shop:
        posted = await shop.http.post("/orders", data={"lamp": "1", "account": ORIGIN})
        assert posted.status_code == 303 and _is_kept_safely(posted)
        shown = await shop.http.get(posted.headers["location"])
        assert shown.headers["refresh"] == f"0; url={ORIGIN}/a/1"
        said = await shop.http.post("/orders", data={"lamp": "x", "account": ORIGIN})
        assert said.status_code == 400 and "cannot be read" in said.text
        nowhere = await shop.http.post("/orders", data={"lamp": "1", "account": "ftp://<script>"})
        assert nowhere.status_code == 400 and "<script>" not in nowhere.text
        # Nobody chooses or types it all again.
        assert 'name="lamp" min="0" max="9" value="1"' in nowhere.text
        assert 'value="ftp://&lt;script&gt;"' in nowhere.text


def _is_kept_safely(answer: Response) -> bool:
    kept = answer.headers["set-cookie"].lower()
    wanted = ("__host-", "secure", "httponly", "samesite=lax", "path=/")
    return all(word in kept for word in wanted)


@pytest.mark.parametrize("said", ["DENIED", "EXPIRED"])
async def test_what_ended_says_so(said: str, tmp_path: Path) -> None:
    async with opened(tmp_path, **own()) as shop:
        shop.till.banks.said = said
        shown = await shop.http.get(f"/orders/{shop.order.number}")
        assert "Not paid" in shown.text and "refresh" not in shown.headers


async def test_a_receipt_is_given_to_its_buyer(tmp_path: Path) -> None:
    async with opened(tmp_path, **own()) as shop:
        done = orders.Delivery(
            shop.order.request_hash, shop.order.number, NOW_US, "CERTIFIED", "a book",
            r.certified().encode(),
        )  # fmt: skip
        assert shop.till.orders.deliver(done) and not shop.till.orders.deliver(done)
        got = await shop.http.get(f"/orders/{shop.order.number}/receipt")
        assert got.content == done.receipt
        assert "attachment" in got.headers["content-disposition"]
