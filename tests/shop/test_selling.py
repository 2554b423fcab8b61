"""The example shop hands over once, on a receipt that holds and on its own node's word."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.command.sim.cast import digest
from proto.interaction import interaction_hash
from proto.request_parts import Requester
from tests.proto import receipts as r
from tests.shop.till import ORDER, ORIGIN, SESSION, Till, bank, goods, selling, till

DEARER = replace(r.REQUEST, amount=70_000)
TRUE = r.certified()
FORGED = {
    "nothing": b"",
    "no receipt": b"\xff" * 100,
    "of another order": r.certified(DEARER).encode(),
    "of a refused payment": replace(
        TRUE, certificate=r.certificate_file(r.descriptor_for(r.REQUEST), abort=True)
    ).encode(),
    "another request over it": replace(TRUE, request=r.signed(DEARER)).encode(),
    "without its decision": replace(TRUE, certificate=b"").encode(),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Till]:
    made = till(tmp_path)
    yield made
    made.orders.close()


async def test_what_is_paid_is_handed_over_once(shop: Till) -> None:
    shop.banks.said, shop.banks.shows, shop.node.phase = "COMMITTED", TRUE.encode(), "PAID"
    first = await shop.selling.look(ORDER)
    assert first is not None and first.receipt == TRUE.encode() and first.rests_on == "CERTIFIED"
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(shop.selling.look, ORDER)
    assert await shop.selling.look(ORDER) == first, "the same parcel, not another one"


async def test_many_who_look_at_once_get_one_parcel(shop: Till) -> None:
    shop.banks.said, shop.banks.shows, shop.node.phase = "COMMITTED", TRUE.encode(), "PAID"
    found: list[Any] = []

    async def look() -> None:
        found.append(await shop.selling.look(ORDER))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(look)
    assert len({one.goods for one in found}) == 1


@pytest.mark.parametrize("said", ["COMMITTED", "EXECUTING", "RECEIVED", "DENIED", "nonsense", ""])
@pytest.mark.parametrize("shown", FORGED)
async def test_whatever_a_payers_node_says_nothing_is_handed_over(
    said: str, shown: str, shop: Till
) -> None:
    shop.banks.said, shop.banks.shows = said, FORGED[shown]
    assert await shop.selling.look(ORDER) is None and not shop.sold


async def test_a_receipt_without_the_money_is_not_enough(
    shop: Till, autojump_clock: MockClock
) -> None:
    shop.banks.said, shop.banks.shows, shop.node.phase = "COMMITTED", TRUE.encode(), "SIGNED"
    assert await shop.selling.look(ORDER) is None and not shop.sold
    noted = shop.orders.find("number", ORDER.number)
    assert "has not got the money yet" in noted.note
    shop.node.phase = "PAID"
    assert await shop.selling.look(noted) is not None and shop.sold


async def test_money_for_another_request_is_not_enough(shop: Till) -> None:
    shop.banks.said, shop.banks.shows = "COMMITTED", TRUE.encode()
    shop.node.phase, shop.node.of = "PAID", digest("another")
    assert await shop.selling.look(ORDER) is None and not shop.sold


@pytest.mark.parametrize("said", ["DENIED", "EXPIRED", "RECEIVED", ""])
async def test_a_payers_node_cannot_keep_what_was_paid_from_its_payer(
    said: str, shop: Till
) -> None:
    shop.banks.said, shop.node.phase, shop.node.has = said, "PAID", TRUE.encode()
    assert await shop.selling.look(ORDER) is not None and shop.sold


async def test_not_even_its_own_node_hands_over_without_proof(shop: Till) -> None:
    shop.node.phase, shop.node.has = "PAID", FORGED["of another order"]
    assert await shop.selling.look(ORDER) is None and not shop.sold


async def test_while_its_own_node_is_away_nothing_is_handed_over(shop: Till) -> None:
    shop.banks.said, shop.banks.shows, shop.node.down = "COMMITTED", TRUE.encode(), True
    assert await shop.selling.look(ORDER) is None and not shop.sold


async def test_an_order_is_brought_signed_for_this_node_and_browser(shop: Till) -> None:
    order = await shop.selling.order(SESSION, {"lamp": 2, "promise": 1}, f"anna@{ORIGIN[8:]}")
    brought = shop.banks.brought[0]
    assert (brought.by, brought.submission.payer) == (r.SHOP.public, "anna")
    assert brought.submission.state == order.state and brought.submission.nonce == order.nonce
    assert brought.request.amount == order.amount == 2 * 120 + 450
    assert brought.request.audience == r.PAYER.node_id
    assert (
        brought.request.order_hash
        == order.order_hash
        == goods.order_hash(order.number, {"lamp": 2, "promise": 1}, "USD")
    )
    assert isinstance(brought.request.requester, Requester)
    again = await shop.selling.order(SESSION, {"lamp": 2, "promise": 1}, ORIGIN)
    assert again.order_hash != order.order_hash, "each order has a hash of its own"
    assert {order.number, again.number} < {one.number for one in shop.orders.of_session(SESSION)}


async def test_what_could_not_be_brought_can_be_paid_by_nobody(shop: Till) -> None:
    shop.banks.takes = False
    with pytest.raises(selling.Unsold, match="does not answer"):
        await shop.selling.order(SESSION, {"lamp": 1}, ORIGIN)
    assert shop.node.verbs == ["request.create", "request.decline"]
    said = sorted(one.said for one in shop.orders.of_session(SESSION))
    assert said == ["RECEIVED", "WITHDRAWN"]


async def test_a_refill_is_asked_under_what_was_approved(shop: Till) -> None:
    parent = replace(ORDER, basket='{"oil": 1}')
    order = await shop.selling.refill(SESSION, parent)
    assert shop.banks.brought[0].request.under == parent.request_hash
    assert (order.parent, order.amount) == (parent.number, 30)
    asked = dict(shop.node.asked[0][1])
    assert "mandate" not in asked
    await shop.selling.order(SESSION, {"oil": 1}, ORIGIN)
    mandate = shop.node.asked[1][1]["mandate"]
    assert mandate["per_payment"] <= mandate["per_period"] <= mandate["total"]


async def test_what_was_not_paid_is_asked_for_again_and_can_be_paid_once(shop: Till) -> None:
    shop.banks.said = "EXPIRED"
    order = await shop.selling.again(SESSION, ORDER)
    assert shop.node.verbs[-2:] == ["request.decline", "request.create"], "the old one goes first"
    assert shop.banks.brought[0].request.retry_of == ORDER.request_hash
    assert (order.amount, order.things) == (ORDER.amount, ORDER.things)
    assert order.request_hash != ORDER.request_hash
    before = shop.orders.find("number", ORDER.number)
    assert before.said == "WITHDRAWN" and await shop.selling.look(before) is None
    assert shop.orders.find("number", ORDER.number) == before, "it stays so"


async def test_what_is_being_paid_is_not_asked_for_again(shop: Till) -> None:
    shop.banks.said, shop.node.phase = "EXPIRED", "SIGNED"
    with pytest.raises(selling.Unsold, match="being paid"):
        await shop.selling.again(SESSION, ORDER)
    assert shop.orders.find("number", ORDER.number).said == "EXPIRED" and not shop.banks.brought
    shop.node.phase, shop.node.has = "PAID", TRUE.encode()
    assert (await shop.selling.again(SESSION, ORDER)).number == ORDER.number and shop.sold
    assert not shop.banks.brought, "its payer's node had lied, or was slow"


@pytest.mark.parametrize("wrong", ["", "state", "hash", "session", "nonce", "approval", "endpoint"])
def test_who_comes_back(wrong: str, shop: Till) -> None:
    nonce = digest("x") if wrong == "nonce" else ORDER.nonce
    approval = bytes(16) if wrong == "approval" else ORDER.approval_id
    endpoint = ORDER.endpoint + "x" if wrong == "endpoint" else ORDER.endpoint
    hashed = interaction_hash(nonce, ORDER.node_nonce, approval, endpoint)
    found = shop.selling.comes_back(
        "somebody else" if wrong == "session" else SESSION,
        "6" * 32 if wrong == "state" else ORDER.state,
        hashed[:-1] if wrong == "hash" else hashed,
    )
    assert found == (None if wrong else ORDER)


@pytest.mark.parametrize(
    ("typed", "origin", "name"),
    [
        ("anna@bank.example", "https://bank.example", "anna"),
        (" bank.example:8443 ", "https://bank.example:8443", ""),
        ("https://bank.example/requests/1", "https://bank.example", ""),
        ("anna@bank.localhost:80", "http://bank.localhost:80", "anna"),
        ("", None, ""),
        ("anna@", None, ""),
        ("ftp://bank.example", None, ""),
        ("https://anna@bank.example", None, ""),
        ("anna@bank.example:port", None, ""),
    ],
)
def test_accounts_as_people_type_them(typed: str, origin: str | None, name: str) -> None:
    if origin is None:
        with pytest.raises(bank.BankFault):
            bank.read_account(typed, plain=True)
        return
    assert bank.read_account(typed, plain=True) == (origin, name)


class Web:
    """Answers every call with one object."""

    def __init__(self, **said: object) -> None:
        self._said = said

    async def get(self, url: str, **_: object) -> Any:
        return bank.Answer(200, json.dumps(self._said).encode())

    async def post(self, url: str, body: bytes, headers: object, **_: object) -> Any:
        return await self.get(url)


WELL = {"node": "00" * 32, "alias": "Bank", "requests": f"{ORIGIN}/back", "webhook_keys": []}
PLACES = {"approval_id": "00" * 16, "approval_url": f"{ORIGIN}/a/1", "poll": f"{ORIGIN}/p/1",
          "nonce": "00" * 32, "expires": 1}  # fmt: skip


async def test_a_payers_node_leads_to_itself_alone() -> None:
    found = await bank.Banks(Web(**WELL)).find(ORIGIN)
    assert (await bank.Banks(Web(**PLACES)).bring(found, b"")).poll == f"{ORIGIN}/p/1"
    elsewhere = (
        *("https://evil.example/", "http://bank.example/x", f"{ORIGIN}.evil.example/", 7, None),
        *("javascript:alert(1)", f"{ORIGIN}/\n", f"{ORIGIN}/\ud800", f"{ORIGIN}/{512 * 'x'}"),
    )
    for url in elsewhere:
        with pytest.raises(bank.BankFault):
            await bank.Banks(Web(**WELL | {"requests": url})).find(ORIGIN)
        for name in ("approval_url", "poll"):
            with pytest.raises(bank.BankFault):
                await bank.Banks(Web(**PLACES | {name: url})).bring(found, b"")


@pytest.mark.parametrize("phase", ["PAID", "\ud800", "", None, 7, ["DENIED"], "x" * 70_000])
async def test_a_payers_node_says_what_nodes_say_or_nothing(phase: object) -> None:
    with pytest.raises(bank.BankFault):
        await bank.Banks(Web(phase=phase, final=True)).standing(f"{ORIGIN}/p/1")


@pytest.mark.parametrize("expires", [-(10**30), 10**30, True, "soon", None])
async def test_no_payers_node_prolongs_an_order(expires: object, shop: Till) -> None:
    found = await bank.Banks(Web(**WELL)).find(ORIGIN)
    brought = await bank.Banks(Web(**PLACES | {"expires": expires})).bring(found, b"")
    assert brought.expires_at_us >= 0
    shop.banks.expires = brought.expires_at_us
    order = await shop.selling.order(SESSION, {"lamp": 1}, ORIGIN)
    assert 0 <= order.expires_at_us <= r.REQUEST.expires_at_us


@pytest.mark.parametrize(
    ("counts", "basket"),
    [
        ({"lamp": "2", "ledger": "0", "oil": ""}, {"lamp": 2}),
        ({"oil": "1"}, {"oil": 1}),
        ({}, None),
        ({"lamp": "0"}, None),
        ({"lamp": "10"}, None),
        ({"lamp": "-1"}, None),
        ({"lamp": "١"}, None),
        ({"yacht": "1"}, None),
        ({"oil": "2"}, None),
        ({"oil": "1", "lamp": "1"}, None),
    ],
)
def test_baskets(counts: dict[str, str], basket: dict[str, int] | None) -> None:
    if basket is None:
        with pytest.raises(goods.NoBasket):
            goods.read_basket(counts)
        return
    assert goods.read_basket(counts) == basket
